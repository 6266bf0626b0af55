//! The pages: one file each, a function from a view to markup.

pub(crate) mod changes;
pub(crate) mod history;
pub(crate) mod host;
pub(crate) mod logs;
pub(crate) mod none;
pub(crate) mod overview;
pub(crate) mod proof;
pub(crate) mod timers;
