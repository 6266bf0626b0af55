//! The marking itself: what is asked for first, then each package's relations in turn, greedily,
//! as apt documents and shows it.
//!
//! Leaves out any search for a better answer; `consistency` sees when there should be one.

use std::cmp::Reverse;
use std::sync::Arc;

use crate::closure::wanted::{Dependency, Error, Field, Relations};
use crate::index::{Id, Index, Name};

/// Relations are followed this deep at most.
const DEEPEST: usize = 3000;

/// Why a package is marked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    Asked,
    Base,
    /// The field of a package, and the number of the group in it.
    Relation(Id, Field, usize),
}

/// The first relation that could not be satisfied on the way to a package.
#[derive(Clone, Debug)]
pub struct Dead {
    /// From what was asked for to the package whose relation failed.
    pub path: Vec<Id>,
    pub field: Field,
    pub group: usize,
}

/// A place where greed met a conflict, so that apt may have gone on differently.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// The first was marked and had to give way to the second.
    GaveWay(Id, Id),
    /// It was tried, and could not be had.
    Failed(Id),
}

pub struct Marking<'a, 'b> {
    index: &'a Index,
    relations: &'b mut Relations<'a>,
    recommends: bool,
    state: Vec<State>,
    /// In the order of marking.
    pub marked: Vec<(Id, Cause)>,
    pub doubts: Vec<Doubt>,
    path: Vec<Id>,
    pub dead: Option<Dead>,
}

#[derive(Clone, Copy, Debug, Default)]
struct State {
    marked: bool,
    /// Asked for, or needed by such a package without an alternative.
    protected: bool,
    /// Something that is protected forbids it, or it was tried in vain.
    discarded: bool,
    /// It gave way once; the next time it is discarded, so that two cannot drive each other out
    /// for ever.
    gave_way: bool,
    /// Something that is marked, or was, and that will give way to it.
    forbidden_by: Option<Id>,
    /// Its relations were followed.
    walked: bool,
    /// Its protection was handed on.
    spread: bool,
}

impl<'a, 'b> Marking<'a, 'b> {
    pub fn new(index: &'a Index, relations: &'b mut Relations<'a>, recommends: bool) -> Self {
        Self {
            index,
            relations,
            recommends,
            state: vec![State::default(); index.len()],
            marked: Vec::new(),
            doubts: Vec::new(),
            path: Vec::new(),
            dead: None,
        }
    }

    /// Marks all roots, then walks each; false if one of them cannot be had.
    pub fn run(&mut self, roots: &[(Id, Cause)]) -> Result<bool, Error> {
        for (id, cause) in roots {
            if !self.state(*id).marked {
                self.state(*id).marked = true;
                self.state(*id).protected = true;
                self.marked.push((*id, *cause));
            }
        }
        for (id, _) in roots {
            if !self.walk(*id)? {
                return Ok(false);
            }
        }
        if !self.doubts.is_empty() {
            self.sweep(roots)?;
        }
        Ok(true)
    }

    fn state(&mut self, id: Id) -> &mut State {
        &mut self.state[id.0 as usize]
    }

    fn mark(&mut self, id: Id, cause: Cause) -> Result<bool, Error> {
        let deep = self.path.len() >= DEEPEST;
        let state = self.state(id);
        if state.marked {
            return Ok(true);
        }
        if state.discarded || deep {
            return Ok(false);
        }
        if let Some(by) = state.forbidden_by.take()
            && self.state(by).marked
        {
            if self.state(by).protected {
                return Ok(false);
            }
            self.give_way(by, id);
        }
        self.state(id).marked = true;
        self.marked.push((id, cause));
        let lives = self.walk(id)?;
        if !lives {
            self.doubts.push(Doubt::Failed(id));
            self.unmark(id);
            self.state(id).discarded = true;
        }
        Ok(lives)
    }

    fn give_way(&mut self, id: Id, to: Id) {
        self.doubts.push(Doubt::GaveWay(id, to));
        self.unmark(id);
        let state = self.state(id);
        state.discarded |= std::mem::replace(&mut state.gave_way, true);
    }

    fn unmark(&mut self, id: Id) {
        let state = self.state(id);
        (state.marked, state.walked) = (false, false);
        self.marked.retain(|(marked, _)| *marked != id);
    }

    /// Follows a marked package's relations.
    fn walk(&mut self, id: Id) -> Result<bool, Error> {
        if std::mem::replace(&mut self.state(id).walked, true) {
            return Ok(true);
        }
        self.path.push(id);
        let dependencies = self.relations.of(id)?;
        let protected = self.state(id).protected;
        let lives = self.forbid(id, &dependencies)
            && (!protected || self.spread(id)?)
            && self.follow(id, &dependencies)?;
        self.path.pop();
        if !lives {
            self.state(id).walked = false;
        }
        Ok(lives)
    }

