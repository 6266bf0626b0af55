//! `stead proof`: what is proved of a service's backups, and what is missing.
//!
//! Leaves out how that is judged, which is `model::backup::proof`'s.

use clap::Args;
use jiff::Timestamp;
use model::backup::proof::{Proof, Saved};
use model::facts::upkeep::Upkeep;
use model::text::{bytes, counted, milliseconds};
use model::verdict::Verdict;
use node::ground::Ground;
use node::home::Address;
use node::proof::cards;

use crate::flags::Json;
use crate::{due_text, output};

/// A check fails, or here: a backup is not proved.
const UNHEALTHY: u8 = 3;

/// Print the proof card of each service of this host: the last backup at each target, the last
/// drill that passed and how long its restore took, who can act, and what is missing.
///
/// Only what was read back and restored is good. What cannot be looked at is unknown: as root it
/// sees more. Exits 3 if something fails.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead proof                 every service of this host\n  \
    stead proof chat --json")]
pub struct Arguments {
    /// Only these services
    pub services: Vec<String>,

    #[command(flatten)]
    pub json: Json,
}

pub async fn run(address: &Address, arguments: &Arguments) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    for name in &arguments.services {
        ground.here(name)?;
    }
    let expected: Vec<_> =
        ground.services.on(&ground.host).filter_map(|service| service.expected()).collect();
    let services = host::upkeep::services(&expected).await;
    let now = Timestamp::now();
    let mut all = cards(&ground, &Upkeep { services, ..Upkeep::default() }, now);
    if !arguments.services.is_empty() {
        all.retain(|card| arguments.services.contains(&card.service));
    }
    let worst = all.iter().map(|card| card.verdict).max().unwrap_or(Verdict::Pass);
    if arguments.json.json {
        output::json(&all)?;
    } else {
        for fault in &ground.services.faults {
            output::say(&fault.to_string());
        }
        let texts: Vec<String> = all.iter().map(|card| text(card, now)).collect();
        output::print(&texts.join("\n"))?;
        if all.is_empty() {
            output::print("no service of this host keeps data, or services/ names none\n")?;
        }
    }
    Ok(if worst == Verdict::Fail { UNHEALTHY } else { 0 })
}

/// One card.
pub fn text(card: &Proof, now: Timestamp) -> String {
    let mut text =
        format!("{} {} on {}\n", output::verdict(card.verdict, 7), card.service, card.host);
    for saved in &card.backups {
        text.push_str(&format!("        saved    {:10} {}\n", saved.target, place(saved, now)));
    }
    let drill = match card.drill.passed {
        Some(passed) => {
            let time = card.drill.restore_milliseconds;
            let time = time
                .map_or_else(String::new, |time| format!(", restored in {}", milliseconds(time)));
            let from = card.drill.target.as_deref().unwrap_or("?");
            format!("passed {} ago{time} from {from}", output::ago(passed, now))
        }
        None => "none ever passed".to_owned(),
    };
    text.push_str(&format!("        drill    {drill}\n"));
    if !card.backups.is_empty() {
        text.push_str(&format!("        next     {}\n", due_text::of(card, now)));
    }
    let able = if card.readers.able.is_empty() {
        "nobody known".to_owned()
    } else {
        card.readers.able.join(", ")
    };
    text.push_str(&format!("        can act  {able}\n"));
    if let Some(restore) = &card.restore {
        let told = output::wrap(restore, 17, output::width());
        text.push_str(&format!("        restore  {}", told.trim_start()));
    }
    for missing in &card.missing {
        let width = output::width();
        let what = output::wrap(&missing.what, 17, width);
        let fix = output::wrap(&missing.fix, 17, width);
        text.push_str(&format!("        {:9}{}{fix}", missing.verdict.word(), what.trim_start()));
    }
    text
}

fn place(saved: &Saved, now: Timestamp) -> String {
    let Some(last) = saved.last else { return format!("never; {}", saved.place) };
    let mut told = format!("{} ago", output::ago(last, now));
    if let Some(files) = saved.files {
        told.push_str(&format!(", {}", counted(files, "file")));
    }
    if let Some(size) = saved.bytes {
        told.push_str(&format!(", {}", bytes(size)));
    }
    if let Some(rows) = saved.rows.filter(|rows| *rows > 0) {
        told.push_str(&format!(", {}", counted(rows, "row")));
    }
    format!("{told}; {}", saved.place)
}
