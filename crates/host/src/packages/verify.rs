//! Compares packaged files with the checksums they were shipped with.
//!
//! Leaves out conffiles, which are the administrator's to change, and files that another package
//! took over: `collisions` looks at those.
//!
//! A file's size, times and inode tell whether it may have changed: they are folded to one number
//! a package, which is remembered. Only packages whose number differs are read again. This beats
//! running `dpkg --verify` once a day: a change shows at the next look, not the next day, and no
//! process of half a minute runs on a small machine.

use std::collections::{BTreeMap, HashSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Instant;

use md5::{Digest, Md5};
use model::facts::packages::{Altered, Verified};
use model::text::printable_bytes;
use serde::{Deserialize, Serialize};

use crate::packages::diversions::Diversions;
use crate::packages::exclude::{Rules, is_document};
use crate::packages::status::Package;

/// How many paths of a package are told.
const TOLD: usize = 5;

/// The longest path that is told, in characters.
const LONGEST: usize = 200;

/// What a package's files were found to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Folded from the sizes, times and inodes of all its files.
    fold: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    changed: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    missing: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    excluded: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    absent_documents: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    unreadable: u64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    paths: Vec<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks by reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Outcomes by package, from one run to the next.
pub(crate) type Remembered = BTreeMap<String, Outcome>;

/// What verification needs to know of the machine.
pub(crate) struct Ground<'a> {
    pub(crate) root: &'a Path,
    pub(crate) dpkg: &'a Path,
    pub(crate) packages: &'a [Package],
    pub(crate) diversions: &'a Diversions,
    pub(crate) rules: &'a Rules,
}

/// How one package fared.
enum Turn {
    NoSums,
    /// It must be read, and there is no time left.
    Waiting,
    Done {
        files: u64,
        outcome: Outcome,
    },
}

/// Compares all packages, on two threads, and remembers the outcomes. After `deadline` only what
/// need not be read again is compared.
pub(crate) fn verify(
    ground: &Ground<'_>,
    remembered: &mut Remembered,
    deadline: Instant,
) -> Verified {
    let next = AtomicUsize::new(0);
    let turns = Mutex::new(Vec::new());
    let known: &Remembered = remembered;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut worker = Worker::new(ground, deadline);
                while let Some(package) = ground.packages.get(next.fetch_add(1, Ordering::Relaxed))
                {
                    if package.state != "installed" {
                        continue;
                    }
                    let stem = package.stem();
                    let turn = worker.turn(package, &stem, known.get(&stem));
                    turns.lock().unwrap_or_else(PoisonError::into_inner).push((stem, turn));
                }
            });
        }
    });
    let mut verified = Verified::default();
    let mut outcomes = Remembered::new();
    for (stem, turn) in turns.into_inner().unwrap_or_else(PoisonError::into_inner) {
        match turn {
            Turn::NoSums => verified.without_sums.push(stem),
            Turn::Waiting => verified.waiting += 1,
            Turn::Done { files, outcome } => {
                verified.packages += 1;
                verified.files += files;
                verified.excluded += outcome.excluded;
                verified.absent_documents += outcome.absent_documents;
                verified.unreadable += outcome.unreadable;
                if outcome.changed + outcome.missing > 0 {
                    verified.altered.push(Altered {
                        package: stem.clone(),
                        changed: outcome.changed,
                        missing: outcome.missing,
                        paths: outcome.paths.clone(),
                    });
                }
                outcomes.insert(stem, outcome);
            }
        }
    }
    verified.without_sums.sort();
    verified.altered.sort_by(|a, b| a.package.cmp(&b.package));
    *remembered = outcomes;
    verified
}

/// One thread's buffers.
struct Worker<'a> {
    ground: &'a Ground<'a>,
    deadline: Instant,
    sums: Vec<u8>,
    path: Vec<u8>,
    block: Vec<u8>,
}

impl<'a> Worker<'a> {
    fn new(ground: &'a Ground<'a>, deadline: Instant) -> Self {
        Self { ground, deadline, sums: Vec::new(), path: Vec::new(), block: vec![0; 64 * 1024] }
    }

    fn turn(&mut self, package: &Package, stem: &str, known: Option<&Outcome>) -> Turn {
        let mut sums = std::mem::take(&mut self.sums);
        let turn =
            match read_into(&self.ground.dpkg.join(format!("info/{stem}.md5sums")), &mut sums) {
                Ok(()) => self.compare(package, stem, &sums, known),
                Err(_) => Turn::NoSums,
            };
        self.sums = sums;
        turn
    }

