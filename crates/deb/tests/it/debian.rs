//! Debian's programs that judge what is made here; what is not installed is skipped, loudly.

use std::io::Write;
use std::path::Path;
use std::process::Command;

/// Says whether a program or file that a test needs is here, and notes it if not.
pub fn has(need: &str) -> bool {
    let found = if need.starts_with('/') {
        Path::new(need).exists()
    } else {
        let path = std::env::var_os("PATH").unwrap_or_default();
        std::env::split_paths(&path).any(|folder| folder.join(need).is_file())
    };
    if !found {
        note(&format!("{need} is missing: Debian's judgement was not asked for"));
    }
    found
}

/// Says loudly that something was skipped.
pub fn note(line: &str) {
    eprintln!("SKIPPED: {line}");
    if let Some(path) = std::env::var_os("STEAD_SKIPPED") {
        let notes = std::fs::OpenOptions::new().append(true).create(true).open(path);
        writeln!(notes.expect("opens"), "{line}").expect("written");
    }
}

/// Runs a command; says whether it succeeded and what it printed.
pub fn run(command: &mut Command) -> (bool, String) {
    let output = command.output().expect("starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}
