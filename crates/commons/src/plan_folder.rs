//! The plan's folder: an ordinary git repository of TOML and Markdown files.
//!
//! Leaves out what the files mean, and how a change is approved.

use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use model::host_name::HostName;
use model::plan::draft::Draft;
use model::plan::host::HostPlan;
use model::plan::stead::SteadPlan;

use crate::git;
use crate::plan_error::Error;

/// A file larger than this is no plan.
const LARGEST: u64 = 4 * 1024 * 1024;

/// A stead's plan on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanFolder {
    path: PathBuf,
}

impl PlanFolder {
    /// The plan in this folder; `None` where there is none.
    pub fn open(path: &Path) -> Option<Self> {
        path.join(SteadPlan::FILE).is_file().then(|| Self { path: path.to_owned() })
    }

    /// The plan in this folder or the nearest one above it, as git looks for its own.
    pub fn around(path: &Path) -> Option<Self> {
        path.ancestors().find_map(Self::open)
    }

    /// Makes a new plan of these files and commits them in `author`'s name.
    ///
    /// It appears whole or not at all: everything is written beside it first, then renamed.
    ///
    /// # Errors
    /// If there is something else in the folder, or it cannot be written. That git is missing is
    /// none: the plan then has no history, and [`git::Outcome`] says so.
    pub fn create(
        path: &Path,
        drafts: &[Draft],
        author: &git::Author,
    ) -> Result<(Self, git::Outcome), Error> {
        if let Ok(mut entries) = fs::read_dir(path)
            && entries.next().is_some()
        {
            return Err(Error::Occupied { path: path.to_owned() });
        }
        let write = |place: &Path, source| Error::Write { path: place.to_owned(), source };
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let parent = parent.unwrap_or_else(|| Path::new("."));
        fs::create_dir_all(parent).map_err(|source| write(parent, source))?;
        let name = path.file_name().ok_or_else(|| Error::NoName { path: path.to_owned() })?;
        let staged = parent.join(format!(".{}.new-{}", name.to_string_lossy(), std::process::id()));
        let outcome = fill(&staged, drafts, author).and_then(|outcome| {
            fs::rename(&staged, path).map_err(|source| write(path, source))?;
            Ok(outcome)
        });
        if outcome.is_err() {
            // What could not be finished must not stay; the first error is the one to tell.
            let _ = fs::remove_dir_all(&staged);
        }
        Ok((Self { path: path.to_owned() }, outcome?))
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads `stead.toml`.
    ///
    /// # Errors
    /// If it cannot be read or is refused, with line and column.
    pub fn stead(&self) -> Result<SteadPlan, Error> {
        let file = SteadPlan::FILE;
        SteadPlan::parse(&self.read(file)?).map_err(|source| self.refused(file, source))
    }

    /// Reads `hosts/<name>.toml`; `None` where there is none.
    ///
    /// # Errors
    /// If it cannot be read, is refused, or names another host than its file does.
    pub fn host(&self, name: &HostName) -> Result<Option<HostPlan>, Error> {
        let file = HostPlan::file(name);
        if !self.path.join(&file).exists() {
            return Ok(None);
        }
        let plan =
            HostPlan::parse(&self.read(&file)?).map_err(|source| self.refused(&file, source))?;
        if plan.name == *name {
            Ok(Some(plan))
        } else {
            Err(Error::OtherName { path: self.path.join(&file), name: plan.name.to_string() })
        }
    }

    /// Adds one file that is not there yet, and commits it.
    ///
    /// # Errors
    /// If it is there, or cannot be written.
    pub fn add(&self, draft: &Draft, author: &git::Author) -> Result<git::Outcome, Error> {
        let place = self.path.join(&draft.path);
        if place.exists() {
            return Err(Error::Occupied { path: place });
        }
        write_new(&place, &draft.text)?;
        Ok(git::commit(&self.path, &[&draft.path], &format!("Add {}", draft.path), author))
    }

    /// Writes files, new or not, each whole or not at all, and commits them.
    ///
    /// # Errors
    /// If one cannot be written.
    pub fn put(
        &self,
        drafts: &[Draft],
        message: &str,
        author: &git::Author,
    ) -> Result<git::Outcome, Error> {
        for draft in drafts {
            replace(&self.path.join(&draft.path), &draft.text)?;
        }
        let files: Vec<&str> = drafts.iter().map(|draft| draft.path.as_str()).collect();
        Ok(git::commit(&self.path, &files, message, author))
    }

    /// The bytes of a file of the plan; `None` where there is none.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn file(&self, file: &str) -> Result<Option<String>, Error> {
        if self.path.join(file).symlink_metadata().is_err() {
            return Ok(None);
        }
        self.read(file).map(Some)
    }

    pub(crate) fn refused(&self, file: &str, source: model::plan::error::Error) -> Error {
        Error::Refused { path: self.path.join(file), source }
    }

    /// The text of a file of the plan.
    pub(crate) fn read(&self, file: &str) -> Result<String, Error> {
        let path = self.path.join(file);
        let read = |source| Error::Read { path: path.clone(), source };
        // A pipe that nobody writes to would keep a plain opening waiting.
        let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let opened = fs::File::options().read(true).custom_flags(nonblock).open(&path);
        let opened = opened.map_err(read)?;
        let found = opened.metadata().map_err(read)?;
        if !found.is_file() {
            return Err(Error::NoFile { path });
        }
        if found.len() > LARGEST {
            return Err(Error::TooLarge { path, size: found.len() });
        }
        let mut text = String::new();
        opened.take(LARGEST).read_to_string(&mut text).map_err(read)?;
        Ok(text)
    }
}

