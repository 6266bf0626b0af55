//! `stead status`: every host at a glance, and whether anybody watches.

use api::answer::Answer;
use api::request::Request;
use api::view::overview::{Line, Overview};
use api::view::status::Status;
use jiff::Timestamp;
use node::answers::Answers;
use node::home::{Address, Home};
use serde::Serialize;

use crate::cli::Json;
use crate::{output, report_text};

/// What `--json` prints.
#[derive(Serialize)]
struct Both {
    overview: Overview,
    /// The process that watches; `None` when none does.
    watcher: Option<Status>,
}

pub async fn run(address: &Address, json: &Json) -> anyhow::Result<u8> {
    let home = address.home().await?;
    let both = ask(home).await?;
    if json.json {
        output::json(&both)?;
    } else {
        output::print(&text(&both))?;
    }
    Ok(0)
}

/// Asks the process that watches; where there is none, the record itself.
async fn ask(home: Home) -> anyhow::Result<Both> {
    match home.watcher().await? {
        Some(mut client) => Ok(Both {
            overview: client.view(Request::Overview).await?,
            watcher: Some(client.view(Request::Status).await?),
        }),
        None => {
            let answers = Answers::alone(home, env!("CARGO_PKG_VERSION"));
            let overview = Overview::try_from(answers.ask(Request::Overview).await?)?;
            Ok(Both { overview, watcher: None })
        }
    }
}

fn text(both: &Both) -> String {
    let overview = &both.overview;
    let mut text = format!("{}: {}\n\n", overview.stead, report_text::counts(overview.counts()));
    for line in &overview.hosts {
        text.push_str(&host(line, overview.at));
    }
    match &both.watcher {
        Some(status) => {
            text.push_str(&format!(
                "watched on {} by process {} for {}, every {}\n",
                status.host,
                status.pid,
                model::text::span(status.uptime_seconds),
                model::text::span(status.period_seconds),
            ));
            if let Some(url) = &status.url {
                text.push_str(&format!("page at {url}; `stead link` opens it\n"));
            }
        }
        None => text.push_str("nobody watches on this machine; `stead up` does\n"),
    }
    text
}

fn host(line: &Line, now: Timestamp) -> String {
    let seen = line.seen.map_or_else(
        || "never seen".to_owned(),
        |seen| {
            let stale = if line.stale { ", which is long" } else { "" };
            format!("seen {} ago{stale}", output::ago(seen, now))
        },
    );
    let mut text = format!(
        "{} {}: {}; {seen}\n",
        output::verdict(line.verdict(), 7),
        line.host,
        report_text::counts(line.counts)
    );
    for standing in &line.worst {
        let finding = &standing.finding;
        text.push_str(&format!(
            "        {} {} {}\n",
            output::verdict(finding.verdict, 7),
            finding.name,
            finding.subject
        ));
    }
    text.push('\n');
    text
}
