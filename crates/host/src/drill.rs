//! Drills: a backup is restored into a sealed machine without any network, and the service that
//! runs there is asked whether it works.
//!
//! Leaves out when a drill is due, and what its outcome means: `model::backup::drill` judges.

pub(crate) mod cluster;
pub(crate) mod command;
pub mod course;
pub(crate) mod data;
mod hide;
pub(crate) mod layers;
pub mod machine;
mod mounts;
mod nspawn;
mod packages;
mod private;
mod scratch;
mod sealed;
pub(crate) mod sqlite;
pub mod store;
mod within;
mod works;

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::time::Instant;

use backup::postgres::cluster::Cluster;
use backup::reach::Reach;
use backup::snapshot::{Snapshot, Strangers};
use jiff::Timestamp;
use model::backup::drill::{DrillV1, Outcome, Step, judge, restore_time};
use model::backup::manifest::DatabaseV1;
use model::backup::scope::Scope;
use model::recipe::question::Question;

use crate::drill::course::{Course, Told, Trouble};
use crate::drill::layers::below;
use crate::drill::machine::{Plan, Root};
use crate::drill::packages::Brought;
use crate::drill::scratch::Scratch;
use crate::drill::sealed::Sealed;
use crate::error::Error;

/// Where PostgreSQL's servers have their data and their sockets.
const SERVERS: &str = "/var/lib/postgresql";
const SOCKETS: &str = "/var/run/postgresql";

/// What is to be drilled.
pub struct Order<'a> {
    pub scope: &'a Scope,
    pub reach: &'a Reach<'a>,
    /// The target's name in the plan.
    pub target: &'a str,
    /// The host on which the drill runs.
    pub host: &'a str,
    /// How the snapshot's id begins; the newest if missing.
    pub snapshot: Option<&'a str>,
    /// Folders of the service that its backup leaves out: they are there, and empty.
    pub emptied: &'a [PathBuf],
    /// The recipe's `[drill]`, filled in.
    pub prepare: &'a [String],
    pub questions: &'a [Question],
    pub assertions: &'a [String],
    /// The kind of sealed machine; the best that works here if missing.
    pub root: Option<Root>,
    /// Whether the machine stays, for a look inside, if the drill does not pass.
    pub keep: bool,
}

/// Drills, and takes everything away again. Blocks, and has to stay on its thread: the machine
/// ends with it.
pub fn run(order: &Order<'_>, told: &dyn Told) -> DrillV1 {
    run_in(Path::new(scratch::FOLDER), order, told)
}

fn run_in(parent: &Path, order: &Order<'_>, told: &dyn Told) -> DrillV1 {
    let (at, start) = (Timestamp::now(), Instant::now());
    let mut course = Course::new(told);
    let scratch = course.step(Step::Room, || room(parent, &order.scope.service));
    let mut snapshot = None;
    if let Some(scratch) = &scratch {
        let machine = inside(order, scratch, &mut course, &mut snapshot, told);
        if let Some(machine) = &machine {
            course.always(Step::Sealed, || sealed(machine));
        }
        let kept = order.keep && !course.is_well();
        course.always(Step::Clear, || match machine {
            Some(machine) if kept => Ok(((), look(&machine))),
            machine => {
                if let Some(machine) = machine {
                    machine.end();
                }
                scratch.clear()?;
                Ok(((), "the machine and its files are gone".to_owned()))
            }
        });
    }
    let (outcome, reason) = judge(&course.steps);
    let milliseconds = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    DrillV1 {
        service: order.scope.service.clone(),
        host: order.host.to_owned(),
        target: order.target.to_owned(),
        snapshot: snapshot.as_ref().map(|snapshot| snapshot.id.to_string()),
        snapshot_at: snapshot.map(|snapshot| snapshot.at),
        at,
        outcome,
        reason,
        restore_milliseconds: (outcome == Outcome::Pass).then(|| restore_time(&course.steps)),
        steps: course.steps,
        milliseconds,
    }
}

fn room(parent: &Path, service: &str) -> Result<(Scratch, String), Trouble> {
    let swept = scratch::sweep(parent)?;
    let scratch = Scratch::new(parent, service)?;
    let free = model::text::bytes(scratch.room()?);
    let evidence = match swept.as_slice() {
        [] => format!("{free} free"),
        swept => format!("took away what drills of {} left; {free} free", swept.join(", ")),
    };
    Ok((scratch, evidence))
}

