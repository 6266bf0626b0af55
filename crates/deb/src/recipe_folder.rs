//! Recipes' folders on the disk: which one is named, and its files as a value.
//!
//! Leaves out what the files mean, which is `model::recipe`'s.

use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use model::cookbook;
use model::recipe::folder::Folder;
use model::recipe::lines::FILE;
use model::recipe::nearest::nearest;
use model::text::{bytes, printable};
use thiserror::Error;

/// A file of a recipe is no larger, in bytes: what is larger is fetched by `[source]`.
pub const LARGEST_FILE: u64 = 16 * 1024 * 1024;
/// A recipe's folder is no larger, in bytes.
pub const LARGEST: u64 = 64 * 1024 * 1024;
/// A recipe's folder has no more files.
pub const MOST: usize = 10_000;
/// How deep folders may lie in each other.
const DEEPEST: usize = 32;

/// Why there is no folder.
#[derive(Debug, Error)]
pub enum Error {
    #[error(
        "no recipe `{name}`: it is no folder with a {FILE}, no recipe of the plan, and not in the cookbook"
    )]
    Unknown { name: String, nearest: Option<String> },
    #[error("the folder `{path}` has no {FILE}")]
    NoRecipe { path: String },
    #[error("cannot read `{path}`")]
    Read { path: String, source: std::io::Error },
    #[error("`{path}` is {what}: a recipe's folder has plain files and folders only")]
    Special { path: String, what: &'static str },
    #[error("`{path}` has {}, a recipe's file at most {}", bytes(*.size), bytes(LARGEST_FILE))]
    LargeFile { path: String, size: u64 },
    #[error("the recipe's folder `{path}` has more than {}", bytes(LARGEST))]
    Large { path: String },
    #[error("the recipe's folder `{path}` has more than {MOST} files")]
    Many { path: String },
    #[error("the folders in `{path}` lie more than {DEEPEST} deep")]
    Deep { path: String },
    #[error("`{path}` has a name that is no text, or with control characters or `\\`")]
    Name { path: String },
}

impl Error {
    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { nearest: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::Unknown { .. } => {
                Some("`stead recipe list` names all; `stead recipe new` makes one".to_owned())
            }
            Self::NoRecipe { .. } => {
                Some("`stead recipe new` makes a folder that has one".to_owned())
            }
            Self::Special { .. } => Some("put a copy of the file in its place".to_owned()),
            Self::LargeFile { .. } | Self::Large { .. } | Self::Many { .. } => {
                Some("let `[source]` fetch what is large".to_owned())
            }
            Self::Read { .. } | Self::Deep { .. } | Self::Name { .. } => None,
        }
    }
}

/// Finds the recipe that is named: a folder's path, else a recipe of the plan (its folder
/// `recipes/<name>`), else one of the cookbook, in this order. `plan` is the plan's folder.
///
/// # Errors
/// If there is none, or its folder cannot be read.
pub fn find(named: &str, plan: Option<&Path>) -> Result<Folder, Error> {
    let path = Path::new(named);
    if path.join(FILE).exists() {
        return read(path);
    }
    let simple = !named.contains('/') && !named.starts_with('.');
    if simple {
        if let Some(path) = plan.map(|plan| plan.join("recipes").join(named))
            && path.join(FILE).exists()
        {
            return read(&path);
        }
        if let Some(folder) = cookbook::folder(named) {
            return Ok(folder);
        }
    }
    if path.is_dir() {
        return Err(Error::NoRecipe { path: shown(path) });
    }
    let known = names(plan);
    let near = nearest(named, known.iter().map(String::as_str)).map(str::to_owned);
    Err(Error::Unknown { name: printable(named, 200), nearest: near })
}

/// The names of the plan's recipes and of the cookbook's, sorted, each once.
pub fn names(plan: Option<&Path>) -> Vec<String> {
    let mut names: Vec<String> = cookbook::names().into_iter().map(str::to_owned).collect();
    names.extend(plan_names(plan));
    names.sort();
    names.dedup();
    names
}

