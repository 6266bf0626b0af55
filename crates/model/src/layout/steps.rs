//! What the maintainer scripts do, step by step.
//!
//! Leaves out the scripts' frame, and what concerns units.

use crate::layout::entries::mode;
use crate::layout::package::{Content, Entry, Made, MadeKind, Origin};
use crate::layout::quote::{call, word};
use crate::recipe::care::Engine;
use crate::recipe::fault::Fault;
use crate::recipe::lines::FILE;
use crate::recipe::packaging::Directory;
use crate::recipe::path;
use crate::recipe::reading::Read;
use crate::recipe::template;
use crate::recipe::values::{Values, secret_path};

/// When dpkg lets a step happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// preinst: before the files are unpacked.
    BeforeFiles,
    /// postinst: at each configuration, before units are touched.
    Configure,
    /// postinst: at each configuration, as Debian's helpers keep what is enabled.
    Enable,
    /// postinst: the version counts up.
    StopForSteps,
    /// postinst: the version counts up, as the service's user.
    UpgradeStep,
    /// postinst: at each configuration, after systemd has read the units.
    Quiet,
    /// postinst: the first time.
    StartFirst,
    /// postinst: every other time.
    StartAgain,
    /// postinst: at each configuration, last.
    Others,
    /// postinst: a watched file of another package changed.
    Changed,
    /// postinst: another step failed, and this version stays.
    Recover,
    /// prerm: another version comes.
    BeforeUpgrade,
    /// prerm.
    BeforeRemoval,
    /// postrm: a first installation failed.
    AbortInstall,
    /// postrm: this version did not come to be installed over another.
    AbortUpgrade,
    /// postrm: the files are gone.
    AfterRemoval,
    /// postrm: systemd has forgotten the units.
    AfterRemovalOthers,
    /// postrm: the conffiles are gone.
    Purge,
}

/// One command of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    pub stage: Stage,
    pub command: String,
    pub why: String,
    pub from: Origin,
}

/// Collects steps.
pub struct Steps<'a> {
    pub read: &'a Read,
    pub steps: Vec<Step>,
    pub made: Vec<Made>,
    pub faults: Vec<Fault>,
}

impl<'a> Steps<'a> {
    pub fn new(read: &'a Read) -> Self {
        Self { read, steps: Vec::new(), made: Vec::new(), faults: Vec::new() }
    }

    pub fn origin(&self, key: &str) -> Origin {
        Origin { file: FILE.to_owned(), line: self.read.lines.of(key) }
    }

    pub fn fault(&mut self, key: &str, message: &str) {
        self.faults.push(self.read.lines.fault(key, message));
    }

    pub fn add(&mut self, stage: Stage, command: &str, why: &str, key: &str) {
        let from = self.origin(key);
        self.steps.push(Step { stage, command: command.to_owned(), why: why.to_owned(), from });
    }

    fn make(&mut self, kind: MadeKind, name: &str, key: &str) -> &mut Made {
        let from = self.origin(key);
        self.made.push(Made {
            kind,
            name: name.to_owned(),
            owner: None,
            group: None,
            mode: None,
            from,
        });
        self.made.last_mut().expect("just pushed")
    }

    /// The user, its groups.
    pub fn user(&mut self) {
        let recipe = &self.read.recipe;
        let Some(user) = recipe.package.user.as_deref() else {
            if !recipe.package.groups.is_empty() {
                self.fault("package.groups", "`groups` are for a `user`, and there is none");
            }
            return;
        };
        let home = recipe.home();
        if !self.is_name(user, "package.user") || !self.is_absolute(&home, "package.home") {
            return;
        }
        // The field's separators would end it.
        let comment: String = recipe
            .summary
            .chars()
            .filter(|c| c.is_ascii() && !c.is_ascii_control() && !":,=\"\\".contains(*c))
            .collect();
        let command = call("make_user", [user, &home, comment.trim()]);
        let why = format!("the system user {user} and its group, if there are none (useradd)");
        self.add(Stage::Configure, &command, &why, "package.user");
        self.make(MadeKind::User, user, "package.user");
        for (at, group) in recipe.package.groups.iter().enumerate() {
            let key = format!("package.groups[{at}]");
            if self.is_name(group, &key) {
                let why = format!("{user} joins the group {group} (usermod)");
                self.add(Stage::Configure, &call("join_group", [user, group]), &why, &key);
            }
        }
    }

