//! `stead check`.

use host::observer::Observer;
use jiff::Timestamp;
use model::reading::History;
use model::report::Report;
use model::scene::Scene;
use model::verdict::Verdict;

use crate::cli::CheckArguments;

pub async fn run(arguments: &CheckArguments) -> anyhow::Result<u8> {
    let mut observer = Observer::default();
    let facts = observer.observe(None, &|step| eprintln!("observing: {step}")).await;
    let history = History::default();
    let scene = Scene { facts: &facts, history: &history, plan: None, now: Timestamp::now() };
    let chosen = model::checks::all().filter(|check| {
        arguments.names.is_empty() || arguments.names.iter().any(|n| n == check.name)
    });
    let report = Report::of(chosen, &scene);
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&report)?);
    } else {
        for finding in &report.findings {
            println!(
                "{:8} {}  {}: {}",
                finding.verdict, finding.name, finding.subject, finding.evidence
            );
        }
    }
    Ok(if report.worst() == Verdict::Fail { 3 } else { 0 })
}
