//! The first text of a new recipe, with comments that teach.
//!
//! Leaves out writing it to the disk.

use std::collections::BTreeMap;

use crate::recipe::lines::FILE;
use crate::recipe::lock;

/// Where the new service's files come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    Debian {
        package: String,
    },
    Url {
        url: String,
        sha256: String,
    },
    /// The lock file's text.
    Npm {
        package: String,
        lock: String,
    },
    Pypi {
        package: String,
        lock: String,
        python: String,
    },
    Git {
        repository: String,
        commit: String,
    },
    Files,
}

/// The files of a new recipe, by name. The version is that of the lock, or what the address says,
/// or `1.0`.
pub fn draft(name: &str, start: &Start) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut text = head(name, &version(start));
    text.push_str(&source(start));
    match start {
        Start::Debian { package } => text.push_str(&overlay(name, package)),
        _ => text.push_str(&service(name, start)),
    }
    files.insert(FILE.to_owned(), text);
    match start {
        Start::Npm { lock, .. } => drop(files.insert("package-lock.json".to_owned(), lock.clone())),
        Start::Pypi { lock, .. } => drop(files.insert("requirements.txt".to_owned(), lock.clone())),
        Start::Files => drop(files.insert(
            "files/index.html".to_owned(),
            format!("<!doctype html>\n<title>{name}</title>\n<h1>{name} works</h1>\n"),
        )),
        Start::Debian { .. } | Start::Url { .. } | Start::Git { .. } => {}
    }
    files
}

fn version(start: &Start) -> String {
    let found = match start {
        Start::Npm { package, lock } => lock::npm(lock, package),
        Start::Pypi { package, lock, .. } => lock::pypi(lock, package),
        Start::Url { url, .. } => dotted(url),
        Start::Debian { .. } | Start::Git { .. } | Start::Files => None,
    };
    found.unwrap_or_else(|| "1.0".to_owned())
}

/// The last thing in an address that looks like a version: numbers with points between.
fn dotted(url: &str) -> Option<String> {
    let pieces =
        url.split(|c: char| !c.is_ascii_digit() && c != '.').map(|one| one.trim_matches('.'));
    let mut versions = pieces.filter(|one| {
        one.contains('.') && one.split('.').all(|part| !part.is_empty() && part.len() < 9)
    });
    versions.next_back().map(str::to_owned)
}

fn head(name: &str, version: &str) -> String {
    format!(
        r#"# A recipe of stead: all that is known of one service.
# `stead recipe lint` tells what is wrong with it, each with its line.
# `stead recipe explain` tells what it would do, before anything happens.

name = "{name}"
# One line, for lists.
summary = "Say in one line what it is"
version = "{version}"
# Count this up when the recipe changes and the version does not.
revision = 1

# Where the service's own files come from.
[source]
"#
    )
}

fn source(start: &Start) -> String {
    match start {
        Start::Debian { package } => format!(
            "# Debian's package does the work; this one depends on it and adds what is missing.\n\
             debian = {}\n",
            quoted(package)
        ),
        Start::Url { url, sha256 } => format!(
            "# Fetched once, when the package is built, and refused if it has changed.\n\
             url = {}\nsha256 = {}\n# Drop the one folder that most archives begin with.\nstrip = 1\n",
            quoted(url),
            quoted(sha256)
        ),
        Start::Npm { package, .. } => format!(
            "# The lock pins every package: `npm install --package-lock-only` writes it anew.\n\
             npm = {}\nlock = \"package-lock.json\"\n",
            quoted(package)
        ),
        Start::Pypi { package, python, .. } => format!(
            "# The lock pins every package with its hashes.\npypi = {}\n\
             lock = \"requirements.txt\"\n# The Python of the Debian release.\npython = {}\n",
            quoted(package),
            quoted(python)
        ),
        Start::Git { repository, commit } => format!(
            "# A full commit, since branches and tags move.\ngit = {}\ncommit = {}\n",
            quoted(repository),
            quoted(commit)
        ),
        Start::Files => {
            "# A folder beside this file; it goes to /usr/lib/<name>.\nfiles = \"files\"\n"
                .to_owned()
        }
    }
}

