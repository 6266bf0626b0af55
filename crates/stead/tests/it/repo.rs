//! `stead repo` as a person, a careless power cut and apt see it.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use deb::sum;

use crate::plain::simple;
use crate::program::{Home, get};

/// Notes loudly that something could not be tried here.
fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
    if let Some(path) = std::env::var_os("STEAD_SKIPPED") {
        let notes = fs::OpenOptions::new().append(true).create(true).open(path);
        writeln!(notes.expect("opens"), "{why}").expect("written");
    }
}

fn has(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    if !found {
        skipped(&format!("{program} is missing: nothing was asked of it"));
    }
    found
}

/// Writes a package into the home; gives its path.
fn package(home: &Home, name: &str, version: &str, architecture: &str) -> String {
    let path = home.path().join(format!("{name}_{version}_{architecture}.deb"));
    let file = format!("/usr/share/{name}/{version}");
    fs::write(&path, simple(name, version, architecture, &[&file])).expect("written");
    path.display().to_string()
}

/// apt with folders of its own, as user `root` of nothing.
struct Apt {
    folder: PathBuf,
}

impl Apt {
    fn new(home: &Home, sources: &Path) -> Self {
        let folder = home.path().join("apt");
        for part in ["lists/partial", "cache/archives/partial", "etc"] {
            fs::create_dir_all(folder.join(part)).expect("made");
        }
        fs::write(folder.join("status"), "").expect("written");
        fs::copy(sources, folder.join("etc/mesh.sources")).expect("copied");
        let shown = folder.display();
        let conf = format!(
            "Dir::State \"{shown}\";\nDir::State::lists \"{shown}/lists\";\n\
             Dir::State::status \"{shown}/status\";\nDir::Cache \"{shown}/cache\";\n\
             Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"{shown}/etc\";\n\
             APT::Sandbox::User \"root\";\nAPT::Architecture \"amd64\";\n\
             APT::Architectures {{\"amd64\";}};\nAcquire::Retries \"0\";\n"
        );
        fs::write(folder.join("conf"), conf).expect("written");
        Self { folder }
    }

    fn run(&self, arguments: &[&str]) -> (bool, String) {
        let output = Command::new("apt-get")
            .args(arguments)
            .current_dir(&self.folder)
            .env("APT_CONFIG", self.folder.join("conf"))
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .output()
            .expect("starts");
        let said = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&said).into_owned())
    }

    /// Updates; every package that it then knows must be in the pool, whole. Gives how many.
    fn update(&self, public: &Path) -> usize {
        let (done, said) = self.run(&["update"]);
        let calm = !said.lines().any(|line| {
            line.starts_with("W:") || line.starts_with("E:") || line.starts_with("Err")
        });
        assert!(done && calm, "{said}");
        let mut known = 0;
        for file in fs::read_dir(self.folder.join("lists")).expect("listed").flatten() {
            if !file.file_name().to_string_lossy().ends_with("_Packages") {
                continue;
            }
            let text = fs::read_to_string(file.path()).expect("read");
            for stanza in text.split("\n\n").filter(|stanza| !stanza.trim().is_empty()) {
                let field = |name: &str| {
                    stanza.lines().find_map(|line| line.strip_prefix(name)).expect("a field")
                };
                let (sum, _) =
                    sum::sha256_of_file(&public.join(field("Filename: "))).expect("in the pool");
                assert_eq!(sum, field("SHA256: "), "{stanza}");
                known += 1;
            }
        }
        known
    }
}