/// Everything from the fetch to the assertions; gives the machine if it was booted.
fn inside(
    order: &Order<'_>,
    scratch: &Scratch,
    course: &mut Course<'_>,
    snapshot: &mut Option<Snapshot>,
    told: &dyn Told,
) -> Option<Sealed> {
    let restored = scratch.path("restored");
    let fetched = course.step(Step::Fetch, || {
        data::fetch(order.reach, order.snapshot, &restored, scratch.room()?, snapshot, told)
    })?;
    course.step(Step::Files, || data::in_place(order.scope, &fetched, &restored))?;
    let staging = below(&restored, &data::staging(&order.scope.service));
    if let Some(was) = fetched.manifest.database.as_ref().filter(|was| was.engine == "sqlite") {
        course.step(Step::Database, || {
            sqlite::held(order.scope, was)?;
            sqlite::lay(was, &staging, &restored)
        })?;
    }
    let was = fetched.manifest.version.as_deref();
    let ready = course.step(Step::Packages, || packages::bring(order.scope, was))?;
    let (strangers, brought) = (&fetched.restored.strangers, ready.brought.as_ref());
    let machine =
        course.step(Step::Machine, || boot(order, scratch, &restored, strangers, brought))?;
    let cluster = match &fetched.manifest.database {
        Some(was) if was.engine == "postgresql" => {
            match postgres(order, scratch, course, &machine, was) {
                Some(cluster) => Some((cluster, was.name.clone())),
                None => return Some(machine),
            }
        }
        _ => None,
    };
    course.step(Step::Manifest, || {
        let cluster = cluster.as_ref().map(|(cluster, name)| (cluster, name.as_str()));
        data::compare(order.scope, &fetched.manifest, &restored, cluster, false)
    });
    if !order.prepare.is_empty() {
        course.step(Step::Prepare, || works::prepare(&machine, order.prepare));
    }
    course.step(Step::Service, || ready.judged(works::start(&machine, &order.scope.units)));
    if !order.questions.is_empty() {
        course.step(Step::Checks, || {
            ready.judged(works::ask(&machine, order.questions, &order.scope.units, || {
                told.is_cancelled()
            }))
        });
    }
    if !order.assertions.is_empty() {
        course.step(Step::Assertions, || ready.judged(works::assert(&machine, order.assertions)));
    }
    Some(machine)
}

fn postgres(
    order: &Order<'_>,
    scratch: &Scratch,
    course: &mut Course<'_>,
    machine: &Sealed,
    was: &DatabaseV1,
) -> Option<Cluster> {
    let cluster = course.step(Step::Cluster, || {
        let user = cluster::user()?;
        let sockets = scratch.sockets(user.uid, user.gid)?;
        let version = cluster::version(&was.version)?;
        let made = cluster::make(machine, version, &sockets)?;
        Ok((made, format!("PostgreSQL {version}, empty; the database was of {}", was.version)))
    })?;
    let staging = below(&scratch.path("restored"), &data::staging(&order.scope.service));
    course.step(Step::Database, || data::database(was, &staging, &cluster, &was.name))?;
    Some(cluster)
}

fn boot(
    order: &Order<'_>,
    scratch: &Scratch,
    restored: &Path,
    strangers: &Strangers,
    packages: Option<&Brought>,
) -> Result<(Sealed, String), Trouble> {
    let start = Instant::now();
    let mut paths: Vec<PathBuf> = order.scope.paths.iter().map(PathBuf::from).collect();
    paths.sort();
    let (mut binds, mut copies) = (Vec::new(), Vec::new());
    for path in &paths {
        let here = below(restored, path);
        match here.symlink_metadata() {
            Ok(found) if found.is_dir() => binds.push((here, path.clone())),
            // A file that is bound could not be replaced inside.
            Ok(_) => copies.push((here, path.clone())),
            Err(_) => {}
        }
    }
    if order.scope.database.is_some() && Path::new(SERVERS).is_dir() {
        let user = cluster::user()?;
        let servers = scratch.path("postgresql");
        let failed = |source| Error::File { what: "make", path: servers.clone(), source };
        fs::create_dir(&servers).map_err(failed)?;
        chown(&servers, Some(user.uid), Some(user.gid)).map_err(failed)?;
        binds.push((servers.clone(), PathBuf::from(SERVERS)));
        let sockets = scratch.sockets(user.uid, user.gid)?;
        binds.push((sockets, PathBuf::from(SOCKETS)));
    }
    let plan = Plan {
        service: &order.scope.service,
        root: order.root,
        units: &order.scope.units,
        gone: &paths,
        emptied: order.emptied,
        copies: &copies,
        binds: &binds,
        strangers,
        packages,
        keep: order.keep,
    };
    let machine = Sealed::boot(scratch, &plan)?;
    match machine.sealed() {
        Ok(_) => {
            let milliseconds = start.elapsed().as_millis();
            let kind = machine.kind();
            let told = format!("booted in {milliseconds} ms, with `lo` and nothing else; {kind}");
            Ok((machine, told))
        }
        Err(error) => {
            machine.end();
            Err(error.into())
        }
    }
}

fn sealed(machine: &Sealed) -> Result<((), String), Trouble> {
    let packets = machine.sealed()?;
    Ok(((), format!("`lo` and nothing else: {packets} packets inside, 0 left the machine")))
}

fn look(machine: &Sealed) -> String {
    format!(
        "kept until the next drill; `nsenter --all --target {} bash` leads inside",
        machine.leader()
    )
}
