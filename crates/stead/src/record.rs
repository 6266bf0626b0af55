//! `stead record`: list, verify, rebuild.

use commons::record::rows::{Content, Stored, Verified};
use jiff::Timestamp;
use model::entry::Entry;
use model::text::counted;
use node::home::{Address, Home};
use serde::Serialize;

use crate::cli::Record;
use crate::output;

/// An entry as `--json` shows it.
#[derive(Serialize)]
struct Listed {
    author: String,
    log: String,
    number: u64,
    hash: String,
    /// The writer's clock: a label.
    at: Timestamp,
    kind: String,
    /// `None` when the body was deleted, or written by a newer stead.
    entry: Option<Entry>,
}

/// What `verify --json` prints.
#[derive(Serialize)]
struct Walked {
    logs: u64,
    entries: u64,
    deleted: u64,
    unknown: u64,
    fault: Option<String>,
}

pub async fn run(address: &Address, command: &Record) -> anyhow::Result<u8> {
    let home = address.home().await?;
    match command {
        Record::List { limit, json } => list(&home, *limit, json.json).await,
        Record::Verify(json) => verify(&home, json.json).await,
        Record::Rebuild => rebuild(&home).await,
    }
}

async fn list(home: &Home, limit: u32, json: bool) -> anyhow::Result<u8> {
    let entries = home.record.entries(limit, None).await?;
    if json {
        let listed: Vec<Listed> = entries.into_iter().map(listed).collect();
        output::json(&listed)?;
        return Ok(0);
    }
    let text: String = entries.iter().map(line).collect();
    output::print(&text)?;
    Ok(0)
}

fn listed(stored: Stored) -> Listed {
    let entry = match stored.content {
        Content::Entry(entry) => Some(entry),
        Content::Unknown { .. } | Content::Deleted => None,
    };
    Listed {
        author: stored.author,
        log: stored.log,
        number: stored.number,
        hash: stored.hash,
        at: stored.at,
        kind: stored.kind,
        entry,
    }
}

fn line(stored: &Stored) -> String {
    let told = match &stored.content {
        Content::Entry(Entry::VerdictV1(entry)) => {
            let word = |verdict: Option<model::verdict::Verdict>| {
                verdict.map_or("none", model::verdict::Verdict::word)
            };
            format!(
                "{} {}: {} → {}",
                entry.check,
                entry.subject,
                word(entry.before),
                word(entry.after)
            )
        }
        Content::Entry(Entry::FactV1(entry)) => {
            let value = |value: &Option<String>| value.as_deref().unwrap_or("none").to_owned();
            format!("{}: {} → {}", entry.key, value(&entry.before), value(&entry.after))
        }
        Content::Entry(Entry::RunV1(entry)) => {
            format!(
                "{} took {} ms: {}",
                entry.what,
                entry.milliseconds,
                crate::report_text::counts(entry.counts)
            )
        }
        Content::Entry(Entry::ReadingsV1(entry)) => {
            format!(
                "readings of {}, {} s a window",
                counted(entry.meters.len(), "meter"),
                entry.window_seconds
            )
        }
        Content::Unknown { bytes } => format!("{bytes} bytes, written by a newer stead"),
        Content::Deleted => "folded into a later entry".to_owned(),
    };
    let author = stored.author.get(..8).unwrap_or(&stored.author);
    format!("{} {author}/{}#{} {} {told}\n", stored.at, stored.log, stored.number, stored.kind)
}

async fn verify(home: &Home, json: bool) -> anyhow::Result<u8> {
    let Verified { logs, entries, deleted, unknown, fault } = home.record.verify().await?;
    let walked = Walked { logs, entries, deleted, unknown, fault };
    if json {
        output::json(&walked)?;
    } else {
        output::print(&format!(
            "entries: {}, in logs: {}; every signature, link and body was checked\n\
             folded into later entries: {}; written by a newer stead: {}\n",
            walked.entries, walked.logs, walked.deleted, walked.unknown
        ))?;
    }
    match walked.fault {
        None => Ok(0),
        Some(fault) => anyhow::bail!("the record is damaged: {fault}"),
    }
}

async fn rebuild(home: &Home) -> anyhow::Result<u8> {
    home.record.rebuild().await?;
    output::print("The views were computed again from the logs.\n")?;
    Ok(0)
}
