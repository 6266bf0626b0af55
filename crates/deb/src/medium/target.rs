//! What a medium is for: a release of Debian on an architecture.
//!
//! Leaves out what is on it.

/// A Debian release on an architecture.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// Its code name, as `bookworm`.
    pub release: String,
    pub architecture: String,
}

impl std::fmt::Display for Target {
    fn fmt(&self, out: &mut std::fmt::Formatter) -> std::fmt::Result {
        write!(out, "{} on {}", self.release, self.architecture)
    }
}
