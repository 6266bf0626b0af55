//! What a backup holds, where it goes, and what is known of it afterwards: values and rules.
//!
//! Leaves out making one (the room `backup`) and restoring one in a drill (`host`).

pub mod attempt;
pub mod difference;
pub mod drill;
pub mod due;
pub mod evidence;
pub mod manifest;
pub mod price;
pub mod proof;
pub mod restore;
pub mod retention;
pub mod rota;
pub mod scope;
pub mod standing;
pub mod target;
