//! A repository on the disk: what comes in, what is served, what stops it.

use std::fs;
use std::path::{Path, PathBuf};

use deb::progress::Silent;
use deb::repository::{Added, Error, How, Incoming, Publication, Repository, Settings};
use deb::signing::verify_cleartext;
use tempfile::TempDir;

use crate::plain::{package, simple};

struct Scene {
    folder: TempDir,
    repository: Repository,
}

fn at(second: i64) -> How {
    let at = jiff::Timestamp::from_second(1_790_000_000 + second).expect("done");
    How { at, xz: false, rescan: false }
}

impl Scene {
    fn new(suites: &[&str], architectures: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("done");
        let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let settings = Settings {
            name: "mesh".to_owned(),
            suites: own(suites),
            architectures: own(architectures),
            url: None,
        };
        let repository = Repository::init(&folder.path().join("repo"), settings, at(0).at, &Silent)
            .expect("done");
        Self { folder, repository }
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).expect("done");
        path
    }

    fn add_to(&self, suites: &[&str], packages: &[Vec<u8>]) -> Result<Added, Error> {
        let incoming: Vec<Incoming> = packages
            .iter()
            .enumerate()
            .map(|(number, bytes)| Incoming {
                path: self.file(&format!("{number}.deb"), bytes),
                origin: None,
            })
            .collect();
        let suites: Vec<String> = suites.iter().map(|&suite| suite.to_owned()).collect();
        self.repository.add(&incoming, &suites, &Silent)
    }

    fn add(&self, packages: &[Vec<u8>]) -> Result<Added, Error> {
        self.add_to(&[], packages)
    }

    fn publish(&self, second: i64) -> Result<Publication, Error> {
        self.repository.publish(at(second), &Silent)
    }

    fn served(&self, path: &str) -> PathBuf {
        self.repository.public().join(path)
    }

    fn release(&self, suite: &str) -> String {
        let key = fs::read(self.served("key.asc")).expect("done");
        let signed = fs::read(self.served(&format!("dists/{suite}/InRelease"))).expect("done");
        verify_cleartext(&key, &signed).expect("done")
    }

    /// The text of an index, unpacked.
    fn index(&self, path: &str) -> String {
        use std::io::Read;
        let file = fs::File::open(self.served(path)).expect("done");
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).expect("done");
        text
    }

    fn packages(&self, suite: &str, architecture: &str) -> Vec<String> {
        let path = format!("dists/{suite}/main/binary-{architecture}/Packages.gz");
        let text = self.index(&path);
        let field = |stanza: &str, name: &str| {
            let line = stanza.lines().find_map(|line| line.strip_prefix(name)).expect("done");
            line.to_owned()
        };
        text.split("\n\n")
            .filter(|stanza| !stanza.trim().is_empty())
            .map(|stanza| format!("{}={}", field(stanza, "Package: "), field(stanza, "Version: ")))
            .collect()
    }
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut found: Vec<(String, Vec<u8>)> = walkdir::WalkDir::new(folder)
        .into_iter()
        .map(|entry| entry.expect("done"))
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let path = entry.path().strip_prefix(folder).expect("done").display().to_string();
            (path, fs::read(entry.path()).expect("done"))
        })
        .collect();
    found.sort();
    found
}

#[test]
fn each_suite_and_architecture_lists_its_own_packages_and_those_for_all() {
    let scene = Scene::new(&["bookworm", "trixie"], &["amd64", "arm64"]);
    scene
        .add(&[
            simple("both", "1-1", "all", &["/usr/share/x"]),
            simple("alpha", "1-1", "amd64", &["/usr/bin/alpha"]),
            simple("alpha", "1-1", "arm64", &["/usr/bin/alpha"]),
        ])
        .unwrap();
    scene.add_to(&["trixie"], &[simple("alpha", "2-1", "amd64", &["/usr/bin/alpha"])]).unwrap();
    assert!(scene.packages("trixie", "amd64").is_empty(), "not before it is published");
    scene.publish(1).unwrap();
    assert_eq!(scene.packages("bookworm", "amd64"), ["alpha=1-1", "both=1-1"]);
    assert_eq!(scene.packages("bookworm", "arm64"), ["alpha=1-1", "both=1-1"]);
    assert_eq!(scene.packages("trixie", "amd64"), ["alpha=1-1", "alpha=2-1", "both=1-1"]);
    let contents = scene.index("dists/trixie/main/Contents-amd64.gz");
    assert_eq!(contents, "usr/bin/alpha net/alpha\nusr/share/x net/both\n");
    let release = scene.release("trixie");
    assert!(release.contains("\nDate: Mon, 21 Sep 2026 14:13:21 UTC\n"), "{release}");
    assert!(!release.contains("Valid-Until"));
    let found = scene.repository.verify(&Silent).unwrap();
    assert!(found.faults.is_empty() && found.remarks.is_empty(), "{found:?}");
    assert_eq!((found.packages, found.indexes), (4, 16));
    let sources = fs::read_to_string(scene.served("mesh-trixie.sources")).unwrap();
    assert!(sources.starts_with("Types: deb\nURIs: file:/"), "{sources}");
    assert!(sources.contains("\nSuites: trixie\n") && sources.contains("\n .\n"), "{sources}");
}

