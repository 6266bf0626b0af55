//! The pieces that pages are made of.

pub(crate) mod about;
pub(crate) mod badge;
pub(crate) mod figure;
pub(crate) mod finding;
pub(crate) mod moment;
pub(crate) mod plot;
pub(crate) mod table;
pub(crate) mod words;
