//! `stead up`: makes or resumes a stead, looks, shows, and keeps watching.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use api::client::Client;
use api::request::Request;
use api::view::link::Link;
use commons::git;
use commons::services;
use deb::repository::Repository;
use host::observer::Observer;
use jiff::Timestamp;
use model::backup::drill::Outcome;
use model::entry::VerdictV1;
use model::facts::Facts;
use model::facts::upkeep::Upkeep;
use model::plan::host::Listen;
use model::text::{counted, milliseconds, with_causes};
use node::answers::Latest;
use node::backups::Ended;
use node::drills;
use node::ground::Ground;
use node::home::{Address, Home, Turn};
use node::look;
use node::packages::Shelf;
use node::proof;
use node::service::Service;
use node::watcher::{Event, Watcher};

use crate::bar::Bar;
use crate::check::exit_code;
use crate::cli::Up;
use crate::{due_text, end, output, report_text};

pub async fn run(address: &Address, arguments: &Up) -> anyhow::Result<u8> {
    if let Some(folder) = &arguments.serve {
        // Before anything is made: a folder that is no repository is a mistake.
        Repository::open(folder)?;
    }
    let path = address.plan_path()?;
    match address.open(&path).await? {
        Some(home) => resume(address, arguments, home).await,
        None if arguments.dry_run => rehearse(address, arguments),
        None => found(address, arguments).await,
    }
}

/// Says what would be made.
fn rehearse(address: &Address, arguments: &Up) -> anyhow::Result<u8> {
    let founding = address.founding(arguments.name.as_deref(), None)?;
    let mut text = String::new();
    for draft in founding.drafts(Vec::new()) {
        text.push_str(&format!("would write {}\n", founding.path.join(draft.path).display()));
    }
    text.push_str(&format!(
        "would commit them to a new git repository in {}\n\
         would write this device's key and the record to a new folder below {}, mode 0700\n\
         nothing was made\n",
        founding.path.display(),
        founding.state.parent().unwrap_or(Path::new("/")).display(),
    ));
    output::print(&text)?;
    Ok(0)
}

/// Looks first, since the plan's first draft says what was found listening; then makes the stead.
async fn found(address: &Address, arguments: &Up) -> anyhow::Result<u8> {
    let began = Instant::now();
    let mut observer = Observer::default();
    let facts = observe(&mut observer).await;
    let founding = address.founding(arguments.name.as_deref(), proposal(&facts))?;
    let (home, outcome) = address.found(&founding).await?;
    output::say(&format!(
        "Founded the stead `{}` in {}: a git folder, yours to edit.",
        home.stead.name,
        home.plan.path().display()
    ));
    output::say(&format!("Keys and record are in {}, for you only.", home.state.path().display()));
    output::say(&format!(
        "You are `{}`, this host is `{}`, its device key begins with {}.\n",
        home.member,
        home.host,
        home.device.get(..16).unwrap_or(&home.device)
    ));
    history(&outcome);
    let _watch = match home.watch(waiting).await? {
        Turn::Ours(watch) => watch,
        Turn::Theirs(client) => return already(client).await,
    };
    let plan = services::host(&home.plan, &home.host)?;
    let checks: Vec<_> = model::checks::all().collect();
    let sight = look::record(&home, &observer, plan.as_ref(), facts, &checks, began).await?;
    show(arguments, home, observer, sight).await
}

async fn resume(address: &Address, arguments: &Up, home: Home) -> anyhow::Result<u8> {
    if arguments.dry_run {
        output::print(&format!(
            "would resume the stead `{}` in {}; nothing was made\n",
            home.stead.name,
            home.plan.path().display()
        ))?;
        return Ok(0);
    }
    let _watch = match home.watch(waiting).await? {
        Turn::Ours(watch) => watch,
        Turn::Theirs(client) => return already(client).await,
    };
    output::say(&format!(
        "Resuming the stead `{}` in {}.\n",
        home.stead.name,
        home.plan.path().display()
    ));
    if home.begun {
        output::say(&format!(
            "This device is new to it: its key, which begins with {}, and its record were begun \
             just now in {}.\n",
            home.device.get(..16).unwrap_or(&home.device),
            home.state.path().display()
        ));
    }
    let mut observer = look::observer(&home).await?;
    let began = Instant::now();
    let plan = services::host(&home.plan, &home.host)?;
    let bar = Bar::new();
    let facts = observer.observe(plan.as_ref(), &|part| bar.seen(part)).await;
    drop(bar);
    let plan = match plan {
        Some(plan) => Some(plan),
        None => {
            history(&address.join(&home.plan, proposal(&facts))?);
            output::say(&format!("Added this host to the plan: hosts/{}.toml.\n", home.host));
            services::host(&home.plan, &home.host)?
        }
    };
    let checks: Vec<_> = model::checks::all().collect();
    let sight = look::record(&home, &observer, plan.as_ref(), facts, &checks, began).await?;
    show(arguments, home, observer, sight).await
}

async fn observe(observer: &mut Observer) -> Facts {
    let bar = Bar::new();
    observer.observe(None, &|part| bar.seen(part)).await
}

/// What listens now, for the host's first file; `None` if that could not be seen.
fn proposal(facts: &Facts) -> Option<Vec<Listen>> {
    facts.network.sockets.seen().map(|_| facts.network.proposal())
}

