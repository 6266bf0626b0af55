//! The node from outside: what it answers from a record, and who looks and records.

mod answering;
mod looking;
mod place;
