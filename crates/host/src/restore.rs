//! A service's data brought back: made beside the old, proved, and swapped by rename.
//!
//! Nothing is deleted before a person says so. Leaves out asking whether the price is worth it.

pub mod beside;
mod database;
pub(crate) mod hold;
pub mod journal;
pub mod order;
mod swap;

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use backup::repository::Repository;
use jiff::Timestamp;
use model::backup::drill::{Step, StepV1};
use model::backup::price::Price;
use model::backup::restore::FOLDER;
use model::recipe::question::Question;

use crate::drill::command;
use crate::drill::course::{Course, Told, Trouble};
use crate::drill::data;
use crate::drill::layers::below;
use crate::drill::sqlite;
use crate::error::Error;
use crate::outlook::Units;
pub use crate::restore::hold::Hold;
use crate::restore::journal::{JournalV1, Phase, Renamed, Swap};
pub use crate::restore::order::{Chosen, Order};
use crate::restore::order::{ended, fetched, make_folder};
use crate::{patience, probe};

const UNIT: Duration = Duration::from_secs(300);
/// Copying between file systems may take long.
const COPY: Duration = Duration::from_secs(24 * 3600);

/// Which snapshot is wanted.
#[derive(Clone, Copy, Debug)]
pub enum Which<'a> {
    Newest,
    /// The last one made at or before this time.
    At(Timestamp),
    /// The one whose id begins like this.
    Id(&'a str),
}

/// Chooses a snapshot and reads its manifest from the target.
pub fn choose(order: &Order<'_>, which: Which<'_>) -> Result<Chosen, Error> {
    let repository =
        Repository::open(order.reach).map_err(|error| refused(data::of_repository(&error)))?;
    let mut all = repository.snapshots().map_err(|error| refused(data::of_repository(&error)))?;
    if let Which::At(time) = which {
        let first = all.first().map(|snapshot| snapshot.at);
        all.retain(|snapshot| snapshot.at <= time);
        if let (true, Some(first)) = (all.is_empty(), first) {
            let told = format!("the first snapshot is of {}", model::text::moment(first));
            return Err(Error::Refused { told });
        }
    }
    let id = match which {
        Which::Id(id) => Some(id),
        Which::Newest | Which::At(_) => None,
    };
    let snapshot = data::choose(all, id).map_err(refused)?;
    let manifest = data::read(&repository, &snapshot, &order.scope.service).map_err(refused)?;
    Ok(Chosen { snapshot, manifest })
}

/// What it costs to restore it in its own place.
pub fn price(order: &Order<'_>, chosen: &Chosen, now: Timestamp) -> Result<Price, Error> {
    let journal = draft(order, chosen, now)?;
    Ok(Price {
        service: order.scope.service.clone(),
        returns_to: chosen.snapshot.at,
        now,
        needs_bytes: data::needs(&chosen.manifest),
        spare_bytes: data::SPARE,
        free_bytes: room()?,
        stays: journal.kept(),
    })
}

/// Restores in the service's own place.
///
/// The old state stays under other names. Until the new one is proved, the service runs on.
///
/// # Errors
/// If it is not what was saved, or a backup runs; then nothing was changed.
pub fn in_place(
    hold: &Hold,
    order: &Order<'_>,
    chosen: &Chosen,
    told: &dyn Told,
) -> Result<JournalV1, Error> {
    let _still = hold.still()?;
    let mut journal = draft(order, chosen, Timestamp::now())?;
    journal.enter(Phase::Making)?;
    let made = make(order, chosen, &journal, told);
    if let Err(error) = made {
        // What could not be removed is removed by the next run, which reads the journal.
        let _left = unmake(&journal);
        return Err(error);
    }
    journal.enter(Phase::Swapping)?;
    go_on(&mut journal)?;
    Ok(journal)
}

/// Asks the service with these started units whether it works; each question until it had its
/// time, or no unit is left that could answer it.
pub fn works(questions: &[Question], units: &[String], told: &dyn Told) -> StepV1 {
    let mut course = Course::new(told);
    let command = |program: &str| Command::new(program);
    let units = Units::new(units, &command);
    course.always(Step::Checks, || {
        let asked =
            patience::until_well(questions, probe::ask_here, &units, || told.is_cancelled());
        asked.map(|names| ((), names))
    });
    course.steps.remove(0)
}

