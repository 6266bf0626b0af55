//! The drill job: which service is due from which target, and what its copy is asked.
//!
//! Leaves out the machine, which is `host`'s, and what is proved, which `model` judges. A drill on
//! schedule is a program of its own: its memory is given back, it is nice to others, and it ends
//! when the node does.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use backup::staging;
use host::drill::course::Told;
use host::drill::machine::Root;
use host::drill::{Order, store};
use jiff::Timestamp;
use model::backup::drill::{DrillV1, Outcome};
use model::backup::due::{Due, seed};
use model::backup::rota::{self, Rota};
use model::plan::service::Service;
use model::recipe::question::{Question, questions};
use model::recipe::template;
use model::text::{printable, with_causes};

use crate::backups;
use crate::error::Error;
use crate::ground::{Ground, Place};

/// A service whose drill is due, and the target whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    pub service: String,
    pub target: String,
}

/// What a person may wish of a drill.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wish<'a> {
    /// How the snapshot's id begins; the newest if missing.
    pub snapshot: Option<&'a str>,
    /// The kind of sealed machine; the best that works if missing.
    pub root: Option<Root>,
    /// Whether a machine stays that did not pass.
    pub keep: bool,
}

/// What a recipe asks of a copy of its service, filled in.
#[derive(Clone, Debug)]
pub struct Asked {
    emptied: Vec<PathBuf>,
    prepare: Vec<String>,
    questions: Vec<Question>,
    assertions: Vec<String>,
}

impl Asked {
    /// # Errors
    /// If a text of the recipe cannot be filled in with the service's settings.
    pub fn of(service: &Service) -> Result<Self, Error> {
        let recipe = &service.recipe;
        let render = |text: &String| fill(service, text).map_err(|told| refused(service, told));
        let all = asked_live(service)?;
        let drill = recipe.drill.clone().unwrap_or_default();
        // A recipe that says nothing of drills is asked all that it asks of the live service.
        let chosen =
            |question: &Question| recipe.drill.is_none() || drill.checks.contains(&question.name);
        let folders = recipe.package.directories.iter().map(|directory| render(&directory.path));
        Ok(Self {
            emptied: folders.map(|path| path.map(PathBuf::from)).collect::<Result<_, _>>()?,
            prepare: drill.prepare.iter().map(render).collect::<Result<_, _>>()?,
            questions: all.into_iter().filter(chosen).collect(),
            assertions: drill.assertions.iter().map(render).collect::<Result<_, _>>()?,
        })
    }

