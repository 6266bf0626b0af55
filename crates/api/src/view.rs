//! What `--json` prints and pages show: one file for each view.
//!
//! Every time in here is the label some machine's clock gave; nothing is decided by it.

pub mod changes;
pub mod digest;
pub mod history;
pub mod host;
pub mod link;
pub mod metrics;
pub mod overview;
pub mod run;
pub mod standing;
pub mod status;
pub mod timers;