/// Ends what a killed restore has begun; gives how far it was, or nothing if there is nothing.
pub fn mend(hold: &Hold) -> Result<Option<Phase>, Error> {
    let Some(mut journal) = journal::of(hold.service())? else { return Ok(None) };
    let phase = journal.phase;
    match phase {
        Phase::Kept => return Ok(None),
        Phase::Making => unmake(&journal)?,
        Phase::Swapping | Phase::Starting => {
            let _still = hold.still()?;
            go_on(&mut journal)?;
        }
        Phase::Reverting => {
            let _still = hold.still()?;
            go_back(&mut journal)?;
        }
        Phase::Forgetting => throw_away(&journal)?,
    }
    Ok(Some(phase))
}

/// Puts the old state back and throws the restored one away.
pub fn undo(hold: &Hold, journal: &mut JournalV1) -> Result<(), Error> {
    let _still = hold.still()?;
    journal.enter(Phase::Reverting)?;
    go_back(journal)
}

/// Throws the old state away; gives what it was.
pub fn forget(_hold: &Hold, journal: &mut JournalV1) -> Result<Vec<String>, Error> {
    let kept = journal.kept();
    journal.enter(Phase::Forgetting)?;
    throw_away(journal)?;
    Ok(kept)
}

/// The names that a restore at this time would use; an error if there is something that it would
/// not bring back.
fn draft(order: &Order<'_>, chosen: &Chosen, now: Timestamp) -> Result<JournalV1, Error> {
    if let Some(was) = &chosen.manifest.database {
        sqlite::held(order.scope, was).map_err(refused)?;
    }
    let label = now.strftime("%Y%m%dT%H%M%SZ").to_string();
    let swap = |path: &String| {
        let beside =
            |word: &str| PathBuf::from(format!("{}.{word}-{label}", path.trim_end_matches('/')));
        let live = PathBuf::from(path);
        let was_there = live.symlink_metadata().is_ok();
        Swap { new: beside("restored"), old: beside("before"), live, was_there }
    };
    let database = match database::server(order.scope)? {
        Some(server) => {
            let name = order.scope.database.as_ref().map(|one| one.name.clone());
            let live = name.unwrap_or_default();
            // A name longer than 63 bytes would be cut short by PostgreSQL.
            let short: String = live.chars().take(39).collect();
            Some(Renamed {
                new: format!("{short}_new_{}", label.to_lowercase()),
                old: format!("{short}_before_{}", label.to_lowercase()),
                was_there: database::exists(server.port, &live)?,
                live,
                port: server.port,
            })
        }
        None => None,
    };
    let units = order.scope.units.iter().filter(|unit| runs(unit)).cloned().collect();
    Ok(JournalV1 {
        service: order.scope.service.clone(),
        target: order.target.to_owned(),
        snapshot: chosen.snapshot.id.to_string(),
        snapshot_at: chosen.snapshot.at,
        at: now,
        phase: Phase::Making,
        swaps: outermost(&order.scope.paths).iter().map(swap).collect(),
        database,
        units,
    })
}

/// The paths that no other path of the list holds.
fn outermost(paths: &[String]) -> Vec<String> {
    let inside = |path: &&String| {
        paths.iter().any(|other| other != *path && Path::new(path).starts_with(other))
    };
    let mut found: Vec<String> = paths.iter().filter(|path| !inside(path)).cloned().collect();
    found.dedup();
    found
}

/// Brings the new state beside the old one and proves it.
fn make(
    order: &Order<'_>,
    chosen: &Chosen,
    journal: &JournalV1,
    told: &dyn Told,
) -> Result<(), Error> {
    let mut course = Course::new(told);
    let tree = tree(&journal.service);
    swap::remove(&tree)?;
    make_folder(&tree)?;
    fetched(order, chosen, &tree, room()?, &mut course, told)?;
    let server = database::server(order.scope)?;
    let database =
        chosen.manifest.database.as_ref().zip(server.as_ref()).zip(journal.database.as_ref());
    if let Some(((was, server), renamed)) = database {
        let staging = below(&tree, &data::staging(&journal.service));
        course.step(Step::Database, || data::database(was, &staging, server, &renamed.new));
    }
    if let Some(was) = chosen.manifest.database.as_ref().filter(|was| was.engine == "sqlite") {
        let staging = below(&tree, &data::staging(&journal.service));
        course.step(Step::Database, || sqlite::lay(was, &staging, &tree));
    }
    course.step(Step::Manifest, || {
        let counted = server.as_ref().zip(journal.database.as_ref());
        let counted = counted.map(|(server, renamed)| (server, renamed.new.as_str()));
        data::compare(order.scope, &chosen.manifest, &tree, counted, true)
    });
    ended(&course)?;
    for swap in &journal.swaps {
        lay(&below(&tree, &swap.live), &swap.new)?;
    }
    swap::remove(&tree)
}

