//! The record and the plan on this machine: identity, signed logs, views, the plan's folder.

pub mod error;
pub mod git;
pub mod identity;
pub mod plan_error;
pub mod plan_folder;
pub mod record;
pub mod services;
pub mod state_folder;
