//! Backing up trees of files: stead beside restic and borg, in one run.
//!
//! Leaves out databases, and networks: all repositories are folders.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use backup::password::Password;
use backup::progress::Silent;
use backup::reach::Reach;
use backup::repository::{Pruning, Repository, Take};
use backup::snapshot::{Depth, SnapshotId};
use jiff::Timestamp;
use model::backup::scope::Scope;
use model::backup::target::Target;
use model::recipe::care::Keep;

use crate::cache;
use crate::database;
use crate::gauge::{Run, once};

/// Of all bytes, in percent: media that do not compress, texts that do, and many small files.
const MEDIA: u64 = 60;
const TEXTS: u64 = 30;
/// One file in so many is changed before the second backup.
const CHANGED: usize = 100;
const PASSWORD: &str = "of no secret";
/// Of each of many files, in bytes.
const SMALL: u64 = 600;
pub const HEAD: &str = "| work | tool | wall s | CPU s | RSS MB | repository MB | wall, times stead |\n\
                        |---|---|---|---|---|---|---|";

/// Measures a mixed tree of so many MiB and prints a table.
pub fn run(mebibytes: u64) -> anyhow::Result<()> {
    let work = tempfile::tempdir_in(cache()?)?;
    let bench = Bench::new(work.path())?;
    let files = grow(&bench.work.join("tree"), mebibytes << 20)?;
    println!("\n{mebibytes} MiB in {} files\n", files.len());
    compared(&bench, &files)
}

/// Measures a tree of so many small files.
pub fn many(count: usize) -> anyhow::Result<()> {
    let work = tempfile::tempdir_in(cache()?)?;
    let bench = Bench::new(work.path())?;
    let files = sow(&bench.work.join("tree"), count)?;
    println!("\n{count} files of some {SMALL} bytes\n");
    compared(&bench, &files)
}

fn compared(bench: &Bench, files: &[PathBuf]) -> anyhow::Result<()> {
    println!("{HEAD}");
    bench.stead("found")?;
    let (restic, borg) = bench.peers()?;
    let step = |work: &str, action: &str, restic_line: &str, borg_line: &str| {
        let stead = bench.stead(action)?;
        bench.row(work, "stead", stead, stead, "disk");
        bench.compare("by-stead")?;
        if restic {
            bench.row(work, "restic", bench.sh(restic_line)?, stead, "restic");
            bench.compare("by-restic")?;
        }
        if borg {
            bench.row(work, "borg", bench.sh(borg_line)?, stead, "borg");
            bench.compare("by-borg")?;
        }
        anyhow::Ok(())
    };
    step(
        "first backup",
        "save",
        "restic backup tree",
        "borg create --compression zstd,3 ::1 tree",
    )?;
    change(files)?;
    step(
        "second backup, 1 % changed",
        "save",
        "restic backup tree",
        "borg create --compression zstd,3 ::2 tree",
    )?;
    step(
        "restore",
        "restore",
        "restic restore latest --target by-restic",
        "mkdir by-borg && cd by-borg && borg extract ::2",
    )?;
    step("check, structure", "check", "restic check", "borg check")?;
    step("check, all data", "check-all", "restic check --read-data", "borg check --verify-data")?;
    step(
        "drop the first, prune",
        "prune",
        "restic forget --keep-last 1 --prune",
        "borg prune --keep-last 1 && borg compact",
    )
}

