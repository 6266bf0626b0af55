//! What must be fetched so that some packages can be installed: them, and all they depend on.
//!
//! Leaves out packages of foreign architectures, and search: like apt it decides greedily, and
//! unlike a solver it says that it is stuck so that apt can be asked.

mod consistency;
mod marking;
mod wanted;

use std::collections::HashSet;
use std::thread;

use model::text::printable;

pub use crate::closure::marking::Cause;
pub use crate::closure::wanted::Field;

use crate::closure::consistency::Broken;
use crate::closure::marking::{Dead, Doubt, Marking};
use crate::closure::wanted::Relations;
use crate::index::{Id, Index};
use crate::relation::{self, Group, Relation};

/// Room for the deepest chain of relations that is followed, in bytes; taken only as used.
const STACK: usize = 64 << 20;

/// What a closure takes in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// Follow `Recommends` too.
    pub recommends: bool,
    /// Begin with every essential and required package, as a bare Debian has them: what is
    /// installed on such a machine may be too old for the closure.
    pub base: bool,
}

/// A package of the closure, and why it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    pub package: Id,
    pub cause: Cause,
}

/// A closure, and where it was no matter of course.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    pub chosen: Vec<Chosen>,
    /// Conflicts that were met on the way: what was chosen fits together, but apt may have chosen
    /// otherwise.
    pub doubts: Vec<String>,
}

/// No closure, and why.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("no package is called `{name}` for {architecture}")]
    NoPackage { name: String, architecture: String },
    #[error("`{name}` is provided by {}: name one of them", providers.join(", "))]
    OnlyProvided { name: String, providers: Vec<String> },
    #[error("no version {version} of `{name}`; there is {}", there.join(", "))]
    NoVersion { name: String, version: String, there: Vec<String> },
    #[error("{package} {field} {relation}: {reason}{}", way(path))]
    Unmet {
        /// From what was asked for to the package itself.
        path: Vec<String>,
        package: String,
        field: &'static str,
        relation: String,
        reason: String,
    },
    #[error("what was chosen does not fit together: {package} {field} {relation}")]
    Broken { package: String, field: &'static str, relation: String },
    #[error("cannot read the relations of a package")]
    Relation(#[source] Box<wanted::Error>),
    #[error("cannot begin a thread")]
    Thread { source: std::io::Error },
}

/// The way to a package, if it is not what was asked for itself.
fn way(path: &[String]) -> String {
    if path.len() < 2 { String::new() } else { format!(" (the way there: {})", path.join(" → ")) }
}

/// Finds closures in one index; what was read for one serves the next.
pub struct Solver<'a> {
    index: &'a Index,
    relations: Relations<'a>,
}

/// Finds one closure: the order of marking, the roots first.
///
/// Roots are `NAME` or `NAME=VERSION`.
pub fn closure(index: &Index, roots: &[&str], options: Options) -> Result<Vec<Chosen>, Error> {
    Solver::new(index).closure(roots, options)
}

impl<'a> Solver<'a> {
    pub fn new(index: &'a Index) -> Self {
        Self { index, relations: Relations::new(index) }
    }

    /// As [`closure`].
    pub fn closure(&mut self, roots: &[&str], options: Options) -> Result<Vec<Chosen>, Error> {
        self.solve(roots, options).map(|found| found.chosen)
    }

