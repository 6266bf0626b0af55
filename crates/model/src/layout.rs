//! What a package will hold and do: the value between a recipe and a .deb, an explanation, or a
//! script.
//!
//! Leaves out archives and the disk.

mod control;
mod entries;
pub mod explain;
#[cfg(test)]
mod fixture;
mod lay;
mod maintainer;
mod package;
mod quote;
pub mod script;
mod shell;
mod steps;
mod units;

pub use crate::layout::lay::lay_out;
pub use crate::layout::package::{
    Act, Content, Entry, Fetched, Layout, Made, MadeKind, Origin, Payload, PayloadFile, Role,
    UnitActs, When, provenance_path, recipe_path,
};
