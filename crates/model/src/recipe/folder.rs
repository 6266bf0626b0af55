//! A recipe's folder as a value: its files by name.
//!
//! Leaves out the disk it came from.

use std::collections::BTreeMap;

/// The files of a recipe's folder, by path relative to it (`/` between parts, sorted). Links and
/// special files are no part of a recipe.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Folder {
    pub files: BTreeMap<String, Vec<u8>>,
    /// Where it came from: `recipes/chat` of the plan, or `cookbook:synapse`.
    pub place: String,
    /// The git commit it came from, if its folder is clean there.
    pub commit: Option<String>,
}
