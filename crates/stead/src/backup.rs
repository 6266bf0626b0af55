//! `stead backup`: saves services, shows and restores what was saved, and keeps its keys.
//!
//! Leaves out the proof that a backup restores, which is `stead drill`'s.

mod check;
pub mod keys;
mod list;
mod now;
mod opened;
mod prune;
mod restore;
mod status;

use clap::Subcommand;
use node::home::Address;

/// Save services to two places, and look after what was saved.
///
/// A service's recipe says what is taken, its file in the plan says where it goes. What is written
/// is a restic repository: `restic` lists, checks and restores it, too. A backup counts only once
/// it was read back from its target; that it restores is shown by `stead drill`.
#[derive(Debug, Subcommand)]
#[command(after_help = "From nothing to a first backup, as root on the service's host:\n  \
    1. stead.toml:          [targets.disk]  kind = \"folder\"  path = \"/mnt/backup\"\n     \
       (a disk: mounted = true, too; then nothing is written unless it is mounted)\n  \
    2. services/www.toml:   recipe = \"static-site\"  hosts = [\"runko\"]  backups = [\"disk\"]\n  \
    3. stead backup keys make www     a key, sealed to three members\n  \
    4. stead backup now www --found   the repository, and a first backup, read back\n  \
    5. stead drill www                restored in a sealed machine, and asked")]
pub enum Backup {
    Now(now::Now),
    List(list::List),
    Status(status::Status),
    Restore(restore::Restore),
    Check(check::Check),
    Prune(prune::Prune),
    #[command(subcommand)]
    Keys(keys::Keys),
}

pub fn run(address: &Address, command: &Backup) -> anyhow::Result<u8> {
    // It blocks, and what it calls starts runtimes of its own.
    std::thread::scope(|scope| match scope.spawn(|| act(address, command)).join() {
        Ok(ended) => ended,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

fn act(address: &Address, command: &Backup) -> anyhow::Result<u8> {
    match command {
        Backup::Now(arguments) => now::now(address, arguments),
        Backup::List(arguments) => list::list(address, arguments),
        Backup::Status(arguments) => status::status(address, arguments),
        Backup::Restore(arguments) => restore::restore(address, arguments),
        Backup::Prune(arguments) => prune::prune(address, arguments),
        Backup::Check(arguments) => check::check(address, arguments),
        Backup::Keys(command) => keys::run(address, command),
    }
}
