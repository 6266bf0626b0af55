//! `stead drill`: restores a service's backup into a sealed machine and says what it proves.
//!
//! Leaves out the machine, which is `host`'s, when a drill is due, and how another host is reached,
//! which are `node`'s.

use std::io::{BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use ::backup::key_file;
use ::backup::password::Password;
use ::backup::progress::Progress;
use ::backup::repository::Repository;
use anyhow::{Context, bail};
use clap::builder::NonEmptyStringValueParser;
use clap::{Args, ValueEnum};
use host::drill::course::Told;
use host::drill::{machine, store};
use jiff::Timestamp;
use model::backup::drill::{DrillV1, Ended, Outcome, Step, StepV1};
use model::host_name::HostName;
use model::plan::service::Service;
use model::text::{milliseconds, moment};
use node::drills::{Asked, Wish};
use node::ground::{Ground, Place};
use node::home::Address;
use node::remote::{self, Errand, Over, Wanted};
use tokio::task::JoinHandle;

use crate::backup::keys::opener::Opener;
use crate::bytes_bar::BytesBar;
use crate::flags::Json;
use crate::{end, output};

/// The longest line on which a key is sent, in bytes.
const LONGEST: u64 = 2048;

/// An old snapshot says nothing of the newest, neither good nor bad.
const NOT_KEPT: &str =
    "This is not kept as proof: the snapshot was named by hand and is not the newest.";
/// Only the host that drilled can tell whether it is the newest.
const NOT_KEPT_HERE: &str = "This is not kept as proof here: the snapshot was named by hand.";

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
///
/// With --on, another host of the plan drills, reached by `ssh`: its own packages, its own disk,
/// the same backup. What the service needs and that host does not have is installed inside the
/// sealed machine alone. `stead up` as root drills by itself, every week unless services/NAME.toml
/// says otherwise.
#[derive(Debug, Args)]
#[command(
    name = "drill",
    after_help = "Examples:\n  \
    stead drill chat                       the newest snapshot of its first target\n  \
    stead drill chat --target stick        from another one\n  \
    stead drill chat --snapshot 4f2c       one of `stead backup list chat`\n  \
    stead drill chat --root private        without systemd-nspawn\n  \
    stead drill chat --on bramble          on another host, by ssh\n  \
    stead drill chat --keep                leave a machine that failed, to look inside\n  \
    stead drill chat --json | jq .outcome"
)]
pub struct Drill {
    pub service: String,

    /// From this target [default: the first that the service names]
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,

    /// This snapshot, or how its id begins; kept as proof only if it is the newest [default: the
    /// newest]
    #[arg(long, value_name = "ID", value_parser = NonEmptyStringValueParser::new())]
    pub snapshot: Option<String>,

    /// The kind of sealed machine [default: nspawn where it works, else private]
    #[arg(long, value_name = "KIND")]
    pub root: Option<Root>,

    /// Leave the machine for a look inside unless it passes; the next drill takes it away
    #[arg(long)]
    pub keep: bool,

    /// Drill on this host of the plan
    #[arg(long, value_name = "HOST")]
    pub on: Option<String>,

    /// The plan's folder on that host [default: `our-stead` in the home there]
    #[arg(long, value_name = "FOLDER", requires = "on")]
    pub plan_there: Option<String>,

    /// For the side that is asked: drill here, if this is that host; the key is on stdin
    #[arg(long, value_name = "HOST", hide = true, conflicts_with = "on")]
    pub here: Option<String>,

    #[command(flatten)]
    pub opener: Opener,

    #[command(flatten)]
    pub json: Json,
}

/// How the machine is cut off from this host.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Root {
    /// By systemd-nspawn, of the package systemd-container
    Nspawn,
    /// By namespaces of stead's own making: system calls are not filtered
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
    if let Some(on) = &arguments.on {
        let (host, address) = ground.address(on)?;
        if host != ground.host {
            return elsewhere(&ground, arguments, &host, &address);
        }
    }
    let service = match (&arguments.on, &arguments.here) {
        (Some(_), _) | (None, Some(_)) => ground.service(&arguments.service)?,
        (None, None) => ground.drilled_here(&arguments.service)?,
    };
    if let Some(wanted) = arguments.here.as_ref().filter(|here| **here != ground.host.as_str()) {
        bail!("this machine calls itself `{}`, and `{wanted}` is meant", ground.host);
    }
    let shown = Shown::new();
    let sent = arguments.here.as_ref().map(|_| sent(&shown)).transpose()?.flatten();
    let target = target(service, arguments.target.as_deref())?;
    let password = match sent {
        Some(sent) => sent,
        None => arguments.opener.password(&ground, &service.name)?,
    };
    let place = ground.place_with(service, &target, password)?;
    let asked = Asked::of(service)?;
    output::say(&output::tame(&format!(
        "Drilling {} in a machine without a network",
        arguments.service
    )));
    let waiting = shown.wait_for_end();
    let wish = Wish {
        snapshot: arguments.snapshot.as_deref(),
        root: arguments.root.map(Root::kind),
        keep: arguments.keep,
    };
    let drill = asked.drill(&place, ground.host.as_str(), &wish, &shown);
    if let Some(waiting) = waiting {
        waiting.abort();
    }
    drop(shown);
    // Who may not keep it is told, and the outcome all the same.
    let kept = match arguments.snapshot.is_none() || is_newest(&place, &drill) {
        true => store::keep(&drill).map(drop),
        false => {
            output::say(NOT_KEPT);
            Ok(())
        }
    };
    let code = tell(&drill, arguments)?;
    kept.context("what the drill showed could not be kept")?;
    Ok(code)
}

