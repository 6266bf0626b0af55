//! A recipe's source becomes the files of a package, for one architecture.
//!
//! Leaves out what the recipe itself adds (files, units, settings), which `model::layout` lays out.

mod building;
mod download;
pub mod error;
mod git;
mod npm;
mod order;
pub mod pattern;
mod pypi;
pub mod tree;
pub mod unpack;

use std::fs;
use std::path::Path;

use model::layout::{Content, Payload, PayloadFile};
use model::recipe::definition::Recipe;
use model::recipe::folder::Folder;
use model::recipe::source::Kind;

use crate::fetch::Cache;
use crate::progress::Progress;
use crate::source::error::Error;
use crate::source::order::Order;

/// Brings what the recipe's source names, for one architecture (`all`, `amd64`, …): fetches it
/// once, verifies it, and unpacks it below `work`, which has to outlive the payload.
///
/// The same recipe gives the same payload, whatever the time, the user and the folder.
pub fn bring(
    recipe: &Recipe,
    folder: &Folder,
    architecture: &str,
    cache: &Cache,
    work: &Path,
    progress: &dyn Progress,
) -> Result<Payload, Error> {
    fs::create_dir_all(work).map_err(Error::work(work))?;
    let order = Order { recipe, folder, architecture, cache, work, progress };
    match recipe.source.kind().map_err(|fault| order.wrong(fault.to_string()))? {
        Kind::Debian { package } => {
            Ok(Payload { depends: vec![package.to_owned()], ..Payload::default() })
        }
        Kind::Files { folder } => files(&order, folder),
        Kind::Url { url, sha256 } => download::bring(&order, url, sha256),
        Kind::UrlPerArchitecture { urls } => {
            let pinned = urls.get(architecture).or_else(|| urls.get("all"));
            let none = || order.wrong(format!("no address for {architecture} in `[source.urls]`"));
            let pinned = pinned.ok_or_else(none)?;
            download::bring(&order, &pinned.url, &pinned.sha256)
        }
        Kind::Git { repository, commit } => git::bring(&order, repository, commit),
        Kind::Npm { package, lock } => npm::bring(&order, package, lock),
        Kind::Pypi { package, lock, python } => pypi::bring(&order, package, lock, python),
    }
}

/// A folder of the recipe's own folder.
fn files(order: &Order<'_>, folder: &str) -> Result<Payload, Error> {
    let prefix = format!("{}/", folder.trim_end_matches('/'));
    let source = &order.recipe.source;
    let into = order.into();
    let mut files = Vec::new();
    for (name, bytes) in &order.folder.files {
        let Some(path) = name.strip_prefix(&prefix) else { continue };
        if tree::normal(path.as_bytes()).is_none_or(|normal| normal != path) {
            return Err(tree::entry(
                &order.recipe.name,
                path.as_bytes(),
                "a name that is no plain path",
            ));
        }
        if pattern::wanted(path, &source.include, &source.exclude) {
            files.push(PayloadFile {
                path: format!("{}/{path}", into.trim_end_matches('/')),
                executable: unpack::runnable(bytes),
                content: Content::Text(bytes.clone()),
            });
        }
    }
    if files.is_empty() {
        return Err(order.no_file(&prefix));
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(Payload { files, ..Payload::default() })
}