#[test]
fn the_same_packages_and_time_give_the_same_files() {
    let scene = Scene::new(&["bookworm"], &["amd64"]);
    let many: Vec<Vec<u8>> = (0..50)
        .map(|n| simple(&format!("pkg-{n}"), "1", "amd64", &[&format!("/usr/bin/{n}")]))
        .collect();
    scene.add(&many).unwrap();
    scene.publish(5).unwrap();
    let first = files(&scene.served(""));
    scene.publish(5).unwrap();
    assert_eq!(first, files(&scene.served("")));
    fs::remove_dir_all(scene.folder.path().join("repo/cache")).unwrap();
    scene.repository.publish(How { rescan: true, ..at(5) }, &Silent).unwrap();
    assert_eq!(first, files(&scene.served("")));
}

#[test]
fn other_bytes_under_the_same_version_are_refused_and_the_same_bytes_are_known() {
    let scene = Scene::new(&["bookworm"], &["amd64"]);
    let one = simple("chat", "1-1", "amd64", &["/usr/bin/chat"]);
    scene.add(std::slice::from_ref(&one)).unwrap();
    let again = scene.add(std::slice::from_ref(&one)).unwrap();
    assert_eq!((again.added.len(), again.known.len()), (0, 1));
    let other = simple("chat", "1-1", "amd64", &["/usr/bin/chat2"]);
    let fresh = simple("fresh", "1-1", "amd64", &[]);
    let error = scene.add(&[fresh.clone(), other.clone()]).unwrap_err();
    assert!(matches!(&error, Error::Differs { key, .. } if key.package == "chat"), "{error}");
    let held: Vec<_> = scene.repository.list().unwrap();
    assert_eq!(held.len(), 1, "nothing of a refused command came in");
    assert!(matches!(scene.add(&[fresh, one, other]), Err(Error::Differs { .. })));
}

#[test]
fn hostile_packages_are_refused_by_name() {
    let scene = Scene::new(&["bookworm"], &["amd64"]);
    let good = simple("chat", "1-1", "amd64", &["/usr/bin/chat"]);
    let fields = |name: &'static str, value: &'static str| {
        let mut fields = vec![
            ("Package", "chat"),
            ("Version", "1"),
            ("Architecture", "amd64"),
            ("Maintainer", "x"),
            ("Description", "x"),
        ];
        fields.retain(|(other, _)| *other != name);
        fields.push((name, value));
        package(&fields, &[])
    };
    for (what, bytes) in [
        ("a name that leaves the pool", fields("Package", "../../etc/x")),
        ("a version that leaves the pool", fields("Version", "1/../../x")),
        ("an architecture that leaves", fields("Architecture", "../amd64")),
        ("an unknown architecture", fields("Architecture", "riscv64")),
        ("an empty version", fields("Version", "")),
        ("no package", b"hello".to_vec()),
        ("nothing", Vec::new()),
        ("half a package", good[..good.len() / 2].to_vec()),
        ("a file name of two lines", simple("chat", "1", "amd64", &["/usr/a\nb"])),
    ] {
        let error = scene.add(&[bytes]).expect_err(what);
        let text = model::text::with_causes(&error);
        assert!(text.contains("0.deb"), "{what}: {text}");
        assert!(!text.contains('\n'), "{what}: {text}");
    }
    // A package cannot say where it lies, or which sums it has.
    scene.add(&[fields("Filename", "pool/elsewhere\nSize: 1\nSHA256: 00")]).unwrap();
    scene.publish(1).unwrap();
    let text = scene.index("dists/bookworm/main/binary-amd64/Packages.gz");
    assert_eq!(text.matches("SHA256:").count(), 1);
    assert!(!text.contains("SHA256: 00\n") && !text.contains("elsewhere"), "{text}");
    assert!(scene.repository.verify(&Silent).unwrap().faults.is_empty());
}