#[test]
fn a_repository_is_made_filled_read_and_served() {
    let home = Home::new();
    let made = home.expect(&[0], &["repo", "init", "mesh", "--arch", "amd64", "--dry-run"]);
    assert!(made.ends_with("nothing was made\n") && !home.path().join("mesh").exists());
    home.expect(&[0], &["repo", "init", "mesh", "--arch", "amd64"]);
    assert_eq!(home.run(&["repo", "init", "mesh"]).status.code(), Some(1), "not twice");
    let chat = package(&home, "chat", "1-1", "amd64");
    let said = home.expect(&[0], &["repo", "add", "mesh", &chat]);
    assert_eq!(said, "added chat 1-1 (amd64)\n");
    assert_eq!(home.expect(&[0], &["repo", "publish", "mesh"]), "published bookworm: 1 package\n");
    let list: serde_json::Value =
        serde_json::from_str(&home.expect(&[0], &["repo", "list", "mesh", "--json"]))
            .expect("JSON");
    assert_eq!(list[0]["package"], "chat");
    assert_eq!(list[0]["sealed"], false);
    let refused = home.run(&["repo", "remove", "mesh", "chat"]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("hint: `stead repo seal DIR chat VERSION`"), "{said}");
    let deb = home.path().join("mesh/public/pool/main/c/chat/chat_1-1_amd64.deb");
    let mut bytes = fs::read(&deb).expect("read");
    bytes[200] ^= 1;
    fs::write(&deb, bytes).expect("written");
    let said = home.expect(&[1], &["repo", "verify", "mesh"]);
    assert!(said.contains("chat_1-1_amd64.deb (chat 1-1 (amd64)): changed"), "{said}");
    let stopped = home.run(&["repo", "publish", "mesh"]);
    let said = String::from_utf8_lossy(&stopped.stderr).into_owned();
    assert!(said.contains("chat 1-1 (amd64) was changed in the pool"), "{said}");
    assert_eq!(stopped.status.code(), Some(1));
    let outside = home.run(&["repo", "serve", "mesh", "--listen", "0.0.0.0:0"]);
    assert_eq!(outside.status.code(), Some(2), "for this machine alone");
}

#[test]
fn apt_sees_a_whole_repository_whenever_a_publication_is_killed() {
    if !has("apt-get") {
        return;
    }
    let home = Home::new();
    home.expect(&[0], &["repo", "init", "mesh", "--arch", "amd64"]);
    let public = home.path().join("mesh/public");
    let first: Vec<String> =
        (0..60).map(|n| package(&home, &format!("first-{n}"), "1", "amd64")).collect();
    let mut add = vec!["repo", "add", "--publish", "mesh"];
    add.extend(first.iter().map(String::as_str));
    home.expect(&[0], &add);
    let one = package(&home, "one", "1", "amd64");
    let began = Instant::now();
    home.expect(&[0], &["repo", "add", "--publish", "mesh", &one]);
    let whole = began.elapsed();

    let apt = Apt::new(&home, &public.join("mesh.sources"));
    let (over, seen) = (AtomicBool::new(false), AtomicUsize::new(0));
    const KILLS: u32 = 40;
    let mut survived = 0;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let mut most = 0;
            while !over.load(Ordering::Relaxed) {
                let known = apt.update(&public);
                assert!(known >= most, "{known} packages after {most}");
                most = known;
                seen.fetch_add(1, Ordering::Relaxed);
            }
        });
        for number in 0..KILLS {
            let deb = package(&home, &format!("next-{number}"), "1", "amd64");
            let mut child = home
                .command(&["repo", "add", "--publish", "mesh", &deb])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .expect("starts");
            let began = Instant::now();
            let wait: Duration = whole * number / (KILLS * 3 / 4);
            while began.elapsed() < wait && !reader.is_finished() {
                std::thread::yield_now();
            }
            child.kill().expect("killed");
            survived += u32::from(child.wait().expect("ended").success());
            if reader.is_finished() {
                break;
            }
        }
        // At least one look at the last state.
        let looks = seen.load(Ordering::Relaxed);
        while seen.load(Ordering::Relaxed) < looks + 2 && !reader.is_finished() {
            std::thread::yield_now();
        }
        over.store(true, Ordering::Relaxed);
    });
    eprintln!("{KILLS} kills, {survived} came too late; apt looked {seen:?} times");
    assert!(survived < KILLS, "no kill met a publication");
    home.expect(&[0], &["repo", "verify", "mesh"]);
    home.expect(&[0], &["repo", "publish", "mesh"]);
    let said = home.expect(&[0], &["repo", "verify", "mesh"]);
    assert!(said.ends_with(" 0 faults\n") && !said.contains("stopped"), "{said}");
    let (done, said) = apt.run(&["update"]);
    assert!(done, "{said}");
    let (done, said) = apt.run(&["download", "one"]);
    assert!(done, "{said}");
}

