//! Somebody else's Debian repository, read only as far as its signature vouches for it.
//!
//! InRelease is verified against a keyring, indexes against InRelease, packages against indexes.
//! Leaves out our own repository, and choosing packages.

pub mod apt_sources;
mod defaults;
mod error;
mod keep;
mod keyring;
mod offer;
pub mod release;
mod suite;
mod unpack;

pub use crate::upstream::defaults::{DEBIAN_KEYRING, for_release, for_release_from};
pub use crate::upstream::error::Error;
pub use crate::upstream::keyring::Keyring;
pub use crate::upstream::offer::Offer;
pub use crate::upstream::suite::{IndexFile, Upstream, Verified};