/// Says why the plan has no history, if so.
fn history(outcome: &git::Outcome) {
    if let git::Outcome::NoHistory(reason) = outcome {
        output::say(&format!("warning: the plan has no history: {reason}\n"));
    }
}

fn waiting() {
    output::say("Another stead process is looking just now; waiting for it.");
}

/// Somebody watches already: give a fresh link to their page.
async fn already(mut client: Client) -> anyhow::Result<u8> {
    match client.view::<Link>(Request::Link).await {
        Ok(link) => output::print(&format!(
            "`stead up` runs already. Its page, for this machine, once: {}\n",
            link.url
        ))?,
        Err(error) => output::say(&format!("`stead up` runs already ({error}).")),
    }
    Ok(0)
}

/// Prints the report; unless that is all, serves and watches until told to end.
async fn show(
    arguments: &Up,
    home: Home,
    observer: Observer,
    sight: look::Sight,
) -> anyhow::Result<u8> {
    output::print(&report_text::report(&sight.report, false))?;
    if arguments.once {
        let _ = home.record.close().await;
        return Ok(exit_code(&sight.report));
    }
    let home = Arc::new(home);
    upkeep(&home, &sight.facts.upkeep);
    let latest = Latest::default();
    latest.set(sight.report.at, sight.facts);
    let period = Duration::from_secs(u64::from(arguments.every) * 60);
    let page = (!arguments.no_page).then_some(arguments.listen);
    let version = env!("CARGO_PKG_VERSION");
    let shelf = match &arguments.serve {
        Some(folder) => {
            Some(Shelf::open(arguments.serve_at, Repository::open(folder)?.public()).await?)
        }
        None => None,
    };
    let packages = shelf.as_ref().map(Shelf::url);
    let service = Service::open(&home, latest.clone(), page, period, version).await?;
    let service = service.with_packages(shelf);
    // Before anybody is told that there is something to end.
    let end = end::ended()?;
    if let Some(url) = service.link()? {
        output::print(&format!("\nThe page, for this machine, once: {url}\n"))?;
        output::say("`stead link` gives another.");
    }
    if let Some(url) = packages {
        output::print(&format!("Packages, for apt on this machine: {url}\n"))?;
    }
    output::say(&format!("Watching, every {} min. Ctrl-C ends.", arguments.every));
    let watcher = Watcher::new(Arc::clone(&home), observer, latest);
    service.run(watcher, tell, end).await;
    home.record.close().await;
    output::say("Ended; all is recorded.");
    Ok(0)
}

/// Says when this process will save and drill, and what it will not do.
fn upkeep(home: &Home, found: &Upkeep) {
    let Ok(ground) = Ground::of(home.plan.clone(), home.host.clone()) else { return };
    let now = Timestamp::now();
    let mut cards = proof::cards(&ground, found, now);
    cards.retain(|card| !card.backups.is_empty());
    let others = ground.services.all.iter().filter(|one| !one.is_on(&ground.host));
    let drills: Vec<(&str, Timestamp)> = others
        .filter_map(|one| Some((one.name.as_str(), drills::rota(&ground, one, now)?.0.moment(now))))
        .collect();
    if cards.is_empty() && drills.is_empty() {
        return;
    }
    if !rustix::process::geteuid().is_root() {
        output::say(
            "Only root may read what is to be saved: this process saves and drills nothing.",
        );
        return;
    }
    for card in &cards {
        let next = due_text::of(card, now);
        output::say(&output::tame(&format!("{:7} {}: {next}", "next", card.service)));
    }
    for (service, next) in drills {
        let when = due_text::when(next, now);
        output::say(&format!("{:7} {service}: drilled {when} for its own host", "next"));
    }
}

/// A line for each change, as it happens.
fn tell(event: Event) {
    match event {
        Event::Changed(changes) => changes.iter().for_each(|change| output::say(&changed(change))),
        Event::Backup(Ended { service, target, outcome }) => match outcome {
            Ok(evidence) => output::say(&format!(
                "saved   {service} at {target}: {}, read back",
                counted(evidence.files, "file")
            )),
            Err(reason) => output::say(&output::tame(&format!(
                "error: {service} was not saved at {target}: {reason}"
            ))),
        },
        Event::Drill(drill) => {
            let told = match (drill.outcome, drill.restore_milliseconds) {
                (Outcome::Pass, Some(time)) => format!("restored in {}", milliseconds(time)),
                (Outcome::Pass, None) => "restored".to_owned(),
                (Outcome::Fail | Outcome::Unknown, _) => drill.reason,
            };
            let word = drill.outcome.word();
            let line = format!("drilled {} from {}: {word}, {told}", drill.service, drill.target);
            output::say(&output::tame(&line));
        }
        Event::Failed(error) => {
            let told = with_causes(&error);
            output::say(&format!("error: this look failed, the next one may not: {told}"));
            if let Some(hint) = error.hint() {
                output::say(&format!("hint: {hint}"));
            }
        }
    }
}

fn changed(change: &VerdictV1) -> String {
    let word = |verdict: Option<_>| {
        verdict.map_or_else(|| "none".to_owned(), |v: model::verdict::Verdict| v.to_string())
    };
    let after =
        change.after.map_or_else(|| "gone   ".to_owned(), |after| output::verdict(after, 7));
    let evidence =
        if change.after.is_some() { format!(": {}", change.evidence) } else { String::new() };
    format!("{after} {} {} (was {}){evidence}", change.check, change.subject, word(change.before))
}
