//! A healthy machine: what is not a pass there must be true, and is listed here.

use std::path::Path;

use serde_json::Value;

#[test]
fn lab_a_healthy_machine_raises_no_alarm() -> anyhow::Result<()> {
    let Some(fleet) = lab::Fleet::new("healthy")? else { return Ok(()) };
    let machine = fleet.machine("runko").packages(&["git", "nginx-light", "postgresql"]).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    let said = machine.sh("cd && export HOME=/root && stead up --once && stead check --json")?;
    println!("{}{}", said.stdout, said.stderr);
    let report = machine.sh("cd && export HOME=/root && stead check --json")?;
    let report: Value = serde_json::from_str(&report.stdout)?;
    let alarms: Vec<String> = report["findings"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|finding| finding["verdict"] != "pass")
        .map(|finding| {
            format!(
                "{} {}: {} ({})",
                finding["verdict"], finding["name"], finding["subject"], finding["evidence"]
            )
        })
        .collect();
    println!("{}", alarms.join("\n"));
    Ok(())
}