    /// The directories for data, and their end.
    pub fn directories(&mut self) {
        let package = &self.read.recipe.package;
        let mut order: Vec<usize> = (0..package.directories.len()).collect();
        order.sort_by(|a, b| package.directories[*a].path.cmp(&package.directories[*b].path));
        for at in order {
            self.directory(&package.directories[at], &format!("package.directories[{at}]"));
        }
    }

    fn directory(&mut self, directory: &Directory, key: &str) {
        let package = &self.read.recipe.package;
        let path = &directory.path;
        if !self.is_absolute(path, &format!("{key}.path")) {
            return;
        }
        if is_shared(path) {
            let message = format!("`{path}` is not the service's alone, and purge would delete it");
            self.fault(key, &message);
            return;
        }
        let (owner, group) = self.owner(directory);
        let text = directory.mode.clone().unwrap_or_else(|| "0750".to_owned());
        let names = self.is_name(&owner, key) && self.is_name(&group, key);
        if mode(&text).is_none() {
            self.fault(&format!("{key}.mode"), &format!("`{text}` is no octal mode as `0750`"));
            return;
        }
        if !names {
            return;
        }
        let within = |other: &&Directory| path.starts_with(&format!("{}/", other.path));
        let outer = package.directories.iter().filter(within).max_by_key(|other| other.path.len());
        let writer = outer.map(|outer| self.owner(outer).0).filter(|writer| writer != "root");
        let command = match &writer {
            None => "make_directory",
            Some(writer) if *writer == owner => "make_inner_directory",
            Some(writer) => {
                let message = format!(
                    "`{path}` belongs to {owner} and lies in a directory of {writer}, who could \
                     lead root elsewhere by a link"
                );
                let fault = self.read.lines.fault(key, &message);
                self.faults.push(fault.hint("make them neighbours, or of one owner"));
                return;
            }
        };
        let command = call(command, [path, &owner, &group, &text]);
        self.add(Stage::Configure, &command, "a directory for the service's data", key);
        let why = "the service's data, with all that is in it";
        if outer.is_none() {
            self.add(Stage::Purge, &call("drop_folder", [path.as_str()]), why, key);
        }
        let made = self.make(MadeKind::Directory, path, key);
        (made.owner, made.group, made.mode) = (Some(owner), Some(group), Some(text));
    }

    fn owner(&self, directory: &Directory) -> (String, String) {
        let user = self.read.recipe.package.user.as_deref().unwrap_or("root");
        let owner = directory.owner.clone().unwrap_or_else(|| user.to_owned());
        let group = directory.group.clone().unwrap_or_else(|| owner.clone());
        (owner, group)
    }

    /// Files that are not root's.
    pub fn owners(&mut self, entries: &[Entry]) {
        for entry in entries {
            let link = matches!(entry.content, Content::Link(_));
            if link || (entry.owner == "root" && entry.group == "root") {
                continue;
            }
            let (owner, group, path) = (&*entry.owner, &*entry.group, &*entry.path);
            for name in [owner, group] {
                if let Some(wrong) = wrong_name(name) {
                    self.faults.push(Fault::new(&entry.from.file, entry.from.line, 1, &wrong));
                }
            }
            let command = if entry.conffile {
                call("give_conffile", [owner, group, path])
            } else {
                call("give", [owner, group, &format!("{:04o}", entry.mode), path])
            };
            let why = format!("belongs to {owner}:{group} (chown)");
            let from = entry.from.clone();
            self.steps.push(Step { stage: Stage::Configure, command, why, from });
        }
    }

