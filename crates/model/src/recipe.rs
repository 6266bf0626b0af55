//! A recipe: one folder that says how a service is built, installed, checked, backed up, upgraded
//! and removed. Text comes in, values go out.
//!
//! Leaves out the folder's I/O and what is fetched, which is `deb`'s.

pub mod care;
pub mod definition;
pub mod draft;
pub mod fault;
pub mod file;
pub mod folder;
pub mod lines;
pub mod lint;
pub mod lock;
pub mod nearest;
pub mod packaging;
pub mod path;
pub mod probe;
pub mod question;
pub mod reading;
pub mod schema;
pub mod setting;
mod shape;
pub mod source;
pub mod template;
pub mod unit;
pub mod values;
