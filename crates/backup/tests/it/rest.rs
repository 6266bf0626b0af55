//! A service's rest, with stand-ins for systemd's programs that write down how they were called.
//!
//! Leaves out systemd itself.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use backup::refusal::Refusal;
use backup::rest::Rest;

/// `systemctl` and `systemd-run` that keep a log; `show` says that all but `idle.service` run.
fn systemd(folder: &Path, stop: &str) {
    let log = folder.join("log");
    let log = log.display();
    let tools = [
        (
            "systemctl",
            format!(
                "case \"$1 $*\" in\n  show*idle.service) echo inactive;;\n  show*) echo active;;\n  *) echo \"$*\" >> {log};;\nesac\n[ \"$1\" != stop ] || {{ {stop}; }}"
            ),
        ),
        ("systemd-run", format!("echo \"timer $*\" >> {log}")),
    ];
    for (name, text) in tools {
        let path = folder.join(name);
        fs::write(&path, format!("#!/bin/sh\n{text}\n")).expect("a test may do this");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a test may do this");
    }
}

fn log(folder: &Path) -> Vec<String> {
    let text = fs::read_to_string(folder.join("log")).unwrap_or_default();
    let own = format!("stead-rest-chat-{}", std::process::id());
    text.lines().map(|line| line.replace(&own, "TIMER")).collect()
}

fn units() -> Vec<String> {
    ["a.service", "idle.service", "b.service"].map(str::to_owned).to_vec()
}

#[test]
fn units_that_run_are_stopped_and_started_with_a_timer_set_before() {
    let folder = tempfile::tempdir().unwrap();
    systemd(folder.path(), ":");
    let rest = Rest::begin("chat", &units(), Some(600), folder.path()).unwrap();
    let timer = format!(
        "timer --quiet --collect --unit=TIMER --on-active=610 --timer-property=AccuracySec=1s -- \
         {}/systemctl start -- a.service b.service",
        folder.path().display()
    );
    assert_eq!(log(folder.path()), [&*timer, "stop -- a.service b.service"]);
    assert!(!rest.over());
    rest.end().unwrap();
    let ended = ["start -- a.service b.service", "stop -- TIMER.timer"];
    assert_eq!(log(folder.path())[2..], ended);
}

#[test]
fn a_rest_that_takes_too_long_is_ended_and_said() {
    let folder = tempfile::tempdir().unwrap();
    systemd(folder.path(), ":");
    let rest = Rest::begin("chat", &units(), Some(0), folder.path()).unwrap();
    let cut = rest.end();
    assert!(matches!(cut, Err(Refusal::CutShort { .. })), "{cut:?}");
    let last = log(folder.path()).into_iter().rfind(|line| line.contains("a.service"));
    assert_eq!(last.as_deref(), Some("start -- a.service b.service"));
}

#[test]
fn a_panic_and_a_failed_stop_start_the_units_again() {
    let folder = tempfile::tempdir().unwrap();
    systemd(folder.path(), ":");
    let path = folder.path().to_owned();
    let broken = std::thread::spawn(move || {
        let _rest = Rest::begin("chat", &units(), Some(600), &path).unwrap();
        panic!("on purpose");
    });
    assert!(broken.join().is_err());
    assert_eq!(log(folder.path())[2], "start -- a.service b.service");
    let folder = tempfile::tempdir().unwrap();
    systemd(folder.path(), "[ $3 = TIMER ] || { echo no such unit >&2; exit 5; }");
    let refused = Rest::begin("chat", &units(), Some(600), folder.path()).unwrap_err();
    assert!(refused.to_string().contains("systemd does not stop a.service b.service"), "{refused}");
    assert!(log(folder.path()).contains(&"start -- a.service b.service".to_owned()));
}

#[test]
fn without_a_timer_nothing_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    systemd(folder.path(), ":");
    fs::write(folder.path().join("systemd-run"), "#!/bin/sh\necho no bus >&2; exit 1\n").unwrap();
    let refused = Rest::begin("chat", &units(), None, folder.path()).unwrap_err();
    assert!(refused.to_string().contains("no bus"), "{refused}");
    assert_eq!(log(folder.path()), [""; 0]);
    let idle = ["idle.service".to_owned()];
    Rest::begin("chat", &idle, None, folder.path()).unwrap().end().unwrap();
    assert_eq!(log(folder.path()), [""; 0], "what did not run is not started");
}