    /// Secrets, made or waited for.
    pub fn secrets(&mut self) {
        let recipe = &self.read.recipe;
        let group = recipe.package.user.as_deref().unwrap_or("root");
        let folder = format!("/etc/{}/secrets", recipe.name);
        let secrets: Vec<(&String, bool)> = recipe
            .settings
            .iter()
            .filter(|(_, setting)| setting.secret)
            .map(|(name, setting)| (name, setting.generate))
            .collect();
        if secrets.is_empty() {
            return;
        }
        let command = call("make_secret_folder", [folder.as_str(), group]);
        self.add(Stage::Configure, &command, "where secrets lie", "settings");
        for (name, generate) in secrets {
            let key = format!("settings.{name}");
            let path = secret_path(recipe, name);
            if generate {
                let why = "32 random bytes, if it is not there (/dev/urandom)";
                self.add(Stage::Configure, &call("make_secret", [&*path, group]), why, &key);
            } else {
                let why = "a secret that somebody brings; says so if it is missing";
                self.add(Stage::Configure, &call("want_secret", [&*path, group]), why, &key);
            }
            let made = self.make(MadeKind::Secret, &path, &key);
            made.owner = Some("root".to_owned());
            made.group = Some(group.to_owned());
            made.mode = Some("0640".to_owned());
        }
        self.add(Stage::Purge, &call("drop_folder", [&*folder]), "the secrets", "settings");
        let etc = call("drop_empty_folder", [&*format!("/etc/{}", recipe.name)]);
        self.add(Stage::Purge, &etc, "where they lay", "settings");
    }

    /// The database, and its end.
    pub fn database(&mut self) {
        let recipe = &self.read.recipe;
        let Some(database) = &recipe.database else { return };
        if database.engine == Engine::Sqlite {
            let of_directory = |path: &str| {
                let mut directories = recipe.package.directories.iter();
                directories.any(|one| path.starts_with(&format!("{}/", one.path)))
            };
            if !of_directory(&database.name) && self.is_absolute(&database.name, "database.name") {
                let files = ["", "-journal", "-shm", "-wal"].map(|end| database.name.clone() + end);
                let command = call("rm -f --", files.iter().map(String::as_str));
                self.add(Stage::Purge, &command, "the database", "database.name");
            }
            return;
        }
        let owner = database.owner.clone().or_else(|| recipe.package.user.clone());
        let Some(owner) = owner else {
            self.fault("database", "the database needs an `owner`, or the package a `user`");
            return;
        };
        let locale = database.locale.as_deref().unwrap_or("C");
        let mut good = self.is_name(&database.name, "database.name");
        good &= self.is_name(&owner, "database.owner");
        for (at, extension) in database.extensions.iter().enumerate() {
            good &= self.is_name(extension, &format!("database.extensions[{at}]"));
        }
        if !good {
            return;
        }
        let words = [&*database.name, &owner, locale];
        let extensions = database.extensions.iter().map(String::as_str);
        let command = call("make_database", words.into_iter().chain(extensions));
        let why = "a PostgreSQL role without password and its database, if there are none";
        self.add(Stage::Configure, &command, why, "database");
        let command = call("drop_database", [&*database.name, &owner]);
        let why = "the database and the role, if this package made them";
        self.add(Stage::Purge, &command, why, "database");
        let made = self.make(MadeKind::Database, &database.name, "database");
        made.owner = Some(owner);
    }

