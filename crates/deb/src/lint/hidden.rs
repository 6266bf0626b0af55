//! Failures that nobody sees, and programs for other machines.
//!
//! Leaves out `|| true` behind what may fail without harm: stopping, reloading, cleaning up.

use crate::lint::facts::Facts;
use crate::lint::finding::{Finding, Rule};
use crate::lint::walk::Run;

/// Commands whose failure leaves a service that cannot work.
const IMPORTANT: [&str; 24] = [
    "adduser",
    "useradd",
    "psql",
    "createdb",
    "createuser",
    "mysql",
    "sqlite3",
    "npm",
    "npx",
    "yarn",
    "pip",
    "pip3",
    "curl",
    "wget",
    "git",
    "tar",
    "unzip",
    "gunzip",
    "dpkg-divert",
    "openssl",
    "make",
    "node",
    "python3",
    "virtualenv",
];

pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, machine) in &facts.foreign {
        let message = format!(
            "the package is for {}, and this is {machine}",
            facts.deb.field("Architecture")
        );
        let hint = "build it for this architecture, or leave it out";
        findings.push(Finding::new(Rule::WrongArchitecture, path, None, message, hint));
    }
    for (name, script) in &facts.scripts {
        if !script.strict && matters(&script.runs) {
            let message = "it goes on after a command has failed, and dpkg takes it for done";
            let hint = "write `set -e` into its second line";
            findings.push(Finding::new(Rule::FailureHidden, name, Some(1), message, hint));
        }
    }
    for name in ["preinst", "postinst"] {
        let arguments: &[&str] = if name == "postinst" { &["configure", ""] } else { &["install"] };
        for run in facts.when(name, arguments).filter(|run| run.hidden) {
            // A check that only tells what it sees may fail.
            let own = is_own(facts, run) && !run.program().contains("check");
            if IMPORTANT.contains(&run.program()) || own {
                let message = format!("`|| true` hides it when `{}` fails", run.program());
                let hint = "let it fail, or say what to do then: `|| { echo … >&2; exit 1; }`";
                findings.push(Finding::new(
                    Rule::FailureHidden,
                    name,
                    Some(run.line),
                    message,
                    hint,
                ));
            }
        }
    }
    findings
}

/// Whether a script does anything that could fail.
fn matters(runs: &[Run]) -> bool {
    let nothing = ["", "exit", "echo", "true", ":", "set", "[", "test", "return"];
    runs.iter().any(|run| !nothing.contains(&run.program()))
}

/// Whether a command is a program of the package itself.
fn is_own(facts: &Facts, run: &Run) -> bool {
    let Some(first) = run.words.first() else { return false };
    facts.deb.entries.iter().any(|entry| {
        let folder = ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"]
            .iter()
            .any(|folder| entry.path.strip_prefix(folder) == Some(first));
        folder || entry.path == *first
    })
}
