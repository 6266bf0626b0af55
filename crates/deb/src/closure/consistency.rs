//! Whether a set of packages can be installed together: every relation satisfied, none violated.
//!
//! Leaves out how the set came about, so that it can judge any.

use std::collections::HashSet;

use crate::closure::wanted::{Error, Field, Relations};
use crate::index::{Id, Index};

/// A relation of a chosen package that the set does not keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken {
    pub package: Id,
    pub field: Field,
    pub group: usize,
    /// The chosen package that it forbids.
    pub by: Option<Id>,
}

/// The first relation that is not kept.
pub fn broken(
    index: &Index,
    relations: &mut Relations<'_>,
    chosen: &[Id],
) -> Result<Option<Broken>, Error> {
    let set: HashSet<Id> = chosen.iter().copied().collect();
    for package in chosen.iter().copied() {
        for dependency in relations.of(package)?.iter() {
            let field = dependency.field;
            if field == Field::Recommends {
                continue;
            }
            let mut found = None;
            for wanted in &dependency.wanted {
                let own = index.name_of(package);
                found = relations.satisfiers(wanted).into_iter().find(|other| {
                    set.contains(other) && !(field.forbids() && index.name_of(*other) == own)
                });
                if found.is_some() {
                    break;
                }
            }
            if found.is_some() == field.forbids() {
                return Ok(Some(Broken { package, field, group: dependency.group, by: found }));
            }
        }
    }
    Ok(None)
}
