//! `[package]`: what Debian has to know.
//!
//! Leaves out files and units, which are tables of their own.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The package's relations, user and directories.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Packaging {
    /// `all`, or those whose binaries the source has: `amd64`, `arm64`, `armhf`, `i386`.
    pub architectures: Vec<String>,
    /// Debian's section; `net` if missing.
    pub section: String,
    /// Who answers for it: `Name <address>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maintainer: Option<String>,
    /// Relations as in a control file: `nginx (>= 1.18)`, `a | b`.
    pub depends: Vec<String>,
    pub pre_depends: Vec<String>,
    pub recommends: Vec<String>,
    pub suggests: Vec<String>,
    pub conflicts: Vec<String>,
    pub breaks: Vec<String>,
    pub replaces: Vec<String>,
    pub provides: Vec<String>,
    /// A system user (and group of the same name) made at installation and removed by purge.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Groups of others that the user joins.
    pub groups: Vec<String>,
    /// The user's home; `/var/lib/<name>` if missing. Not made unless it is in `directories`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<String>,
    /// Directories for the service's own data: made at installation, kept by removal, deleted with
    /// all they hold by purge.
    pub directories: Vec<Directory>,
    /// Files under `/etc` that come with the source and that people edit. Every `[[files]]` entry
    /// under `/etc` is a conffile without being listed here.
    pub conffiles: Vec<String>,
    /// The vanilla package whose configuration this one adds to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overlays: Option<String>,
    /// Units of the vanilla package that stay stopped as long as this package is installed; its
    /// removal lets them run again as before.
    pub holds: Vec<String>,
    /// Files of other packages, absolute, that this package's units run or read: when dpkg replaces
    /// one, they are restarted (or as their `on_upgrade` says), so that no old program runs on.
    pub watches: Vec<String>,
    /// Units of other packages that are restarted when this one is configured or removed.
    pub restarts: Vec<String>,
    /// As `restarts`, but reloaded if they can be.
    pub reloads: Vec<String>,
}

impl Default for Packaging {
    fn default() -> Self {
        Self {
            architectures: vec!["all".to_owned()],
            section: "net".to_owned(),
            maintainer: None,
            depends: Vec::new(),
            pre_depends: Vec::new(),
            recommends: Vec::new(),
            suggests: Vec::new(),
            conflicts: Vec::new(),
            breaks: Vec::new(),
            replaces: Vec::new(),
            provides: Vec::new(),
            user: None,
            groups: Vec::new(),
            home: None,
            directories: Vec::new(),
            conffiles: Vec::new(),
            overlays: None,
            holds: Vec::new(),
            watches: Vec::new(),
            restarts: Vec::new(),
            reloads: Vec::new(),
        }
    }
}

/// A directory for the service's data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    pub path: String,
    /// The recipe's user if missing, else root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Octal; `"0750"` if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
}
