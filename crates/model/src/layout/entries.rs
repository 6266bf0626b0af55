//! The files, links and folders of a package.
//!
//! Leaves out what its scripts make on the machine.

use std::collections::BTreeMap;

use crate::layout::package::{Content, Entry, Origin, Payload, provenance_path, recipe_path};
use crate::recipe::fault::Fault;
use crate::recipe::file::File;
use crate::recipe::folder::Folder;
use crate::recipe::lines::FILE;
use crate::recipe::path;
use crate::recipe::reading::Read;
use crate::recipe::template;
use crate::recipe::unit::Unit;
use crate::recipe::values::Values;

/// Where systemd looks for units of packages.
pub const UNITS: &str = "/usr/lib/systemd/system";

/// Folders that every Debian has.
const COMMON: [&str; 14] = [
    "/etc",
    "/home",
    "/opt",
    "/srv",
    "/usr",
    "/usr/lib",
    "/usr/local",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/spool",
    "/var/www",
];

/// A file in the making.
pub struct Entries<'a> {
    read: &'a Read,
    folder: &'a Folder,
    values: &'a Values,
    /// By path; the key is that of the recipe.
    found: BTreeMap<String, (Entry, String)>,
    pub faults: Vec<Fault>,
}

impl<'a> Entries<'a> {
    /// All entries but the provenance, which names what only the builder knows.
    pub fn of(read: &'a Read, folder: &'a Folder, values: &'a Values, payload: &Payload) -> Self {
        let found = BTreeMap::new();
        let mut entries = Self { read, folder, values, found, faults: Vec::new() };
        entries.source(payload);
        for (at, file) in read.recipe.files.iter().enumerate() {
            if file.when.as_ref().is_none_or(|setting| values.is_true(setting)) {
                entries.file(file, &format!("files[{at}]"));
            }
        }
        for (at, unit) in read.recipe.units.iter().enumerate() {
            entries.unit(unit, &format!("units[{at}]"));
        }
        for (at, unit) in read.recipe.package.holds.iter().enumerate() {
            entries.hold(unit, &format!("package.holds[{at}]"));
        }
        for (at, directory) in read.recipe.package.directories.iter().enumerate() {
            entries.parents(&directory.path, &format!("package.directories[{at}]"));
        }
        if read.recipe.settings.values().any(|setting| setting.secret) {
            let etc = format!("/etc/{}/secrets", read.recipe.name);
            entries.parents(&etc, "settings");
        }
        entries.recipe();
        entries
    }

    /// The entries, sorted by path, and the faults of their places.
    pub fn finish(mut self) -> (Vec<Entry>, Vec<Fault>) {
        let paths: Vec<String> = self.found.keys().cloned().collect();
        for path in &paths {
            let mut above = path.as_str();
            while let Some((parent, _)) = above.rsplit_once('/').filter(|(up, _)| !up.is_empty()) {
                above = parent;
                if let Some((entry, key)) = self.found.get(parent)
                    && entry.content != Content::Folder
                {
                    let message = format!("`{path}` lies in `{parent}`, which is no folder");
                    self.faults.push(self.read.lines.fault(key, &message));
                }
            }
        }
        (self.found.into_values().map(|(entry, _)| entry).collect(), self.faults)
    }

    fn fault(&mut self, key: &str, message: &str) {
        self.faults.push(self.read.lines.fault(key, message));
    }

    fn origin(&self, key: &str) -> Origin {
        Origin { file: FILE.to_owned(), line: self.read.lines.of(key) }
    }

    fn add(&mut self, entry: Entry, key: &str) {
        if let Err(wrong) = path::absolute(&entry.path) {
            // A source's own names may have more letters, but nothing that breaks dpkg's lists.
            let lists = entry.path.starts_with('/')
                && !entry.path.chars().any(char::is_control)
                && !entry.path.split('/').skip(1).any(|part| matches!(part, "" | "." | ".."));
            if !key.starts_with("source") || !lists {
                self.fault(key, &format!("`{}` {wrong}", entry.path));
                return;
            }
        }
        if entry.conffile && entry.path.contains(char::is_whitespace) {
            self.fault(key, &format!("`{}` is a conffile with a blank in its name", entry.path));
        }
        if let Some((other, line)) = self.found.get(&entry.path) {
            if other.content == Content::Folder && entry.content == Content::Folder {
                return;
            }
            let place = self.read.lines.of(line);
            let message =
                format!("`{}` is there already, from line {place} (`{line}`)", entry.path);
            self.fault(key, &message);
            return;
        }
        self.found.insert(entry.path.clone(), (entry, key.to_owned()));
    }

