//! A healthy machine raises no alarm: what is not a pass there stands in docs/healthy-machine.md.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

/// What speaks of the disk and the processors of the machine that runs the test.
const SHARED: [&str; 3] = ["disk-inodes", "disk-space", "memory-pressure"];

/// The documented unknowns: each check's name and what its evidence says.
fn documented() -> anyhow::Result<BTreeMap<String, String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("crates/stead");
    let text = fs::read_to_string(root.join("docs/healthy-machine.md"))?;
    let rows = text.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    Ok(rows
        .filter_map(|(name, rest)| Some((name.to_owned(), rest.split_once(" | ")?.0.to_owned())))
        .collect())
}

#[test]
fn the_page_on_healthy_machines_names_checks_that_there_are() -> anyhow::Result<()> {
    let documented = documented()?;
    assert!(!documented.is_empty(), "the table was not read");
    for name in documented.keys().map(String::as_str).chain(SHARED) {
        assert!(model::checks::named(name).is_some(), "there is no check `{name}`");
    }
    Ok(())
}

#[test]
fn lab_a_healthy_machine_raises_no_alarm() -> anyhow::Result<()> {
    let Some(fleet) = lab::Fleet::new("healthy")? else { return Ok(()) };
    let machine = fleet.machine("runko").packages(&["git", "nginx-light", "postgresql"]).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.sh("cd && export HOME=/root && stead up --once")?;
    let said = machine.sh("cd && export HOME=/root && stead check --json")?;
    let report: Value = serde_json::from_str(&said.stdout)?;
    let findings = report["findings"].as_array().expect("findings");
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();

    let asked: Vec<String> = findings.iter().map(|finding| word(finding, "name")).collect();
    for check in model::checks::all() {
        assert!(asked.iter().any(|name| name == check.name), "`{}` said nothing", check.name);
    }
    let documented = documented()?;
    let mut unknown = BTreeMap::new();
    let mut alarms = Vec::new();
    for finding in findings {
        let (name, verdict) = (word(finding, "name"), word(finding, "verdict"));
        let evidence = word(finding, "evidence");
        let told = format!("{verdict} {name}: {}: {evidence}", word(finding, "subject"));
        match verdict.as_str() {
            "pass" => {}
            "fail" | "warn" if SHARED.contains(&name.as_str()) => println!("of the host: {told}"),
            "unknown" if documented.get(&name).is_some_and(|why| evidence.contains(why)) => {
                unknown.insert(name, evidence);
            }
            _ => alarms.push(told),
        }
    }
    assert!(alarms.is_empty(), "docs/healthy-machine.md has no word of\n{}", alarms.join("\n"));
    let missing: Vec<_> = documented.keys().filter(|name| !unknown.contains_key(*name)).collect();
    assert!(missing.is_empty(), "docs/healthy-machine.md still names {missing:?}, which answered");
    Ok(())
}