/// What the bench runs to measure stead: one act in a process of its own.
pub fn act(action: &str, work: &Path) -> anyhow::Result<()> {
    let text = |name: &str| work.join(name).display().to_string();
    let target = Target::Folder { path: text("disk"), mounted: false };
    let password = Password::new(PASSWORD);
    let reach = Reach { target: &target, service: "bench", password: &password, credentials: None };
    let scope = scope(text("tree"));
    if let Some(action) = action.strip_prefix("database-") {
        return database::act(action, &reach, work);
    }
    let newest = |repository: &Repository| -> anyhow::Result<SnapshotId> {
        Ok(repository.snapshots()?.pop().context("no snapshot")?.id)
    };
    match action {
        "found" => drop(Repository::found(&reach)?),
        "save" => {
            let staging = work.join("staging");
            let take = Take { scope: &scope, staging: &staging, at: Timestamp::now() };
            Repository::open(&reach)?.save(&take, &Silent)?;
        }
        "restore" => {
            let repository = Repository::open(&reach)?;
            let id = newest(&repository)?;
            let restored = repository.restore(&id, &work.join("by-stead"), &Silent)?;
            ensure!(restored.faults.is_empty(), "{:?}", restored.faults);
        }
        "check" | "check-all" => {
            let depth = if action == "check" { Depth::Structure } else { Depth::All };
            let faults = Repository::open(&reach)?.check(depth, &Silent)?;
            ensure!(faults.is_empty(), "{faults:?}");
        }
        "prune" => {
            let first = Repository::open(&reach)?.snapshots()?.remove(0).id;
            Pruning::open(&reach)?.prune(&[first], &Silent)?;
        }
        _ => bail!("there is no act {action}"),
    }
    Ok(())
}

pub fn scope(tree: String) -> Scope {
    Scope {
        service: "bench".to_owned(),
        recipe: "bench".to_owned(),
        host: "bench".to_owned(),
        database: None,
        paths: vec![tree],
        exclude: Vec::new(),
        quiesce: Vec::new(),
        quiesce_seconds: None,
        units: Vec::new(),
        period_hours: 24,
        keep: Keep::default(),
    }
}

/// A folder with a repository of each tool.
pub struct Bench {
    pub work: PathBuf,
    program: PathBuf,
}

impl Bench {
    pub fn new(work: &Path) -> anyhow::Result<Self> {
        for folder in ["disk", "staging"] {
            fs::create_dir(work.join(folder))?;
        }
        Ok(Self { work: work.to_owned(), program: std::env::current_exe()? })
    }

    /// Makes a repository of restic's and one of borg's; says which of the two are installed.
    pub fn peers(&self) -> anyhow::Result<(bool, bool)> {
        let restic = self.peer("restic", "restic init --repository-version 2")?.is_some();
        let borg = self.peer("borg", "borg init --encryption repokey-blake2")?.is_some();
        Ok((restic, borg))
    }

    pub fn stead(&self, action: &str) -> anyhow::Result<Run> {
        self.sh(&format!("'{}' backup-act {action} .", self.program.display()))
    }

    /// Runs a line of shell in the working folder, with each peer's repository in its environment.
    pub fn sh(&self, line: &str) -> anyhow::Result<Run> {
        let (work, log) = (self.work.display(), self.work.join("log"));
        let line = format!(
            "cd '{work}' && export HOME=\"$PWD\" RESTIC_REPOSITORY=\"$PWD/restic\" \
             RESTIC_PASSWORD='{PASSWORD}' RESTIC_CACHE_DIR=\"$PWD/restic-cache\" \
             BORG_REPO=\"$PWD/borg\" BORG_PASSPHRASE='{PASSWORD}' BORG_BASE_DIR=\"$PWD/borg-base\"; \
             ( {line} ) >'{}' 2>&1 || {{ touch failed; }}",
            log.display()
        );
        let run = once(&["sh", "-c", &line])?;
        let said = fs::read_to_string(&log).unwrap_or_default();
        ensure!(!self.work.join("failed").exists(), "{line}\n{said}");
        Ok(run)
    }

    /// The same for a peer; `None` if it is not installed.
    fn peer(&self, program: &str, line: &str) -> anyhow::Result<Option<Run>> {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output()?;
        if !found.status.success() {
            eprintln!("{program} is not installed");
            return Ok(None);
        }
        self.sh(line).map(Some)
    }

