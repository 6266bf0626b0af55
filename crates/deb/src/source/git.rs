//! `git`: exactly one commit of a repository, by the git command.
//!
//! Leaves out history, submodules, and what attributes would change in an export.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;

use model::layout::{Fetched, Payload};
use model::text::{printable, printable_bytes};

use crate::fetch::address::shown;
use crate::fetch::digest::Digest;
use crate::source::building;
use crate::source::error::Error;
use crate::source::order::Order;
use crate::source::pattern::wanted;
use crate::source::tree::{Tree, entry, normal};

/// The longest link target, in bytes.
const LONGEST_LINK: u64 = 4096;

/// Fetches the commit once into a bare repository of the cache, and takes its files from there.
pub fn bring(order: &Order<'_>, repository: &str, commit: &str) -> Result<Payload, Error> {
    let sound =
        matches!(commit.len(), 40 | 64) && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !sound || repository.starts_with('-') || repository.chars().any(char::is_control) {
        let repository = printable(repository, 200);
        return Err(order
            .wrong(format!("`{repository}` needs a whole commit, 40 or 64 hexadecimal digits")));
    }
    let commit = commit.to_ascii_lowercase();
    let bare = Bare::open(order, repository)?;
    bare.fetch(order, &commit)?;
    let mut tree = order.tree()?;
    bare.export(order, &commit, &mut tree)?;
    let bytes = tree.items.values().map(|item| match item.content {
        model::layout::Content::Copy { size, .. } => size,
        _ => 0,
    });
    let fetched = Fetched {
        from: format!("git+{}@{commit}", shown(repository)),
        digest: format!("git:{commit}"),
        bytes: bytes.sum(),
    };
    Ok(Payload {
        files: building::built(order, tree)?,
        fetched: vec![fetched],
        depends: Vec::new(),
    })
}

/// The bare repository in the cache, held by this process alone.
struct Bare<'a> {
    repository: &'a str,
    folder: PathBuf,
    _held: File,
}

impl<'a> Bare<'a> {
    fn open(order: &Order<'_>, repository: &'a str) -> Result<Self, Error> {
        let key = Digest::Sha256([0; 32]).of_same_kind(repository.as_bytes()).hexadecimal();
        let base = order.cache.folder().join("git");
        fs::create_dir_all(&base).map_err(Error::work(&base))?;
        let lock = base.join(format!("{key}.lock"));
        let held = File::create(&lock).map_err(Error::work(&lock))?;
        held.lock().map_err(Error::work(&lock))?;
        Ok(Self { repository, folder: base.join(key), _held: held })
    }

    fn fetch(&self, order: &Order<'_>, commit: &str) -> Result<(), Error> {
        if self.has(commit)? {
            return Ok(());
        }
        if order.cache.is_offline() && !local(self.repository) {
            return Err(Error::OfflineCommit {
                repository: shown(self.repository),
                commit: commit.to_owned(),
                cache: order.cache.folder().to_owned(),
            });
        }
        order.progress.step(&format!("fetching {} at {commit}", shown(self.repository)));
        let format = if commit.len() == 64 { "sha256" } else { "sha1" };
        self.must(&["init", "--quiet", "--bare", &format!("--object-format={format}"), "."], true)?;
        // Servers may refuse a single commit that no branch ends with; then all is fetched.
        let single = ["fetch", "--quiet", "--depth=1", "--no-tags", "--", self.repository, commit];
        if self.must(&single, true).is_err() || !self.has(commit)? {
            let refs = "+refs/*:refs/stead/*";
            self.must(&["fetch", "--quiet", "--no-tags", "--", self.repository, refs], true)?;
        }
        match self.has(commit)? {
            true => Ok(()),
            false => Err(Error::NoCommit {
                repository: shown(self.repository),
                commit: commit.to_owned(),
            }),
        }
    }

    fn has(&self, commit: &str) -> Result<bool, Error> {
        if !self.folder.join("HEAD").is_file() {
            fs::create_dir_all(&self.folder).map_err(Error::work(&self.folder))?;
            return Ok(false);
        }
        let name = format!("{commit}^{{commit}}");
        let kind = self.git(&["cat-file", "-e", &name]).stderr(Stdio::null()).status();
        Ok(kind.map_err(no_git)?.success())
    }

