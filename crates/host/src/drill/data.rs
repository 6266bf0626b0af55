//! The snapshot's contents: read from the target, laid where the machine finds them, compared.
//!
//! Leaves out the machine.

use std::path::{Path, PathBuf};

use backup::dumped;
use backup::postgres::cluster::Cluster;
use backup::progress::Progress;
use backup::reach::Reach;
use backup::refusal::Refusal;
use backup::repository::Repository;
use backup::snapshot::{Restored, Snapshot};
use backup::staging::FOLDER as STAGING;
use backup::{files, postgres, sqlite};
use model::backup::difference::{self, between};
use model::backup::manifest::{self, DatabaseV1, ManifestV1, PasswordV1};
use model::backup::scope::Scope;
use model::text::{bytes, counted, moment, with_causes};

use crate::drill::course::{Told, Trouble};
use crate::drill::layers::below;

/// What a database server takes besides its tables: indexes, and what it writes ahead.
pub(crate) const DATABASE: u64 = 3;
/// Room for what the service writes while it is asked.
pub(crate) const SPARE: u64 = 64 << 20;
/// How many differences are told.
const SHOWN: usize = 5;

/// What was fetched.
pub(crate) struct Fetched {
    pub manifest: ManifestV1,
    pub restored: Restored,
    /// Something could not be read when it was made.
    pub incomplete: bool,
}

/// The folder of the dump and the manifest of a service.
pub(crate) fn staging(service: &str) -> PathBuf {
    Path::new(STAGING).join(service)
}

/// Chooses the snapshot: the newest, or the one whose id begins like this.
pub(crate) fn choose(all: Vec<Snapshot>, id: Option<&str>) -> Result<Snapshot, Trouble> {
    let Some(id) = id else {
        let none = || Trouble::Bad("there is no snapshot at the target".to_owned());
        return all.into_iter().next_back().ok_or_else(none);
    };
    let mut found = all.into_iter().filter(|one| one.id.as_str().starts_with(id));
    match (found.next(), found.next()) {
        (Some(snapshot), None) => Ok(snapshot),
        (None, _) => Err(Trouble::Barred(format!("there is no snapshot {id} at the target"))),
        (Some(_), Some(_)) => Err(Trouble::Barred(format!("several snapshots begin with {id}"))),
    }
}

/// Reads the manifest of a snapshot.
pub(crate) fn read(
    repository: &Repository,
    snapshot: &Snapshot,
    service: &str,
) -> Result<ManifestV1, Trouble> {
    let text = repository.read(&snapshot.id, &staging(service).join(manifest::FILE));
    manifest::read(&text.map_err(|error| of_repository(&error))?).map_err(Trouble::Bad)
}

/// Brings a snapshot from the target into a folder, past any cache.
pub(crate) fn fetch(
    reach: &Reach<'_>,
    id: Option<&str>,
    into: &Path,
    room: u64,
    chosen: &mut Option<Snapshot>,
    told: &dyn Told,
) -> Result<(Fetched, String), Trouble> {
    let repository = Repository::open(reach).map_err(|error| of_repository(&error))?;
    let all = repository.snapshots().map_err(|error| of_repository(&error))?;
    // Whatever becomes of it, people are told which one it was.
    let snapshot = chosen.insert(choose(all, id)?);
    let manifest = read(&repository, snapshot, reach.service)?;
    let needed = needs(&manifest);
    if room < needed {
        let (needed, room) = (bytes(needed), bytes(room));
        let why = format!("there is no room: {needed} are needed below {STAGING}, {room} are free");
        return Err(Trouble::Barred(why));
    }
    let restored = repository
        .restore(&snapshot.id, into, &Shown(told))
        .map_err(|error| of_repository(&error))?;
    let evidence = format!(
        "snapshot {} of {}: {}, {}, {} read from {}",
        snapshot.id.short(),
        moment(snapshot.at),
        counted(restored.files, "file"),
        bytes(restored.bytes),
        bytes(repository.read_bytes()),
        repository.place(),
    );
    let incomplete = snapshot.is_incomplete();
    Ok((Fetched { manifest, restored, incomplete }, evidence))
}

