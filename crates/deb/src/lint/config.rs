//! Configuration: never written by a script over an admin's edit, and always a conffile.
//!
//! Leaves out debconf, whose scripts ask ucf or test what is there first.

use crate::archive::Kind;
use crate::lint::facts::Facts;
use crate::lint::finding::{Finding, Rule};
use crate::lint::walk::Run;

/// Postinst on an upgrade from some version.
const UPGRADE: &[&str] = &["configure", "1"];
const PREINST_UPGRADE: &[&str] = &["upgrade", "1", "2"];

/// Files below /etc that programs keep, and nobody edits.
const KEPT_BY_PROGRAMS: [&str; 12] = [
    "/etc/ld.so.cache",
    "/etc/rc",
    "/etc/systemd/system/",
    "/etc/alternatives/",
    "/etc/ssl/certs/",
    "/etc/mtab",
    "/etc/ssl/private/",
    "/etc/machine-id",
    "/etc/udev/hwdb.bin",
    "/etc/.pwd.lock",
    "/etc/dpkg/",
    "/etc/mailname",
];

pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for entry in &facts.deb.entries {
        let file = matches!(entry.kind, Kind::File | Kind::HardLink(_));
        if file && entry.path.starts_with("/etc/") && !facts.deb.conffiles.contains(&entry.path) {
            let message = "it lies in /etc and is no conffile: every upgrade overwrites edits";
            let hint = format!("list `{}` in the control file `conffiles`", entry.path);
            findings.push(Finding::new(Rule::NoConffile, &entry.path, None, message, hint));
        }
    }
    let upgrades = facts
        .when("postinst", UPGRADE)
        .map(|run| ("postinst", run))
        .chain(facts.when("preinst", PREINST_UPGRADE).map(|run| ("preinst", run)))
        .chain(facts.runs("config").iter().map(|run| ("config", run)));
    for (script, run) in upgrades {
        for path in written(run) {
            let conffile = facts.deb.conffiles.contains(&path);
            if !is_config(&path)
                || run.is_asked("md5")
                || (!conffile && is_careful(facts, script, run, &path))
            {
                continue;
            }
            let message = if conffile {
                format!(
                    "it writes `{path}`, which is a conffile: dpkg then asks about an edit that nobody made"
                )
            } else {
                format!("it writes `{path}` on every upgrade: an admin's edit is lost")
            };
            let hint = format!(
                "ship `{path}` in the package and list it in `conffiles`, or write it only if it \
                 is not there: `[ -e {path} ] || …`"
            );
            findings.push(Finding::new(Rule::ConfigWritten, script, Some(run.line), message, hint));
        }
    }
    findings
}

fn is_config(path: &str) -> bool {
    path.starts_with("/etc/")
        && !path.contains(['$', '`', '*'])
        && !KEPT_BY_PROGRAMS.iter().any(|kept| path.starts_with(kept))
        // What is put aside is not in force.
        && ![".dpkg-", ".bak", ".old", ".new", ".tmp", ".ucf", "~", ".disabled"].iter().any(|part| path.contains(part))
}

/// Whether the script looks at the file, or at what is in it, before it writes.
fn is_careful(facts: &Facts, script: &str, run: &Run, path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    run.is_asked(path)
        || run.is_asked(name)
        // An upgrade from one certain version is a single time.
        || run.is_asked("compare-versions")
        || run.is_asked("lt-nl")
        // debconf asks the admin, and knows the answer.
        || facts.runs(script).iter().any(|other| other.program() == "db_get")
        // ucf shows the admin what changes.
        || facts.runs(script).iter().any(|other| {
            matches!(other.program(), "ucf" | "ucfr" | "ucfq")
                && other.words.iter().any(|word| word == path)
        })
}

/// Paths whose content a command replaces.
fn written(run: &Run) -> Vec<String> {
    let mut paths: Vec<String> = run.outputs.iter().map(|(_, path)| path.clone()).collect();
    let operands: Vec<&str> = run.operands().collect();
    let last = || operands.last().map(|path| (*path).to_owned());
    match run.program() {
        "tee" => paths.extend(operands.iter().map(|path| (*path).to_owned())),
        "cp" | "mv" | "install" if operands.len() >= 2 => {
            let folders = run.words.iter().any(|word| word == "-d" || word == "--directory");
            let kept = run.words.iter().any(|word| {
                word == "--no-clobber"
                    || (word.starts_with('-') && !word.starts_with("--") && word.contains('n'))
            });
            // What is moved away from /etc/x.dpkg-… to /etc/x is put back, not written.
            let back = operands.first().is_some_and(|from| from.starts_with("/etc/"));
            if !folders && !kept && !back {
                paths.extend(last());
            }
        }
        "sed" | "perl" => {
            let in_place = |word: &String| {
                word.starts_with("--in-place")
                    || (word.starts_with('-') && !word.starts_with("--") && word.contains('i'))
            };
            if run.words.iter().any(in_place) {
                paths.extend(last());
            }
        }
        "dd" => {
            paths.extend(run.words.iter().filter_map(|w| w.strip_prefix("of=")).map(str::to_owned))
        }
        _ => {}
    }
    paths
}
