//! What came in or went out, said.
//!
//! Leaves out whether it was right.

use std::path::Path;

use deb::repository::{Added, Key};
use model::text::printable;

use crate::output;

/// Says what came in, the warnings last.
pub fn added(answer: &Added, folder: &Path, published: bool, json: bool) -> anyhow::Result<u8> {
    if json {
        output::json(answer)?;
    } else {
        output::print(&keys("added", &answer.added))?;
        output::print(&keys("known", &answer.known))?;
    }
    for warning in &answer.warnings {
        output::say(&format!("warning: {warning}"));
    }
    if !published && !answer.added.is_empty() {
        let folder = folder.display();
        output::say(&format!("Clients see it after `stead repo publish {folder}`."));
    }
    Ok(0)
}

/// A line for each, all of them if they are few.
pub fn keys(what: &str, keys: &[Key]) -> String {
    const MOST: usize = 200;
    let shown = |key: &Key| format!("{what} {}\n", printable(&key.to_string(), 300));
    let mut text: String = keys.iter().take(MOST).map(shown).collect();
    if keys.len() > MOST {
        text.push_str(&format!("{what} {} more\n", keys.len() - MOST));
    }
    text
}
