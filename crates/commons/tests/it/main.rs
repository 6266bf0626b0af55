//! Tests of the record as its users see it. Leaves out the rules of model, tested there.

mod damage;
mod judging;
mod killing;
mod place;
mod replaying;
mod strangers;
