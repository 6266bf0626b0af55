//! Every command in the README and the guides, run in the order it stands there.
//!
//! A block ```` ```console ```` holds commands after `$ ` and what they print, both outputs
//! together; `...` stands for any lines and `[..]` for anything within one. A comment
//! `<!-- lab: postgresql nginx -->` before the first block names the machine's packages,
//! `<!-- lab: no -->` before a block leaves it out, and `<!-- lab: on bare -->` goes on at another
//! machine, a Debian with no more than Debian's smallest.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use snapbox::data::IntoData;

use crate::lab_medium;

/// The machine at which a guide begins.
const FIRST: &str = "runko";

/// A command and what it prints.
#[derive(Debug, PartialEq)]
struct Step {
    machine: String,
    command: String,
    prints: String,
}

/// The packages of the machine and the steps of all blocks, in order.
fn steps(text: &str) -> (Vec<String>, Vec<Step>) {
    let mut packages = Vec::new();
    let mut steps: Vec<Step> = Vec::new();
    let mut inside = false;
    let mut left_out = false;
    let mut machine = FIRST;
    for line in text.lines() {
        if let Some(words) = line.strip_prefix("<!-- lab: ").and_then(|l| l.strip_suffix(" -->")) {
            left_out = words == "no";
            if let Some(name) = words.strip_prefix("on ") {
                machine = name;
            } else if !left_out {
                packages = words.split_whitespace().map(str::to_owned).collect();
            }
        } else if line == "```console" {
            inside = !left_out;
        } else if line == "```" {
            left_out = left_out && inside;
            inside = false;
        } else if inside {
            match (line.strip_prefix("$ "), steps.last_mut()) {
                (Some(command), _) => {
                    let (machine, command) = (machine.to_owned(), command.to_owned());
                    steps.push(Step { machine, command, prints: String::new() });
                }
                // A command goes on after a backslash.
                (None, Some(step)) if step.prints.is_empty() && step.command.ends_with('\\') => {
                    step.command.push('\n');
                    step.command.push_str(line.trim_start_matches("> "));
                }
                (None, Some(step)) => {
                    step.prints.push_str(line);
                    step.prints.push('\n');
                }
                (None, None) => panic!("a block begins with output: {line}"),
            }
        }
    }
    (packages, steps)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/stead").to_owned()
}

/// Runs one document's commands on a machine of its own.
fn run(document: &str) -> anyhow::Result<()> {
    let stead = Path::new(env!("CARGO_BIN_EXE_stead"));
    run_prepared(document, stead, |_, spec| spec, |_| Ok(()))
}

/// As [`run`], on machines that are made as the caller likes; the first is prepared, too.
fn run_prepared(
    document: &str,
    stead: &Path,
    make: impl Fn(&str, lab::Spec) -> lab::Spec,
    prepare: impl FnOnce(&lab::Machine) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let text = fs::read_to_string(root().join(document))?;
    let (packages, steps) = steps(&text);
    assert!(!steps.is_empty(), "{document} shows no command");
    let Some(fleet) = lab::Fleet::new("guide")? else { return Ok(()) };
    let packages: Vec<&str> = packages.iter().map(String::as_str).chain(["git"]).collect();
    let mut machine = make(FIRST, fleet.machine(FIRST).packages(&packages)).boot()?;
    let mut name = FIRST.to_owned();
    machine.install(stead)?;
    prepare(&machine)?;
    for step in steps {
        if step.machine != name {
            machine.kill()?;
            machine = make(&step.machine, fleet.machine(&step.machine)).boot()?;
            name = step.machine;
        }
        // As in a terminal: both outputs, in the order they were written, and no wider.
        let line = format!("cd /root && export HOME=/root USER=el && exec 2>&1\n{}", step.command);
        let output = machine.sh_within(&line, Duration::from_secs(120))?;
        let printed = output.stdout;
        if std::env::var_os("STEAD_SHOW").is_some() {
            println!("$ {}\n{printed}", step.command);
        }
        let compared = snapbox::Assert::new().action_env("STEAD_SNAPSHOTS").try_eq(
            Some(&step.command),
            printed.clone().into_data(),
            step.prints.into_data(),
        );
        if let Err(difference) = compared {
            anyhow::bail!("{document}: `{}`\n{difference}\nin whole:\n{printed}", step.command);
        }
    }
    Ok(())
}

#[test]
fn lab_the_readme_says_the_truth() -> anyhow::Result<()> {
    run("README.md")
}

#[test]
fn every_guide_is_run() {
    let mut guides: Vec<String> = fs::read_dir(root().join("docs/guides"))
        .expect("guides")
        .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
        .collect();
    guides.sort();
    assert_eq!(
        guides,
        [
            "first-look.md",
            "first-package.md",
            "proven-restore.md",
            "total-loss.md",
            "workshop-without-internet.md"
        ],
        "add a test for a new guide"
    );
}

