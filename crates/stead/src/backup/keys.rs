//! `stead backup keys`: the keys of repositories, and who can open them.
//!
//! Leaves out how a key is sealed, which is `backup::keys`'.

mod change;
mod list;
mod make;
mod open;
pub mod opener;
mod paper;
mod sealing;

use clap::Subcommand;
use node::home::Address;

/// Keys of backups: make one, see who can open it, print it on paper.
///
/// A service's repositories have one key: 32 random bytes that restic takes as its password. Its
/// host keeps it for root alone; the plan keeps it encrypted to the members' age keys, at least
/// three of them, so that one lost laptop or one person's absence loses no backup.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    stead member key                                     your own age key, once\n  \
    stead backup keys make chat                          on the service's host, as root\n  \
    stead backup keys list                               who can open what\n  \
    stead backup keys seal chat                          after a member joined\n  \
    stead backup keys change chat                        after a member left\n  \
    stead backup keys paper chat | lp                    one page to keep in a safe\n  \
    stead backup keys open chat --identity age.key       on a bare machine")]
pub enum Keys {
    Make(make::Make),
    List(list::List),
    Seal(make::Seal),
    Change(change::Change),
    Paper(paper::Paper),
    ReadPaper(paper::ReadPaper),
    Open(open::Open),
}

pub fn run(address: &Address, command: &Keys) -> anyhow::Result<u8> {
    match command {
        Keys::Make(arguments) => make::make(address, arguments),
        Keys::List(arguments) => list::list(address, arguments),
        Keys::Seal(arguments) => make::seal(address, arguments),
        Keys::Change(arguments) => change::change(address, arguments),
        Keys::Paper(arguments) => paper::paper(address, arguments),
        Keys::ReadPaper(arguments) => paper::read(address, arguments),
        Keys::Open(arguments) => open::open(address, arguments),
    }
}