    fn plain(&self, path: &str, content: Content, key: &str) -> Entry {
        Entry {
            path: path.to_owned(),
            mode: match content {
                Content::Folder => 0o755,
                Content::Link(_) => 0o777,
                _ => 0o644,
            },
            content,
            owner: "root".to_owned(),
            group: "root".to_owned(),
            conffile: false,
            from: self.origin(key),
        }
    }

    fn source(&mut self, payload: &Payload) {
        let conffiles = &self.read.recipe.package.conffiles;
        for file in &payload.files {
            let mut entry = self.plain(&file.path, file.content.clone(), "source");
            if file.executable && !matches!(file.content, Content::Link(_)) {
                entry.mode = 0o755;
            }
            entry.conffile = conffiles.contains(&file.path);
            self.add(entry, "source");
        }
        for (at, path) in conffiles.iter().enumerate() {
            let brought = self.found.get(path).map(|(entry, _)| &entry.content);
            // Before a fetch nobody knows.
            if !payload.files.is_empty()
                && !matches!(brought, Some(Content::Text(_) | Content::Copy { .. }))
            {
                let message = format!("the source brings no file `{path}`");
                self.fault(&format!("package.conffiles[{at}]"), &message);
            }
        }
    }

    fn file(&mut self, file: &File, key: &str) {
        let Some(contents) = self.contents(file, key) else { return };
        let link = file.link.is_some();
        for (path, content) in contents {
            let mut entry = self.plain(&path, content, key);
            entry.owner = file.owner.clone().unwrap_or_else(|| "root".to_owned());
            entry.group = file.group.clone().unwrap_or_else(|| "root".to_owned());
            entry.conffile =
                file.conffile.unwrap_or(!link && !file.diverts && path.starts_with("/etc/"));
            if !link {
                let program = ["/bin/", "/sbin/"].iter().any(|folder| path.contains(folder));
                entry.mode = if program { 0o755 } else { 0o644 };
                if let Some(text) = &file.mode {
                    match mode(text) {
                        Some(mode) => entry.mode = mode,
                        None => self.fault(
                            &format!("{key}.mode"),
                            &format!("`{text}` is no octal mode as `0640`"),
                        ),
                    }
                }
            }
            if entry.conffile && file.diverts {
                let hint = "a conffile outlives removal, so the vanilla file could not come back; \
                            put the conffile elsewhere and divert to a link to it";
                let fault = self.read.lines.fault(key, "a file that diverts is no conffile");
                self.faults.push(fault.hint(hint));
            }
            if entry.conffile && link {
                self.fault(key, "a link is no conffile");
            }
            if entry.mode & 0o6000 != 0 && (entry.owner != "root" || entry.group != "root") {
                self.fault(key, "setuid and setgid go with root alone");
            }
            self.add(entry, key);
        }
    }

    /// What a `[[files]]` entry brings, by path.
    fn contents(&mut self, file: &File, key: &str) -> Option<Vec<(String, Content)>> {
        let path = file.path.clone();
        if let Some(target) = &file.link {
            if target.is_empty() || target.chars().any(char::is_control) {
                self.fault(&format!("{key}.link"), "a link needs a target of one line");
                return None;
            }
            return Some(vec![(path, Content::Link(target.clone()))]);
        }
        if let Some(name) = &file.copy {
            let prefix = format!("{name}/");
            let mut found: Vec<(String, Content)> = Vec::new();
            for (inner, bytes) in &self.folder.files {
                let place = match inner.strip_prefix(&prefix) {
                    Some(rest) => format!("{path}/{rest}"),
                    None if inner == name => path.clone(),
                    None => continue,
                };
                found.push((place, Content::Text(bytes.clone())));
            }
            if found.is_empty() {
                self.fault(&format!("{key}.copy"), &format!("the folder has no `{name}`"));
                return None;
            }
            return Some(found);
        }
        let text = self.text(file.template.as_deref(), file.content.as_deref(), key)?;
        Some(vec![(path, Content::Text(text.into_bytes()))])
    }

