//! `stead repo list` and `verify`: what there is, and what is wrong with it.
//!
//! Leaves out changing anything.

use std::path::PathBuf;

use clap::Args;
use deb::repository::{Entry, Key, Origin, Repository};
use model::text::{bytes, counted, counted_as, printable};
use serde::Serialize;

use crate::flags::Json;
use crate::output;
use crate::step_bar::StepBar;

/// Something that is served is not as it was published.
const FAULTY: u8 = 1;

#[derive(Debug, Args)]
pub struct Reading {
    /// The repository
    pub folder: PathBuf,

    #[command(flatten)]
    pub json: Json,
}

/// A package, as `--json` shows it.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    key: &'a Key,
    suites: &'a [String],
    sealed: bool,
    size: u64,
    sha256: &'a str,
    path: &'a str,
    origin: Option<&'a Origin>,
}

pub fn list(arguments: &Reading) -> anyhow::Result<u8> {
    let held = Repository::open(&arguments.folder)?.list()?;
    if arguments.json.json {
        let all: Vec<Listed> = held.iter().map(|(key, entry)| listed(key, entry)).collect();
        output::json(&all)?;
        return Ok(0);
    }
    let mut text = String::new();
    for (key, entry) in &held {
        let sealed = if entry.sealed { ", sealed" } else { "" };
        let origin = entry.origin.as_ref().map(|origin| format!(", from {}", origin.url));
        text.push_str(&format!(
            "{}  {}  {}{sealed}{}\n",
            printable(&key.to_string(), 200),
            entry.suites.join(" "),
            bytes(entry.stamp.size),
            printable(&origin.unwrap_or_default(), 300),
        ));
    }
    output::print(&text)?;
    output::say(&counted(held.len() as u64, "package"));
    Ok(0)
}

fn listed<'a>(key: &'a Key, entry: &'a Entry) -> Listed<'a> {
    let Entry { path, stamp, sha256, suites, sealed, origin, .. } = entry;
    let origin = origin.as_ref();
    Listed { key, suites, sealed: *sealed, size: stamp.size, sha256, path, origin }
}

pub fn verify(arguments: &Reading) -> anyhow::Result<u8> {
    let found = Repository::open(&arguments.folder)?.verify(&StepBar::new())?;
    if arguments.json.json {
        output::json(&found)?;
    } else {
        for fault in &found.faults {
            let of = fault.package.as_ref().map(|package| format!(" ({package})"));
            let text = format!("fault: {}{}: {}", fault.path, of.unwrap_or_default(), fault.fault);
            output::print(&format!("{}\n", printable(&text, 1000)))?;
        }
        for remark in &found.remarks {
            let text = printable(&format!("{}: {}", remark.path, remark.fault), 1000);
            output::print(&format!("note: {text}\n"))?;
        }
        output::print(&format!(
            "{} and {} read, {}\n",
            counted(found.packages as u64, "package"),
            counted_as(found.indexes as u64, "index file", "index files"),
            counted(found.faults.len() as u64, "fault"),
        ))?;
    }
    Ok(if found.faults.is_empty() { 0 } else { FAULTY })
}
