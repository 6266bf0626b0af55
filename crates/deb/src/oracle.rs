//! Asking the real apt what it would install from some repositories, and from nothing else.
//!
//! It runs with folders of its own and an empty status, so that neither this machine's packages
//! nor its settings matter, and installs nothing. Leaves out doing without apt: whoever asks says
//! so then.

use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use model::text::{printable, printable_bytes};
use tempfile::TempDir;

/// The most of apt's words that is handed on, in characters.
const LONGEST: usize = 4000;

/// The apt of this machine.
#[derive(Clone, Debug)]
pub struct Oracle {
    apt_get: PathBuf,
}

/// A repository in a folder.
#[derive(Clone, Debug)]
pub struct Shelf {
    /// Holds `dists`, and `pool` if packages are to be fetched.
    pub folder: PathBuf,
    pub suite: String,
    pub components: Vec<String>,
    /// Keyrings, armoured or not, any of whose keys may sign.
    pub keyrings: Vec<Vec<u8>>,
    /// Whether indexes are asked for by their sums, where InRelease offers it.
    pub by_hash: bool,
}

/// What apt is asked.
#[derive(Clone, Debug)]
pub struct Question<'a> {
    pub shelves: &'a [Shelf],
    /// `arm64`, which need not be this machine's.
    pub architecture: &'a str,
    /// `NAME` or `NAME=VERSION`.
    pub roots: &'a [&'a str],
    pub recommends: bool,
}

/// What apt says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// In the order in which apt would unpack.
    Plan(Vec<Planned>),
    /// It would not, and this is why, in its own words; several lines.
    No(String),
}

/// A package of apt's plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    pub name: String,
    pub version: String,
    pub architecture: String,
}

/// Apt could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot make apt's private folders in `{path}`")]
    Folder { path: PathBuf, source: io::Error },
    #[error("cannot run `{program}`")]
    Run { program: PathBuf, source: io::Error },
    #[error("apt refuses the repository: {said}")]
    Update { said: String },
    #[error("apt's plan has a line that is not understood: `{line}`")]
    Line { line: String },
}

impl Oracle {
    /// The apt of this machine, if it has one.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let found = std::env::split_paths(&path).map(|folder| folder.join("apt-get"));
        found.into_iter().find(|path| path.is_file()).map(|apt_get| Self { apt_get })
    }

    /// Asks what `apt-get install` would do on a machine without any package.
    pub fn ask(&self, question: &Question<'_>) -> Result<Answer, Error> {
        self.read(question.shelves, question.architecture)?.ask(question.roots, question.recommends)
    }

    /// Lets apt read and verify some repositories, for several questions.
    pub fn read(&self, shelves: &[Shelf], architecture: &str) -> Result<Reader, Error> {
        let private = tempfile::Builder::new().prefix("stead-apt-").tempdir();
        let private =
            private.map_err(|source| Error::Folder { path: std::env::temp_dir(), source })?;
        let folder = private.path();
        prepare(folder, shelves, architecture)
            .map_err(|source| Error::Folder { path: folder.to_owned(), source })?;
        let reader = Reader { apt_get: self.apt_get.clone(), private };
        let update = reader.run(&["update", "-qq"])?;
        if !update.status.success() || !update.stderr.is_empty() {
            return Err(Error::Update { said: said(&update, reader.private.path()) });
        }
        Ok(reader)
    }
}

/// An apt that has read its repositories; its folders are gone when it is dropped.
#[derive(Debug)]
pub struct Reader {
    apt_get: PathBuf,
    private: TempDir,
}

impl Reader {
    /// The settings that it runs with, as `APT_CONFIG` names them.
    pub fn settings(&self) -> PathBuf {
        self.private.path().join("apt.conf")
    }

    /// As [`Oracle::ask`]. Roots are `NAME` or `NAME=VERSION`.
    pub fn ask(&self, roots: &[&str], recommends: bool) -> Result<Answer, Error> {
        let recommends = format!("APT::Install-Recommends={recommends}");
        let mut words =
            vec!["install", "--simulate", "-q", "--assume-yes", "-o", &recommends, "--"];
        words.extend(roots);
        let install = self.run(&words)?;
        if !install.status.success() {
            return Ok(Answer::No(said(&install, self.private.path())));
        }
        plan(&String::from_utf8_lossy(&install.stdout)).map(Answer::Plan)
    }

    fn run(&self, words: &[&str]) -> Result<Output, Error> {
        let folder = self.private.path();
        Command::new(&self.apt_get)
            .args(words)
            .env("APT_CONFIG", self.settings())
            .env("LC_ALL", "C.UTF-8")
            .env("DEBIAN_FRONTEND", "noninteractive")
            .current_dir(folder)
            .output()
            .map_err(|source| Error::Run { program: self.apt_get.clone(), source })
    }
}