/// A small disk, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir_all(&path).expect("made");
        let mut mount = Command::new("mount");
        let done = mount.args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(&path).status();
        done.is_ok_and(|status| status.success()).then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_leaves_the_last_publication_served() {
    let home = Home::new();
    let Some(disk) = SmallDisk::mount(home.path().join("disk")) else {
        return skipped("no tmpfs could be mounted: no full disk was tried");
    };
    home.expect(&[0], &["repo", "init", "disk/mesh", "--arch", "amd64"]);
    let one = package(&home, "one", "1", "amd64");
    home.expect(&[0], &["repo", "add", "--publish", "disk/mesh", &one]);
    let signed = disk.0.join("mesh/public/dists/bookworm/InRelease");
    let before = fs::read(&signed).expect("read");
    let two = package(&home, "two", "1", "amd64");
    home.expect(&[0], &["repo", "add", "disk/mesh", &two]);
    let filler = disk.0.join("filler");
    let mut file = fs::File::create(&filler).expect("made");
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let said = home.run(&["repo", "publish", "disk/mesh"]);
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert_eq!(said.status.code(), Some(1), "{text}");
    assert!(text.contains("No space left on device"), "{text}");
    let three = package(&home, "three", "1", "amd64");
    assert_eq!(home.run(&["repo", "add", "disk/mesh", &three]).status.code(), Some(1));
    assert_eq!(fs::read(&signed).expect("read"), before);
    home.expect(&[0], &["repo", "verify", "disk/mesh"]);
    fs::remove_file(filler).expect("removed");
    let said = home.expect(&[0], &["repo", "publish", "disk/mesh"]);
    assert_eq!(said, "published bookworm: 2 packages\n");
    home.expect(&[0], &["repo", "verify", "disk/mesh"]);
}

#[test]
fn a_repository_is_served_in_parts_and_only_when_it_changed() {
    use std::io::{BufRead, BufReader};
    let home = Home::new();
    home.expect(&[0], &["repo", "init", "mesh", "--arch", "amd64"]);
    let mut child = home
        .command(&["repo", "serve", "mesh", "--listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("starts");
    let mut line = String::new();
    let mut out = BufReader::new(child.stdout.take().expect("piped"));
    out.read_line(&mut line).expect("a line");
    let url = line.trim().rsplit(' ').next().expect("a URL").to_owned();
    let signed = format!("{url}dists/bookworm/InRelease");
    let (status, all) = get(&signed, &[]);
    assert_eq!(status, 200, "{all}");
    let changed = all.lines().find_map(|line| line.strip_prefix("last-modified: "));
    let changed = changed.expect("a time").trim().to_owned();
    assert_eq!(get(&signed, &[("If-Modified-Since", &changed)]).0, 304);
    let (status, part) = get(&signed, &[("Range", "bytes=5-9")]);
    assert!(status == 206 && part.ends_with("\r\n\r\nBEGIN"), "{part}");
    for (path, code) in [
        ("", 404),
        ("dists/", 404),
        ("../repository.toml", 404),
        ("..%2frepository.toml", 404),
        ("%2e%2e/key.secret", 404),
    ] {
        let (status, said) = get(&format!("{url}{path}"), &[]);
        assert_eq!(status, code, "{path}: {said}");
    }
    assert_eq!(get(&signed, &[("Host", "evil.example.org")]).0 / 100, 4);
    child.kill().expect("killed");
    child.wait().expect("ended");
}