#[test]
fn a_path_of_two_packages_is_warned_of() {
    let scene = Scene::new(&["bookworm"], &["amd64"]);
    let first = simple("babeld", "1", "amd64", &["/etc/babeld.conf"]);
    assert!(scene.add(&[first]).unwrap().warnings.is_empty());
    let answer = scene.add(&[simple("overlay", "1", "all", &["/etc/babeld.conf"])]).unwrap();
    assert_eq!(answer.warnings, ["babeld and overlay both have /etc/babeld.conf"]);
    let newer = simple("babeld", "2", "amd64", &["/etc/babeld.conf"]);
    assert_eq!(scene.add(&[newer]).unwrap().warnings.len(), 1, "not with its own older version");
    let fields = [
        ("Package", "polite"),
        ("Version", "1"),
        ("Architecture", "all"),
        ("Maintainer", "x"),
        ("Description", "x"),
        ("Replaces", "overlay (<< 2), babeld"),
    ];
    assert!(scene.add(&[package(&fields, &["/etc/babeld.conf"])]).unwrap().warnings.is_empty());
}

#[test]
fn an_unsealed_version_is_removed_by_its_name_only() {
    let scene = Scene::new(&["bookworm"], &["amd64"]);
    let version = |version: &str| simple("chat", version, "amd64", &["/usr/bin/chat"]);
    scene.add(&[version("1"), version("2"), version("3")]).unwrap();
    scene.publish(1).unwrap();
    let names = |asked: &str| scene.repository.remove(&[asked.to_owned()]);
    assert!(matches!(names("chat"), Err(Error::Unsealed { .. })));
    assert!(matches!(names("talk"), Err(Error::Unknown { .. })));
    assert!(scene.repository.prune().unwrap().removed.is_empty());
    scene.repository.seal("chat", "1").unwrap();
    scene.repository.seal("chat", "3").unwrap();
    assert!(matches!(scene.repository.seal("chat", "9"), Err(Error::Unknown { .. })));
    let pruned = scene.repository.prune().unwrap();
    assert_eq!(pruned.removed.len(), 1, "the newest stays, sealed or not");
    assert_eq!(names("chat=2").unwrap().removed[0].version, "2");
    scene.publish(2).unwrap();
    assert_eq!(scene.packages("bookworm", "amd64"), ["chat=3"]);
    let old = "pool/main/c/chat/chat_1_amd64.deb";
    assert!(scene.served(old).exists(), "clients that hold the older index still fetch it");
    for second in 3..9 {
        scene.publish(second).unwrap();
    }
    assert!(!scene.served(old).exists());
    let hashes = scene.served("dists/bookworm/main/binary-amd64/by-hash/SHA256");
    assert_eq!(fs::read_dir(hashes).unwrap().count(), 1, "swept");
    assert!(scene.repository.verify(&Silent).unwrap().faults.is_empty());
}

#[test]
fn a_changed_package_stops_the_publication_and_the_old_state_stays() {
    let scene = Scene::new(&["bookworm"], &["amd64"]);
    scene.add(&[simple("chat", "1", "amd64", &["/usr/bin/chat"])]).unwrap();
    scene.publish(1).unwrap();
    let before = scene.release("bookworm");
    scene.add(&[simple("talk", "1", "amd64", &["/usr/bin/talk"])]).unwrap();
    let path = scene.served("pool/main/c/chat/chat_1_amd64.deb");
    let good = fs::read(&path).unwrap();
    let mut bad = good.clone();
    let last = bad.len() - 600;
    bad[last] ^= 1;
    fs::write(&path, &bad).unwrap();
    let error = scene.publish(2).unwrap_err();
    assert!(
        matches!(&error, Error::Tampered { key, path, .. }
            if key.package == "chat" && path.ends_with("chat_1_amd64.deb")),
        "{error}"
    );
    assert_eq!(scene.release("bookworm"), before);
    let found = scene.repository.verify(&Silent).unwrap();
    assert_eq!(found.faults.len(), 1, "{found:?}");
    assert_eq!(found.faults[0].package.as_deref(), Some("chat 1 (amd64)"));
    fs::remove_file(&path).unwrap();
    assert!(matches!(scene.publish(2), Err(Error::Missing { .. })));
    // The same bytes in another file are no change.
    fs::write(&path, &good).unwrap();
    scene.publish(2).unwrap();
    assert_eq!(scene.packages("bookworm", "amd64"), ["chat=1", "talk=1"]);
}