/// Makes the folders, the settings and the list of sources.
fn prepare(folder: &Path, shelves: &[Shelf], architecture: &str) -> io::Result<()> {
    for part in ["etc/parts", "state/lists/partial", "cache/archives/partial", "log"] {
        fs::create_dir_all(folder.join(part))?;
    }
    fs::write(folder.join("status"), "")?;
    let mut sources = String::new();
    for (number, shelf) in shelves.iter().enumerate() {
        // A link and copies: neither spaces nor commas of the real paths reach apt's settings.
        let link = folder.join(format!("shelf-{number}"));
        symlink(std::path::absolute(&shelf.folder)?, &link)?;
        let mut keyrings = Vec::new();
        for (count, keyring) in shelf.keyrings.iter().enumerate() {
            let end = if keyring.starts_with(b"-----BEGIN") { "asc" } else { "gpg" };
            let path = folder.join(format!("key-{number}-{count}.{end}"));
            fs::write(&path, keyring)?;
            keyrings.push(path.display().to_string());
        }
        sources.push_str(&format!(
            "Types: deb\nURIs: file:{}\nSuites: {}\nComponents: {}\nSigned-By: {}\nBy-Hash: {}\n\n",
            link.display(),
            shelf.suite,
            shelf.components.join(" "),
            keyrings.join(" "),
            if shelf.by_hash { "yes" } else { "no" },
        ));
    }
    fs::write(folder.join("etc/shelves.sources"), sources)?;
    fs::write(folder.join("apt.conf"), settings(folder, architecture))
}

/// apt.conf(5): every folder, and whatever else this machine could have an opinion on.
fn settings(folder: &Path, architecture: &str) -> String {
    let at = folder.display();
    format!(
        "Dir::Etc \"{at}/etc\";\n\
         Dir::Etc::SourceList \"{at}/etc/shelves.sources\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n\
         Dir::Etc::Parts \"{at}/etc/parts\";\n\
         Dir::Etc::PreferencesParts \"/dev/null\";\n\
         Dir::Etc::Trusted \"/dev/null\";\n\
         Dir::Etc::TrustedParts \"/dev/null\";\n\
         Dir::State \"{at}/state\";\n\
         Dir::State::status \"{at}/status\";\n\
         Dir::Cache \"{at}/cache\";\n\
         Dir::Log \"{at}/log\";\n\
         APT::Architecture \"{architecture}\";\n\
         APT::Architectures {{ \"{architecture}\"; }};\n\
         APT::Sandbox::User \"root\";\n\
         APT::Install-Suggests \"false\";\n\
         Acquire::Languages \"none\";\n\
         Dpkg::Use-Pty \"false\";\n"
    )
}

/// apt's words without the names of its private folders.
fn said(output: &Output, folder: &Path) -> String {
    let mut all = Vec::new();
    for bytes in [&output.stdout, &output.stderr] {
        all.extend(String::from_utf8_lossy(bytes).lines().map(str::to_owned));
    }
    // What comes before are general words about how a distribution may be broken.
    if let Some(at) = all.iter().position(|line| line.ends_with("unmet dependencies:")) {
        all.drain(..=at);
    }
    let folder = folder.display().to_string();
    let lines: Vec<String> = all
        .iter()
        .map(|line| line.trim())
        .filter(|line| {
            let idle = ["NOTE:", "Reading ", "Building "];
            !line.is_empty() && !idle.iter().any(|start| line.starts_with(start))
        })
        .map(|line| printable(&line.replace(&folder, ""), 500))
        .collect();
    let text = lines.join("\n");
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None if text.is_empty() => format!("nothing, and {}", output.status),
        None => text,
    }
}

/// Reads `Inst git (1:2.39.5 Debian:12.15/oldstable [arm64])`; an installed version would stand in
/// brackets behind the name.
fn plan(text: &str) -> Result<Vec<Planned>, Error> {
    let lines = text.lines().filter_map(|line| Some((line, line.strip_prefix("Inst ")?)));
    lines
        .map(|(line, rest)| {
            let planned = || {
                let name = rest.split(' ').next()?;
                let inner = rest.split_once('(')?.1.rsplit_once(')')?.0;
                let version = inner.split(' ').next()?;
                let architecture = inner.rsplit_once('[')?.1.strip_suffix(']')?;
                Some(Planned {
                    // With a foreign architecture apt writes `name:arch`.
                    name: name.split(':').next()?.to_owned(),
                    version: version.to_owned(),
                    architecture: architecture.to_owned(),
                })
            };
            planned().ok_or_else(|| Error::Line { line: printable_bytes(line.as_bytes(), 200) })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_is_read() {
        let text = "NOTE: This is only a simulation!\n\
            Inst gcc-12-base (12.2.0-14 Debian:12.15/oldstable [arm64])\n\
            Inst libc6 [2.35-1] (2.36-9 Debian:12.15/oldstable [arm64]) [a:arm64 ]\n\
            Inst tz (2026a-0 stead:1/main, Debian:12/oldstable [all])\n\
            Conf libc6 (2.36-9 Debian:12.15/oldstable [arm64])\n";
        let plan = plan(text).expect("a plan");
        let shown: Vec<String> = plan
            .iter()
            .map(|it| format!("{} {} {}", it.name, it.version, it.architecture))
            .collect();
        assert_eq!(shown, ["gcc-12-base 12.2.0-14 arm64", "libc6 2.36-9 arm64", "tz 2026a-0 all"]);
        assert!(super::plan("Inst x y\n").is_err());
    }
}