fn fill(staged: &Path, drafts: &[Draft], author: &git::Author) -> Result<git::Outcome, Error> {
    for draft in drafts {
        write_new(&staged.join(&draft.path), &draft.text)?;
    }
    let files: Vec<&str> = drafts.iter().map(|draft| draft.path.as_str()).collect();
    Ok(git::init(staged).and_then(|| git::commit(staged, &files, "Begin the plan", author)))
}

fn write_new(place: &Path, text: &str) -> Result<(), Error> {
    let write = |source| Error::Write { path: place.to_owned(), source };
    if let Some(folder) = place.parent() {
        fs::create_dir_all(folder).map_err(write)?;
    }
    let mut file = fs::File::create_new(place).map_err(write)?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(write)?;
    file.sync_all().map_err(write)
}

fn replace(place: &Path, text: &str) -> Result<(), Error> {
    let write = |source| Error::Write { path: place.to_owned(), source };
    let folder = place.parent().unwrap_or(Path::new("/"));
    fs::create_dir_all(folder).map_err(write)?;
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    let staged = folder.join(format!(".{name}.new-{}", std::process::id()));
    // What another process of this number left behind is nobody's.
    let _ = fs::remove_file(&staged);
    write_new(&staged, text)?;
    fs::rename(&staged, place).map_err(write)
}

#[cfg(test)]
mod tests {
    use model::plan::draft;
    use model::plan::stead::SteadId;

    use super::*;

    fn author() -> git::Author {
        git::Author { name: "el".to_owned(), address: "el@runko".to_owned() }
    }

    fn drafts() -> Vec<Draft> {
        let plan = SteadPlan {
            name: "mesh".to_owned(),
            id: SteadId::from_bytes([1; 16]),
            tiers: Default::default(),
            retention: Default::default(),
            targets: Default::default(),
        };
        vec![draft::stead(&plan), draft::host(&HostPlan::new("runko".parse().expect("a label")))]
    }

    #[test]
    fn a_new_plan_is_a_clean_git_repository() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("our-stead");
        let (plan, outcome) = PlanFolder::create(&path, &drafts(), &author()).expect("a plan");
        assert_eq!(outcome, git::Outcome::Done);
        assert_eq!(plan.stead().expect("valid").name, "mesh");
        assert!(plan.host(&"runko".parse().expect("a label")).expect("valid").is_some());
        let status = std::process::Command::new("git")
            .args(["-C", &path.to_string_lossy(), "status", "--porcelain"])
            .output()
            .expect("git runs");
        assert!(status.status.success() && status.stdout.is_empty());
        assert_eq!(PlanFolder::around(&path.join("hosts")), Some(plan));
        assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_folder_with_something_else_in_it_is_left_alone() {
        let place = tempfile::tempdir().expect("a folder");
        fs::write(place.path().join("thesis.odt"), "years of work").expect("written");
        let refused = PlanFolder::create(place.path(), &drafts(), &author());
        assert!(matches!(refused, Err(Error::Occupied { .. })));
        assert_eq!(fs::read_dir(place.path()).expect("a folder").count(), 1);
    }

    #[test]
    fn a_mistake_in_the_plan_is_named_with_its_line() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("s");
        let (plan, _) = PlanFolder::create(&path, &drafts(), &author()).expect("a plan");
        fs::write(path.join("hosts/runko.toml"), "name = \"runko\"\nlisten = 3\n")
            .expect("written");
        let error = plan.host(&"runko".parse().expect("a label")).expect_err("refused");
        let cause = std::error::Error::source(&error);
        let text = cause.expect("a cause").to_string();
        assert!(text.contains("line 2"), "{text}");

        fs::write(path.join("hosts/runko.toml"), "name = \"other\"\n").expect("written");
        let error = plan.host(&"runko".parse().expect("a label")).expect_err("refused");
        assert!(matches!(error, Error::OtherName { .. }));
    }

    #[test]
    fn a_file_is_put_in_place_whole_and_committed() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("s");
        let (plan, _) = PlanFolder::create(&path, &drafts(), &author()).expect("a plan");
        for text in ["one", "two"] {
            let draft = Draft { path: "secrets/backup-chat.age".to_owned(), text: text.to_owned() };
            let outcome = plan.put(&[draft], "Seal", &author()).expect("written");
            assert_eq!(outcome, git::Outcome::Done);
            let read = plan.file("secrets/backup-chat.age").expect("read");
            assert_eq!(read.as_deref(), Some(text));
        }
        assert_eq!(plan.file("secrets/none").expect("read"), None);
        assert_eq!(fs::read_dir(path.join("secrets")).expect("a folder").count(), 1);
    }

    #[test]
    fn what_is_no_plain_file_is_refused_and_not_waited_for() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("s");
        let (plan, _) = PlanFolder::create(&path, &drafts(), &author()).expect("a plan");
        let file = path.join("hosts/runko.toml");
        fs::remove_file(&file).expect("removed");
        let made = std::process::Command::new("mkfifo").arg(&file).status().expect("runs");
        assert!(made.success());
        let name = "runko".parse().expect("a label");
        assert!(matches!(plan.host(&name), Err(Error::NoFile { .. })));
        fs::remove_file(&file).expect("removed");
        std::os::unix::fs::symlink("/dev/zero", &file).expect("linked");
        assert!(matches!(plan.host(&name), Err(Error::NoFile { .. })));
    }
}
