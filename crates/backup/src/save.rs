//! One backup: rest, dump, manifest, each target's snapshot, and reading it back from there.
//!
//! One dump for all targets; each has its own outcome, and no failure of one stops another. Leaves
//! out when a backup is due, and what is dropped afterwards.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use model::backup::evidence::EvidenceV1;
use model::backup::manifest::{FILE, FilesV1, ManifestV1};
use model::backup::scope::Scope;

use crate::dumped::Dumped;
use crate::error;
use crate::files::{self, Counted};
use crate::places::Places;
use crate::progress::Progress;
use crate::proof::Proof;
use crate::reach::Reach;
use crate::refusal::Refusal;
use crate::repository::{Repository, Take};
use crate::rest::Rest;
use crate::snapshot::{Depth, Saved};
use crate::staging::Staging;
use crate::{database, manifest, whole};

/// How many of 100 packs are fetched and decrypted to prove that they can be.
const SAMPLE: u8 = 1;

/// One of the places where a service is saved to.
#[derive(Clone, Copy, Debug)]
pub struct Destination<'a> {
    /// The target's name in the plan.
    pub name: &'a str,
    pub reach: Reach<'a>,
}

/// What became of a backup at one target.
#[derive(Debug)]
pub struct Outcome {
    pub target: String,
    pub result: Result<EvidenceV1, Unsaved>,
}

/// Why there is no evidence of a backup at a target.
#[derive(Debug, thiserror::Error)]
pub enum Unsaved {
    #[error(transparent)]
    Repository(#[from] error::Error),
    #[error(transparent)]
    Refusal(#[from] Refusal),
    #[error("snapshot {snapshot} was saved, and cannot be read back: {reason}")]
    ReadBack { snapshot: String, reason: String },
    #[error("the thread that saved it broke off")]
    Broken,
}

impl Unsaved {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Repository(error) => error.hint(),
            Self::Refusal(refusal) => refusal.hint(),
            Self::ReadBack { .. } => Some("`stead backup check` says what is damaged".to_owned()),
            Self::Broken => None,
        }
    }
}

/// Backs a service up to all its targets; an error if there is nothing to save to any of them.
///
/// `version` is that of the service's package, as dpkg has it.
pub fn back_up(
    scope: &Scope,
    version: Option<String>,
    to: &[Destination<'_>],
    places: &Places,
    progress: &dyn Progress,
) -> Result<Vec<Outcome>, Refusal> {
    let begun = Instant::now();
    let staging = Staging::take(&places.staging, &scope.service)?;
    let before = files::taken(scope)?;
    let rest = rest(scope, places, progress)?;
    let resting = rest.is_some();
    progress.step("dumping the database");
    let (dumped, proof) = database::dump(scope, places, key(), &staging)?.unzip();
    if let Some(note) = dumped.as_ref().and_then(|dumped| dumped.note.as_ref()) {
        progress.step(note);
    }
    progress.step("counting files");
    let counted = files::taken(scope)?;
    let still = resting || counted == before;
    let mut manifest = describe(scope, version, dumped, counted, still);
    manifest.milliseconds = milliseconds(begun);
    let mut bytes = manifest::write(&manifest, staging.path())?;
    let at = manifest.at;
    let during = During { progress, rest: rest.as_ref(), proof: proof.as_ref() };
    let mut saved = save_all(scope, to, &staging, at, &during);
    // Of a dump that is not whole no target has a snapshot by now.
    proof.map_or(Ok(()), Proof::end)?;
    // Files may have changed since they were counted; then the manifest says so, and is saved anew.
    let mut retold = vec![false; saved.len()];
    if manifest.files.exact {
        let expected = manifest.files.bytes + size(staging.path());
        for (retold, saved) in retold.iter_mut().zip(&saved) {
            *retold = saved.as_ref().is_ok_and(|(_, saved)| saved.bytes != expected);
        }
    }
    let told = bytes.clone();
    if retold.contains(&true) {
        manifest.files.exact = false;
        bytes = manifest::write(&manifest, staging.path())?;
        let again: Vec<Destination<'_>> =
            to.iter().zip(&retold).filter(|(_, retold)| **retold).map(|(to, _)| *to).collect();
        let during = During { progress, rest: rest.as_ref(), proof: None };
        let mut anew = save_all(scope, &again, &staging, at, &during).into_iter();
        for (saved, _) in saved.iter_mut().zip(&retold).filter(|(_, retold)| **retold) {
            *saved = anew.next().unwrap_or(Err(Unsaved::Broken));
        }
    }
    if let Some(rest) = rest {
        progress.step("starting what rested");
        match rest.end() {
            // Each target knows whether it was saved before.
            Ok(()) | Err(Refusal::CutShort { .. }) => {}
            Err(refusal) => return Err(refusal),
        }
    }
    let outcomes = to.iter().zip(saved).zip(retold).map(|((to, saved), retold)| {
        let manifest_bytes = if retold { &bytes } else { &told };
        let result = saved.and_then(|(place, saved)| {
            progress.step(&format!("reading back from {place}"));
            let staged = staging.path().join(FILE);
            let read = read_back(to, &saved, &staged, manifest_bytes, progress)?;
            let evidence = EvidenceV1 {
                service: scope.service.clone(),
                target: to.name.to_owned(),
                at: manifest.at,
                snapshot: saved.id.to_string(),
                files: saved.files,
                bytes: saved.bytes,
                rows: manifest.rows(),
                added_bytes: saved.added_bytes,
                read_bytes: read,
                milliseconds: milliseconds(begun),
            };
            testify(&evidence, &places.evidence)?;
            Ok(evidence)
        });
        Outcome { target: to.name.to_owned(), result }
    });
    Ok(outcomes.collect())
}

fn rest(scope: &Scope, places: &Places, progress: &dyn Progress) -> Result<Option<Rest>, Refusal> {
    if scope.quiesce.is_empty() {
        return Ok(None);
    }
    progress.step("stopping what rests meanwhile");
    let (units, seconds) = (&scope.quiesce, scope.quiesce_seconds);
    Rest::begin(&scope.service, units, seconds, &places.systemd).map(Some)
}

fn describe(
    scope: &Scope,
    version: Option<String>,
    dumped: Option<Dumped>,
    counted: Counted,
    exact: bool,
) -> ManifestV1 {
    let (database, mut tools) = match dumped {
        Some(dumped) => (Some(dumped.database), dumped.tools),
        None => (None, BTreeMap::new()),
    };
    tools.insert("stead".to_owned(), env!("CARGO_PKG_VERSION").to_owned());
    ManifestV1 {
        at: Timestamp::now(),
        service: scope.service.clone(),
        recipe: scope.recipe.clone(),
        host: scope.host.clone(),
        version,
        database,
        files: FilesV1 { count: counted.count, bytes: counted.bytes, exact },
        tools,
        milliseconds: 0,
    }
}

/// Saves to all of them at once.
fn save_all(
    scope: &Scope,
    to: &[Destination<'_>],
    staging: &Staging,
    at: Timestamp,
    during: &During<'_>,
) -> Vec<Result<(String, Saved), Unsaved>> {
    let one = |to: &Destination<'_>| {
        let repository = Repository::open(&to.reach)?;
        let take = Take { scope, staging: staging.path(), at };
        during.step(&format!("saving to {}", repository.place()));
        let saved = repository.save(&take, during);
        // Why it is void is the rest's to say.
        if let (Err(error::Error::Void { .. }), Some(rest)) = (&saved, during.rest) {
            rest.kept()?;
        }
        Ok((repository.place(), saved?))
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = to.iter().map(|to| scope.spawn(move || one(to))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(Err(Unsaved::Broken))).collect()
    })
}

