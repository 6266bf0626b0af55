//! `stead lint`: judges any .deb.
//!
//! Leaves out recipes, which `stead recipe lint` judges.

use std::path::PathBuf;

use clap::Args;
use deb::lint::Finding;
use model::text::counted;
use serde::Serialize;

use crate::flags::Json;
use crate::output;

/// A package has faults.
const FAULTY: u8 = 1;

/// Judge .deb files, whoever made them: what goes wrong on upgrade, removal and purge.
///
/// It finds configuration that a script overwrites, services that an upgrade does not restart or a
/// removal does not stop, what purge leaves behind, programs for another machine, and failures that
/// are hidden. It reads the scripts and runs nothing. Exits 1 if there are faults; notes are none
/// unless `--strict`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead lint packages/*.deb\n  \
    stead lint --json babeld_1.12_armhf.deb | jq '.[].message'\n  \
    apt download babeld && stead lint babeld_*.deb")]
pub struct Lint {
    /// Packages
    #[arg(value_name = "FILE.deb", required = true)]
    pub packages: Vec<PathBuf>,

    /// Take notes for faults
    #[arg(long)]
    pub strict: bool,

    #[command(flatten)]
    pub json: Json,
}

/// A finding and whose it is, as `--json` shows it.
#[derive(Serialize)]
struct Judged {
    package: String,
    /// Many good packages do so on purpose.
    note: bool,
    #[serde(flatten)]
    finding: Finding,
}

pub fn run(arguments: &Lint) -> anyhow::Result<u8> {
    let mut judged = Vec::new();
    for path in &arguments.packages {
        let package = output::tame(&path.display().to_string());
        for finding in deb::lint::lint(path)? {
            let note = finding.rule.is_note() && !arguments.strict;
            judged.push(Judged { package: package.clone(), note, finding });
        }
    }
    let notes = judged.iter().filter(|one| one.note).count();
    let faults = judged.len() - notes;
    if arguments.json.json {
        output::json(&judged)?;
    } else {
        for one in &judged {
            let Finding { file, line, rule, message, hint } = &one.finding;
            let place = line.map_or(file.clone(), |line| format!("{file}:{line}"));
            let note = if one.note { "note: " } else { "" };
            output::print(&format!(
                "{}: {place}: {note}{message} [{}]\n  hint: {hint}\n",
                one.package,
                rule.name()
            ))?;
        }
        output::say(&format!(
            "{}, {} in {}",
            counted(u32::try_from(faults)?, "fault"),
            counted(u32::try_from(notes)?, "note"),
            counted(u32::try_from(arguments.packages.len())?, "package"),
        ));
    }
    Ok(if faults > 0 { FAULTY } else { 0 })
}
