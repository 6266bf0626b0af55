//! A password gives way to another, is killed at every step, and one of two targets is away.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use backup::exchange::{self, Error, Exchange, Exchanged};
use backup::key_file;
use backup::password::Password;
use backup::progress::{Progress, Silent};
use backup::reach::Reach;
use backup::repository::{Repository, Take};
use backup::save::Destination;
use jiff::Timestamp;
use model::backup::target::Target;

use crate::place::{Place, restic, scope, text};

const HELPER: &str = "STEAD_TEST_EXCHANGE";
const STEP: &str = "STEAD_TEST_EXCHANGE_STEP";

/// Two targets with a snapshot each, the host's files, and what the plan has sealed.
struct Two(PathBuf);

impl Two {
    fn new(folder: &Path) -> Self {
        let two = Self(folder.to_owned());
        for name in ["disk", "offsite", "data", "staging"] {
            fs::create_dir(folder.join(name)).expect("as set up");
        }
        fs::write(folder.join("data/file"), "content").expect("as set up");
        let password = Password::generate().expect("bytes");
        key_file::write(&two.kept(), &format!("{}\n", password.reveal())).expect("as set up");
        fs::write(two.sealed(), password.reveal()).expect("as set up");
        for target in two.targets() {
            let repository = Repository::found(&reach(&target, &password)).expect("as set up");
            let (scope, staging) = (scope(&[&folder.join("data")]), folder.join("staging"));
            let take = Take { scope: &scope, staging: &staging, at: Timestamp::now() };
            repository.save(&take, &Silent).expect("as set up");
        }
        two
    }

    fn kept(&self) -> PathBuf {
        self.0.join("keys/chat")
    }

    fn next(&self) -> PathBuf {
        self.0.join("next/chat")
    }

    /// In place of the plan's sealed file, so that a test needs no age key.
    fn sealed(&self) -> PathBuf {
        self.0.join("sealed")
    }

    fn targets(&self) -> [Target; 2] {
        ["disk", "offsite"]
            .map(|name| Target::Folder { path: text(&self.0.join(name)), mounted: false })
    }

    fn exchange(&self, progress: &dyn Progress) -> Result<Exchanged, Error> {
        let mut seal = |password: &Password| {
            backup::whole::replace(&self.sealed(), password.reveal().as_bytes(), 0o600)
                .map_err(Into::into)
        };
        self.with(|exchange| exchange::run(exchange, &mut seal, progress))
    }