    fn compare(
        &mut self,
        package: &Package,
        stem: &str,
        sums: &[u8],
        known: Option<&Outcome>,
    ) -> Turn {
        let mut files = 0;
        // The list itself counts: another version of it asks for other content.
        let mut fold = sums.len() as u64;
        for (sum, path) in lines(sums) {
            files += 1;
            self.place(package, path);
            fold = mix(fold, u64::from_le_bytes(sum[..8].try_into().unwrap_or_default()));
            fold = mix(fold, print(Path::new(std::ffi::OsStr::from_bytes(&self.path))));
        }
        // What could not be read then may be readable now, by root.
        if let Some(known) = known.filter(|known| known.fold == fold && known.unreadable == 0) {
            return Turn::Done { files, outcome: known.clone() };
        }
        let mut outcome = Outcome { fold, ..Outcome::default() };
        let mut doubtful = Vec::new();
        for (sum, path) in lines(sums) {
            if Instant::now() >= self.deadline {
                return Turn::Waiting;
            }
            self.place(package, path);
            match self.sum() {
                Ok(Some(found)) if found == sum => {}
                Ok(_) => doubtful.push((path, false)),
                Err(error) => match error.kind() {
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                        doubtful.push((path, true));
                    }
                    _ => outcome.unreadable += 1,
                },
            }
        }
        self.judge(package, stem, &doubtful, &mut outcome);
        Turn::Done { files, outcome }
    }

    /// Sorts out what differs for a good reason.
    fn judge(
        &self,
        package: &Package,
        stem: &str,
        doubtful: &[(&[u8], bool)],
        outcome: &mut Outcome,
    ) {
        if doubtful.is_empty() {
            return;
        }
        let list = fs::read(self.ground.dpkg.join(format!("info/{stem}.list"))).unwrap_or_default();
        let owned: HashSet<&[u8]> = list.split(|byte| *byte == b'\n').collect();
        for (path, missing) in doubtful {
            let mut full = b"/".to_vec();
            full.extend_from_slice(path);
            // Not listed any more: another package took the file over.
            if !owned.contains(full.as_slice()) || package.conffiles.contains(&full) {
                continue;
            }
            if !missing {
                outcome.changed += 1;
            } else if self.ground.rules.exclude(&full) {
                outcome.excluded += 1;
                continue;
            } else if is_document(&full) {
                outcome.absent_documents += 1;
                continue;
            } else {
                outcome.missing += 1;
            }
            if outcome.paths.len() < TOLD {
                let shown = printable_bytes(&full, LONGEST);
                outcome.paths.push(if *missing { format!("{shown} (missing)") } else { shown });
            }
        }
    }

    /// Sets `self.path` to where the package's file lies.
    fn place(&mut self, package: &Package, path: &[u8]) {
        let root = self.ground.root.as_os_str().as_bytes();
        self.path.clear();
        self.path.push(b'/');
        self.path.extend_from_slice(path);
        let placed = self.ground.diversions.place(&package.name, &self.path);
        if placed != self.path {
            self.path = placed.to_vec();
        }
        if root != b"/" {
            self.path.splice(..0, root.iter().copied());
        }
    }

    /// The checksum of the file at `self.path`; `None` if it is no regular file.
    fn sum(&mut self) -> io::Result<Option<[u8; 16]>> {
        // Opening a pipe or a device may otherwise wait for its other end.
        let flags = (rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY).bits();
        let path = Path::new(std::ffi::OsStr::from_bytes(&self.path));
        if !fs::metadata(path)?.is_file() {
            return Ok(None);
        }
        let mut file =
            OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
        if !file.metadata()?.is_file() {
            return Ok(None);
        }
        let mut sum = Md5::new();
        loop {
            match file.read(&mut self.block) {
                Ok(0) => return Ok(Some(sum.finalize().into())),
                Ok(read) => sum.update(&self.block[..read]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn read_into(path: &Path, buffer: &mut Vec<u8>) -> io::Result<()> {
    buffer.clear();
    File::open(path)?.read_to_end(buffer)?;
    Ok(())
}

/// The sum and the path, without its leading slash, of each line of an md5sums file.
pub(crate) fn lines(sums: &[u8]) -> impl Iterator<Item = ([u8; 16], &[u8])> {
    sums.split(|byte| *byte == b'\n').filter_map(|line| {
        let (sum, path) = line.split_at_checked(32)?;
        let path = path.strip_prefix(b"  ").or_else(|| path.strip_prefix(b" *"))?;
        let path = path.strip_prefix(b"./").unwrap_or(path);
        let path = path.strip_prefix(b"/").unwrap_or(path);
        (!path.is_empty() && !path.contains(&0)).then_some((unhex(sum)?, path))
    })
}

fn unhex(text: &[u8]) -> Option<[u8; 16]> {
    let mut sum = [0; 16];
    for (byte, pair) in sum.iter_mut().zip(text.chunks_exact(2)) {
        let digit = |character: u8| char::from(character).to_digit(16);
        *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).ok()?;
    }
    Some(sum)
}

/// A number that changes when the file does, as far as its inode tells; 0 if it cannot be seen.
fn print(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| {
        [
            found.size(),
            found.ino(),
            found.mtime().cast_unsigned(),
            found.mtime_nsec().cast_unsigned(),
            found.ctime().cast_unsigned(),
            found.ctime_nsec().cast_unsigned(),
        ]
        .into_iter()
        .fold(1, mix)
    })
}

/// Folds one more number in: the finaliser of SplitMix64 over the sum.
const fn mix(fold: u64, number: u64) -> u64 {
    let mut z = fold.rotate_left(5).wrapping_add(number).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    struct Box {
        root: tempfile::TempDir,
        packages: Vec<Package>,
        rules: Rules,
        remembered: Remembered,
    }

    impl Box {
        /// A package `a` with `/usr/bin/a` ("a\n"), a page of documentation and a conffile.
        fn new() -> Self {
            let sandbox = Self {
                root: tempfile::tempdir().unwrap(),
                packages: vec![Package {
                    name: "a".into(),
                    state: "installed".into(),
                    conffiles: vec![b"/etc/a".to_vec()],
                    ..Package::default()
                }],
                rules: Rules::default(),
                remembered: Remembered::new(),
            };
            for path in ["usr/bin/a", "usr/share/doc/a/README", "etc/a", "usr/lib/taken"] {
                sandbox.write(path, "a\n");
            }
            let sum = "60b725f10c9c85c70d97880dfe8191b3";
            sandbox.write(
                "var/lib/dpkg/info/a.md5sums",
                &format!(
                    "{sum}  usr/bin/a\n{sum}  usr/share/doc/a/README\n{sum}  etc/a\n\
                     {sum}  usr/lib/taken\nnonsense\n{sum}"
                ),
            );
            sandbox.write(
                "var/lib/dpkg/info/a.list",
                "/.\n/usr/bin/a\n/usr/share/doc/a/README\n/etc/a\n",
            );
            sandbox
        }

        fn write(&self, path: &str, text: &str) {
            let path = self.root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn verify(&mut self, deadline: Instant) -> Verified {
            let ground = Ground {
                root: self.root.path(),
                dpkg: &self.root.path().join("var/lib/dpkg"),
                packages: &self.packages,
                diversions: &Diversions::default(),
                rules: &self.rules,
            };
            verify(&ground, &mut self.remembered, deadline)
        }

        fn now(&mut self) -> Verified {
            self.verify(Instant::now() + Duration::from_secs(60))
        }
    }

    #[test]
    fn what_is_as_shipped_passes_and_is_not_read_again() {
        let mut sandbox = Box::new();
        let first = sandbox.now();
        assert_eq!((first.packages, first.files, first.altered.len()), (1, 4, 0));
        // Past the deadline nothing may be read: what is known suffices.
        assert_eq!(sandbox.verify(Instant::now()), first);
    }

    #[test]
    fn a_tampered_file_is_found_and_its_restoration_too() {
        let mut sandbox = Box::new();
        sandbox.now();
        sandbox.write("usr/bin/a", "b\n");
        let found = sandbox.now();
        assert_eq!(found.altered[0].paths, ["/usr/bin/a"]);
        assert_eq!((found.altered[0].changed, found.altered[0].missing), (1, 0));
        fs::remove_file(sandbox.root.path().join("usr/bin/a")).unwrap();
        assert_eq!(sandbox.now().altered[0].paths, ["/usr/bin/a (missing)"]);
        sandbox.write("usr/bin/a", "a\n");
        assert_eq!(sandbox.now().altered, []);
    }

    #[test]
    fn conffiles_taken_files_and_absent_documents_are_no_fault() {
        let mut sandbox = Box::new();
        sandbox.write("etc/a", "mine\n");
        sandbox.write("usr/lib/taken", "by another\n");
        fs::remove_file(sandbox.root.path().join("usr/share/doc/a/README")).unwrap();
        let found = sandbox.now();
        assert_eq!((found.altered.len(), found.absent_documents, found.excluded), (0, 1, 0));
    }

    #[test]
    fn without_time_a_package_waits_and_without_sums_it_is_named() {
        let mut sandbox = Box::new();
        assert_eq!(sandbox.verify(Instant::now()).waiting, 1);
        fs::remove_file(sandbox.root.path().join("var/lib/dpkg/info/a.md5sums")).unwrap();
        assert_eq!(sandbox.now().without_sums, ["a"]);
    }

    #[test]
    fn a_pipe_in_a_files_place_is_a_change_and_does_not_hang() {
        let mut sandbox = Box::new();
        let path = sandbox.root.path().join("usr/bin/a");
        fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RUSR,
            0,
        )
        .unwrap();
        assert_eq!(sandbox.now().altered[0].changed, 1);
    }

    proptest::proptest! {
        #[test]
        fn any_sums_are_read_without_harm(bytes: Vec<u8>) {
            lines(&bytes).count();
        }
    }
}