    /// Reads the commit's tree as git stores it: no attributes, no filters.
    fn export(&self, order: &Order<'_>, commit: &str, tree: &mut Tree) -> Result<(), Error> {
        let name = shown(self.repository);
        let source = &order.recipe.source;
        let list = self.must(&["ls-tree", "-r", "-z", "--full-tree", commit], false)?;
        let mut wanted_ones = Vec::new();
        for line in list.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            // `mode kind object TAB path`
            let tab = line.iter().position(|byte| *byte == b'\t').unwrap_or(line.len());
            let head = String::from_utf8_lossy(&line[..tab]).into_owned();
            let raw = line.get(tab + 1..).unwrap_or_default();
            let mut words = head.split(' ');
            let (mode, object) =
                (words.next().unwrap_or_default(), words.nth(1).unwrap_or_default());
            if mode == "160000" {
                return Err(Error::Submodule { repository: name, name: printable_bytes(raw, 200) });
            }
            let Some(path) = normal(raw) else {
                return Err(entry(&name, raw, "a name that is no plain path"));
            };
            let stripped = path
                .splitn(source.strip.unwrap_or(0) as usize + 1, '/')
                .nth(source.strip.unwrap_or(0) as usize);
            if let Some(path) =
                stripped.filter(|path| wanted(path, &source.include, &source.exclude))
            {
                wanted_ones.push((mode.to_owned(), object.to_owned(), path.to_owned()));
            }
        }
        self.contents(&name, &wanted_ones, tree)
    }

    fn contents(
        &self,
        name: &str,
        wanted: &[(String, String, String)],
        tree: &mut Tree,
    ) -> Result<(), Error> {
        let mut git = self.git(&["cat-file", "--batch"]);
        let mut child = git.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map_err(no_git)?;
        let mut input = child.stdin.take().expect("it was piped");
        let objects: Vec<String> =
            wanted.iter().map(|(_, object, _)| format!("{object}\n")).collect();
        let failed = |source| Error::Unpack { archive: name.to_owned(), source };
        thread::scope(|scope| {
            // A writer of its own, since git blocks when nobody reads.
            scope.spawn(move || {
                objects.iter().try_for_each(|line| input.write_all(line.as_bytes()))
            });
            let mut output = BufReader::new(child.stdout.take().expect("it was piped"));
            for (mode, _, path) in wanted {
                let mut head = String::new();
                output.read_line(&mut head).map_err(failed)?;
                let size = head.trim_end().rsplit(' ').next().and_then(|size| size.parse().ok());
                let size: u64 =
                    size.ok_or_else(|| failed(std::io::ErrorKind::InvalidData.into()))?;
                let mut body = (&mut output).take(size);
                if mode == "120000" {
                    let mut target = String::new();
                    (&mut body).take(LONGEST_LINK).read_to_string(&mut target).map_err(failed)?;
                    tree.add_link(name, path, &target)?;
                } else if tree.add_file(name, path, mode == "100755", &mut body)? != size {
                    return Err(failed(std::io::ErrorKind::UnexpectedEof.into()));
                }
                std::io::copy(&mut body, &mut std::io::sink()).map_err(failed)?;
                output.read_exact(&mut [0]).map_err(failed)?;
            }
            Ok(())
        })?;
        child.wait().map(drop).map_err(no_git)
    }

    fn git(&self, words: &[&str]) -> Command {
        let mut git = Command::new("git");
        git.arg("--git-dir=.").args([
            "-c",
            "protocol.ext.allow=never",
            "-c",
            "core.hooksPath=/dev/null",
        ]);
        git.args(words).current_dir(&self.folder).stdin(Stdio::null());
        // Nothing may ask, and nothing around may say which repository is meant.
        git.env("GIT_TERMINAL_PROMPT", "0")
            .env_remove("GIT_WORK_TREE")
            .env_remove("GIT_INDEX_FILE");
        git
    }

    fn must(&self, words: &[&str], quiet: bool) -> Result<Vec<u8>, Error> {
        let mut git = self.git(words);
        if quiet {
            git.env("LC_ALL", "C");
        }
        let output = git.output().map_err(no_git)?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let shown_words: Vec<String> = words.iter().map(|word| shown(word)).collect();
        Err(Error::Command {
            command: format!("git {}", shown_words.join(" ")),
            status: output.status.to_string(),
            output: output
                .stderr
                .split(|byte| *byte == b'\n')
                .map(|line| printable_bytes(line, 300))
                .collect::<Vec<_>>()
                .join("\n"),
        })
    }
}

fn no_git(source: std::io::Error) -> Error {
    Error::Program { program: "git".to_owned(), source }
}

/// Whether a repository is a folder of this machine.
fn local(repository: &str) -> bool {
    repository.starts_with("file://") || Path::new(repository).is_absolute()
}
