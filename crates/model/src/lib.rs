//! The nouns and rules of stead: facts, checks, the plan, entries of the record.
//!
//! Pure: no I/O, no async, no clock. Time and facts come in as values, decisions go out as values.

pub mod backup;
pub mod changes;
pub mod check;
pub mod checks;
pub mod cidr;
pub mod cookbook;
pub mod entry;
pub mod facts;
pub mod fold;
pub mod folder;
pub mod host_name;
pub mod layout;
pub mod member_name;
pub mod mount;
pub mod plan;
pub mod reading;
pub mod recipe;
pub mod report;
pub mod scene;
pub mod seen;
pub mod template;
pub mod text;
pub mod trend;
pub mod verdict;