    /// Other packages' files that are moved aside.
    pub fn diversions(&mut self, values: &Values) {
        let recipe = &self.read.recipe;
        let mut paths = Vec::new();
        for (at, file) in recipe.files.iter().enumerate() {
            let there = file.when.as_ref().is_none_or(|setting| values.is_true(setting));
            if !file.diverts || !there {
                continue;
            }
            let key = format!("files[{at}]");
            let path = &*file.path;
            if !self.is_absolute(path, &key) {
                continue;
            }
            paths.push(path);
            let why = format!("the vanilla file moves to {path}.distrib (dpkg-divert)");
            self.add(Stage::BeforeFiles, &call("divert", [path]), &why, &key);
            let why = "the vanilla file comes back (dpkg-divert)";
            self.add(Stage::AbortInstall, &call("undivert", [path]), why, &key);
            self.add(Stage::AbortUpgrade, &call("undivert_new", [path]), why, &key);
            self.add(Stage::AfterRemoval, &call("undivert", [path]), why, &key);
        }
        // An older version may have diverted although this one does not.
        if recipe.package.overlays.is_some() || !paths.is_empty() {
            let command = call("undivert_others", paths.iter().copied());
            let why = "files come back that an other version moved and this one does not";
            let key = if paths.is_empty() { "package.overlays" } else { "files" };
            self.add(Stage::Configure, &command, why, key);
            if paths.is_empty() {
                self.add(Stage::AfterRemoval, &command, why, key);
            }
        }
    }

    /// The recipe's own steps of an upgrade.
    pub fn upgrade(&mut self, values: &Values) {
        let recipe = &self.read.recipe;
        let user = recipe.package.user.as_deref().unwrap_or("root");
        let home = if recipe.package.user.is_some() { recipe.home() } else { "/root".to_owned() };
        for (at, text) in recipe.upgrade.steps.iter().enumerate() {
            let key = format!("upgrade.steps[{at}]");
            match template::render(text, recipe, values) {
                Ok(text) => {
                    let command = format!("step {} {} {}", word(user), word(&home), word(&text));
                    let why = format!("a step of the upgrade, as {user}");
                    self.add(Stage::UpgradeStep, &command, &why, &key);
                }
                Err(error) => self.faults.push(error.fault(FILE, self.read.lines.of(&key))),
            }
        }
    }

    /// What was made ends with what was noted of it.
    pub fn end(&mut self) {
        if let Some(user) = self.read.recipe.package.user.as_deref() {
            let why = "the user and its group, if this package made them and no other uses them";
            self.add(Stage::Purge, &call("drop_user", [user]), why, "package.user");
        }
        let noted = |step: &Step| {
            ["make_user", "join_group", "make_database", "hold_unit", "retire_units"]
                .iter()
                .any(|name| step.command.starts_with(name))
        };
        if self.steps.iter().any(noted) {
            self.add(Stage::Purge, "forget", "the note of what this package made", "name");
        }
    }

    fn is_name(&mut self, name: &str, key: &str) -> bool {
        match wrong_name(name) {
            Some(wrong) => {
                self.fault(key, &wrong);
                false
            }
            None => true,
        }
    }

    fn is_absolute(&mut self, place: &str, key: &str) -> bool {
        match path::absolute(place) {
            Ok(()) => true,
            Err(wrong) => {
                self.fault(key, &format!("`{place}` {wrong}"));
                false
            }
        }
    }
}

/// Why a text is no name of a user, group, database or role that means itself everywhere.
pub fn wrong_name(name: &str) -> Option<String> {
    let first = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let rest =
        name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-".contains(c));
    if first && rest && name.len() <= 31 {
        return None;
    }
    Some(format!(
        "`{name}` is no name: lower-case letters, digits, `_`, `-`, at most 31, a letter first"
    ))
}

/// Whether others keep things in a directory: no service's data is all of it.
fn is_shared(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts[..] {
        [_] => true,
        ["srv" | "opt" | "data", _] => false,
        ["var" | "usr" | "home" | "run" | "boot" | "dev" | "proc" | "sys" | "lib" | "root", _] => {
            true
        }
        ["etc", name] => {
            ["default", "init.d", "nginx", "ssl", "systemd", "apt", "cron.d"].contains(&name)
        }
        ["usr", "lib" | "share" | "local" | "bin" | "sbin", name] => {
            ["systemd", "bin", "lib", "share", "stead"].contains(&name) || parts[1] == "bin"
        }
        ["var", "lib", name] => ["dpkg", "apt", "systemd", "postgresql", "stead"].contains(&name),
        ["var", "log" | "cache" | "spool", name] => ["apt", "journal", "cron"].contains(&name),
        _ => false,
    }
}