/// Whether the target has no newer snapshot than the one that was drilled; not where it cannot
/// tell.
fn is_newest(place: &Place, drill: &DrillV1) -> bool {
    let all = Repository::open(&place.reach()).and_then(|opened| opened.snapshots());
    let newest = all.ok().and_then(|all| all.into_iter().next_back());
    newest.is_some_and(|newest| drill.snapshot.as_deref() == Some(newest.id.as_str()))
}

/// Drills on another host, and keeps here, too, what that showed.
fn elsewhere(
    ground: &Ground,
    arguments: &Drill,
    host: &HostName,
    address: &str,
) -> anyhow::Result<u8> {
    let service = ground.service(&arguments.service)?;
    let target = target(service, arguments.target.as_deref())?;
    let key = match &arguments.opener.identity {
        Some(_) => Some(arguments.opener.password(ground, &service.name)?),
        None => None,
    };
    let mut words = vec![service.name.as_str(), "--target", &target];
    if let Some(id) = &arguments.snapshot {
        words.extend(["--snapshot", id]);
    }
    match arguments.root {
        Some(Root::Nspawn) => words.extend(["--root", "nspawn"]),
        Some(Root::Private) => words.extend(["--root", "private"]),
        None => {}
    }
    if arguments.keep {
        words.push("--keep");
    }
    let plan = arguments.plan_there.as_deref();
    let errand = Errand { host, address, plan, words: &words, key: key.as_ref() };
    let shown = Shown::new();
    output::say(&format!("Asking {host} to drill {}", service.name));
    let waiting = shown.wait_for_end();
    let over = || match shown.asked.load(Ordering::Relaxed) {
        0 => Over::No,
        1 => Over::Soon,
        _ => Over::Now,
    };
    let wanted = Wanted {
        host,
        service: &service.name,
        target: &target,
        snapshot: arguments.snapshot.as_deref(),
        asked: Timestamp::now(),
    };
    // What it runs must not wait on the threads of this runtime.
    let drilled = remote::drill(&errand, |line| shown.bar.say(&output::tame(line)), over);
    if let Some(waiting) = waiting {
        waiting.abort();
    }
    let drill = remote::accept(&wanted, drilled?, Timestamp::now())?;
    if arguments.snapshot.is_some() {
        output::say(NOT_KEPT_HERE);
    } else if rustix::process::geteuid().is_root() {
        // A member's laptop keeps no evidence: the host that drilled does.
        store::keep(&drill).context("what the drill showed could not be kept here")?;
    }
    tell(&drill, arguments)
}

fn tell(drill: &DrillV1, arguments: &Drill) -> anyhow::Result<u8> {
    if arguments.json.json {
        output::json(drill)?;
    } else {
        output::print(&verdict(drill))?;
    }
    Ok(if drill.outcome == Outcome::Pass { 0 } else { UNPROVED })
}

/// Reads the key that may be sent on standard input; when that is closed, the drill is over.
fn sent(shown: &Shown) -> anyhow::Result<Option<Password>> {
    let mut line = String::new();
    let mut stdin = BufReader::new(std::io::stdin());
    stdin.by_ref().take(LONGEST).read_line(&mut line).context("cannot read the key")?;
    let asked = shown.asked.clone();
    std::thread::spawn(move || {
        let _closed = std::io::copy(&mut stdin, &mut std::io::sink());
        asked.fetch_add(1, Ordering::Relaxed);
    });
    Ok(key_file::one_line(&line))
}

/// The target that is named, else the service's first.
pub fn target(service: &Service, named: Option<&str>) -> anyhow::Result<String> {
    let first = || service.plan.backups.first().cloned();
    named.map(str::to_owned).or_else(first).with_context(|| {
        format!("the service {} has no backup: its file names no target", service.name)
    })
}

fn verdict(drill: &DrillV1) -> String {
    let word = drill.outcome.word();
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
    /// How often somebody asked to end.
    asked: Arc<AtomicU32>,
}

impl Shown {
    fn new() -> Self {
        Self { bar: BytesBar::new(), asked: Arc::default() }
    }

    /// Counts each Ctrl-C, and whoever else asks to end.
    fn wait_for_end(&self) -> Option<JoinHandle<()>> {
        let asked = Arc::clone(&self.asked);
        let handle = tokio::runtime::Handle::try_current().ok()?;
        Some(handle.spawn(async move {
            while let Ok(end) = end::ended() {
                end.await;
                asked.fetch_add(1, Ordering::Relaxed);
            }
        }))
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
        self.asked.load(Ordering::Relaxed) > 0
    }
}
