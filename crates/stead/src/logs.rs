//! `stead logs digest`: the journal folded to templates.

use node::home::Address;
use node::look::Look;

use crate::bar::Bar;
use crate::cli::LogsDigest;
use crate::output;

pub async fn digest(address: &Address, _arguments: &LogsDigest) -> anyhow::Result<u8> {
    let bar = Bar::new();
    let facts = Look::open(address).await?.facts(&|part| bar.seen(part)).await;
    drop(bar);
    output::json(&facts.logs)?;
    Ok(0)
}