#[test]
fn lab_the_first_look_says_the_truth() -> anyhow::Result<()> {
    run("docs/guides/first-look.md")
}

#[test]
fn lab_the_first_package_says_the_truth() -> anyhow::Result<()> {
    run("docs/guides/first-package.md")
}

#[test]
fn lab_the_proven_restore_says_the_truth() -> anyhow::Result<()> {
    run("docs/guides/proven-restore.md")
}

/// What stands in for an uplink: a mirror of some packages of Debian in a folder, and the package
/// of stead, whose packing takes longer than a command of a guide may.
struct Uplink {
    work: tempfile::TempDir,
    stead: PathBuf,
    packed: PathBuf,
}

impl Uplink {
    const SOURCE: &str =
        "deb [signed-by=/srv/mirror/key.gpg] file:/srv/mirror/debian bookworm main\n";

    fn with(packages: &str) -> anyhow::Result<Self> {
        let work = tempfile::tempdir()?;
        let stead = lab_medium::stripped(work.path())?;
        let mirror = work.path().join("mirror");
        lab_medium::must(&[
            "medium",
            "make",
            &format!("--with={packages}"),
            &format!("--stead=amd64={}", stead.display()),
            &format!("--key={}", work.path().join("key").display()),
            lab_medium::MIRROR,
            &mirror.to_string_lossy(),
        ])?;
        let packed = lab_medium::find(&mirror.join("debian/pool"), "stead_")?;
        Ok(Self { work, stead, packed })
    }

    fn mirror(&self) -> PathBuf {
        self.work.path().join("mirror")
    }

    /// The machine asks this mirror and no other.
    fn connect(&self, machine: &lab::Machine) -> anyhow::Result<()> {
        let sum = deb::sum::sha256_of_file(&self.stead)?.0;
        machine.must("rm -f /etc/apt/sources.list.d/*")?;
        machine.write("/etc/apt/sources.list", Self::SOURCE)?;
        let name = self.packed.file_name().unwrap_or_default().to_string_lossy();
        let kept = format!("/root/.cache/stead/fetched/programs/{sum}/{name}");
        machine.push(&self.packed, &kept)
    }
}

#[test]
fn lab_the_workshop_says_the_truth() -> anyhow::Result<()> {
    let Some(_) = lab::Fleet::new("mirror")? else { return Ok(()) };
    let uplink = Uplink::with("babeld,iproute2,nginx")?;
    run_prepared(
        "docs/guides/workshop-without-internet.md",
        &uplink.stead,
        |_, spec| spec.bind_ro(uplink.mirror(), "/srv/mirror"),
        |machine| uplink.connect(machine),
    )
}

/// Two machines without any network: what one puts on the stick is all that the other gets.
#[test]
fn lab_the_total_loss_says_the_truth() -> anyhow::Result<()> {
    let Some(_) = lab::Fleet::new("mirror")? else { return Ok(()) };
    let uplink = Uplink::with("dbus,git,postgresql,systemd-container")?;
    let (stick, pocket) = (tempfile::tempdir()?, tempfile::tempdir()?);
    run_prepared(
        "docs/guides/total-loss.md",
        &uplink.stead,
        |name, spec| {
            let spec = spec.no_network().bind(stick.path(), "/media/stick");
            let spec = spec.bind(pocket.path(), "/media/pocket");
            if name != FIRST {
                return spec;
            }
            let spec = spec.bind_ro(uplink.mirror(), "/srv/mirror");
            spec.bind_ro(root().join("crates/stead/tests/it/loss"), "/srv/loss")
        },
        |machine| {
            uplink.connect(machine)?;
            machine.must("sh -eu /srv/loss/founded.sh")?;
            Ok(())
        },
    )
}

#[test]
fn steps_are_read_from_a_document() {
    let text = "<!-- lab: nginx -->\n```console\n$ a\nx\n$ b \\\n> c\n```\n<!-- lab: no -->\n\
                ```console\n$ d\n```\n<!-- lab: on bare -->\n```console\n$ e\n```\n";
    let (packages, steps) = steps(text);
    assert_eq!(packages, ["nginx"]);
    let commands: Vec<&str> = steps.iter().map(|step| step.command.as_str()).collect();
    assert_eq!(commands, ["a", "b \\\nc", "e"]);
    assert_eq!(steps[0].prints, "x\n");
    let machines: Vec<&str> = steps.iter().map(|step| step.machine.as_str()).collect();
    assert_eq!(machines, [FIRST, FIRST, "bare"]);
}
