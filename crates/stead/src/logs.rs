//! `stead logs digest`: the journal folded to templates.

use api::request::Request;
use api::view::digest;
use jiff::Timestamp;
use model::facts::logs::{Digest, Novelty, Template, priority};
use model::seen::Seen;
use model::text::{counted, span};
use node::home::Address;
use node::look::Look;

use crate::bar::Bar;
use crate::cli::LogsDigest;
use crate::output;

pub async fn digest(address: &Address, arguments: &LogsDigest) -> anyhow::Result<u8> {
    let Seen::Seen(mut digest) = (match watched(address).await? {
        Some(digest) => digest,
        None => {
            let bar = Bar::new();
            Look::open(address).await?.facts(&|part| bar.seen(part)).await.logs
        }
    }) else {
        anyhow::bail!("the journal cannot be read; `stead check log-novelty` says why");
    };
    digest.templates.retain(|template| {
        arguments.unit.as_ref().is_none_or(|unit| template.source.contains(unit.as_str()))
            && arguments.priority.is_none_or(|most| template.priority <= most)
    });
    if arguments.json.json {
        output::json(&digest)?;
    } else {
        output::print(&text(&digest, Timestamp::now(), output::width()))?;
    }
    Ok(0)
}

/// The digest of the process that watches, if there is one.
async fn watched(address: &Address) -> anyhow::Result<Option<Seen<Digest>>> {
    let Ok(path) = address.plan_path() else { return Ok(None) };
    let Some(home) = address.open(&path).await? else { return Ok(None) };
    let Some(mut client) = home.watcher().await? else { return Ok(None) };
    let view: digest::Digest = client.view(Request::Digest { host: home.host }).await?;
    Ok(Some(view.digest))
}

/// A line for each template, and what was not read.
fn text(digest: &Digest, now: Timestamp, width: usize) -> String {
    let mut text = String::new();
    for template in &digest.templates {
        text.push_str(&format!(
            "{:>8} × {:7} {}, from {} to {} ago{}\n",
            template.count,
            priority(template.priority),
            template.source,
            output::ago(template.first, now),
            output::ago(template.last, now),
            news(template),
        ));
        text.push_str(&output::wrap(&template.sample, 11, width));
    }
    text.push_str(&format!(
        "{} shown of {} known; {} read in all\n",
        counted(digest.templates.len(), "template"),
        digest.known,
        counted(digest.lines_in_all, "line")
    ));
    if let Some(behind) = digest.behind_seconds {
        text.push_str(&format!("not read yet: the last {}\n", span(behind)));
    }
    for note in digest.limited.iter().chain(&digest.notes) {
        text.push_str(&format!("note: {note}\n"));
    }
    text
}

fn news(template: &Template) -> String {
    match template.novelty {
        Novelty::Known => String::new(),
        Novelty::New => "; new".to_owned(),
        Novelty::Burst { count, before, .. } => {
            format!("; {count} in an hour, {before:.1} before")
        }
    }
}
