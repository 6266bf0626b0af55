//! Tests of the record as its users see it. Leaves out the rules of model, tested there.

mod judging;
mod place;