/// Moves what was restored beside its place: by a rename where that is on the same file system.
fn lay(from: &Path, to: &Path) -> Result<(), Error> {
    let above = to.parent().unwrap_or(Path::new("/"));
    make_above(above)?;
    let failed = |source| Error::File { what: "look at", path: above.to_owned(), source };
    let device = |path: &Path| path.symlink_metadata().map(|found| found.dev());
    if device(from).map_err(failed)? == device(above).map_err(failed)? {
        let failed = |source| Error::File { what: "rename", path: from.to_owned(), source };
        return fs::rename(from, to).map_err(failed);
    }
    let mut copy = Command::new("cp");
    copy.args(["--archive", "--sparse=auto", "--"]).arg(from).arg(to);
    command::must(&mut copy, COPY)?;
    command::must(Command::new("sync").arg("--file-system").arg(above), COPY).map(|_| ())
}

/// Takes the new state away that was not swapped.
fn unmake(journal: &JournalV1) -> Result<(), Error> {
    swap::remove(&tree(&journal.service))?;
    for swap in &journal.swaps {
        swap::remove(&swap.new)?;
    }
    if let Some(renamed) = &journal.database {
        database::drop(renamed.port, &renamed.new)?;
    }
    journal.end()
}

/// From the proved state to the service that runs with it.
fn go_on(journal: &mut JournalV1) -> Result<(), Error> {
    if journal.phase == Phase::Swapping {
        stop(&journal.units)?;
        for swap in &journal.swaps {
            swap::forward(swap)?;
        }
        if let Some(renamed) = &journal.database {
            database::forward(renamed)?;
        }
        journal.enter(Phase::Starting)?;
    }
    start(&journal.units)?;
    journal.enter(Phase::Kept)
}

/// Back to the service that runs with the old state.
fn go_back(journal: &mut JournalV1) -> Result<(), Error> {
    stop(&journal.units)?;
    for swap in &journal.swaps {
        swap::back(swap)?;
    }
    if let Some(renamed) = &journal.database {
        database::back(renamed)?;
    }
    start(&journal.units)?;
    unmake(journal)
}

fn throw_away(journal: &JournalV1) -> Result<(), Error> {
    for swap in journal.swaps.iter().filter(|swap| swap.was_there) {
        swap::remove(&swap.old)?;
    }
    if let Some(renamed) = journal.database.as_ref().filter(|renamed| renamed.was_there) {
        database::drop(renamed.port, &renamed.old)?;
    }
    journal.end()
}

/// Whether a unit runs now or would after a boot.
fn runs(unit: &str) -> bool {
    let says = |verb: &str| {
        let mut ask = Command::new("systemctl");
        command::run(ask.args([verb, "--quiet", "--", unit]), UNIT).is_ok_and(|left| left.well())
    };
    says("is-active") || says("is-enabled")
}

fn stop(units: &[String]) -> Result<(), Error> {
    let reversed: Vec<&String> = units.iter().rev().collect();
    systemctl("stop", &reversed)
}

fn start(units: &[String]) -> Result<(), Error> {
    command::must(Command::new("systemctl").arg("daemon-reload"), UNIT)?;
    // One that failed too often before would not be tried at all.
    let _none_failed =
        command::run(Command::new("systemctl").arg("reset-failed").arg("--").args(units), UNIT);
    systemctl("start", &units.iter().collect::<Vec<_>>())
}

fn systemctl(verb: &str, units: &[&String]) -> Result<(), Error> {
    if units.is_empty() {
        return Ok(());
    }
    command::must(Command::new("systemctl").arg(verb).arg("--").args(units), UNIT).map(|_| ())
}

fn tree(service: &str) -> PathBuf {
    Path::new(FOLDER).join(format!("{service}.tree"))
}

/// How many bytes are free where restores are made.
fn room() -> Result<u64, Error> {
    let folder = Path::new(FOLDER);
    make_folder(folder)?;
    let found = rustix::fs::statvfs(folder).map_err(|source| Error::File {
        what: "look at",
        path: folder.to_owned(),
        source: source.into(),
    })?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Makes the folders above a service's path, as a package would.
fn make_above(path: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o755).create(path);
    made.map_err(|source| Error::File { what: "make", path: path.to_owned(), source })
}

fn refused(trouble: Trouble) -> Error {
    match trouble {
        Trouble::Bad(told) => Error::Unproved { told },
        Trouble::Barred(told) => Error::Refused { told },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_within_another_is_swapped_with_it() {
        let paths = ["/var/lib/chat/media", "/etc/chat", "/var/lib/chat"].map(str::to_owned);
        assert_eq!(outermost(&paths), ["/etc/chat", "/var/lib/chat"]);
    }
}