/// How many bytes it takes to have all of a snapshot in place, its database running.
pub(crate) fn needs(manifest: &ManifestV1) -> u64 {
    let database = manifest.database.as_ref().map_or(0, |database| database.dump_bytes);
    let all = database.saturating_mul(DATABASE).saturating_add(manifest.files.bytes);
    all.saturating_add(SPARE)
}

/// Looks whether every path of the service was restored, with its owners and modes, and whether
/// it holds as much as the manifest counted.
pub(crate) fn in_place(
    scope: &Scope,
    fetched: &Fetched,
    root: &Path,
) -> Result<((), String), Trouble> {
    let lacking = |path: &&String| below(root, Path::new(path)).symlink_metadata().is_err();
    if let Some(path) = scope.paths.iter().find(lacking) {
        return Err(Trouble::Bad(format!("{path} is not in the snapshot")));
    }
    if fetched.incomplete {
        return Err(Trouble::Bad("the snapshot lacks files that could not be read".to_owned()));
    }
    if !fetched.restored.faults.is_empty() {
        let faults = &fetched.restored.faults;
        return Err(Trouble::Bad(some(faults, faults.len())));
    }
    let is = files::restored(scope, root).map_err(|refusal| of_count(&refusal))?;
    let was = &fetched.manifest.files;
    let differences: Vec<String> =
        difference::files(was, &is).iter().map(ToString::to_string).collect();
    if !differences.is_empty() {
        return Err(Trouble::Bad(some(&differences, differences.len())));
    }
    let (count, size) = (counted(is.count, "file"), bytes(is.bytes));
    let paths = counted(scope.paths.len() as u64, "path");
    Ok(((), format!("{paths}: {count}, {size}, with owners, modes and times")))
}

/// Restores the dump into a server under its own name or another.
pub(crate) fn database(
    was: &DatabaseV1,
    staging: &Path,
    cluster: &Cluster,
    name: &str,
) -> Result<((), String), Trouble> {
    postgres::restore(was, staging, cluster, name).map_err(|refusal| of_dump(&refusal))?;
    let rows = was.tables.values().fold(0_u64, |sum, table| sum.saturating_add(table.rows));
    let (tables, dump) = (was.tables.len() as u64, bytes(was.dump_bytes));
    Ok(((), format!("{} with {}, {dump}", counted(tables, "table"), counted(rows, "row"))))
}

/// Counts a restored database and compares it with the manifest.
///
/// In a server that is `live`, a role that was there before stays as it is; that is said.
pub(crate) fn compare(
    scope: &Scope,
    was: &ManifestV1,
    root: &Path,
    cluster: Option<(&Cluster, &str)>,
    live: bool,
) -> Result<((), String), Trouble> {
    let is = match (&was.database, cluster) {
        (Some(was), Some((cluster, name))) => {
            let is = postgres::count(cluster, name, was.key);
            Some(is.map_err(|refusal| of_count(&refusal))?)
        }
        (Some(was), None) if was.engine == "sqlite" => {
            let is = sqlite::count(&below(root, Path::new(&was.name)), was.key);
            Some(is.map_err(|refusal| of_dump(&refusal))?)
        }
        _ => None,
    };
    let is = ManifestV1 { database: is, ..was.clone() };
    let (kept, differences): (Vec<_>, Vec<_>) = between(was, &is)
        .into_iter()
        .partition(|one| live && matches!(one, difference::Difference::Role { .. }));
    let words = |all: Vec<difference::Difference>| -> Vec<String> {
        all.iter().map(ToString::to_string).collect()
    };
    let (kept, differences) = (words(kept), words(differences));
    if !differences.is_empty() {
        return Err(Trouble::Bad(some(&differences, differences.len())));
    }
    if let Some(table) = emptied(scope, was) {
        return Err(Trouble::Bad(format!("table {table} has no rows, and the recipe wants some")));
    }
    let told = match &was.database {
        Some(database) => format!(
            "{}, {}, {} as in the manifest",
            counted(database.tables.len() as u64, "table"),
            counted(was.rows(), "row"),
            counted(database.extensions.len() as u64, "extension"),
        ),
        None => "the service has no database, and its files were compared".to_owned(),
    };
    Ok(((), told + &unread(was) + &stays(&kept)))
}

