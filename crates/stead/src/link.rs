//! `stead link`: another way into the page of the `stead up` that runs.

use api::request::Request;
use api::view::link::Link;
use node::home::Address;

use crate::cli::Json;
use crate::output;

pub async fn run(address: &Address, json: &Json) -> anyhow::Result<u8> {
    let home = address.home().await?;
    let Some(mut client) = home.watcher().await? else {
        anyhow::bail!("no `stead up` runs for the stead in {}", home.plan.path().display());
    };
    let link: Link = client.view(Request::Link).await?;
    if json.json {
        output::json(&link)?;
    } else {
        output::print(&format!("{}\n", link.url))?;
    }
    Ok(0)
}