#[test]
fn verify_names_a_changed_index_and_a_stray_file() {
    let scene = Scene::new(&["bookworm"], &["amd64"]);
    scene.add(&[simple("chat", "1", "amd64", &["/usr/bin/chat"])]).unwrap();
    scene.publish(1).unwrap();
    let index = "dists/bookworm/main/binary-amd64/Packages.gz";
    let mut bytes = fs::read(scene.served(index)).unwrap();
    bytes[20] ^= 1;
    fs::remove_file(scene.served(index)).unwrap();
    fs::write(scene.served(index), bytes).unwrap();
    fs::write(scene.served("pool/main/c/chat/other.deb"), b"x").unwrap();
    let found = scene.repository.verify(&Silent).unwrap();
    assert_eq!(found.faults.len(), 1, "{found:?}");
    assert_eq!(found.faults[0].path, index);
    assert_eq!(found.remarks.len(), 1);
    let signed = scene.served("dists/bookworm/InRelease");
    let text = fs::read_to_string(&signed).unwrap();
    fs::write(&signed, text.replace("mesh", "mash")).unwrap();
    let found = scene.repository.verify(&Silent).unwrap();
    assert!(found.faults.iter().any(|fault| fault.path.ends_with("InRelease")), "{found:?}");
    scene.publish(2).unwrap();
    assert!(scene.repository.verify(&Silent).unwrap().faults.is_empty(), "mended");
}

#[test]
fn two_processes_do_not_change_it_at_once() {
    let scene = Scene::new(&["bookworm"], &["amd64"]);
    let lock = fs::File::open(scene.folder.path().join("repo/lock")).unwrap();
    rustix::fs::flock(&lock, rustix::fs::FlockOperation::LockExclusive).unwrap();
    assert!(matches!(scene.publish(1), Err(Error::Busy { .. })));
    assert!(matches!(scene.add(&[]), Err(Error::Busy { .. })));
    drop(lock);
    scene.publish(1).unwrap();
}

#[test]
fn versions_that_differ_by_their_epoch_lie_side_by_side() {
    let scene = Scene::new(&["bookworm"], &["amd64"]);
    let version = |version: &str| simple("libchat", version, "amd64", &[]);
    scene.add(&[version("1-1"), version("1:1-1"), version("2:1-1")]).unwrap();
    scene.publish(1).unwrap();
    assert_eq!(
        scene.packages("bookworm", "amd64"),
        ["libchat=1-1", "libchat=1:1-1", "libchat=2:1-1"]
    );
    assert!(scene.served("pool/main/libc/libchat/libchat_1-1_amd64.deb").exists());
    assert!(scene.served("pool/main/libc/libchat/libchat_1~1-1_amd64.deb").exists());
    assert!(scene.repository.verify(&Silent).unwrap().faults.is_empty());
}

#[test]
fn a_damaged_manifest_is_named_and_a_torn_one_is_read() {
    let scene = Scene::new(&["bookworm"], &["amd64"]);
    scene.add(&[simple("chat", "1", "amd64", &[])]).unwrap();
    let path = scene.folder.path().join("repo/manifest");
    let good = fs::read(&path).unwrap();
    fs::write(&path, [&good[..], b"p 400 00000000\nch"].concat()).unwrap();
    scene.add(&[simple("talk", "1", "amd64", &[])]).unwrap();
    assert_eq!(scene.repository.list().unwrap().len(), 2);
    let mut bad = fs::read(&path).unwrap();
    bad[good.len() / 2] ^= 1;
    fs::write(&path, bad).unwrap();
    assert!(matches!(scene.repository.list(), Err(Error::Manifest { .. })));
}
