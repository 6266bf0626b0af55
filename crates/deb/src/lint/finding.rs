//! What a lint says: the rule, the place, what is wrong and what to do.
//!
//! Leaves out how it is found.

use serde::{Deserialize, Serialize};

/// A fault of a package.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// `postinst`, or a path of the package.
    pub file: String,
    /// Of the script, counted from 1; missing if it is about what is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    pub rule: Rule,
    /// What is wrong and what comes of it.
    pub message: String,
    /// What to do about it.
    pub hint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    /// A maintainer script writes a configuration file, so that edits are lost.
    ConfigWritten,
    /// A file below `/etc` that is no conffile: an upgrade overwrites edits.
    NoConffile,
    /// A service that goes on running its old program after an upgrade.
    NotRestarted,
    /// A service that goes on running after its program was removed.
    NotStopped,
    /// Upgrades disable a service.
    DisabledOnUpgrade,
    /// Data stays behind after purge.
    DataLeft,
    /// A user stays behind after purge.
    UserLeft,
    /// A link that starts a service at boot stays behind after purge.
    EnableLinkLeft,
    /// A program for another machine.
    WrongArchitecture,
    /// A script that goes on after a failure.
    FailureHidden,
}

impl Rule {
    /// Whether many good packages do so on purpose: Debian's own leave their users, since files
    /// of theirs may lie anywhere.
    pub fn is_note(self) -> bool {
        self == Self::UserLeft
    }

    /// As it stands in `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ConfigWritten => "config-written",
            Self::NoConffile => "no-conffile",
            Self::NotRestarted => "not-restarted",
            Self::NotStopped => "not-stopped",
            Self::DisabledOnUpgrade => "disabled-on-upgrade",
            Self::DataLeft => "data-left",
            Self::UserLeft => "user-left",
            Self::EnableLinkLeft => "enable-link-left",
            Self::WrongArchitecture => "wrong-architecture",
            Self::FailureHidden => "failure-hidden",
        }
    }
}

impl Finding {
    pub fn new(
        rule: Rule,
        file: &str,
        line: Option<u32>,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        let printable = |text: String| model::text::printable(&text, 400);
        Self {
            file: model::text::printable(file, 200),
            line,
            rule,
            message: printable(message.into()),
            hint: printable(hint.into()),
        }
    }
}
