//! A medium: all that some services need on machines without a network, as a folder or an image.
//!
//! Leaves out building the services' packages, and what happens on the target, which is the
//! script `medium/install.sh`.

pub mod choice;
pub mod description;
pub mod error;
pub mod image;
mod judging;
pub mod make;
pub mod names;
pub mod plan;
mod pool;
pub mod program;
pub mod stage;
pub mod sums;
pub mod sync;
pub mod target;
pub mod verify;
