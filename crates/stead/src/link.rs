//! `stead link`: another way into the page of the `stead up` that runs.

use api::client::Client;
use api::request::Request;
use api::view::link::Link;
use node::home::Address;

use crate::cli::Json;
use crate::output;

pub async fn run(address: &Address, json: &Json) -> anyhow::Result<u8> {
    let path = address.plan_path()?;
    let Some(home) = address.open(&path).await? else {
        anyhow::bail!("there is no stead in {}; `stead up` makes one", path.display());
    };
    let mut client = match Client::connect(&home.state.socket()).await {
        Ok(client) => client,
        Err(error) if error.is_absent() => anyhow::bail!("no `stead up` runs for this stead"),
        Err(error) => return Err(error.into()),
    };
    let link: Link = client.view(Request::Link).await?;
    if json.json {
        output::json(&link)?;
    } else {
        output::print(&format!("{}\n", link.url))?;
    }
    Ok(0)
}