/// What is said of passwords that no backup has.
fn unread(was: &ManifestV1) -> String {
    let rights = was.database.iter().flat_map(|database| &database.rights);
    let unread = rights.filter(|(_, role)| role.password == PasswordV1::Unread);
    let roles: Vec<&str> = unread.map(|(role, _)| &role[..]).collect();
    match roles.is_empty() {
        true => String::new(),
        false => format!("; without the passwords of {}, which were not saved", roles.join(", ")),
    }
}

/// What is said of roles that were there before and are otherwise.
fn stays(kept: &[String]) -> String {
    match kept.is_empty() {
        true => String::new(),
        false => format!("; left as it is: {}", some(kept, kept.len())),
    }
}

/// Compares the dump with what the manifest says of it, where no server restores it.
pub(crate) fn dump(was: &ManifestV1, staging: &Path) -> Result<((), String), Trouble> {
    let Some(database) = &was.database else {
        return Ok(((), "the service has no database, and its files were compared".to_owned()));
    };
    let path = dumped::recognised(staging, database).map_err(|refusal| of_dump(&refusal))?;
    Ok(((), format!("the dump is the one that was saved: {}", path.display())))
}

/// The first table of the recipe's `verify` that is missing or empty.
fn emptied<'a>(scope: &'a Scope, was: &ManifestV1) -> Option<&'a str> {
    let (wanted, database) = (scope.database.as_ref()?, was.database.as_ref()?);
    let has_rows = |wanted: &str| {
        let named = |name: &str| name == wanted || name.strip_prefix("public.") == Some(wanted);
        database.tables.iter().any(|(name, table)| named(name) && table.rows > 0)
    };
    wanted.verify.iter().map(String::as_str).find(|table| !has_rows(table))
}

fn some(all: &[String], count: usize) -> String {
    let mut text = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
    if count > SHOWN {
        text.push_str(&format!("; and {} more", count - SHOWN));
    }
    text
}

/// What a failure of the repository says of the backup.
///
/// What is not there or not whole is the backup's fault; what could not be reached or opened, or
/// had no room here, says nothing of it.
pub(crate) fn of_repository(error: &backup::error::Error) -> Trouble {
    use backup::error::Error;
    let text = with_causes(error);
    match error {
        Error::Gone { .. }
        | Error::Damaged { .. }
        | Error::NotInSnapshot { .. }
        | Error::TooLarge { .. }
        | Error::Restore { .. }
        // What the target itself said has an error of its own: this is about what it holds.
        | Error::Engine { .. } => Trouble::Bad(text),
        _ => match error.hint() {
            Some(hint) => Trouble::Barred(format!("{text}; {hint}")),
            None => Trouble::Barred(text),
        },
    }
}

/// What a failure to restore a dump says of it.
pub(crate) fn of_dump(refusal: &Refusal) -> Trouble {
    let text = with_causes(refusal);
    match refusal {
        Refusal::Dump { .. }
        | Refusal::OtherDump { .. }
        | Refusal::Failed { .. }
        | Refusal::Ask { .. }
        | Refusal::NoSqlite { .. }
        | Refusal::Sqlite { .. }
        | Refusal::Manifest { .. } => Trouble::Bad(text),
        _ => Trouble::Barred(text),
    }
}

/// What a failure to count says: the copy was there to be counted, so this is the drill's.
fn of_count(refusal: &Refusal) -> Trouble {
    Trouble::Barred(with_causes(refusal))
}

/// Hands on how much is done.
struct Shown<'a>(&'a dyn Told);

impl Progress for Shown<'_> {
    fn step(&self, _text: &str) {}

    fn bytes(&self, done: u64, total: Option<u64>) {
        self.0.bytes(done, total);
    }
}
