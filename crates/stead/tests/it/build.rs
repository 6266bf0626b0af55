//! `stead build`: the same bytes from another folder, user, umask, time zone and day; all or none.
//!
//! Leaves out installing what is built, which the lab does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const RECIPE: &str = r#"name = "hello"
summary = "Says hello"
version = "1.0"
[source]
files = "www"
into = "/usr/share/hello"
[settings.port]
type = "port"
default = 8080
help = "Where it listens."
[[files]]
path = "/etc/hello.conf"
content = "port = {{ port }}\n"
mode = "0640"
"#;

fn recipe(folder: &Path, name: &str, extra: &str) {
    let folder = folder.join(name);
    fs::create_dir_all(folder.join("www/deep")).expect("made");
    fs::write(folder.join("recipe.toml"), RECIPE.replace("hello", name) + extra).expect("written");
    fs::write(folder.join("www/index.html"), "x".repeat(5000)).expect("written");
    fs::write(folder.join("www/deep/run"), "#!/bin/sh\n").expect("written");
}

fn stead(folder: &Path, arguments: &str, around: &str) -> Output {
    let program = env!("CARGO_BIN_EXE_stead");
    Command::new("sh")
        .current_dir(folder)
        .args(["-c", &format!("{around} '{program}' {arguments}")])
        .env("HOME", folder)
        .env_remove("STEAD_DIR")
        .output()
        .expect("sh")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeMap::new() };
    entries
        .map(|entry| entry.expect("readable"))
        .map(|entry| {
            let content = fs::read(entry.path()).expect("a file");
            (entry.file_name().to_string_lossy().into_owned(), content)
        })
        .collect()
}

#[test]
fn the_same_recipe_gives_the_same_bytes_under_other_conditions() {
    let one = tempfile::tempdir().expect("a folder");
    recipe(one.path(), "hello", "");
    let done = stead(one.path(), "build ./hello --out out", "umask 022; TZ=UTC LC_ALL=C");
    assert!(done.status.success(), "{}", said(&done));

    let other = tempfile::tempdir().expect("a folder");
    let deep = other.path().join("somewhere/else");
    fs::create_dir_all(&deep).expect("made");
    // Another order of making, other modes and times.
    fs::create_dir_all(deep.join("hello/www/deep")).expect("made");
    let from = one.path().join("hello");
    let copied = Command::new("sh")
        .current_dir(&deep)
        .env("FROM", &from)
        .args([
            "-c",
            "umask 077; cp \"$FROM\"/www/deep/run hello/www/deep/; \
                      cp \"$FROM\"/www/index.html hello/www/; cp \"$FROM\"/recipe.toml hello/; \
                      touch -d 2011-11-11 hello/www/index.html hello; chmod -R go-rwx .",
        ])
        .status()
        .expect("sh");
    assert!(copied.success());
    // A day two years back, for the program's own clock.
    let faketime = Command::new("faketime").arg("--version").output().is_ok();
    if !faketime {
        eprintln!("SKIPPED in part: `faketime` is missing, so the day is the same");
    }
    let day = if faketime { "faketime '2024-02-29 23:59:59'" } else { "" };
    let user = Command::new("setpriv").arg("--version").output().is_ok()
        && rustix::process::geteuid().is_root();
    let user = if user { "setpriv --reuid=65534 --regid=65534 --clear-groups" } else { "" };
    if !user.is_empty() {
        let opened = Command::new("chown").args(["-R", "65534:65534"]).arg(other.path()).status();
        assert!(opened.expect("chown").success());
    }
    let around = format!(
        "umask 077; export TZ=Asia/Kathmandu LC_ALL=C.UTF-8 TMPDIR='{}'; {day} {user}",
        other.path().display()
    );
    let done = stead(&deep, "build ./hello --out out --jobs 1", &around);
    assert!(done.status.success(), "{}", said(&done));
    let (one, other) = (files(&one.path().join("out")), files(&deep.join("out")));
    assert_eq!(one.keys().collect::<Vec<_>>(), ["hello_1.0-1_all.deb"]);
    assert!(one == other, "the packages differ");
}

#[test]
fn two_packages_with_one_path_are_both_named_and_nothing_is_written() {
    let folder = tempfile::tempdir().expect("a folder");
    let own = "[[files]]\npath = \"/etc/shared.conf\"\ncontent = \"x\"\n";
    recipe(folder.path(), "hello", own);
    recipe(folder.path(), "greet", own);
    let done = stead(folder.path(), "build ./hello ./greet --out out", "");
    assert_eq!(done.status.code(), Some(1));
    let said = said(&done);
    assert!(
        said.contains("hello and greet both claim this path") && said.contains("/etc/shared.conf"),
        "{said}"
    );
    assert!(files(&folder.path().join("out")).is_empty());
}

#[test]
fn a_dry_run_names_the_packages_and_writes_none() {
    let folder = tempfile::tempdir().expect("a folder");
    recipe(folder.path(), "hello", "");
    let done = stead(folder.path(), "build ./hello --arch amd64,all --dry-run --json", "");
    assert!(done.status.success(), "{}", said(&done));
    let planned = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(planned.contains("\"file\": \"hello_1.0-1_all.deb\""), "{planned}");
    assert!(!folder.path().join("packages").exists());
}

#[test]
fn what_is_built_has_no_faults_and_says_whence_it_is() {
    let folder = tempfile::tempdir().expect("a folder");
    recipe(folder.path(), "hello", "");
    let done = stead(folder.path(), "build ./hello --set port=99 --out out", "");
    assert!(done.status.success(), "{}", said(&done));
    let done = stead(folder.path(), "lint --strict out/hello_1.0-1_all.deb", "");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stdout));
    let done = stead(folder.path(), "whence out/hello_1.0-1_all.deb", "");
    let told = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(told.contains("setting   port = 99\n"), "{told}");
}
