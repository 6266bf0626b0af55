//! `stead facts`.

use std::collections::BTreeMap;

use node::home::Address;
use node::look::Look;

use crate::bar::Bar;
use crate::cli::Facts;
use crate::output;

pub async fn run(address: &Address, arguments: &Facts) -> anyhow::Result<u8> {
    address.named_is_there()?;
    let bar = Bar::new();
    let facts = Look::open(address).await?.facts(&|part| bar.seen(part)).await;
    drop(bar);
    let prefix = arguments.prefix.as_deref().unwrap_or_default();
    let lines: BTreeMap<String, String> =
        facts.lines().into_iter().filter(|(key, _)| key.starts_with(prefix)).collect();
    if arguments.json.json {
        // The lines are what a prefix can choose from; without one, all there is.
        match arguments.prefix {
            Some(_) => output::json(&lines)?,
            None => output::json(&facts)?,
        }
        return Ok(0);
    }
    if lines.is_empty() {
        anyhow::bail!("no fact's key starts with `{prefix}`");
    }
    let text: String = lines.iter().map(|(key, value)| format!("{key} = {value}\n")).collect();
    output::print(&text)?;
    Ok(0)
}
