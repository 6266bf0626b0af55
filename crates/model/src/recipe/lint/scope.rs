//! What every rule of the lint needs: the recipe, its folder, trial values, and where to put
//! faults.
//!
//! Leaves out the rules.

use crate::recipe::definition::Recipe;
use crate::recipe::fault::Fault;
use crate::recipe::folder::Folder;
use crate::recipe::lines::FILE;
use crate::recipe::nearest::nearest;
use crate::recipe::path;
use crate::recipe::reading::Read;
use crate::recipe::template;
use crate::recipe::values::Values;

/// Users that Debian or its usual packages make: a recipe may give them files, but never make or
/// remove them.
pub const FOREIGN_USERS: [&str; 28] = [
    "root",
    "daemon",
    "bin",
    "sys",
    "sync",
    "games",
    "man",
    "lp",
    "mail",
    "news",
    "uucp",
    "proxy",
    "www-data",
    "backup",
    "list",
    "irc",
    "nobody",
    "_apt",
    "systemd-network",
    "systemd-resolve",
    "systemd-timesync",
    "messagebus",
    "sshd",
    "postgres",
    "redis",
    "mysql",
    "prometheus",
    "caddy",
];

pub struct Scope<'a> {
    pub read: &'a Read,
    pub recipe: &'a Recipe,
    pub folder: &'a Folder,
    /// Trial values for templates.
    pub values: Values,
    faults: Vec<Fault>,
}

/// The text of a file or unit, filled in with trial values, and where it stands.
pub struct Text {
    pub text: String,
    /// The file that has it.
    pub file: String,
    /// The line of the file in which it begins.
    pub first: u32,
    /// Whether its lines are lines of the file.
    pub follows: bool,
}

impl Text {
    /// The file's line of a line of the text, which counts from 0.
    pub fn line(&self, number: usize) -> u32 {
        let number = if self.follows { u32::try_from(number).unwrap_or(u32::MAX) } else { 0 };
        self.first.saturating_add(number)
    }
}

/// Where a table says its text is.
pub struct Parts<'a> {
    pub template: Option<&'a String>,
    pub copy: Option<&'a String>,
    pub content: Option<&'a String>,
}

impl<'a> Scope<'a> {
    pub fn new(read: &'a Read, folder: &'a Folder) -> Self {
        let recipe = &read.recipe;
        Self { read, recipe, folder, values: Values::sample(recipe), faults: Vec::new() }
    }

    pub fn faults(mut self) -> Vec<Fault> {
        // The recipe itself first, then its other files.
        self.faults.sort_by(|a, b| {
            let order = |fault: &Fault| (fault.file != FILE, fault.line, fault.column);
            order(a).cmp(&order(b)).then_with(|| a.file.cmp(&b.file))
        });
        self.faults.dedup();
        self.faults
    }

    pub fn fault(&mut self, key: &str, message: &str, hint: &str) {
        let fault = self.read.lines.fault(key, message);
        self.put(if hint.is_empty() { fault } else { fault.hint(hint) });
    }

    pub fn warn(&mut self, key: &str, message: &str, hint: &str) {
        let fault = self.read.lines.fault(key, message).warning();
        self.put(if hint.is_empty() { fault } else { fault.hint(hint) });
    }

    pub fn put(&mut self, mut fault: Fault) {
        // Where an escape stands for a line's end, the text has more lines than the file.
        let bytes = self.folder.files.get(&fault.file);
        let last = bytes.map(|bytes| String::from_utf8_lossy(bytes).lines().count().max(1));
        let last = last.and_then(|last| u32::try_from(last).ok());
        fault.line = fault.line.min(last.unwrap_or(u32::MAX));
        self.faults.push(fault);
    }

    /// An absolute path.
    pub fn path(&mut self, key: &str, path: &str) -> bool {
        let judged = path::absolute(path);
        if let Err(wrong) = judged {
            self.fault(key, &format!("`{path}` {wrong}"), "");
        }
        judged.is_ok()
    }

    /// Octal permission bits.
    pub fn mode(&mut self, key: &str, mode: Option<&String>) {
        let Some(mode) = mode else { return };
        let octal = matches!(mode.len(), 3 | 4) && mode.bytes().all(|b| (b'0'..=b'7').contains(&b));
        if !octal {
            let message = format!("the mode `{mode}` is no octal number of 3 or 4 digits");
            self.fault(key, &message, "write `\"0640\"`");
        } else if mode.len() == 4 && !mode.starts_with('0') {
            let message = format!("the mode `{mode}` lets who runs the file be somebody else");
            self.warn(key, &message, "if a service needs a right, its unit can give just that");
        } else if mode.as_bytes()[mode.len() - 1] & 2 != 0 {
            let message = format!("with the mode `{mode}` everybody may write there");
            self.warn(key, &message, "take `0644`, or `0664` and a group");
        }
    }

    /// A user or group that something is given to.
    pub fn owner(&mut self, key: &str, owner: Option<&String>) {
        let Some(owner) = owner else { return };
        let own = self.recipe.package.user.as_ref();
        if own == Some(owner)
            || FOREIGN_USERS.contains(&owner.as_str())
            || self.recipe.package.groups.contains(owner)
        {
            return;
        }
        if !is_user(owner) {
            self.fault(key, &format!("`{owner}` is no name of a user"), USER_HINT);
        } else if self.vanilla() {
            // The vanilla package may make it, which cannot be seen from here.
        } else if let Some(own) = own {
            let message = format!("`{owner}` is not the recipe's user, which is `{own}`");
            self.fault(key, &message, &format!("write `{own}`, or leave it out for root"));
        } else {
            let message = format!("nobody makes the user `{owner}`");
            self.fault(key, &message, &format!("add `user = \"{owner}\"` under `[package]`"));
        }
    }

