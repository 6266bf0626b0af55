//! `stead restore`: brings a service's data back, at a price that is named first.
//!
//! Leaves out the renames, which are `host`'s.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use backup::keys;
use backup::progress::Progress;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use host::drill::course::Told;
use host::restore::journal::{self, JournalV1, Phase};
use host::restore::{self, Hold, Order, Which};
use jiff::Timestamp;
use model::backup::drill::{Ended, StepV1};
use model::text::milliseconds;
use node::drills;
use node::ground::{Ground, Place};
use node::home::Address;
use serde::Serialize;

use crate::ask::agreed;
use crate::bytes_bar::BytesBar;
use crate::flags::Json;
use crate::{drill, output};

/// The data is back, and the service does not do what it should.
const UNWELL: u8 = 3;

/// Bring a service's data back from a backup.
///
/// The data comes into a new place and is compared with what was saved; only then is the service
/// stopped, old and new are swapped by renames, it is started again and asked its recipe's checks.
/// What it costs is named first and asked. The old state stays beside until you let it go. A
/// restore that was killed is ended by the next run, forwards or backwards. A dump can hold code
/// that PostgreSQL runs as its superuser: restore here what hosts have saved that you trust, and
/// drill what others have, which is sealed. Needs root. Exits 3 if the service does not work.
#[derive(Debug, Args)]
#[command(
    name = "restore",
    after_help = "Examples:\n  \
    stead restore chat --dry-run               what it would cost\n  \
    stead restore chat                         the newest snapshot, in its own place\n  \
    stead restore chat --at 2026-11-20T19:42Z  the last one before that\n  \
    stead restore chat --to /srv/look          beside, to look at; the service is not touched\n  \
    stead restore chat --undo                  the old state again\n  \
    stead restore --forget-old chat            let the old state go\n  \
    stead restore chat --identity age.key      on a machine that lost its key"
)]
pub struct Restore {
    pub service: String,

    /// The last snapshot at or before this time, as 2026-11-20T19:42Z [default: the newest]
    #[arg(long, value_name = "TIME", conflicts_with = "snapshot", value_parser = time)]
    pub at: Option<Timestamp>,

    /// This snapshot, or how its id begins
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub snapshot: Option<String>,

    /// From this target [default: the first that the service names]
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// Into this new or empty folder, and the database into a new one beside
    #[arg(long, value_name = "FOLDER")]
    pub to: Option<PathBuf>,

    /// With --to, leave the database's dump in the folder, and say how to restore it by hand
    #[arg(long, requires = "to")]
    pub no_database: bool,

    /// Open the repository with the sealed key in the plan and this file of a member's age key
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,

    /// Throw away the state that the last restore replaced
    #[arg(long, conflicts_with_all = ["at", "snapshot", "target", "to", "undo"])]
    pub forget_old: bool,

    /// Put back the state that the last restore replaced
    #[arg(long, conflicts_with_all = ["at", "snapshot", "target", "to"])]
    pub undo: bool,

    /// Say what it would cost, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,

    #[command(flatten)]
    pub json: Json,
}

/// As jiff reads times, also without seconds.
fn time(text: &str) -> Result<Timestamp, String> {
    let seconds = text.strip_suffix('Z').map(|text| format!("{text}:00Z"));
    let parsed = text.parse().or_else(|error| match &seconds {
        Some(text) => text.parse().map_err(|_| error),
        None => Err(error),
    });
    parsed.map_err(|_| "it is no time with its zone, as 2026-11-20T19:42Z".to_owned())
}