    /// As [`closure`], and says where it doubts.
    pub fn solve(&mut self, roots: &[&str], options: Options) -> Result<Found, Error> {
        // Relations may go thousands deep.
        thread::scope(|scope| {
            let work = || self.find(roots, options);
            let thread = thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work);
            let thread = thread.map_err(|source| Error::Thread { source })?;
            thread.join().expect("a closure does not panic")
        })
    }

    fn find(&mut self, roots: &[&str], options: Options) -> Result<Found, Error> {
        self.relations.forget_pins();
        let mut asked = Vec::new();
        for root in roots {
            asked.push((self.root(root)?, Cause::Asked));
        }
        if options.base {
            asked.extend(self.base().into_iter().map(|id| (id, Cause::Base)));
        }
        let unreadable = |error| Error::Relation(Box::new(error));
        let mut marking = Marking::new(self.index, &mut self.relations, options.recommends);
        let done = marking.run(&asked).map_err(unreadable)?;
        let Marking { marked, dead, doubts, .. } = marking;
        if !done {
            let dead = dead.expect("a walk that fails notes the relation");
            return Err(self.unmet(&dead));
        }
        let set: Vec<Id> = marked.iter().map(|(id, _)| *id).collect();
        let broken = consistency::broken(self.index, &mut self.relations, &set);
        if let Some(broken) = broken.map_err(unreadable)? {
            return Err(self.broken(&broken));
        }
        let chosen = marked.into_iter().map(|(package, cause)| Chosen { package, cause }).collect();
        Ok(Found { chosen, doubts: self.doubts(&doubts) })
    }

    /// Says of a set that somebody else chose why each package is in it: the roots first, then in
    /// the order in which their relations lead there, what nothing leads to last.
    pub fn explain(&mut self, roots: &[&str], set: &[Id]) -> Result<Vec<Chosen>, Error> {
        let unreadable = |error| Error::Relation(Box::new(error));
        let mut left: HashSet<Id> = set.iter().copied().collect();
        let asked = |id: &Id| {
            let name = self.index.name(*id);
            roots.iter().any(|root| root.split('=').next() == Some(name))
        };
        let asked: Vec<Id> = set.iter().copied().filter(asked).collect();
        let mut chosen: Vec<Chosen> = Vec::new();
        for package in asked {
            left.remove(&package);
            chosen.push(Chosen { package, cause: Cause::Asked });
        }
        let mut at = 0;
        while let Some(Chosen { package, .. }) = chosen.get(at).copied() {
            at += 1;
            for dependency in self.relations.of(package).map_err(unreadable)?.iter() {
                if dependency.field.forbids() {
                    continue;
                }
                let cause = Cause::Relation(package, dependency.field, dependency.group);
                for wanted in &dependency.wanted {
                    for found in self.relations.satisfiers(wanted) {
                        if left.remove(&found) {
                            chosen.push(Chosen { package: found, cause });
                        }
                    }
                }
            }
        }
        let rest = set.iter().filter(|id| left.contains(id));
        chosen.extend(rest.map(|id| Chosen { package: *id, cause: Cause::Base }));
        Ok(chosen)
    }

    /// What every Debian has: essential and required packages, by name.
    pub fn base_names(&mut self) -> Vec<&'a str> {
        let index = self.index;
        self.base().into_iter().map(|id| index.name(id)).collect()
    }

    fn root(&mut self, root: &str) -> Result<Id, Error> {
        let index = self.index;
        let (spelled, version) = match root.split_once('=') {
            Some((name, version)) => (name, Some(version)),
            None => (root, None),
        };
        let no_package = || Error::NoPackage {
            name: printable(spelled, 100),
            architecture: index.architecture().to_owned(),
        };
        let name = index.find(spelled).ok_or_else(no_package)?;
        let Some(version) = version else {
            return self.relations.candidate(name).ok_or_else(|| {
                let mut providers: Vec<String> =
                    index.providers(name).map(|(id, _)| index.name(id).to_owned()).collect();
                providers.sort();
                providers.dedup();
                if providers.is_empty() {
                    return no_package();
                }
                Error::OnlyProvided { name: spelled.to_owned(), providers }
            });
        };
        let mut there: Vec<Id> = index.versions(name).collect();
        there.reverse();
        let Some(id) = there.iter().copied().find(|id| index.version(*id) == version) else {
            if there.is_empty() {
                return Err(no_package());
            }
            return Err(Error::NoVersion {
                name: spelled.to_owned(),
                version: printable(version, 100),
                there: there.iter().map(|id| index.version(*id).to_owned()).collect(),
            });
        };
        self.relations.pin(name, id);
        Ok(id)
    }

    /// Essential and required packages, in the order of reading.
    fn base(&mut self) -> Vec<Id> {
        let index = self.index;
        index
            .packages()
            .filter(|id| {
                let marks = index.marks(*id);
                (marks.essential || marks.priority == 5)
                    && self.relations.candidate(index.name_of(*id)) == Some(*id)
            })
            .collect()
    }

    fn unmet(&mut self, dead: &Dead) -> Error {
        let index = self.index;
        let package = *dead.path.last().expect("a walk has begun");
        let group = group(index, package, dead.field, dead.group);
        let path = dead.path.iter().map(|id| index.name(*id).to_owned()).collect();
        let reasons: Vec<String> =
            group.iter().map(|relation| self.reason(relation, dead.field)).collect();
        Error::Unmet {
            path,
            package: index.name(package).to_owned(),
            field: verb(dead.field),
            relation: spelled(&group),
            reason: reasons.join("; "),
        }
    }

    /// Why one alternative cannot be had.
    fn reason(&mut self, relation: &Relation<'_>, field: Field) -> String {
        let index = self.index;
        let name = relation.name;
        let candidate = index.find(name).map(|name| (name, self.relations.candidate(name)));
        match candidate {
            None => format!("no package is called {name}"),
            Some(_) if field.forbids() => format!("{name} is needed too"),
            Some((number, None)) if index.providers(number).next().is_none() => {
                format!("no package is called {name}")
            }
            Some((_, None)) => format!("nothing that provides {name} fits"),
            Some((_, Some(id))) => {
                let version = index.version(id);
                let fits = relation.version.is_none_or(|(operator, asked)| {
                    relation::compare(version, asked).is_some_and(|order| operator.allows(order))
                });
                if !fits {
                    format!("{name} is there as {version} only")
                } else if !relation.holds_on(index.architecture()) {
                    format!("{name} is not for {}", index.architecture())
                } else {
                    format!(
                        "{name} {version} cannot be had, by its own relations or those of what was chosen before"
                    )
                }
            }
        }
    }

    fn doubts(&self, doubts: &[Doubt]) -> Vec<String> {
        let name = |id: Id| self.index.name(id);
        let text = |doubt: &Doubt| match doubt {
            Doubt::GaveWay(first, second) => {
                format!("{} gave way to {}", name(*first), name(*second))
            }
            Doubt::Failed(id) => format!("{} was tried and given up", name(*id)),
        };
        doubts.iter().map(text).collect()
    }

    fn broken(&self, broken: &Broken) -> Error {
        let group = group(self.index, broken.package, broken.field, broken.group);
        let by = broken.by.map(|id| format!(", and {} was chosen", self.index.name(id)));
        Error::Broken {
            package: self.index.name(broken.package).to_owned(),
            field: verb(broken.field),
            relation: spelled(&group) + &by.unwrap_or_default(),
        }
    }
}

