//! A .deb file: written from a layout, read from anywhere.
//!
//! The format is deb(5): an `ar` archive of `debian-binary`, `control.tar.*` and `data.tar.*`.
//! Leaves out unpacking onto a disk, which is dpkg's work.

pub mod ar;
pub mod error;
pub mod pack;
pub mod read;
pub mod squeeze;
pub mod tarball;

pub use crate::archive::error::Error;
pub use crate::archive::pack::{Written, write};
pub use crate::archive::read::{Deb, read, read_control, visit, visit_reader};
pub use crate::archive::tarball::{Item, Kind};
