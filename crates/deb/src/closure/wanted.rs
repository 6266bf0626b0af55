//! A package's relations made ready for choosing: names as numbers, versions parsed, and what
//! satisfies them.
//!
//! Leaves out the choosing.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::Arc;

use debversion::Version;

use crate::index::compact::Column;
use crate::index::{Id, Index, MultiArch, Name};
use crate::relation::{self, Operator, Relation};

/// The fields that bring or forbid packages, in the order in which apt looks at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    PreDepends,
    Depends,
    Conflicts,
    Breaks,
    Recommends,
}

/// One group of alternatives, or one relation of a negative field.
#[derive(Debug)]
pub struct Dependency {
    pub field: Field,
    /// Its number among the groups of the field.
    pub group: usize,
    /// What may satisfy it, in order; names that no index knows are left out.
    pub wanted: Vec<Wanted>,
}

#[derive(Debug)]
pub struct Wanted {
    pub name: Name,
    /// `:any`: only what is `Multi-Arch: allowed` will do.
    any: bool,
    version: Option<(Operator, Version)>,
}

/// A package with a field that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("{package} of `{file}`: its `{field}` cannot be read")]
pub struct Error {
    pub package: String,
    pub file: String,
    pub field: &'static str,
    pub source: relation::Error,
}

impl Field {
    pub const ALL: [Self; 5] =
        [Self::PreDepends, Self::Depends, Self::Conflicts, Self::Breaks, Self::Recommends];

    pub fn forbids(self) -> bool {
        matches!(self, Self::Conflicts | Self::Breaks)
    }

    /// As the field is called in a control file.
    fn spelled(self) -> &'static str {
        match self {
            Self::PreDepends => "Pre-Depends",
            Self::Depends => "Depends",
            Self::Conflicts => "Conflicts",
            Self::Breaks => "Breaks",
            Self::Recommends => "Recommends",
        }
    }

    pub fn column(self) -> Column {
        match self {
            Self::PreDepends => Column::PreDepends,
            Self::Depends => Column::Depends,
            Self::Conflicts => Column::Conflicts,
            Self::Breaks => Column::Breaks,
            Self::Recommends => Column::Recommends,
        }
    }
}

/// The relations of an index's packages, made ready when they are first asked for.
pub struct Relations<'a> {
    index: &'a Index,
    ready: Vec<Option<Arc<[Dependency]>>>,
    versions: HashMap<Id, Option<Version>>,
    candidates: HashMap<Name, Option<Id>>,
    pinned: Vec<Name>,
}

impl<'a> Relations<'a> {
    pub fn new(index: &'a Index) -> Self {
        Self {
            index,
            ready: vec![None; index.len()],
            versions: HashMap::new(),
            candidates: HashMap::new(),
            pinned: Vec::new(),
        }
    }

    pub fn of(&mut self, id: Id) -> Result<Arc<[Dependency]>, Error> {
        if let Some(ready) = &self.ready[id.0 as usize] {
            return Ok(Arc::clone(ready));
        }
        let mut dependencies = Vec::new();
        for field in Field::ALL {
            let text = self.index.get(id, field.column());
            let groups = relation::parse(text).map_err(|source| Error {
                package: self.index.name(id).to_owned(),
                file: self.index.file(id).to_owned(),
                field: field.spelled(),
                source,
            })?;
            for (group, relations) in groups.iter().enumerate() {
                let here: Vec<&Relation<'_>> = relations
                    .iter()
                    .filter(|relation| relation.holds_on(self.index.architecture()))
                    .collect();
                if here.is_empty() {
                    continue;
                }
                let wanted = here.iter().filter_map(|relation| self.wanted(relation)).collect();
                dependencies.push(Dependency { field, group, wanted });
            }
        }
        let ready: Arc<[Dependency]> = dependencies.into();
        self.ready[id.0 as usize] = Some(Arc::clone(&ready));
        Ok(ready)
    }

    fn wanted(&self, relation: &Relation<'_>) -> Option<Wanted> {
        let any = match relation.qualifier {
            None | Some("native") => false,
            Some("any") => true,
            Some(architecture) if architecture == self.index.architecture() => false,
            // Nothing of another architecture is in the index.
            Some(_) => return None,
        };
        let name = self.index.find(relation.name)?;
        let version = match relation.version {
            None => None,
            Some((operator, text)) => Some((operator, Version::from_str(text).ok()?)),
        };
        Some(Wanted { name, any, version })
    }

    pub fn candidate(&mut self, name: Name) -> Option<Id> {
        *self.candidates.entry(name).or_insert_with(|| self.index.candidate(name))
    }

    /// Takes this version as the candidate, until [`Self::forget_pins`].
    pub fn pin(&mut self, name: Name, id: Id) {
        self.candidates.insert(name, Some(id));
        self.pinned.push(name);
    }

    pub fn forget_pins(&mut self) {
        for name in self.pinned.drain(..) {
            self.candidates.remove(&name);
        }
    }

    /// All candidates that satisfy a relation: the package of that name, then its providers, the
    /// last read first. A package comes once.
    pub fn satisfiers(&mut self, wanted: &Wanted) -> Vec<Id> {
        let mut found = Vec::new();
        if let Some(id) = self.candidate(wanted.name)
            && self.qualified(id, wanted)
            && self.version_fits(id, wanted)
        {
            found.push(id);
        }
        let index = self.index;
        for (id, version) in index.providers(wanted.name) {
            if self.candidate(index.name_of(id)) != Some(id)
                || found.contains(&id)
                || !self.qualified(id, wanted)
            {
                continue;
            }
            let fits = match &wanted.version {
                None => true,
                Some((operator, asked)) => version
                    .and_then(|version| Version::from_str(version).ok())
                    .is_some_and(|version| operator.allows(version.cmp(asked))),
            };
            if fits {
                found.push(id);
            }
        }
        found
    }

    fn qualified(&self, id: Id, wanted: &Wanted) -> bool {
        !wanted.any || self.index.marks(id).multi_arch == MultiArch::Allowed
    }

    fn version_fits(&mut self, id: Id, wanted: &Wanted) -> bool {
        let Some((operator, asked)) = &wanted.version else { return true };
        let version = self
            .versions
            .entry(id)
            .or_insert_with(|| Version::from_str(self.index.version(id)).ok());
        let order: Option<Ordering> = version.as_ref().map(|version| version.cmp(asked));
        order.is_some_and(|order| operator.allows(order))
    }
}
