//! `stead drill`: restores a service's backup into a sealed machine and says what it proves.
//!
//! Leaves out the machine, which is `host`'s, and drills that nobody asked for, which are `node`'s.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context;
use backup::progress::Progress;
use clap::{Args, ValueEnum};
use host::drill::course::Told;
use host::drill::machine;
use host::drill::{Order, store};
use model::backup::drill::{DrillV1, Ended, Outcome, Step, StepV1};
use model::plan::service::Service;
use model::recipe::question::{Question, questions};
use model::recipe::template;
use model::text::{milliseconds, moment};
use node::ground::{Ground, Place};
use node::home::Address;

use crate::bytes_bar::BytesBar;
use crate::flags::Json;
use crate::output;

/// The backup did not prove that it restores.
const UNPROVED: u8 = 3;

/// Restore a service's backup into a sealed machine and prove that the service works there.
///
/// The newest snapshot comes from its target, past any cache, into a machine of this host's own
/// packages that has no network at all and sees none of the service's live data. What comes out is
/// compared with what went in, the service is started, and the recipe's checks and assertions are
/// asked. PASS: it restores. FAIL: the backup is bad. UNKNOWN: the drill itself could not run, so
/// nothing is proved. The live service is not touched, and everything is taken away at the end.
/// Needs root. The machine is systemd-nspawn's where systemd-container is installed and works, else
/// a private root: both boot a systemd of their own, but only nspawn also filters system calls.
/// Exits 3 unless it passes.
#[derive(Debug, Args)]
#[command(
    name = "drill",
    after_help = "Examples:\n  \
    stead drill chat                       the newest snapshot of its first target\n  \
    stead drill chat --target stick        from another one\n  \
    stead drill chat --snapshot 4f2c       one of `stead backup list chat`\n  \
    stead drill chat --root private        without systemd-nspawn\n  \
    stead drill chat --keep                leave a machine that failed, to look inside\n  \
    stead drill chat --json | jq .outcome"
)]
pub struct Drill {
    pub service: String,

    /// From this target [default: the first that the service names]
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// This snapshot, or how its id begins [default: the newest]
    #[arg(long, value_name = "ID")]
    pub snapshot: Option<String>,

    /// The kind of sealed machine [default: nspawn where it works, else private]
    #[arg(long, value_name = "KIND")]
    pub root: Option<Root>,

    /// Leave the machine for a look inside unless it passes; the next drill takes it away
    #[arg(long)]
    pub keep: bool,

    #[command(flatten)]
    pub json: Json,
}

/// How the machine is cut off from this host.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Root {
    /// By systemd-nspawn, of the package systemd-container
    Nspawn,
    /// By namespaces of stead's own making: system calls are not filtered, all else is the same
    Private,
}

impl Root {
    fn kind(self) -> machine::Root {
        match self {
            Self::Nspawn => machine::Root::Nspawn,
            Self::Private => machine::Root::Private,
        }
    }
}

pub fn run(address: &Address, arguments: &Drill) -> anyhow::Result<u8> {
    let ground = Ground::open(address)?;
    let service = ground.here(&arguments.service)?;
    let target = target(service, arguments.target.as_deref())?;
    let place = ground.place(service, &target)?;
    let asked = Asked::of(service)?;
    let shown = Shown::new(&arguments.service);
    let drill = asked.drill(&place, &ground, arguments, &shown);
    drop(shown);
    // Who may not keep it is told, and the outcome all the same.
    let kept = store::keep(&drill);
    if arguments.json.json {
        output::json(&drill)?;
    } else {
        output::print(&verdict(&drill))?;
    }
    kept.context("what the drill showed could not be kept")?;
    Ok(if drill.outcome == Outcome::Pass { 0 } else { UNPROVED })
}

/// The target that is named, else the service's first.
pub fn target(service: &Service, named: Option<&str>) -> anyhow::Result<String> {
    let first = || service.plan.backups.first().cloned();
    named.map(str::to_owned).or_else(first).with_context(|| {
        format!("the service {} has no backup: its file names no target", service.name)
    })
}

/// What a recipe asks of a copy of its service, filled in.
struct Asked {
    emptied: Vec<PathBuf>,
    prepare: Vec<String>,
    questions: Vec<Question>,
    assertions: Vec<String>,
}

impl Asked {
    fn of(service: &Service) -> anyhow::Result<Self> {
        let recipe = &service.recipe;
        let render = |text: &String| {
            template::render(text, recipe, &service.values)
                .with_context(|| format!("the recipe {} cannot be filled in", recipe.name))
        };
        let all = questions(recipe, |text| {
            template::render(text, recipe, &service.values).map_err(|error| error.to_string())
        })?;
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

    fn drill(&self, place: &Place, ground: &Ground, said: &Drill, shown: &Shown) -> DrillV1 {
        let host = ground.host.to_string();
        let order = Order {
            scope: &place.scope,
            reach: &place.reach(),
            target: &place.name,
            host: &host,
            snapshot: said.snapshot.as_deref(),
            emptied: &self.emptied,
            prepare: &self.prepare,
            questions: &self.questions,
            assertions: &self.assertions,
            root: said.root.map(Root::kind),
            keep: said.keep,
        };
        let handle = tokio::runtime::Handle::try_current();
        let cancelled = shown.cancelled.clone();
        let waiting = handle.ok().map(|handle| {
            handle.spawn(async move {
                if tokio::signal::ctrl_c().await.is_ok() {
                    cancelled.store(true, Ordering::Relaxed);
                }
            })
        });
        // On a thread of its own that stays: the machine ends with it.
        let drill = std::thread::scope(|scope| {
            let running = scope.spawn(|| host::drill::run(&order, shown));
            running.join()
        });
        if let Some(waiting) = waiting {
            waiting.abort();
        }
        match drill {
            Ok(drill) => drill,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

fn verdict(drill: &DrillV1) -> String {
    let word = match drill.outcome {
        Outcome::Pass => "PASS",
        Outcome::Fail => "FAIL",
        Outcome::Unknown => "UNKNOWN",
    };
    let what = match (&drill.snapshot, drill.snapshot_at) {
        (Some(id), Some(at)) => {
            format!("snapshot {} of {}", id.get(..8).unwrap_or(id), moment(at))
        }
        _ => "no snapshot".to_owned(),
    };
    let end = match drill.restore_milliseconds {
        Some(time) => format!(
            "restored in {}, proved in {}",
            milliseconds(time),
            milliseconds(drill.milliseconds)
        ),
        None => drill.reason.clone(),
    };
    output::tame(&format!("{word} {} from {}, {what}: {end}", drill.service, drill.target)) + "\n"
}

/// Shows each step with its time.
struct Shown {
    bar: BytesBar,
    cancelled: std::sync::Arc<AtomicBool>,
}

impl Shown {
    fn new(service: &str) -> Self {
        output::say(&output::tame(&format!("Drilling {service} in a machine without a network")));
        Self { bar: BytesBar::new(), cancelled: std::sync::Arc::default() }
    }
}

impl Told for Shown {
    fn begun(&self, step: Step) {
        self.bar.begin(step.name());
    }

    fn ended(&self, step: &StepV1) {
        let mark = match step.ended {
            Ended::Done => "done",
            Ended::Bad => "bad",
            Ended::Barred => "barred",
        };
        let time = milliseconds(step.milliseconds);
        let line = format!("{:10} {mark:6} {time:>9}  {}", step.step.name(), step.evidence);
        self.bar.say(&output::tame(&line));
    }

    fn bytes(&self, done: u64, total: Option<u64>) {
        self.bar.bytes(done, total);
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }
}