    fn with<T>(&self, act: impl FnOnce(&Exchange<'_>) -> T) -> T {
        let old = key_file::read(&self.kept()).expect("the host has one");
        let targets = self.targets();
        let to: Vec<Destination<'_>> = ["disk", "offsite"]
            .into_iter()
            .zip(&targets)
            .map(|(name, target)| Destination { name, reach: reach(target, &old) })
            .collect();
        let (kept, next) = (self.kept(), self.next());
        act(&Exchange { to: &to, kept: &kept, next: &next, dismiss: true })
    }

    /// What is sealed and what the host keeps opens both, to stead and to restic.
    fn opens(&self, when: &str) {
        let sealed = Password::new(&fs::read_to_string(self.sealed()).expect("sealed"));
        let kept = key_file::read(&self.kept()).expect("the host has one");
        // A key takes half a second to try: the same one is tried once.
        let passwords = if sealed == kept { vec![&sealed] } else { vec![&sealed, &kept] };
        for target in &self.targets() {
            for password in &passwords {
                let repository = Repository::open(&reach(target, password))
                    .unwrap_or_else(|error| panic!("{when}: {error}"));
                assert_eq!(repository.snapshots().expect("listed").len(), 1, "{when}");
            }
        }
    }

    /// `restic key list` of each, how many there are.
    fn keys(&self) -> [usize; 2] {
        let sealed = Password::new(&fs::read_to_string(self.sealed()).expect("sealed"));
        self.targets().map(|target| {
            let listed = restic(&target.repository("chat"), &sealed, &["key", "list", "--json"]);
            assert!(listed.status.success(), "{}", String::from_utf8_lossy(&listed.stderr));
            let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
            listed.as_array().expect("a list").len()
        })
    }
}

fn reach<'a>(target: &'a Target, password: &'a Password) -> Reach<'a> {
    Reach { target, service: "chat", password, credentials: None }
}

/// kill -9 of this very process when its step of this number begins.
struct Killed(AtomicUsize);

impl Progress for Killed {
    fn step(&self, _text: &str) {
        if self.0.fetch_sub(1, Ordering::SeqCst) == 0 {
            let me = rustix::process::getpid();
            let _ = rustix::process::kill_process(me, rustix::process::Signal::KILL);
        }
    }
}

/// Not a test: what the next one lets be killed.
#[test]
fn helper_that_exchanges() {
    let Some(folder) = env::var_os(HELPER) else { return };
    let step = env::var(STEP).expect("a step").parse().expect("a number");
    let _ = Two(PathBuf::from(folder)).exchange(&Killed(AtomicUsize::new(step)));
}

#[test]
fn killed_before_any_step_each_repository_opens_and_the_next_run_ends_it() {
    let mut steps = 0;
    loop {
        let folder = tempfile::tempdir().expect("a folder");
        let two = Two::new(folder.path());
        let old = key_file::read(&two.kept()).expect("the host has one");
        let ended = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "exchange::helper_that_exchanges"])
            .env(HELPER, folder.path())
            .env(STEP, steps.to_string())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .expect("it runs");
        two.opens(&format!("killed before step {steps}"));
        if ended.success() {
            break;
        }
        let exchanged = two.exchange(&Silent).expect("the next run ends it");
        assert!(exchanged.left.is_empty(), "{:?}", exchanged.left);
        // With what is sealed now, and one key file is that one's.
        assert_eq!(two.keys(), [1, 1], "killed before step {steps}");
        assert!(!two.next().exists());
        assert!(fs::read_to_string(two.sealed()).expect("sealed") != old.reveal());
        assert!(key_file::read(&two.kept()).expect("kept") != old);
        steps += 1;
    }
    assert_eq!(steps, 8, "one run has so many steps");
}

/// Moves a target away before the password is sealed.
struct Unplug<'a>(&'a Path, &'a Path);

impl Progress for Unplug<'_> {
    fn step(&self, text: &str) {
        if text.starts_with("sealing") {
            fs::rename(self.0, self.1).expect("unplugged");
        }
    }
}

#[test]
fn a_new_password_that_is_known_to_who_left_since_gives_way_before_the_old_one_is_gone() {
    let folder = tempfile::tempdir().expect("a folder");
    let two = Two::new(folder.path());
    let (there, away) = (folder.path().join("offsite"), folder.path().join("away"));
    let first = two.exchange(&Unplug(&there, &away)).expect("it counts");
    assert_eq!(first.left.len(), 1);
    fs::rename(&away, &there).expect("plugged in");
    let settled = two.with(|exchange| exchange::settle(exchange, &Silent)).expect("settled");
    assert!(settled == first.password && !two.next().exists());
    two.opens("one of two has the old key, too");
    assert_eq!(two.keys(), [1, 2]);
    let second = two.exchange(&Silent).expect("exchanged");
    assert!(second.left.is_empty() && second.password != first.password);
    two.opens("both have a third one");
    assert_eq!(two.keys(), [1, 1]);
}