    /// Forbids what the package's negative relations name; false if it must stay.
    fn forbid(&mut self, id: Id, dependencies: &[Dependency]) -> bool {
        for dependency in dependencies.iter().filter(|dependency| dependency.field.forbids()) {
            for wanted in &dependency.wanted {
                for other in self.relations.satisfiers(wanted) {
                    if self.index.name_of(other) == self.index.name_of(id) {
                        continue;
                    }
                    let state = self.state(other);
                    if state.protected {
                        self.note(dependency);
                        return false;
                    }
                    if state.marked {
                        self.give_way(other, id);
                    }
                    let protected = self.state(id).protected;
                    let state = self.state(other);
                    state.discarded |= protected;
                    state.forbidden_by = Some(id);
                }
            }
        }
        true
    }

    /// Protects what a protected package cannot do without, before anything is followed: what
    /// that forbids must not be chosen on the way.
    fn spread(&mut self, id: Id) -> Result<bool, Error> {
        let mut waiting = vec![id];
        while let Some(id) = waiting.pop() {
            if std::mem::replace(&mut self.state(id).spread, true) {
                continue;
            }
            self.state(id).protected = true;
            let dependencies = self.relations.of(id)?;
            if !self.forbid(id, &dependencies) {
                return Ok(false);
            }
            for dependency in dependencies.iter() {
                if !matches!(dependency.field, Field::PreDepends | Field::Depends) {
                    continue;
                }
                if let Some(only) = self.only_choice(dependency) {
                    waiting.push(only);
                }
            }
        }
        Ok(true)
    }

    fn only_choice(&mut self, dependency: &Dependency) -> Option<Id> {
        let mut only = None;
        for wanted in &dependency.wanted {
            for choice in self.relations.satisfiers(wanted) {
                if self.state(choice).discarded || only == Some(choice) {
                    continue;
                }
                if only.is_some() {
                    return None;
                }
                only = Some(choice);
            }
        }
        only
    }

    fn follow(&mut self, id: Id, dependencies: &Arc<[Dependency]>) -> Result<bool, Error> {
        for dependency in dependencies.iter() {
            let wanted = match dependency.field {
                Field::PreDepends | Field::Depends => true,
                Field::Recommends => self.recommends,
                Field::Conflicts | Field::Breaks => false,
            };
            if wanted && !self.satisfy(id, dependency)? && dependency.field != Field::Recommends {
                self.note(dependency);
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn satisfy(&mut self, id: Id, dependency: &Dependency) -> Result<bool, Error> {
        let mut choices: Vec<Id> = Vec::new();
        for wanted in &dependency.wanted {
            let mut satisfiers = self.relations.satisfiers(wanted);
            if satisfiers.iter().any(|choice| self.state(*choice).marked) {
                return Ok(true);
            }
            satisfiers.sort_by_key(|choice| self.rank(*choice, wanted.name));
            choices.extend(satisfiers);
        }
        let cause = Cause::Relation(id, dependency.field, dependency.group);
        for choice in choices {
            if self.mark(choice, cause)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Among the providers of a name the least comes first.
    fn rank(&self, id: Id, name: Name) -> impl Ord + use<> {
        let marks = self.index.marks(id);
        let own = self.index.name_of(id);
        Reverse((
            own == name,
            marks.essential,
            marks.important,
            marks.priority,
            self.index.mentioned(own),
        ))
    }

    /// Drops what was marked on ways that were given up.
    fn sweep(&mut self, roots: &[(Id, Cause)]) -> Result<(), Error> {
        let mut reached = vec![false; self.state.len()];
        let mut waiting: Vec<Id> = roots.iter().map(|(id, _)| *id).collect();
        while let Some(id) = waiting.pop() {
            if std::mem::replace(&mut reached[id.0 as usize], true) {
                continue;
            }
            for dependency in self.relations.of(id)?.iter() {
                if dependency.field.forbids() {
                    continue;
                }
                for wanted in &dependency.wanted {
                    let found = self.relations.satisfiers(wanted);
                    waiting.extend(found.into_iter().filter(|it| self.state[it.0 as usize].marked));
                }
            }
        }
        self.marked.retain(|(id, _)| reached[id.0 as usize]);
        Ok(())
    }

    fn note(&mut self, dependency: &Dependency) {
        if self.dead.is_none() {
            self.dead = Some(Dead {
                path: self.path.clone(),
                field: dependency.field,
                group: dependency.group,
            });
        }
    }
}
