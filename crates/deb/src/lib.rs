//! Recipes become Debian packages, a signed repository, and a medium that needs no network.
//!
//! Leaves out installing anything: that is apt's work, and `host`'s.

pub mod archive;
pub mod build;
pub mod closure;
pub mod control;
pub mod elf;
pub mod fetch;
pub mod index;
pub mod lint;
pub mod medium;
pub mod oracle;
pub mod pool;
pub mod progress;
pub mod provenance;
pub mod recipe_folder;
pub mod relation;
pub mod repository;
pub mod script_payload;
pub mod selection;
pub mod signing;
pub mod source;
pub mod sum;
pub mod upstream;
pub mod whence;
