//! What is to be restored, and what every restore begins with: fetching it.
//!
//! Leaves out where it goes in the end.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use backup::reach::Reach;
use backup::snapshot::Snapshot;
use model::backup::drill::Step;
use model::backup::manifest::ManifestV1;
use model::backup::scope::Scope;

use crate::drill::course::{Course, Told};
use crate::drill::data::{self, Fetched};
use crate::error::Error;

/// What is to be restored.
pub struct Order<'a> {
    pub scope: &'a Scope,
    pub reach: &'a Reach<'a>,
    /// The target's name in the plan.
    pub target: &'a str,
}

/// A snapshot with its manifest, chosen to be restored.
pub struct Chosen {
    pub snapshot: Snapshot,
    pub manifest: ManifestV1,
}

pub(crate) fn fetched(
    order: &Order<'_>,
    chosen: &Chosen,
    into: &Path,
    room: u64,
    course: &mut Course<'_>,
    told: &dyn Told,
) -> Result<(), Error> {
    let id = chosen.snapshot.id.as_str();
    let fetched: Option<Fetched> = course
        .step(Step::Fetch, || data::fetch(order.reach, Some(id), into, room, &mut None, told));
    if let Some(fetched) = fetched {
        course.step(Step::Files, || data::in_place(order.scope, &fetched, into));
    }
    ended(course)
}

pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|source| Error::File { what: "make", path: path.to_owned(), source })
}

/// The first step that failed, as an error.
pub(crate) fn ended(course: &Course<'_>) -> Result<(), Error> {
    use model::backup::drill::Ended;
    match course.steps.iter().find(|step| step.ended != Ended::Done) {
        Some(step) => {
            let told = format!("{}: {}", step.step.name(), step.evidence);
            Err(if step.ended == Ended::Bad {
                Error::Unproved { told }
            } else {
                Error::Refused { told }
            })
        }
        None => Ok(()),
    }
}
