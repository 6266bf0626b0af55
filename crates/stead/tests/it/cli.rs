//! The commands on this machine, whatever it is: with or without systemd, with or without root.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::program::{Home, get};

/// A check may or may not fail on the machine the tests run on.
const EITHER: &[i32] = &[0, 3];

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

#[test]
fn up_makes_a_stead_whose_keys_are_for_one_user_only() {
    let home = Home::new();
    let output = home.run(&["up", "--once"]);
    assert!(matches!(output.status.code(), Some(0 | 3)), "{output:?}");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Founded the stead"), "{said}");

    let plan = home.path().join("our-stead");
    assert!(plan.join("stead.toml").is_file() && plan.join("members/el.toml").is_file());
    assert_eq!(fs::read_dir(plan.join("hosts")).expect("hosts").count(), 1);
    let log = std::process::Command::new("git")
        .args(["-C", &plan.to_string_lossy(), "log", "--oneline"])
        .output()
        .expect("git runs");
    assert_eq!(String::from_utf8_lossy(&log.stdout).lines().count(), 1);

    let state = home.state();
    let mode =
        |path: &std::path::Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&state), 0o700);
    assert_eq!(mode(&state.join("device.key")), 0o600);
    assert_eq!(mode(&state.join("record.db")), 0o600);
    let key = fs::read(state.join("device.key")).expect("readable");
    for file in ["stead.toml", "members/el.toml"] {
        let text = fs::read(plan.join(file)).expect("readable");
        assert!(!text.windows(key.len().min(64)).any(|window| key.starts_with(window)), "{file}");
    }
}