    /// Drills here, on a thread of its own.
    pub fn drill(&self, place: &Place, host: &str, wish: &Wish<'_>, told: &dyn Told) -> DrillV1 {
        let order = Order {
            scope: &place.scope,
            reach: &place.reach(),
            target: &place.name,
            host,
            snapshot: wish.snapshot,
            emptied: &self.emptied,
            prepare: &self.prepare,
            questions: &self.questions,
            assertions: &self.assertions,
            root: wish.root,
            keep: wish.keep,
        };
        // On a thread of its own that stays: the machine ends with it.
        let drill =
            std::thread::scope(|scope| scope.spawn(|| host::drill::run(&order, told)).join());
        match drill {
            Ok(drill) => drill,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// All that the recipe asks of the live service, filled in.
///
/// # Errors
/// If a text of the recipe cannot be filled in with the service's settings.
pub fn asked_live(service: &Service) -> Result<Vec<Question>, Error> {
    questions(&service.recipe, |text| fill(service, text))
        .map_err(|error| refused(service, with_causes(&error)))
}

fn fill(service: &Service, text: &str) -> Result<String, String> {
    template::render(text, &service.recipe, &service.values).map_err(|error| error.to_string())
}

fn refused(service: &Service, told: String) -> Error {
    Error::Recipe { recipe: service.recipe.name.clone(), told }
}

/// When a service is drilled next on this host, and from which target; `None` where there is
/// nothing to restore from, or another host drills it.
pub fn rota(ground: &Ground, service: &Service, now: Timestamp) -> Option<(Due, String)> {
    let expected = service.expected().filter(|_| service.is_drilled_by(&ground.host))?;
    let name = &service.name;
    // Who saves it elsewhere knows what was saved; here only the target can tell.
    let saved =
        |target: &&String| !service.is_on(&ground.host) || backups::last(name, target).is_some();
    let targets: Vec<String> = expected.targets.iter().filter(saved).cloned().collect();
    let drills = store::last(name).ok().flatten();
    let rota = Rota {
        drills: drills.as_ref(),
        targets: &targets,
        every_days: expected.drill.every_days,
        seed: &seed(ground.host.as_str(), name, rota::ANY),
    };
    rota::next(&rota, now).map(|(due, target)| (due, target.to_owned()))
}

/// The drill that this host's plan asks for now, if any: of the service that was drilled longest
/// ago. Not while a backup or a restore of it runs, nor while it rests.
pub fn next(ground: &Ground, now: Timestamp, rests: impl Fn(&str) -> bool) -> Option<Turn> {
    let mut waiting = Vec::new();
    for service in &ground.services.all {
        let name = &service.name;
        let Some((Due::Now, target)) = rota(ground, service, now) else { continue };
        if rests(name) || backups::is_restored(name) || staging::is_held(name) {
            continue;
        }
        let since = store::last(name).ok().flatten().map(|drills| drills.newest.at);
        waiting.push((since, Turn { service: name.clone(), target }));
    }
    waiting.into_iter().min_by_key(|(since, _)| *since).map(|(_, turn)| turn)
}

/// Drills as this same program in a process of its own, after everybody else; what it shows is
/// kept, also where it could not begin.
pub fn run(ground: &Ground, turn: &Turn) -> DrillV1 {
    let at = Timestamp::now();
    match program(ground, turn) {
        Ok(drill) => drill,
        Err(reason) => {
            let drill = DrillV1 {
                service: turn.service.clone(),
                host: ground.host.to_string(),
                target: turn.target.clone(),
                snapshot: None,
                snapshot_at: None,
                at,
                outcome: Outcome::Unknown,
                reason: printable(&reason, 1000),
                steps: Vec::new(),
                restore_milliseconds: None,
                milliseconds: 0,
            };
            // Who asked for it sees that nothing was left behind.
            let _unkept = store::keep(&drill);
            drill
        }
    }
}

/// Whether what this drill showed is what the last one left behind here.
pub fn is_kept(drill: &DrillV1) -> bool {
    let last = store::last(&drill.service).ok().flatten();
    last.is_some_and(|last| (last.newest.at, &last.newest.target) == (drill.at, &drill.target))
}

fn program(ground: &Ground, turn: &Turn) -> Result<DrillV1, String> {
    // Also where the program's file was replaced since.
    let this = format!("/proc/{}/exe", std::process::id());
    let mut child = Command::new("nice")
        .args(["-n", "10", "ionice", "-t", "-c", "3", &this, "--dir"])
        .arg(ground.plan.path())
        .args(["drill", &turn.service, "--target", &turn.target, "--json"])
        .args(["--here", ground.host.as_str()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cannot run `nice`: {error}"))?;
    // Open for as long as this process lives: at its end the drill ends, too.
    let held = child.stdin.take();
    held.as_ref().map_or(Ok(()), crate::remote::no_key).map_err(|error| error.to_string())?;
    let output = child.wait_with_output().map_err(|error| format!("cannot wait: {error}"))?;
    drop(held);
    serde_json::from_slice(&output.stdout).map_err(|_| {
        let said = String::from_utf8_lossy(&output.stderr);
        let last: Vec<&str> = said.lines().filter(|line| crate::remote::is_error(line)).collect();
        if last.is_empty() { format!("it ended, {}", output.status) } else { last.join("; ") }
    })
}