/// The names of the plan's own recipes, sorted.
pub fn plan_names(plan: Option<&Path>) -> Vec<String> {
    let entries = plan.and_then(|plan| fs::read_dir(plan.join("recipes")).ok());
    let mut names: Vec<String> = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(FILE).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

/// Reads a folder with all its files. `.git` is no part of it.
///
/// # Errors
/// If a file cannot be read, is a link or something else than a file, or is too large.
pub fn read(path: &Path) -> Result<Folder, Error> {
    let mut reader = Reader { top: path.to_owned(), folder: Folder::default(), size: 0 };
    reader.enter(path, "", 0)?;
    let mut folder = reader.folder;
    folder.place = place(path);
    folder.commit = commit(path);
    Ok(folder)
}

struct Reader {
    top: PathBuf,
    folder: Folder,
    size: u64,
}

impl Reader {
    fn enter(&mut self, path: &Path, within: &str, depth: usize) -> Result<(), Error> {
        if depth > DEEPEST {
            return Err(Error::Deep { path: shown(&self.top) });
        }
        let unread = |source| Error::Read { path: shown(path), source };
        for entry in fs::read_dir(path).map_err(unread)? {
            let entry = entry.map_err(unread)?;
            let place = entry.path();
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
                return Err(Error::Name { path: shown(&place) });
            };
            if depth == 0 && name == ".git" {
                continue;
            }
            if name.contains(|c: char| c.is_control() || c == '\\') {
                return Err(Error::Name { path: shown(&place) });
            }
            let name = if within.is_empty() { name } else { format!("{within}/{name}") };
            let kind = entry.file_type().map_err(unread)?;
            if kind.is_dir() {
                self.enter(&place, &name, depth + 1)?;
            } else if kind.is_file() {
                self.take(&place, name)?;
            } else {
                let what = if kind.is_symlink() { "a symbolic link" } else { "no plain file" };
                return Err(Error::Special { path: shown(&place), what });
            }
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, name: String) -> Result<(), Error> {
        let unread = |source| Error::Read { path: shown(path), source };
        if self.folder.files.len() >= MOST {
            return Err(Error::Many { path: shown(&self.top) });
        }
        // What was a file a moment ago may be a link or a pipe now.
        let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOFOLLOW;
        let flags = flags.bits().cast_signed();
        let file = fs::File::options().read(true).custom_flags(flags).open(path);
        let file = file.map_err(unread)?;
        let found = file.metadata().map_err(unread)?;
        if !found.is_file() {
            return Err(Error::Special { path: shown(path), what: "no plain file" });
        }
        let large = |size| Error::LargeFile { path: shown(path), size };
        if found.len() > LARGEST_FILE {
            return Err(large(found.len()));
        }
        let mut content = Vec::new();
        file.take(LARGEST_FILE + 1).read_to_end(&mut content).map_err(unread)?;
        let size = content.len() as u64;
        if size > LARGEST_FILE {
            return Err(large(size));
        }
        self.size += size;
        if self.size > LARGEST {
            return Err(Error::Large { path: shown(&self.top) });
        }
        self.folder.files.insert(name, content);
        Ok(())
    }
}

/// Where the folder lies, without saying anything of the machine: within its git repository, else
/// its own name.
fn place(path: &Path) -> String {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let own = || path.file_name().unwrap_or_default();
    let top = path.ancestors().find(|above| above.join(".git").exists());
    let within = top.and_then(|top| path.strip_prefix(top).ok());
    let place = within.filter(|within| !within.as_os_str().is_empty());
    printable(&place.map_or_else(|| own().to_string_lossy(), Path::to_string_lossy), 500)
}

/// The last commit that changed the folder, if nothing in it differs from that.
fn commit(path: &Path) -> Option<String> {
    let status =
        git(path, &["status", "--porcelain", "--ignored", "--untracked-files=all", "--", "."])?;
    if !status.is_empty() {
        return None;
    }
    let commit = git(path, &["log", "-1", "--format=%H", "--", "."])?;
    let commit = commit.trim();
    let hexadecimal = commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    (matches!(commit.len(), 40 | 64) && hexadecimal).then(|| commit.to_owned())
}

/// What git says; `None` where it does not know the folder or is not installed.
fn git(path: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        // Nothing that a stranger's repository configures is run.
        .args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-C"])
        .arg(path)
        .args(arguments)
        .env_remove("GIT_DIR")
        .env_remove("GIT_WORK_TREE")
        .env_remove("GIT_INDEX_FILE")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_TERMINAL_PROMPT", "0")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy(), 500)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn recipe(at: &Path) {
        fs::create_dir_all(at.join("site")).expect("made");
        fs::write(at.join(FILE), "name = 1").expect("written");
        fs::write(at.join("site/index.html"), "hello").expect("written");
    }

    #[test]
    fn a_folder_s_files_are_read_by_their_names_in_it() {
        let temporary = tempfile::tempdir().expect("made");
        let at = temporary.path().join("chat");
        recipe(&at);
        fs::create_dir_all(at.join(".git")).expect("made");
        fs::write(at.join(".git/config"), "[core]").expect("written");
        let folder = read(&at).expect("good");
        assert_eq!(folder.files.keys().collect::<Vec<_>>(), ["recipe.toml", "site/index.html"]);
        assert_eq!((&folder.place[..], folder.commit), ("chat", None));
    }

    #[test]
    fn a_link_and_a_pipe_are_refused_by_name() {
        for link in [true, false] {
            let temporary = tempfile::tempdir().expect("made");
            let at = temporary.path().join("chat");
            recipe(&at);
            if link {
                symlink(&at, at.join("site/loop")).expect("made");
            } else {
                let done = Command::new("mkfifo").arg(at.join("site/loop")).status();
                assert!(done.expect("run").success());
            }
            let error = read(&at).expect_err("special").to_string();
            assert!(error.contains("site/loop` is "), "{error}");
        }
    }

    #[test]
    fn what_is_too_large_is_refused_before_it_is_read() {
        let temporary = tempfile::tempdir().expect("made");
        let at = temporary.path().join("chat");
        recipe(&at);
        let large = fs::File::create(at.join("large")).expect("made");
        large.set_len(1 << 30).expect("sparse");
        let error = read(&at).expect_err("large").to_string();
        assert!(error.ends_with("large` has 1.0 GiB, a recipe's file at most 16.0 MiB"), "{error}");
        fs::remove_file(at.join("large")).expect("gone");
        let mut deep = at.clone();
        for _ in 0..40 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).expect("made");
        assert!(matches!(read(&at), Err(Error::Deep { .. })));
    }

    #[test]
    fn a_clean_folder_tells_its_last_commit_and_a_changed_one_none() {
        let temporary = tempfile::tempdir().expect("made");
        let at = temporary.path().join("recipes/chat");
        recipe(&at);
        let run = |arguments: &[&str]| {
            let identity = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
            let mut command = Command::new("git");
            command.args(identity).arg("-C").arg(temporary.path()).args(arguments);
            assert!(command.status().expect("git").success());
        };
        run(&["init", "--quiet"]);
        run(&["add", "."]);
        run(&["commit", "--quiet", "--message", "one"]);
        let folder = read(&at).expect("good");
        assert_eq!(folder.place, "recipes/chat");
        let commit = folder.commit.expect("clean");
        assert_eq!(commit.len(), 40);
        // Another folder's commit changes nothing here.
        fs::write(temporary.path().join("other"), "x").expect("written");
        run(&["add", "."]);
        run(&["commit", "--quiet", "--message", "two"]);
        assert_eq!(read(&at).expect("good").commit, Some(commit));
        fs::write(at.join("more"), "x").expect("written");
        assert_eq!(read(&at).expect("good").commit, None);
    }

    #[test]
    fn a_folder_comes_before_the_plan_and_the_plan_before_the_cookbook() {
        let temporary = tempfile::tempdir().expect("made");
        let plan = temporary.path();
        let found = |named: &str| find(named, Some(plan)).map(|folder| folder.place);
        assert_eq!(found("node-exporter").expect("built in"), "cookbook:node-exporter");
        recipe(&plan.join("recipes/node-exporter"));
        assert_eq!(found("node-exporter").expect("of the plan"), "node-exporter");
        recipe(&plan.join("elsewhere/chat"));
        let path = plan.join("elsewhere/chat");
        assert_eq!(found(&path.to_string_lossy()).expect("a path"), "chat");
        let error = found("node-exportr").expect_err("unknown");
        assert_eq!(error.hint().as_deref(), Some("did you mean `node-exporter`?"));
        // Before anything of it is read: it may be a whole disk.
        assert!(matches!(find("/proc", None), Err(Error::NoRecipe { .. })));
    }
}
