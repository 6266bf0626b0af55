//! `stead status`: every host at a glance, and whether anybody watches.

use std::sync::Arc;

use api::answer::Answer;
use api::client::Client;
use api::request::Request;
use api::view::overview::{Line, Overview};
use api::view::status::Status;
use jiff::Timestamp;
use node::answers::{Answers, Latest, Process};
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
    let path = address.plan_path()?;
    let Some(home) = address.open(&path).await? else {
        anyhow::bail!("there is no stead in {}; `stead up` makes one", path.display());
    };
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
    match Client::connect(&home.state.socket()).await {
        Ok(mut client) => Ok(Both {
            overview: client.view(Request::Overview).await?,
            watcher: Some(client.view(Request::Status).await?),
        }),
        Err(error) if error.is_absent() => {
            let process = Process {
                version: env!("CARGO_PKG_VERSION"),
                began: Timestamp::now(),
                period_seconds: 0,
                url: None,
            };
            let answers = Answers::new(Arc::new(home), Latest::default(), process, None);
            let overview = Overview::try_from(answers.ask(Request::Overview).await?)?;
            Ok(Both { overview, watcher: None })
        }
        Err(error) => Err(error.into()),
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
            let ago = u64::try_from(now.as_second() - seen.as_second()).unwrap_or(0);
            let stale = if line.stale { ", which is long" } else { "" };
            format!("seen {} ago{stale}", model::text::span(ago))
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
