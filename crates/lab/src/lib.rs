//! Fleets of real Debian machines for tests.
//! It knows nothing of stead itself: what a test does inside a machine is the test's own business.
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let Some(fleet) = lab::Fleet::new("chat")? else { return Ok(()) };
//! let server = fleet.machine("server").packages(&["nginx-light"]).boot()?;
//! let client = fleet.machine("client").boot()?;
//! client.must("ping -c 1 server")?;
//! server.kill()?;
//! server.start()?;
//! # Ok(())
//! # }
//! ```
//!
//! A [`Fleet`] is a sealed network: a bridge in a network namespace of its own, with
//! 10.83.0.0/24 and fd83::/64, no route and no name server beyond it.
//! Every machine's name is in every other's `/etc/hosts`.
//! Fleets never see each other, so all of them may use the same addresses at the same time.
//!
//! A [`Machine`] is Debian bookworm in systemd-nspawn, with systemd as process 1.
//! Its disk is an overlay over an [`Image`]; images are cached, one for each set of packages.
//! It goes away, with all it left behind, when it is dropped.
//!
//! What differs from a server of metal: there is no kernel package, no udev and no kernel log;
//! [`Machine::kill`] takes every process at once but, unlike a power cut, loses no written page;
//! the real-time clock is the one of the machine below, see [`Spec::clock`].

mod cgroup;
mod command;
mod download;
mod fleet;
mod guest;
mod image;
mod machine;
mod network;
mod place;
mod shared;
mod spec;

pub use crate::command::Output;
pub use crate::fleet::Fleet;
pub use crate::image::Image;
pub use crate::machine::Machine;
pub use crate::place::sweep;
pub use crate::spec::Spec;
