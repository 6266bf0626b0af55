//! A repository in a temporary folder, a service to back up, and restic beside it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use backup::password::Password;
use backup::progress::Silent;
use backup::reach::Reach;
use backup::repository::{Pruning, Repository, Take};
use backup::snapshot::Saved;
use jiff::Timestamp;
use model::backup::scope::Scope;
use model::backup::target::Target;
use model::recipe::care::Keep;
use tempfile::TempDir;

pub struct Place {
    pub folder: Folder,
    pub target: Target,
    pub password: Password,
    pub scope: Scope,
    pub staging: PathBuf,
}

/// A folder of this test, or another one's.
pub enum Folder {
    Own(TempDir),
    Lent(PathBuf),
}

impl Folder {
    pub fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Lent(path) => path,
        }
    }
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("as set up");
        for name in ["disk", "data", "staging"] {
            fs::create_dir(folder.path().join(name)).expect("as set up");
        }
        fs::write(folder.path().join("staging/manifest.json"), "{}").expect("as set up");
        Self::of(Folder::Own(folder))
    }

    /// What another process has set up.
    pub fn at(folder: &Path) -> Self {
        Self::of(Folder::Lent(folder.to_owned()))
    }

    fn of(folder: Folder) -> Self {
        let path = |name: &str| folder.path().join(name);
        let (disk, data, staging) = (path("disk"), path("data"), path("staging"));
        Self {
            target: Target::Folder { path: text(&disk), mounted: false },
            password: Password::new("between us"),
            scope: scope(&[&data]),
            staging,
            folder,
        }
    }

    pub fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    pub fn repository(&self) -> PathBuf {
        self.folder.path().join("disk/chat")
    }

    pub fn reach(&self) -> Reach<'_> {
        let (target, password) = (&self.target, &self.password);
        Reach { target, service: "chat", password, credentials: None }
    }

    pub fn found(&self) -> Repository {
        Repository::found(&self.reach()).expect("as set up")
    }

    pub fn pruning(&self) -> Pruning {
        Pruning::open(&self.reach()).expect("as set up")
    }

    pub fn take(&self) -> Take<'_> {
        Take { scope: &self.scope, staging: &self.staging, at: Timestamp::now() }
    }

    pub fn save(&self, repository: &Repository) -> Saved {
        repository.save(&self.take(), &Silent).expect("as set up")
    }

    /// Runs Debian's restic on the repository.
    pub fn restic(&self, arguments: &[&str]) -> Output {
        restic(&text(&self.repository()), &self.password, arguments)
    }

    /// As [`Place::restic`], which must succeed; gives what it printed.
    pub fn restic_ok(&self, arguments: &[&str]) -> String {
        let output = self.restic(arguments);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        assert!(output.status.success(), "restic {arguments:?}: {stdout}{stderr}");
        stdout
    }
}

pub fn restic(repository: &str, password: &Password, arguments: &[&str]) -> Output {
    let cache = tempfile::tempdir().expect("as set up");
    Command::new("restic")
        .args(["--repo", repository, "--cache-dir", &text(cache.path())])
        .args(arguments)
        .env("RESTIC_PASSWORD", password.reveal())
        .output()
        .expect("restic is installed: scripts/test does it")
}

pub fn scope(paths: &[&Path]) -> Scope {
    Scope {
        service: "chat".to_owned(),
        recipe: "synapse".to_owned(),
        host: "runko".to_owned(),
        database: None,
        paths: paths.iter().map(|path| text(path)).collect(),
        exclude: Vec::new(),
        quiesce: Vec::new(),
        quiesce_seconds: None,
        units: Vec::new(),
        period_hours: 24,
        keep: Keep::default(),
    }
}

pub fn text(path: &Path) -> String {
    path.to_str().expect("as set up").to_owned()
}

/// Bytes that neither compress nor repeat, the same for the same seed.
pub fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Says that something was not tested here, at the end of `scripts/test`; with `CI=true` it fails.
pub fn skipped(what: &str) {
    assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "skipped: {what}");
    eprintln!("SKIPPED: {what}");
    if let Some(path) = std::env::var_os("STEAD_SKIPPED") {
        use std::io::Write as _;
        let file = fs::OpenOptions::new().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| writeln!(file, "{what}"));
    }
}