#[test]
fn with_one_of_two_targets_away_the_old_key_counts_until_both_have_the_new_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let two = Two::new(folder.path());
    let before = fs::read(two.sealed()).expect("sealed");
    let (there, away) = (folder.path().join("offsite"), folder.path().join("away"));
    fs::rename(&there, &away).expect("unplugged");
    let refused = two.exchange(&Silent).expect_err("one is away");
    let text = refused.to_string();
    assert!(text.contains("offsite: the target") && !text.contains("disk:"), "{text}");
    assert!(refused.hint().is_some_and(|hint| hint.contains("Run it again")));
    assert_eq!(fs::read(two.sealed()).expect("sealed"), before);
    fs::rename(&away, &there).expect("plugged in");
    two.opens("one of two has both keys");
    assert_eq!(two.keys(), [2, 1]);

    // It goes away after the new key was added there: then the old one opens it still, and it is
    // said so.
    let exchanged = two.exchange(&Unplug(&there, &away)).expect("it counts");
    assert_eq!(exchanged.left.len(), 1);
    assert_eq!(exchanged.left[0].0, "offsite");
    fs::rename(&away, &there).expect("plugged in");
    two.opens("one of two has the new key alone");
    assert_eq!(two.keys(), [1, 2]);
    assert!(two.next().exists(), "the next run knows that it has to go on");
    let exchanged = two.exchange(&Silent).expect("ended");
    assert!(exchanged.left.is_empty());
    assert_eq!(two.keys(), [1, 1]);
}

#[test]
fn a_key_that_somebody_else_added_goes_too_and_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let two = Two::new(folder.path());
    let kept = key_file::read(&two.kept()).expect("the host has one");
    let theirs = folder.path().join("theirs");
    fs::write(&theirs, "a word of mine").expect("written");
    let repository = two.targets()[0].repository("chat");
    let added = restic(&repository, &kept, &["key", "add", "--new-password-file", &text(&theirs)]);
    assert!(added.status.success(), "{}", String::from_utf8_lossy(&added.stderr));
    assert_eq!(two.keys(), [2, 1]);
    let exchanged = two.exchange(&Silent).expect("exchanged");
    assert_eq!(exchanged.gone[0].1.len(), 2);
    assert!(exchanged.gone[0].1.iter().all(|held| !held.user.is_empty() && !held.opens));
    assert_eq!(two.keys(), [1, 1]);
    let refused = restic(&repository, &Password::new("a word of mine"), &["snapshots"]);
    assert!(!refused.status.success());
}

#[test]
fn who_kept_the_old_key_file_and_password_still_opens_it_and_a_new_repository_they_do_not() {
    let place = Place::new();
    fs::write(place.data().join("secret"), "of tomorrow").expect("written");
    let repository = place.found();
    let kept = place.folder.path().join("kept");
    for entry in fs::read_dir(place.repository().join("keys")).expect("keys") {
        let entry = entry.expect("a key");
        fs::create_dir_all(&kept).expect("made");
        fs::copy(entry.path(), kept.join(entry.file_name())).expect("kept");
    }
    let new = Password::generate().expect("bytes");
    repository.admit(&new).expect("admitted");
    let pruning = backup::repository::Pruning::open(&Reach { password: &new, ..place.reach() });
    pruning.expect("opened").dismiss_others(&new).expect("dismissed");
    assert!(!place.restic(&["snapshots"]).status.success(), "the password alone opens nothing");
    // That is why the command says what it says: the master key stays.
    for entry in fs::read_dir(&kept).expect("kept") {
        let entry = entry.expect("a key");
        let there = place.repository().join("keys").join(entry.file_name());
        fs::copy(entry.path(), there).expect("put back");
    }
    place.restic_ok(&["snapshots"]);

    // A new repository beside has a master key of its own.
    let beside = place.folder.path().join("disk/2");
    fs::create_dir(&beside).expect("made");
    let target = Target::Folder { path: text(&beside), mounted: false };
    let reach = Reach { target: &target, password: &new, ..place.reach() };
    Repository::found(&reach).expect("founded");
    for entry in fs::read_dir(&kept).expect("kept") {
        let entry = entry.expect("a key");
        fs::copy(entry.path(), beside.join("chat/keys").join(entry.file_name())).expect("tried");
    }
    let tried = restic(&target.repository("chat"), &place.password, &["cat", "config"]);
    assert!(!tried.status.success(), "their master key is another one");
}
