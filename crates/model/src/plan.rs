//! The plan: what should be, as TOML files in a git folder.
//!
//! Leaves out reading and writing the files: text comes in, values go out.

pub mod draft;
pub mod drill;
pub mod error;
pub mod host;
pub mod member;
pub mod reading;
pub mod service;
pub mod stead;