#[test]
fn a_second_up_goes_on_where_the_first_stopped() {
    let home = Home::new();
    home.expect(EITHER, &["up", "--once"]);
    let first = home.expect(&[0], &["record", "list", "--json"]);
    let plan = fs::read_to_string(home.path().join("our-stead/stead.toml")).expect("a plan");
    let output = home.run(&["up", "--once"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("Resuming the stead"));
    let again = fs::read_to_string(home.path().join("our-stead/stead.toml")).expect("a plan");
    assert_eq!(plan, again);
    let second = home.expect(&[0], &["record", "list", "--json", "--limit", "100000"]);
    let (first, second) = (json(&first), json(&second));
    assert!(
        second.as_array().expect("a list").len() > first.as_array().expect("a list").len().min(49)
    );
    home.expect(&[0], &["record", "verify"]);
    let status = json(&home.expect(&[0], &["status", "--json"]));
    assert_eq!(status["overview"]["hosts"].as_array().map(Vec::len), Some(1));
    assert!(status["watcher"].is_null());
}

#[test]
fn a_dry_run_makes_nothing() {
    let home = Home::new();
    let said = home.expect(&[0], &["up", "--dry-run"]);
    assert!(said.contains("stead.toml"), "{said}");
    assert_eq!(fs::read_dir(home.path()).expect("home").count(), 0);
}

#[test]
fn a_folder_with_other_things_in_it_is_refused_and_kept() {
    let home = Home::new();
    fs::create_dir(home.path().join("our-stead")).expect("made");
    fs::write(home.path().join("our-stead/thesis.odt"), "years").expect("written");
    let output = home.run(&["up", "--once"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("holds no stead") && said.contains("hint: "), "{said}");
    assert_eq!(fs::read_dir(home.path().join("our-stead")).expect("there").count(), 1);
}

#[test]
fn a_mistake_in_the_plan_is_shown_with_its_line_and_nothing_is_lost() {
    let home = Home::new();
    home.expect(EITHER, &["up", "--once"]);
    let path = home.path().join("our-stead/stead.toml");
    let text = fs::read_to_string(&path).expect("a plan");
    fs::write(&path, format!("colour = 3\n{text}")).expect("written");
    let output = home.run(&["check"]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(
        said.contains("stead.toml:1: ") && said.contains("colour") && said.contains("hint: "),
        "{said}"
    );
    fs::write(&path, text).expect("written");
    home.expect(&[0], &["record", "verify"]);
}

#[test]
fn a_lost_key_is_told_and_no_second_one_takes_its_place() {
    let home = Home::new();
    home.expect(EITHER, &["up", "--once"]);
    let state = home.state();
    fs::remove_file(state.join("device.key")).expect("removed");
    for arguments in [["up", "--once"].as_slice(), &["check"], &["record", "verify"]] {
        let output = home.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("is gone") && said.contains("hint: restore "), "{said}");
        assert!(!state.join("device.key").exists());
    }
    fs::rename(state.join("record.db"), state.join("old.db")).expect("moved");
    let output = home.run(&["up", "--once"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("This device is new to it"), "{said}");
}

#[test]
fn a_damaged_record_and_an_open_key_come_with_a_way_out() {
    let home = Home::new();
    home.expect(EITHER, &["up", "--once"]);
    let state = home.state();
    let key = state.join("device.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("opened");
    let said = String::from_utf8_lossy(&home.run(&["status"]).stderr).into_owned();
    assert!(said.contains("hint: `chmod 600 "), "{said}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).expect("closed");
    fs::write(state.join("record.db"), "no database at all").expect("written");
    let said = String::from_utf8_lossy(&home.run(&["status"]).stderr).into_owned();
    assert!(said.contains("hint: move "), "{said}");
}

#[test]
fn where_nothing_can_be_written_check_answers_by_the_plan_and_says_so() {
    let home = Home::new();
    home.expect(EITHER, &["up", "--once"]);
    let file = fs::read_dir(home.path().join("our-stead/hosts")).expect("hosts").next();
    let file = file.expect("one").expect("readable").path();
    let secret = "\n[[secrets]]\npath = \"/nowhere/hush\"\n";
    let text = fs::read_to_string(&file).expect("readable") + secret;
    fs::write(&file, text).expect("written");
    // What stands where a folder should stops root as well.
    fs::write(home.path().join("file"), "").expect("written");
    let output = home.run(&["--state", "file/below", "check", "secret-modes"]);
    assert_eq!(output.status.code(), Some(3), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("/nowhere/hush"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("warning: these answers have no history"), "{said}");
}

#[test]
fn a_plans_own_text_cannot_harm_the_terminal_that_tells_its_fault() {
    let home = Home::new();
    home.expect(EITHER, &["up", "--once"]);
    let plan = home.path().join("our-stead/stead.toml");
    fs::write(&plan, "\"\\u001b[31mevil\" = 1\nx = \"\u{1b}]0;x\u{7}\"\n").expect("written");
    let output = home.run(&["status"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(!output.stderr.contains(&0x1b) && !output.stderr.contains(&7), "{output:?}");
}

#[test]
fn a_folder_that_was_named_and_holds_no_stead_is_not_passed_over() {
    let home = Home::new();
    for command in ["check", "facts"] {
        let output = home.run(&["--dir", "nowhere", command]);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(said.contains("there is no stead in"), "{said}");
    }
}

#[test]
fn a_page_for_other_machines_is_refused_before_anything_is_made() {
    let home = Home::new();
    let output = home.run(&["up", "--listen", "0.0.0.0:7833"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(fs::read_dir(home.path()).expect("a home").count(), 0);
}

#[test]
fn check_answers_every_question_with_or_without_a_stead() {
    let home = Home::new();
    let report = json(&home.expect(EITHER, &["check", "--json"]));
    let listed = json(&home.expect(&[0], &["check", "list", "--json"]));
    let findings = report["findings"].as_array().expect("findings");
    for check in listed.as_array().expect("checks") {
        let name = check["name"].as_str().expect("a name");
        assert!(findings.iter().any(|finding| finding["name"] == name), "`{name}` is silent");
        let told = home.expect(&[0], &["check", "explain", name]);
        assert!(told.contains("See it yourself:") && told.contains("Mend it:"), "{told}");
    }
    for finding in findings {
        for key in ["name", "verdict", "subject", "evidence"] {
            assert!(finding[key].as_str().is_some_and(|text| !text.is_empty()), "{finding}");
        }
        let verdict = finding["verdict"].as_str().expect("a verdict");
        let needs_fix = matches!(verdict, "fail" | "warn");
        assert!(!needs_fix || finding["fix"].is_string(), "no way out: {finding}");
    }
    assert_eq!(fs::read_dir(home.path()).expect("home").count(), 0, "a check makes nothing");
}

#[test]
fn a_wrong_word_is_met_with_the_nearest_right_one() {
    let home = Home::new();
    let output = home.run(&["check", "disk-spac"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `disk-space`?"));
    assert_eq!(home.run(&["chekc"]).status.code(), Some(2));
}

#[test]
fn the_page_is_for_who_holds_the_link_and_the_link_opens_once() {
    let home = Home::new();
    let running = home.up();
    let (status, _) = get(&running.url, &[("Host", "evil.example")]);
    assert!((400..500).contains(&status), "{status}");
    let (status, answer) = get(&running.url, &[]);
    assert_eq!(status, 303, "{answer}");
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("set-cookie: "))
        .and_then(|cookie| cookie.split(';').next())
        .expect("a cookie")
        .to_owned();
    let page = running.url.split('?').next().expect("a page").to_owned();
    assert_eq!(get(&page, &[]).0, 403);
    let (status, answer) = get(&page, &[("Cookie", &cookie)]);
    assert!(status == 200 && answer.contains("<main"), "{answer}");
    assert_eq!(get(&running.url, &[]).0, 403, "a link opens once");

    let link = home.expect(&[0], &["link"]);
    assert_eq!(get(link.trim(), &[]).0, 303);
    let status = json(&home.expect(&[0], &["status", "--json"]));
    assert_eq!(status["watcher"]["pid"].as_i64(), Some(running.pid().into()));
    let again = home.expect(&[0], &["up"]);
    assert!(again.contains("runs already"), "{again}");

    let metrics = format!("{page}metrics");
    assert_eq!(get(&metrics, &[]).0, 403);
    let token = fs::read_to_string(home.state().join("metrics.token")).expect("a token");
    let (status, answer) = get(&metrics, &[("Authorization", &format!("Bearer {token}"))]);
    assert!(status == 200 && answer.contains("stead_check_findings") && answer.contains("# EOF"));

    assert_eq!(running.interrupt(), Some(0));
    assert_eq!(home.run(&["link"]).status.code(), Some(1));
}

#[test]
fn a_killed_up_leaves_a_whole_record_and_the_next_one_goes_on() {
    let home = Home::new();
    home.up().kill();
    home.expect(&[0], &["record", "verify"]);
    let running = home.up();
    assert!(running.said.contains("once: "));
    assert_eq!(running.interrupt(), Some(0));
    home.expect(&[0], &["record", "verify"]);
}

#[test]
fn completions_and_the_manual_name_every_command() {
    let home = Home::new();
    let man = home.expect(&[0], &["man"]);
    let bash = home.expect(&[0], &["completions", "bash"]);
    for word in ["up", "check", "facts", "status", "logs", "link", "record"] {
        assert!(bash.contains(word), "{word}");
        assert!(man.contains(&format!("STEAD {}", word.to_uppercase())), "{word}");
    }
    assert!(man.starts_with(".ie") || man.starts_with(".TH"), "{}", &man[..80]);
}