    /// A text that is filled in.
    fn text(&mut self, name: Option<&str>, content: Option<&str>, key: &str) -> Option<String> {
        let (file, first, text) = match (name, content) {
            (Some(name), _) => {
                match self.folder.files.get(name).map(|it| std::str::from_utf8(it)) {
                    Some(Ok(text)) => (name, 1, text.to_owned()),
                    Some(Err(_)) => {
                        self.fault(
                            &format!("{key}.template"),
                            &format!("`{name}` is no UTF-8 text"),
                        );
                        return None;
                    }
                    None => {
                        let message = format!("the folder has no `{name}`");
                        self.fault(&format!("{key}.template"), &message);
                        return None;
                    }
                }
            }
            (None, Some(text)) => {
                (FILE, self.read.lines.of(&format!("{key}.content")), text.to_owned())
            }
            (None, None) => {
                self.fault(key, "it takes one of `template`, `copy`, `content`, `link`");
                return None;
            }
        };
        match template::render(&text, &self.read.recipe, self.values) {
            Ok(text) => Some(text),
            Err(error) => {
                self.faults.push(error.fault(file, first));
                None
            }
        }
    }

    fn unit(&mut self, unit: &Unit, key: &str) {
        let text = match &unit.copy {
            Some(name) => match self.folder.files.get(name) {
                Some(bytes) => Some(bytes.clone()),
                None => {
                    let message = format!("the folder has no `{name}`");
                    self.fault(&format!("{key}.copy"), &message);
                    None
                }
            },
            None => self
                .text(unit.template.as_deref(), unit.content.as_deref(), key)
                .map(String::into_bytes),
        };
        let Some(text) = text else { return };
        let path = if unit.drop_in {
            format!("{UNITS}/{}.d/{}.conf", unit.name, self.read.recipe.name)
        } else {
            format!("{UNITS}/{}", unit.name)
        };
        let entry = self.plain(&path, Content::Text(text), key);
        self.add(entry, key);
    }

    fn hold(&mut self, unit: &str, key: &str) {
        let package = &self.read.recipe.name;
        let text = format!(
            "# {unit} does not start as long as {package} is installed.\n[Unit]\n\
             ConditionPathExists=!{}\n",
            provenance_path(package)
        );
        let path = format!("{UNITS}/{unit}.d/held-by-{package}.conf");
        let entry = self.plain(&path, Content::Text(text.into_bytes()), key);
        self.add(entry, key);
    }

    /// The folders above a place that a script makes are dpkg's to remove.
    fn parents(&mut self, place: &str, key: &str) {
        let made = |path: &str| {
            self.read.recipe.package.directories.iter().any(|other| other.path == path)
        };
        let mut missing = Vec::new();
        let mut above = place;
        while let Some((parent, _)) = above.rsplit_once('/').filter(|(up, _)| !up.is_empty()) {
            if COMMON.contains(&parent) || made(parent) {
                break;
            }
            missing.push(parent.to_owned());
            above = parent;
        }
        for path in missing {
            let entry = self.plain(&path, Content::Folder, key);
            self.add(entry, key);
        }
    }

    fn recipe(&mut self) {
        let root = recipe_path(&self.read.recipe.name);
        for (name, bytes) in &self.folder.files {
            let path = format!("{root}/{name}");
            let mut entry = self.plain(&path, Content::Text(bytes.clone()), "name");
            entry.from = Origin { file: name.clone(), line: 1 };
            // The folder's own names are as free as a source's.
            self.add(entry, "source");
        }
    }
}

/// Octal permission bits.
pub fn mode(text: &str) -> Option<u32> {
    let digits = (3..=5).contains(&text.len()) && text.chars().all(|c| ('0'..='7').contains(&c));
    u32::from_str_radix(text, 8).ok().filter(|mode| digits && *mode <= 0o7777)
}