/// Progress beside a rest and the dump's proof: no snapshot must be written of files that were
/// written to meanwhile, nor of a dump that is not whole.
struct During<'a> {
    progress: &'a dyn Progress,
    rest: Option<&'a Rest>,
    proof: Option<&'a Proof>,
}

impl Progress for During<'_> {
    fn step(&self, text: &str) {
        self.progress.step(text);
    }

    fn bytes(&self, done: u64, total: Option<u64>) {
        self.progress.bytes(done, total);
    }

    fn void(&self) -> Option<String> {
        let cut = self.rest.and_then(|rest| rest.kept().err()).map(|refusal| refusal.to_string());
        let cut = cut.or_else(|| self.proof.and_then(Proof::fault));
        cut.or_else(|| self.progress.void())
    }
}

/// Opens the target anew, as somebody who needs the backup would; the bytes that were read there.
fn read_back(
    to: &Destination<'_>,
    saved: &Saved,
    manifest: &Path,
    expected: &[u8],
    progress: &dyn Progress,
) -> Result<u64, Unsaved> {
    let fault =
        |reason: String| Unsaved::ReadBack { snapshot: saved.id.short().to_owned(), reason };
    let repository = Repository::open(&to.reach)?;
    if !repository.snapshots()?.iter().any(|snapshot| snapshot.id == saved.id) {
        return Err(fault("the target does not list it".to_owned()));
    }
    if repository.read(&saved.id, manifest)? != expected {
        return Err(fault("its manifest is another".to_owned()));
    }
    let faults = repository.check(Depth::Sample(SAMPLE), progress)?;
    if let Some(first) = faults.iter().find(|fault| fault.harmful) {
        return Err(fault(format!("{} {}", first.object, first.what)));
    }
    Ok(repository.read_bytes())
}

/// Leaves the evidence, by rename: it is there as a whole or not at all.
fn testify(evidence: &EvidenceV1, folder: &Path) -> Result<(), Refusal> {
    let path = folder.join(format!("{}@{}.json", evidence.service, evidence.target));
    let written = serde_json::to_vec_pretty(evidence)
        .map_err(io::Error::from)
        .and_then(|text| whole::replace(&path, &text, 0o644));
    written.map_err(|source| Refusal::Local { what: "write", path, source })
}

/// The bytes of the files in the staging folder.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.metadata().ok()).map(|meta| meta.len()).sum()
}

/// Another one for each backup.
fn key() -> i64 {
    let mut bytes = [0; 8];
    // Without randomness the hashes are still right, only foreseeable.
    let _ = getrandom::fill(&mut bytes);
    i64::from_le_bytes(bytes)
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