fn overlay(name: &str, package: &str) -> String {
    format!(
        r##"
[package]
# Our package only adds to this one: its own files stay as they are, and removing ours restores it.
overlays = {quoted}
# Its units that have to notice our files.
# restarts = ["{package}.service"]

# What a group may choose: {{{{ note }}}} in a template stands for it.
[settings.note]
help = "A line for who reads the configuration."
default = "made by stead"

# Files that our package brings. What lies under /etc outlives upgrades when edited by hand.
[[files]]
path = "/etc/{name}/note.conf"
content = "# {{{{ note }}}}\n"

# What to ask of the installed service; an upgrade is undone if these fail.
[[checks]]
name = "installed"
command = "dpkg-query --show {package}"

# [[checks]]
# name = "runs"
# unit = "{package}.service"

# What an upgrade does to the data: none, compatible, or restore-needed.
[upgrade]
migrations = "none"
"##,
        quoted = quoted(package)
    )
}

fn service(name: &str, start: &Start) -> String {
    let (command, depends) = match start {
        Start::Files => (
            "/usr/bin/python3 -m http.server --bind 127.0.0.1 --directory {{ into }} {{ port }}"
                .to_owned(),
            "\"python3\"",
        ),
        Start::Npm { package, .. } => {
            let program = package.rsplit('/').next().unwrap_or(package);
            (format!("{{{{ into }}}}/node_modules/.bin/{program}"), "\"nodejs\"")
        }
        Start::Pypi { package, .. } => (format!("{{{{ into }}}}/bin/{package}"), ""),
        _ => (format!("{{{{ into }}}}/{name}"), ""),
    };
    let architectures = match start {
        Start::Url { .. } | Start::Npm { .. } | Start::Pypi { .. } | Start::Git { .. } => {
            "# `all` if it has no binaries, else as [\"amd64\", \"arm64\"].\n\
             architectures = [\"all\"]\n"
        }
        _ => "",
    };
    format!(
        r##"
[package]
{architectures}# What it needs of Debian.
depends = [{depends}]
# A system user, made at installation and removed by purge.
user = "{name}"

# Its own data: kept by removal, deleted by purge.
[[package.directories]]
path = "/var/lib/{name}"

# What a group may choose: {{{{ port }}}} in a template stands for it.
[settings.port]
type = "port"
default = 8080
help = "Where it listens, on this machine alone."

# Started at boot, restarted by an upgrade, stopped by removal.
[[units]]
name = "{name}.service"
content = """
[Unit]
Description={name}
After=network.target

[Service]
User={{{{ user }}}}
WorkingDirectory=/var/lib/{name}
ExecStart={command}
Restart=on-failure
NoNewPrivileges=true
ProtectSystem=full
ProtectHome=true
PrivateTmp=true

[Install]
WantedBy=multi-user.target
"""

# What to ask of the installed service; an upgrade is undone if these fail.
[[checks]]
name = "answers"
http = "http://127.0.0.1:{{{{ port }}}}/"

[backup]
paths = ["/var/lib/{name}"]

# What an upgrade does to the data: none, compatible, or restore-needed.
[upgrade]
migrations = "restore-needed"
"##
    )
}

/// A text as TOML has it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::definition::Recipe;
    use crate::recipe::folder::Folder;
    use crate::recipe::lint::lint;

    #[test]
    fn every_draft_is_without_a_fault() {
        let npm = r#"{"lockfileVersion":3,"packages":{"node_modules/@a/pub":{"version":"2.1.0"}}}"#;
        for (start, version) in [
            (Start::Debian { package: "nginx-light".into() }, "1.0"),
            (
                Start::Url {
                    url: "https://example.org/v3/chat-1.20.3.tar.gz".into(),
                    sha256: "ab".repeat(32),
                },
                "1.20.3",
            ),
            (Start::Npm { package: "@a/pub".into(), lock: npm.into() }, "2.1.0"),
            (
                Start::Pypi {
                    package: "matrix-synapse".into(),
                    lock: "matrix_synapse==1.9 --hash=sha256:ab\n".into(),
                    python: "3.11".into(),
                },
                "1.9",
            ),
            (
                Start::Git { repository: "https://example.org/a".into(), commit: "ab".repeat(20) },
                "1.0",
            ),
            (Start::Files, "1.0"),
        ] {
            let files = draft("our-chat", &start);
            let files = files.into_iter().map(|(name, text)| (name, text.into_bytes())).collect();
            let folder = Folder { files, ..Folder::default() };
            let read = Recipe::parse(&folder).unwrap_or_else(|faults| panic!("{}", faults[0]));
            assert_eq!(lint(&read, &folder), [], "{start:?}");
            assert_eq!(read.recipe.version, version, "{start:?}");
        }
    }
}
