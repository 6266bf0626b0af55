//! `url` and `urls`: an archive or a single file from the web or the disk.
//!
//! Leaves out the archive formats.

use std::fs;

use model::layout::{Fetched, Payload};

use crate::fetch::address::{decoded, shown};
use crate::fetch::digest::Digest;
use crate::source::building;
use crate::source::error::Error;
use crate::source::order::Order;
use crate::source::unpack::unpack;

/// Fetches and unpacks it, and builds it if the recipe says how.
pub fn bring(order: &Order<'_>, url: &str, sha256: &str) -> Result<Payload, Error> {
    let digest = Digest::sha256(sha256).map_err(|source| Error::Pin {
        file: "recipe.toml".to_owned(),
        package: shown(url),
        source,
    })?;
    let path = order.cache.fetch(url, &digest, order.progress)?;
    let bytes = fs::metadata(&path).map_err(Error::work(&path))?.len();
    let fetched = vec![Fetched { from: shown(url), digest: digest.to_string(), bytes }];
    let mut tree = order.tree()?;
    let name = decoded(url).and_then(|bytes| String::from_utf8(bytes).ok());
    let name = shown(&name.unwrap_or_else(|| url.to_owned()));
    order.progress.step(&format!("unpacking {name}"));
    unpack(&name, &path, &mut tree, &order.selection())?;
    if tree.items.is_empty() {
        return Err(
            order.wrong(format!("nothing of `{name}` is left by strip, include and exclude"))
        );
    }
    let files = building::built(order, tree)?;
    Ok(Payload { files, fetched, depends: Vec::new() })
}
