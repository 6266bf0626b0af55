//! OpenPGP as Debian's archives use it: an Ed25519 key of our own, and judging others' signatures.
//!
//! Leaves out how fresh a signed file is (`Date`, `Valid-Until`): its reader judges that.

mod certificate;
mod error;
mod key;
mod verify;

pub use error::Error;
pub use key::Key;
pub use verify::{verify_cleartext, verify_detached};