pub fn run(address: &Address, arguments: &Restore) -> anyhow::Result<u8> {
    // It blocks, and what it calls starts runtimes of its own.
    std::thread::scope(|scope| match scope.spawn(|| act(address, arguments)).join() {
        Ok(ended) => ended,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn act(address: &Address, arguments: &Restore) -> anyhow::Result<u8> {
    let service = &arguments.service;
    // Whatever looks like a killed restore while this is held is one.
    let hold = match arguments.dry_run || arguments.to.is_some() {
        true => None,
        false => Some(Hold::take(service)?),
    };
    let ended = hold.as_ref().map(mend).transpose()?.flatten();
    if arguments.forget_old || arguments.undo {
        return of_before(arguments, hold.as_ref());
    }
    if let Some(Phase::Swapping | Phase::Starting) = ended
        && let Some(journal) = journal::of(service)?
    {
        return finished(journal, arguments);
    }
    let ground = Ground::open(address)?;
    let questions = drills::asked_live(ground.here(service)?)?;
    let place = place(&ground, arguments)?;
    let reach = place.reach();
    let order = Order { scope: &place.scope, reach: &reach, target: &place.name };
    let which = match (&arguments.snapshot, arguments.at) {
        (Some(id), _) => Which::Id(id),
        (None, Some(at)) => Which::At(at),
        (None, None) => Which::Newest,
    };
    let chosen = restore::choose(&order, which)?;
    if let Some(folder) = &arguments.to {
        return beside(&order, &chosen, folder, arguments);
    }
    let price = restore::price(&order, &chosen, Timestamp::now())?;
    let Some(hold) = hold else {
        match arguments.json.json {
            true => output::json(&price)?,
            false => {
                if journal::of(service)?.is_some_and(|journal| journal.phase != Phase::Kept) {
                    output::say("A restore was cut short; the next one without --dry-run ends it.");
                }
                let text = output::tame(&price.to_string());
                output::print(&format!("{text}\nNothing was changed (--dry-run).\n"))?;
            }
        }
        return Ok(0);
    };
    if let Some(before) = journal::of(service)? {
        bail!(kept(&before));
    }
    output::say(&output::tame(&price.to_string()));
    if !price.fits() {
        bail!("there is no room for it");
    }
    if !(arguments.yes || agreed("Restore it?")?) {
        output::say("Nothing was changed.");
        return Ok(1);
    }
    let shown = Shown(BytesBar::new());
    let journal = restore::in_place(&hold, &order, &chosen, &shown)?;
    let works = (!questions.is_empty()).then(|| restore::works(&questions, &journal.units, &shown));
    drop(shown);
    let bad = works.as_ref().filter(|works| works.ended != Ended::Done);
    let said = match bad {
        None => format!("Restored {service}. {}", kept(&journal)),
        Some(bad) => format!(
            "Restored {service}, but it does not do what it should: {}. {}",
            bad.evidence,
            kept(&journal)
        ),
    };
    let code = if bad.is_some() { UNWELL } else { 0 };
    match arguments.json.json {
        true => output::json(&Restored { journal, works })?,
        false => output::print(&(output::tame(&said) + "\n"))?,
    }
    Ok(code)
}

/// What `--json` shows of a restore.
#[derive(Serialize)]
struct Restored {
    #[serde(flatten)]
    journal: JournalV1,
    /// What the service answered to its recipe's checks; none if there are none.
    works: Option<StepV1>,
}

/// Says that what was cut short is done, and nothing else.
fn finished(journal: JournalV1, arguments: &Restore) -> anyhow::Result<u8> {
    let said = format!("No other snapshot was restored. {}", kept(&journal));
    match arguments.json.json {
        true => output::json(&Restored { journal, works: None })?,
        false => output::print(&(output::tame(&said) + "\n"))?,
    }
    Ok(0)
}

/// Ends what a killed restore has begun, and gives how far it was.
fn mend(hold: &Hold) -> anyhow::Result<Option<Phase>> {
    let ended = restore::mend(hold)?;
    match ended {
        None | Some(Phase::Kept) => {}
        Some(Phase::Making) => {
            output::say("A restore was cut short before it changed anything; its files are gone.");
        }
        Some(Phase::Swapping | Phase::Starting) => {
            output::say("A restore was cut short while it swapped; it is finished now.");
        }
        Some(Phase::Reverting) => {
            output::say("Going back was cut short; the old state is in its place now.");
        }
        Some(Phase::Forgetting) => {
            output::say("Letting the old state go was cut short; it is gone.")
        }
    }
    Ok(ended)
}

/// `--forget-old` and `--undo`.
fn of_before(arguments: &Restore, hold: Option<&Hold>) -> anyhow::Result<u8> {
    let service = &arguments.service;
    let Some(mut journal) = journal::of(service)? else {
        output::say(&output::tame(&format!("No old state of {service} is kept.")));
        return Ok(0);
    };
    output::say(&output::tame(&kept(&journal)));
    let Some(hold) = hold else {
        output::say("Nothing was changed (--dry-run).");
        return Ok(0);
    };
    let question = match arguments.undo {
        true => "Put it back, and throw the restored state away?",
        false => "Throw it away?",
    };
    if !(arguments.yes || agreed(question)?) {
        output::say("Nothing was changed.");
        return Ok(1);
    }
    let said = match arguments.undo {
        true => {
            restore::undo(hold, &mut journal)?;
            format!("{service} has its old state again.")
        }
        false => match restore::forget(hold, &mut journal)?.as_slice() {
            [] => format!("{service} had no old state to forget."),
            gone => format!("Gone: {}.", gone.join(", ")),
        },
    };
    match arguments.json.json {
        true => output::json(&journal)?,
        false => output::print(&(output::tame(&said) + "\n"))?,
    }
    Ok(0)
}

fn beside(
    order: &Order<'_>,
    chosen: &restore::Chosen,
    folder: &Path,
    arguments: &Restore,
) -> anyhow::Result<u8> {
    let folder = std::path::absolute(folder).context("cannot resolve the folder")?;
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("`{}` is not empty, and a restore overwrites nothing", folder.display());
    }
    let (with_database, now) = (!arguments.no_database, Timestamp::now());
    let price = restore::beside::price(order, chosen, &folder, with_database, now)
        .context("`--no-database` leaves its dump in the folder instead")?;
    if arguments.dry_run {
        match arguments.json.json {
            true => output::json(&price)?,
            false => output::print(&format!(
                "{}\nNothing was changed (--dry-run).\n",
                output::tame(&price.to_string())
            ))?,
        }
        return Ok(0);
    }
    output::say(&output::tame(&price.to_string()));
    if !price.fits() {
        bail!("there is no room for it");
    }
    // A new folder is nobody's loss; a database in a server that others use is asked for.
    if price.database.is_some() && !(arguments.yes || agreed("Restore it there?")?) {
        output::say("Nothing was changed.");
        return Ok(1);
    }
    let shown = Shown(BytesBar::new());
    let told = restore::beside::make(order, chosen, &folder, &price, &shown)?;
    drop(shown);
    match arguments.json.json {
        true => output::json(&price)?,
        false => output::print(&output::tame(&format!(
            "Restored {} of {} into {}.\n",
            price.service,
            model::text::moment(price.of),
            folder.display()
        )))?,
    }
    for line in told {
        output::say(&output::tame(&line));
    }
    Ok(0)
}

fn place(ground: &Ground, arguments: &Restore) -> anyhow::Result<Place> {
    let service = ground.here(&arguments.service)?;
    let target = drill::target(service, arguments.target.as_deref())?;
    let Some(file) = &arguments.identity else { return Ok(ground.place(service, &target)?) };
    let identity = std::fs::read_to_string(file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    let (sealed, _) = ground.sealed(&service.name)?.with_context(|| {
        format!(
            "the plan has no sealed key of {}: secrets/backup-{}.age",
            service.name, service.name
        )
    })?;
    let password = keys::open(sealed.as_bytes(), &identity)?;
    Ok(ground.place_with(service, &target, password)?)
}

fn kept(journal: &JournalV1) -> String {
    match journal.kept().as_slice() {
        [] => format!(
            "Nothing was there before; `stead restore --forget-old {}` ends it.",
            journal.service
        ),
        kept => format!(
            "The state of before stays in {} until `stead restore --forget-old {}`; \
             `stead restore --undo {}` puts it back.",
            kept.join(", "),
            journal.service,
            journal.service
        ),
    }
}

struct Shown(BytesBar);

impl Told for Shown {
    fn begun(&self, step: model::backup::drill::Step) {
        self.0.begin(step.name());
    }

    fn ended(&self, step: &StepV1) {
        let time = milliseconds(step.milliseconds);
        let line = format!("{:10} {time:>9}  {}", step.step.name(), step.evidence);
        self.0.say(&output::tame(&line));
    }

    fn bytes(&self, done: u64, total: Option<u64>) {
        self.0.bytes(done, total);
    }
}
