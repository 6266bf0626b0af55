//! `stead logs digest`: the journal folded to templates.

use anyhow::anyhow;
use api::request::Request;
use api::view::digest;
use jiff::Timestamp;
use model::facts::logs::Digest;
use model::seen::Seen;
use node::home::Address;
use node::look::Look;

use crate::cli::LogsDigest;
use crate::digest_text::{self, Filter};
use crate::output;

pub async fn digest(address: &Address, arguments: &LogsDigest) -> anyhow::Result<u8> {
    let seen = match watched(address).await? {
        Some(digest) => digest,
        None => Look::open(address).await?.logs().await,
    };
    let mut digest = match seen {
        Seen::Seen(digest) => digest,
        Seen::Unseen(reason) => return Err(anyhow!(reason).context("cannot read the journal")),
    };
    let foremost = digest.templates.len();
    let filter = Filter::new(arguments);
    filter.apply(&mut digest);
    if arguments.json.json {
        output::json(&digest)?;
    } else {
        let text =
            digest_text::digest(&digest, &filter, foremost, Timestamp::now(), output::width());
        output::print(&text)?;
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