    /// Whether there is a vanilla package, with users and units of its own.
    pub const fn vanilla(&self) -> bool {
        self.recipe.package.overlays.is_some() || self.recipe.source.debian.is_some()
    }

    /// A name of a systemd unit.
    pub fn unit_name(&mut self, key: &str, name: &str) -> bool {
        let Some((stem, suffix)) = name.rsplit_once('.') else {
            let hint = format!("write `{name}.service`");
            self.fault(key, &format!("the unit `{name}` has no suffix"), &hint);
            return false;
        };
        if !SUFFIXES.contains(&suffix) {
            let message = format!("`.{suffix}` is no kind of unit");
            self.fault(key, &message, &format!("there are: {}", SUFFIXES.join(", ")));
            return false;
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || ":-_.@\\".contains(c);
        if stem.is_empty() || name.len() > 255 || !stem.chars().all(plain) {
            let message = format!("`{name}` is no name of a unit");
            self.fault(key, &message, "take letters, digits and `:-_.@`");
            return false;
        }
        true
    }

    /// Fills in a text of recipe.toml; its line is the key's.
    pub fn fill(&mut self, key: &str, text: &str) -> Option<String> {
        match template::render(text, self.recipe, &self.values) {
            Ok(text) => Some(text),
            Err(error) => {
                let (first, follows) = self.first_line(key);
                let line = if follows { error.line } else { 1 };
                self.put(template::Error { line, ..error }.fault(FILE, first));
                None
            }
        }
    }

    /// The text of a table that has exactly one of `template`, `copy` and `content`, or none of
    /// these if it has something else that is its content. `None` after a fault was put.
    pub fn text(&mut self, at: &str, parts: &Parts<'_>) -> Option<Text> {
        if let Some(content) = parts.content {
            let key = format!("{at}.content");
            let text = self.fill(&key, content)?;
            let (first, follows) = self.first_line(&key);
            return Some(Text { text, file: FILE.to_owned(), first, follows });
        }
        let (key, name) = match (parts.template, parts.copy) {
            (Some(name), _) => (format!("{at}.template"), name),
            (None, Some(name)) => (format!("{at}.copy"), name),
            (None, None) => return None,
        };
        let folder = self.folder;
        let Some(bytes) = folder.files.get(name.as_str()) else {
            self.absent(&key, name);
            return None;
        };
        let Ok(text) = std::str::from_utf8(bytes) else {
            if parts.template.is_some() {
                let message = format!("`{name}` is no UTF-8 text, so it cannot be a template");
                self.fault(&key, &message, &format!("write `copy = \"{name}\"`"));
            }
            return None;
        };
        if text.contains("\r\n") {
            let message = format!("`{name}` has line ends of Windows");
            self.warn(&key, &message, &format!("`sed -i 's/\\r$//' {name}` mends it"));
        }
        let text = if parts.template.is_some() {
            match template::render(text, self.recipe, &self.values) {
                Ok(text) => text,
                Err(error) => {
                    self.put(error.fault(name, 1));
                    return None;
                }
            }
        } else {
            text.to_owned()
        };
        Some(Text { text, file: name.clone(), first: 1, follows: true })
    }

    /// A file that the recipe names is not in its folder.
    pub fn absent(&mut self, key: &str, name: &str) {
        if let Err(wrong) = path::relative(name) {
            self.fault(key, &format!("`{name}` {wrong}"), "");
            return;
        }
        let near = nearest(name, self.folder.files.keys().map(String::as_str));
        let hint = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "make it, beside recipe.toml".to_owned(),
        };
        self.fault(key, &format!("the recipe's folder has no file `{name}`"), &hint);
    }

    /// The line in which a text of recipe.toml begins: that of its key, or the next one if it
    /// begins on a line of its own; and whether its lines are the file's.
    fn first_line(&self, key: &str) -> (u32, bool) {
        let line = self.read.lines.of(key);
        let text = self.folder.files.get(FILE).map(|bytes| String::from_utf8_lossy(bytes));
        let index = usize::try_from(line).unwrap_or(1).saturating_sub(1);
        let text = text.unwrap_or_default();
        let written = text.lines().nth(index).unwrap_or_default().trim_end();
        let marks = ["\"\"\"", "'''"];
        if marks.iter().any(|mark| written.ends_with(mark) && written.matches(mark).count() == 1) {
            (line.saturating_add(1), true)
        } else {
            (line, marks.iter().any(|mark| written.matches(mark).count() == 1))
        }
    }
}

const SUFFIXES: [&str; 7] = ["service", "timer", "socket", "path", "mount", "target", "slice"];

/// What is said of a name that is no user's.
pub const USER_HINT: &str = "it takes a lower-case letter or `_`, then `a–z0-9_-`, at most 32";

/// A name as useradd(8) takes it on Debian.
pub fn is_user(name: &str) -> bool {
    let first = name.bytes().next();
    name.len() <= 32
        && first.is_some_and(|b| b.is_ascii_lowercase() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b))
}

/// A package's name as Debian's policy has it (5.6.1).
pub fn is_package(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    name.len() >= 2
        && name.bytes().next().is_some_and(plain)
        && name.bytes().all(|b| plain(b) || b"+-.".contains(&b))
}
