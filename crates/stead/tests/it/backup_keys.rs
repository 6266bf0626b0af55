//! Keys of backups on the command line: made, sealed, opened, printed, typed in again.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::program::Home;

/// A stead with one service that this host keeps, and three members.
fn stead() -> (Home, PathBuf, Vec<PathBuf>) {
    let home = Home::new();
    home.expect(&[0, 3], &["up", "--once"]);
    let plan = home.path().join("our-stead");
    let mut text = fs::read_to_string(plan.join("stead.toml")).expect("a plan");
    let disk = home.path().join("disk");
    fs::create_dir(&disk).expect("made");
    text.push_str(&format!("[targets.disk]\nkind = \"folder\"\npath = \"{}\"\n", disk.display()));
    fs::write(plan.join("stead.toml"), text).expect("written");
    // A host that is not this one, so that nothing is written outside of this home.
    fs::write(plan.join("hosts/elsewhere.toml"), "name = \"elsewhere\"\n").expect("written");
    fs::create_dir(plan.join("services")).expect("made");
    let service = "recipe = \"static-site\"\nhosts = [\"elsewhere\"]\nbackups = [\"disk\"]\n";
    fs::write(plan.join("services/www.toml"), service).expect("written");
    let mut keys = Vec::new();
    for name in ["al", "im"] {
        fs::write(plan.join(format!("members/{name}.toml")), format!("name = \"{name}\"\n"))
            .expect("written");
    }
    for name in ["al", "el", "im"] {
        let key = home.path().join(format!("{name}.key"));
        let shown = key.to_string_lossy().into_owned();
        home.expect(&[0], &["member", "key", "--member", name, "--out", &shown]);
        keys.push(key);
    }
    (home, plan, keys)
}

#[test]
fn a_key_is_sealed_to_three_members_and_each_of_them_and_age_opens_it() {
    let (home, plan, keys) = stead();
    home.expect(&[0], &["backup", "keys", "make", "www", "--dry-run"]);
    assert!(!plan.join("secrets").exists());
    home.expect(&[0], &["backup", "keys", "make", "www"]);
    let again = home.run(&["backup", "keys", "make", "www"]);
    assert_eq!(again.status.code(), Some(1));

    let mut opened = Vec::new();
    for key in &keys {
        assert_eq!(fs::metadata(key).expect("there").permissions().mode() & 0o777, 0o600);
        let key = key.to_string_lossy().into_owned();
        let text =
            home.expect(&[0], &["backup", "keys", "open", "www", "--identity", &key, "--out", "-"]);
        assert_eq!(text.trim_end().len(), 64);
        opened.push(text);
    }
    assert!(opened.iter().all(|text| *text == opened[0]));
    let by_age = Command::new("age")
        .args(["-d", "-i"])
        .arg(&keys[1])
        .arg(plan.join("secrets/backup-www.age"))
        .output()
        .expect("the package `age` is installed");
    assert_eq!(String::from_utf8_lossy(&by_age.stdout), opened[0]);

    let list = home.expect(&[0], &["backup", "keys", "list", "--json"]);
    let list: serde_json::Value = serde_json::from_str(&list).expect("JSON");
    assert_eq!((list[0]["able"].as_u64(), list[0]["enough"].as_bool()), (Some(3), Some(true)));

    // Nothing of the key is in the plan's history but what is sealed.
    let log = Command::new("git").arg("-C").arg(&plan).args(["log", "-p"]).output().expect("git");
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    assert!(log.contains("Seal the key of www's backups"));
    assert!(!log.contains(opened[0].trim_end()) && !log.contains("AGE-SECRET-KEY"));
}