/// What a cause is in words: `asked for`, `part of every Debian`, `git depends on perl`.
pub fn because(index: &Index, cause: Cause) -> String {
    match cause {
        Cause::Asked => "asked for".to_owned(),
        Cause::Base => "part of every Debian".to_owned(),
        Cause::Relation(by, field, number) => {
            let group = group(index, by, field, number);
            format!("{} {} {}", index.name(by), verb(field), spelled(&group))
        }
    }
}

fn verb(field: Field) -> &'static str {
    match field {
        Field::PreDepends => "pre-depends on",
        Field::Depends => "depends on",
        Field::Recommends => "recommends",
        Field::Conflicts => "conflicts with",
        Field::Breaks => "breaks",
    }
}

fn group(index: &Index, package: Id, field: Field, number: usize) -> Group<'_> {
    let groups = relation::parse(index.get(package, field.column())).unwrap_or_default();
    groups.into_iter().nth(number).unwrap_or_default()
}

fn spelled(group: &Group<'_>) -> String {
    let alternatives: Vec<String> = group.iter().map(ToString::to_string).collect();
    printable(&alternatives.join(" | "), 300)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::index::PRIORITY;

    /// One package a line: `NAME VERSION; Field: value; Field: value`.
    fn index(packages: &str) -> Index {
        let mut text = String::new();
        for line in packages.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let mut parts = line.split("; ");
            let (name, version) = parts.next().and_then(|it| it.split_once(' ')).expect("a line");
            let fields: Vec<&str> = parts.collect();
            text += &format!(
                "Package: {name}\nVersion: {version}\nArchitecture: all\nSize: 1\nSHA256: {}\n\
                 Filename: pool/{name}.deb\n{}\n\n",
                "0".repeat(64),
                fields.join("\n")
            );
        }
        let text = text.replace("\n\n\n", "\n\n");
        let mut index = Index::new("amd64");
        index.add_packages("test", PRIORITY, text.as_bytes()).expect("an index");
        index
    }

    fn names(packages: &str, roots: &[&str], options: Options) -> String {
        let index = index(packages);
        match closure(&index, roots, options) {
            Ok(chosen) => {
                let names = chosen.iter().map(|chosen| index.name(chosen.package));
                names.collect::<Vec<_>>().join(" ")
            }
            Err(error) => format!("error: {error}"),
        }
    }

    fn plain(packages: &str, roots: &[&str]) -> String {
        names(packages, roots, Options::default())
    }

    #[test]
    fn roots_come_first_then_each_relation_in_turn() {
        let packages = "
            a 1; Depends: c, b
            b 1; Pre-Depends: d
            c 1
            d 1; Depends: a";
        assert_eq!(plain(packages, &["b", "a"]), "b a d c");
    }

    #[test]
    fn an_alternative_that_is_chosen_already_satisfies() {
        let packages = "
            a 1; Depends: x | y
            x 1
            y 1";
        assert_eq!(plain(packages, &["a"]), "a x");
        assert_eq!(plain(packages, &["a", "y"]), "a y");
    }

    #[test]
    fn providers_rank_by_name_essential_priority_then_last_mention() {
        let packages = "
            a 1; Depends: mail
            one 1; Provides: mail; Priority: optional
            two 1; Provides: mail; Priority: optional
            old 1; Provides: mail; Priority: extra";
        assert_eq!(plain(packages, &["a"]), "a two");
        assert_eq!(plain(&format!("{packages}\nmail 1"), &["a"]), "a mail");
        assert_eq!(
            plain(
                &packages.replace(
                    "one 1; Provides: mail; Priority: optional",
                    "one 1; Provides: mail; Priority: standard"
                ),
                &["a"]
            ),
            "a one"
        );
        assert_eq!(
            plain(&format!("{packages}\ndash 1; Provides: mail; Essential: yes"), &["a"]),
            "a dash"
        );
    }

    #[test]
    fn only_a_versioned_provide_satisfies_a_version() {
        let packages = "
            a 1; Depends: api (>= 2)
            one 1; Provides: api
            two 1; Provides: api (= 2.1)";
        assert_eq!(plain(packages, &["a"]), "a two");
    }

    #[test]
    fn any_asks_for_what_is_allowed() {
        let packages = "
            a 1; Depends: perl:any
            perl 5; Multi-Arch: allowed
            b 1; Depends: lib:any | perl:amd64, perl:arm64 | lib:native
            lib 1; Multi-Arch: same";
        assert_eq!(plain(packages, &["a"]), "a perl");
        assert_eq!(plain(packages, &["b"]), "b perl lib");
    }

    #[test]
    fn what_is_forbidden_is_passed_over() {
        let packages = "
            a 1; Conflicts: x; Depends: x | y
            b 1; Breaks: x (<< 2); Depends: x | y
            c 1; Breaks: x (<< 1); Depends: x | y
            x 1
            y 1
            self 1; Conflicts: virtual; Provides: virtual";
        assert_eq!(plain(packages, &["a"]), "a y");
        assert_eq!(plain(packages, &["b"]), "b y");
        assert_eq!(plain(packages, &["c"]), "c x");
        assert_eq!(plain(packages, &["self"]), "self");
    }

    #[test]
    fn what_a_root_cannot_do_without_forbids_before_anything_is_chosen() {
        let packages = "
            slides 1; Depends: player, extra
            player 1; Depends: codec | codec-extra
            extra 1; Depends: codec-extra
            codec 1
            codec-extra 1; Conflicts: codec";
        assert_eq!(plain(packages, &["slides"]), "slides player codec-extra extra");
    }

    #[test]
    fn what_was_chosen_in_passing_gives_way_and_raises_a_doubt() {
        let packages = "
            a 1; Depends: b, c
            b 1; Recommends: nogui | core
            c 1; Recommends: core
            nogui 1; Conflicts: core; Depends: only-nogui
            only-nogui 1
            core 1; Conflicts: nogui";
        let index = index(packages);
        let found = Solver::new(&index).solve(&["a"], Options { recommends: true, base: false });
        let found = found.expect("a closure");
        let names: Vec<&str> = found.chosen.iter().map(|it| index.name(it.package)).collect();
        assert_eq!(names, ["a", "b", "c", "core"]);
        assert_eq!(found.doubts, ["nogui gave way to core"]);
    }

    #[test]
    fn two_that_drive_each_other_out_come_to_an_end() {
        let packages = "
            a 1; Depends: x | x2, y | y2
            x 1; Conflicts: y; Depends: y | y2
            x2 1; Conflicts: y2; Depends: y
            y 1; Conflicts: x; Depends: x | x2
            y2 1; Conflicts: x2; Depends: x2";
        assert_eq!(plain(packages, &["a"]), "a y x2");
    }

    #[test]
    fn a_set_that_another_chose_is_explained() {
        let packages = "
            a 1; Depends: x | y
            x 1
            y 1
            z 1";
        let index = index(packages);
        let id = |name: &str| index.candidate(index.find(name).expect("known")).expect("there");
        let set = [id("z"), id("y"), id("a")];
        let explained = Solver::new(&index).explain(&["a"], &set).expect("explained");
        let said: Vec<String> = explained
            .iter()
            .map(|it| format!("{}: {}", index.name(it.package), because(&index, it.cause)))
            .collect();
        assert_eq!(said, ["a: asked for", "y: a depends on x | y", "z: part of every Debian"]);
    }

    #[test]
    fn recommends_are_followed_if_asked_and_never_stop_anything() {
        let packages = "
            a 1; Recommends: b, gone, c
            b 1
            c 1; Depends: gone";
        assert_eq!(plain(packages, &["a"]), "a");
        assert_eq!(names(packages, &["a"], Options { recommends: true, base: false }), "a b");
    }

    #[test]
    fn the_base_is_what_every_debian_has() {
        let packages = "
            a 1
            dash 1; Essential: yes; Depends: libc
            tzdata 1; Priority: required
            libc 1";
        let base = Options { recommends: false, base: true };
        assert_eq!(names(packages, &["a"], base), "a dash tzdata libc");
    }

    #[test]
    fn what_is_unmet_is_named_with_the_way_there() {
        let packages = "
            a 1; Depends: b
            b 1; Depends: c (>= 2) | gone
            c 1
            v 1; Depends: nothing
            p 1; Provides: virtual
            x 1; Conflicts: y
            y 1";
        assert_eq!(
            plain(packages, &["a"]),
            "error: b depends on c (>= 2) | gone: c is there as 1 only; \
             no package is called gone (the way there: a → b)"
        );
        assert_eq!(
            plain(packages, &["v"]),
            "error: v depends on nothing: no package is called nothing"
        );
        assert_eq!(plain(packages, &["no"]), "error: no package is called `no` for amd64");
        assert_eq!(
            plain(packages, &["virtual"]),
            "error: `virtual` is provided by p: name one of them"
        );
        assert_eq!(plain(packages, &["a=3"]), "error: no version 3 of `a`; there is 1");
        assert_eq!(plain(packages, &["x", "y"]), "error: x conflicts with y: y is needed too");
    }

    #[test]
    fn a_version_that_is_asked_for_is_taken() {
        let packages = "
            a 1; Depends: b
            b 2
            b 1";
        let index = index(packages);
        let mut solver = Solver::new(&index);
        let mut versions = |roots: &[&str]| -> Vec<String> {
            let chosen = solver.closure(roots, Options::default()).expect("a closure");
            chosen.iter().map(|it| index.version(it.package).to_owned()).collect()
        };
        assert_eq!(versions(&["a", "b=1"]), ["1", "1"]);
        assert_eq!(versions(&["a"]), ["1", "2"]);
    }

    #[test]
    fn a_chain_of_thousands_ends_in_an_error_and_not_in_a_crash() {
        let packages: String =
            (0..5000).map(|number| format!("p{number} 1; Depends: p{}\n", number + 1)).collect();
        assert!(plain(&packages, &["p0"]).starts_with("error: "));
    }
}
