//! Which kind of sealed machine a drill is given, decided from what this host can do.
//!
//! Leaves out finding that out, and making one.

use std::path::PathBuf;

use backup::snapshot::Strangers;

use crate::drill::packages::Brought;

/// How the machine's root is cut off from this host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Root {
    /// By systemd-nspawn, which filters system calls, too.
    Nspawn,
    /// By namespaces that stead makes with util-linux alone.
    Private,
}

/// What a machine shall be.
pub(crate) struct Plan<'a> {
    pub service: &'a str,
    /// The kind that a person asked for; else the best that works.
    pub root: Option<Root>,
    /// Started inside later, so not masked.
    pub units: &'a [String],
    /// Paths that are not there inside.
    pub gone: &'a [PathBuf],
    /// Folders that are there and empty, besides those that always are.
    pub emptied: &'a [PathBuf],
    /// Files of this host that are copied to a place inside.
    pub copies: &'a [(PathBuf, PathBuf)],
    /// What of this host's file system is at which place inside.
    pub binds: &'a [(PathBuf, PathBuf)],
    /// Owners of what is bound into it that this host does not have.
    pub strangers: &'a Strangers,
    /// Installed inside before it boots.
    pub packages: Option<&'a Brought>,
    /// Whether it may outlive this process, for a look inside.
    pub keep: bool,
}

/// Of each kind why it cannot be had here, as far as is known before it is tried.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub nspawn: Option<String>,
    pub private: Option<String>,
}

impl Facts {
    /// Notes that a kind was tried in vain.
    pub(crate) fn failed(&mut self, root: Root, why: String) {
        match root {
            Root::Nspawn => self.nspawn = Some(why),
            Root::Private => self.private = Some(why),
        }
    }
}

/// The kind that is made, and why not the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub root: Root,
    why: String,
}

impl Choice {
    /// For people, with what is less proved.
    pub(crate) fn told(&self) -> String {
        match self.root {
            Root::Nspawn => "systemd-nspawn".to_owned(),
            Root::Private => {
                format!("a private root, as {}; its system calls are not filtered", self.why)
            }
        }
    }
}

/// Chooses the kind, or says why there is none.
pub(crate) fn chosen(asked: Option<Root>, facts: &Facts) -> Result<Choice, String> {
    let none = |name: &str, why: &str| format!("{name}: {why}");
    match (asked, &facts.nspawn, &facts.private) {
        (Some(Root::Nspawn), Some(why), _) => Err(none("systemd-nspawn", why)),
        (Some(Root::Private), _, Some(why)) => Err(none("private root", why)),
        (Some(Root::Private), ..) => {
            Ok(Choice { root: Root::Private, why: "you asked for one".to_owned() })
        }
        (_, None, _) => Ok(Choice { root: Root::Nspawn, why: String::new() }),
        (None, Some(why), None) => {
            Ok(Choice { root: Root::Private, why: none("systemd-nspawn", why) })
        }
        (None, Some(nspawn), Some(private)) => {
            Err([none("systemd-nspawn", nspawn), none("private root", private)].join("; "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(nspawn: Option<&str>, private: Option<&str>) -> Facts {
        Facts { nspawn: nspawn.map(str::to_owned), private: private.map(str::to_owned) }
    }

    #[test]
    fn nspawn_is_taken_where_it_works_and_a_private_root_where_it_does_not() {
        let root = |facts| chosen(None, &facts).map(|choice| choice.root);
        assert_eq!(root(facts(None, None)), Ok(Root::Nspawn));
        assert_eq!(root(facts(None, Some("no"))), Ok(Root::Nspawn));
        assert_eq!(root(facts(Some("not installed"), None)), Ok(Root::Private));
        let told = chosen(None, &facts(Some("not installed"), None)).expect("one").told();
        assert!(told.contains("not installed") && told.contains("not filtered"), "{told}");
    }

    #[test]
    fn where_neither_works_both_reasons_are_told() {
        let told = chosen(None, &facts(Some("not installed"), Some("refused"))).expect_err("none");
        assert_eq!(told, "systemd-nspawn: not installed; private root: refused");
    }

    #[test]
    fn what_was_asked_for_is_never_replaced() {
        let broken = facts(Some("not installed"), Some("refused"));
        let asked = |root| chosen(Some(root), &broken).expect_err("none");
        assert_eq!(asked(Root::Nspawn), "systemd-nspawn: not installed");
        assert_eq!(asked(Root::Private), "private root: refused");
        let choice = chosen(Some(Root::Private), &facts(None, None)).expect("one");
        assert_eq!(choice.root, Root::Private);
    }

    #[test]
    fn a_kind_that_was_tried_in_vain_is_not_tried_again() {
        let mut tried = facts(None, None);
        tried.failed(Root::Nspawn, "no bus".to_owned());
        assert_eq!(chosen(None, &tried).expect("one").root, Root::Private);
        tried.failed(Root::Private, "refused".to_owned());
        assert!(chosen(None, &tried).is_err());
    }
}