#[test]
fn fewer_than_three_members_are_refused_and_told_what_they_risk() {
    let (home, plan, _) = stead();
    fs::write(plan.join("members/im.toml"), "name = \"im\"\n").expect("written");
    let refused = home.run(&["backup", "keys", "make", "www"]);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("only 2 members would be able to open the backups: al, el"), "{said}");
    assert!(said.contains("(im has none yet)") && said.contains("--fewer-is-fine"), "{said}");
    assert!(!plan.join("secrets").exists());
    home.expect(&[0], &["backup", "keys", "make", "www", "--fewer-is-fine"]);
    let list = home.expect(&[0], &["backup", "keys", "list"]);
    assert!(list.contains("2 members can open it; 3 should"), "{list}");
}

#[test]
fn who_joins_can_open_it_after_it_was_sealed_anew_and_who_left_is_named() {
    let (home, plan, keys) = stead();
    home.expect(&[0], &["backup", "keys", "make", "www"]);
    fs::remove_file(plan.join("members/im.toml")).expect("left");
    fs::write(plan.join("members/new.toml"), "name = \"new\"\n").expect("written");
    let new = home.path().join("new.key").to_string_lossy().into_owned();
    home.expect(&[0], &["member", "key", "--member", "new", "--out", &new]);
    let list = home.expect(&[0], &["backup", "keys", "list"]);
    assert!(list.contains("im           is in the plan no longer"), "{list}");
    assert!(list.contains("`stead backup keys change www`"), "{list}");
    assert!(list.contains("sealed to 1 person who is no member any more"), "{list}");
    assert!(list.contains("new          not yet: `stead backup keys seal www`"), "{list}");
    let open = ["backup", "keys", "open", "www", "--identity", &new, "--out", "-"];
    assert_eq!(home.run(&open).status.code(), Some(1));
    let mine = keys[0].to_string_lossy().into_owned();
    let sealed = home.expect(&[0], &["backup", "keys", "seal", "www", "--identity", &mine]);
    assert!(sealed.contains("new can open it now"), "{sealed}");
    assert!(sealed.contains("im cannot open it here any more"), "{sealed}");
    home.expect(&[0], &open);
    let theirs = keys[2].to_string_lossy().into_owned();
    let left = home.run(&["backup", "keys", "open", "www", "--identity", &theirs, "--out", "-"]);
    assert_eq!(left.status.code(), Some(1));
}

#[test]
fn the_page_is_read_back_and_a_mistyped_line_is_named() {
    let (home, _, keys) = stead();
    home.expect(&[0], &["backup", "keys", "make", "www"]);
    let mine = keys[0].to_string_lossy().into_owned();
    let page = home.expect(&[0], &["backup", "keys", "paper", "www", "--identity", &mine]);
    assert!(
        page.contains("restic -r REPOSITORY snapshots") && page.contains("/disk/www"),
        "{page}"
    );
    let file = home.path().join("page.txt");
    fs::write(&file, &page).expect("written");
    let file = file.to_string_lossy().into_owned();
    let read = ["backup", "keys", "read-paper", "www", "--from", &file, "--out", "-"];
    let opened =
        home.expect(&[0], &["backup", "keys", "open", "www", "--identity", &mine, "--out", "-"]);
    assert_eq!(home.expect(&[0], &read), opened);
    let digit = opened.chars().next().expect("a digit");
    let other = if digit == '0' { '1' } else { '0' };
    fs::write(&file, page.replacen(&format!("    1   {digit}"), &format!("    1   {other}"), 1))
        .expect("written");
    let refused = home.run(&read);
    assert_eq!(refused.status.code(), Some(1));
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(said.contains("line 1 was mistyped"), "{said}");
}

#[test]
fn a_secret_is_never_taken_from_the_arguments() {
    let (home, _, _) = stead();
    for arguments in [
        &["backup", "keys", "open", "www"][..],
        &["backup", "keys", "open", "www", "AGE-SECRET-KEY-1"],
        &["backup", "keys", "read-paper", "www", "0123"],
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_stead"))
            .args(arguments)
            .env("HOME", home.path())
            .stdin(Stdio::null())
            .output()
            .expect("runs");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}
