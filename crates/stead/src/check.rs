//! `stead check`: run, list, explain.

use std::collections::BTreeSet;

use model::check::Check;
use model::report::Report;
use node::home::Address;
use node::look::Look;
use serde::Serialize;

use crate::bar::Bar;
use crate::cli::{self, CheckCommand};
use crate::{output, report_text};

/// A check fails.
const UNHEALTHY: u8 = 3;

/// A check as `--json` shows it.
#[derive(Serialize)]
struct Explained {
    name: &'static str,
    title: &'static str,
    asks: &'static str,
    commands: &'static [&'static str],
    mend: &'static str,
}

impl From<&Check> for Explained {
    fn from(check: &Check) -> Self {
        Self {
            name: check.name,
            title: check.title,
            asks: check.asks,
            commands: check.commands,
            mend: check.mend,
        }
    }
}

pub async fn run(address: &Address, arguments: &cli::Check) -> anyhow::Result<u8> {
    match &arguments.command {
        Some(CheckCommand::List(json)) => list(json.json),
        Some(CheckCommand::Explain { name, json }) => explain(name, json.json),
        None => ask(address, arguments).await,
    }
}

async fn ask(address: &Address, arguments: &cli::Check) -> anyhow::Result<u8> {
    let checks = if arguments.names.is_empty() {
        model::checks::all().collect()
    } else {
        // Named twice, asked once.
        let mut asked = BTreeSet::new();
        let names = arguments.names.iter().filter(|name| asked.insert(*name));
        names.map(|name| named(name)).collect::<anyhow::Result<Vec<_>>>()?
    };
    let bar = Bar::new();
    address.named_is_there()?;
    let look = Look::open(address).await?;
    if let Some(error) = look.forgotten() {
        output::say(&output::tame(&format!(
            "warning: these answers have no history and are not recorded: {}",
            model::text::with_causes(error)
        )));
    }
    let report = look.report(&checks, &|part| bar.seen(part)).await?;
    drop(bar);
    if arguments.json.json {
        output::json(&report)?;
    } else {
        let all = arguments.all || !arguments.names.is_empty();
        output::print(&report_text::report(&report, all))?;
    }
    Ok(exit_code(&report))
}

/// How a program ends that asked checks.
pub const fn exit_code(report: &Report) -> u8 {
    if report.counts.fail > 0 { UNHEALTHY } else { 0 }
}

fn named(name: &str) -> anyhow::Result<&'static Check> {
    model::checks::named(name).ok_or_else(|| {
        let nearest =
            nearest(name).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        anyhow::anyhow!("there is no check `{name}`{nearest} (`stead check list` names all)")
    })
}

/// The check whose name shares the longest run of letters from the start, or contains the word.
fn nearest(name: &str) -> Option<&'static str> {
    let shared = |other: &str| name.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    let names = || model::checks::all().map(|check| check.name);
    names()
        .find(|other| name.len() >= 3 && other.contains(name))
        .or_else(|| names().max_by_key(|other| shared(other)).filter(|other| shared(other) >= 3))
}

fn list(json: bool) -> anyhow::Result<u8> {
    let checks: Vec<Explained> = model::checks::all().map(Explained::from).collect();
    if json {
        output::json(&checks)?;
        return Ok(0);
    }
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or(0);
    let text: String =
        checks.iter().map(|check| format!("{:width$}  {}\n", check.name, check.title)).collect();
    output::print(&text)?;
    output::say("`stead check explain NAME` says more of each.");
    Ok(0)
}

fn explain(name: &str, json: bool) -> anyhow::Result<u8> {
    let check = named(name)?;
    if json {
        output::json(&Explained::from(check))?;
        return Ok(0);
    }
    let width = output::width();
    let mut text = format!("{}: {}\n\n", check.name, check.title);
    text.push_str(&output::wrap(check.asks, 0, width));
    text.push_str("\nSee it yourself:\n");
    for command in check.commands {
        text.push_str(&format!("  {command}\n"));
    }
    text.push_str("\nMend it:\n");
    text.push_str(&output::wrap(check.mend, 2, width));
    output::print(&text)?;
    Ok(0)
}