    pub fn row(&self, work: &str, tool: &str, run: Run, stead: Run, repository: &str) {
        println!(
            "| {work} | {tool} | {:.2} | {:.2} | {} | {} | {:.2} |",
            run.wall_seconds,
            run.cpu_seconds,
            run.tree_kib / 1024,
            size(&self.work.join(repository)) >> 20,
            run.wall_seconds / stead.wall_seconds
        );
    }

    /// What does not come back whole is not worth measuring. Removes it, to have room for the next.
    fn compare(&self, folder: &str) -> anyhow::Result<()> {
        let root = self.work.join(folder);
        let whole = root.join(self.work.strip_prefix("/")?).join("tree");
        let restored = [whole, root.join("tree")].into_iter().find(|path| path.is_dir());
        let Some(restored) = restored else { return Ok(()) };
        let tree = self.work.join("tree");
        let (was, is) = (below(&tree, &tree)?, below(&restored, &restored)?);
        ensure!(was == is, "{folder} has other files than were saved");
        for path in was {
            let alike = fs::read(tree.join(&path))? == fs::read(restored.join(&path))?;
            ensure!(alike, "{folder}: {} differs from what was saved", path.display());
        }
        fs::remove_dir_all(root)?;
        Ok(())
    }
}

/// Makes the tree, the same each time; gives its files.
fn grow(tree: &Path, bytes: u64) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    let mut seed = 1;
    let kinds: [(&str, u64, u64); 3] = [
        ("media", bytes * MEDIA / 100, 2 << 20),
        ("texts", bytes * TEXTS / 100, 256 << 10),
        ("small", bytes * (100 - MEDIA - TEXTS) / 100, 8 << 10),
    ];
    for (kind, whole, each) in kinds {
        for number in 0..whole.div_ceil(each) {
            let folder = tree.join(kind).join(format!("{:03}", number / 200));
            fs::create_dir_all(&folder)?;
            let file = folder.join(format!("{number:06}"));
            seed += 1;
            fs::write(&file, content(kind, each, seed))?;
            files.push(file);
        }
    }
    Ok(files)
}

/// Makes many small files, a thousand in a folder.
fn sow(tree: &Path, count: usize) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::with_capacity(count);
    for number in 0..count {
        let folder = tree.join(format!("{:04}", number / 1000));
        if number % 1000 == 0 {
            fs::create_dir_all(&folder)?;
        }
        let file = folder.join(format!("{number:07}"));
        fs::write(&file, content("small", SMALL / 2 + number as u64 % SMALL, number as u64))?;
        files.push(file);
    }
    Ok(files)
}

/// The files below a folder, relative to a root.
fn below(root: &Path, folder: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut files = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            files.append(&mut below(root, &path)?);
        } else {
            files.insert(path.strip_prefix(root)?.to_owned());
        }
    }
    Ok(files)
}

fn change(files: &[PathBuf]) -> anyhow::Result<()> {
    for (number, file) in files.iter().enumerate().step_by(CHANGED) {
        let length = fs::metadata(file)?.len();
        fs::write(file, content("media", length, u64::MAX - number as u64))?;
    }
    Ok(())
}

/// Noise for media; words of noise for all else, which zstd takes to a third or so.
fn content(kind: &str, length: u64, seed: u64) -> Vec<u8> {
    const WORDS: [&str; 16] = [
        "the",
        "stead",
        "of",
        "hosts",
        "members",
        "plan",
        "record",
        "drill",
        "restore",
        "page",
        "service",
        "ours",
        "meeting",
        "notes",
        "open",
        "2026-05-01",
    ];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(length as usize + 16);
    while (bytes.len() as u64) < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if kind == "media" {
            bytes.extend_from_slice(&state.to_le_bytes());
        } else {
            bytes.extend_from_slice(WORDS[(state >> 32) as usize % WORDS.len()].as_bytes());
            bytes.push(b' ');
        }
    }
    bytes.truncate(length as usize);
    bytes
}

pub fn size(folder: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(folder) else { return 0 };
    let sizes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => size(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    sizes.sum()
}
