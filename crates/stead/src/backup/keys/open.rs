//! `stead backup keys open`: a sealed key, opened with a member's own.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use backup::keys;
use clap::Args;
use node::ground::Ground;
use node::home::Address;

use crate::backup::keys::opener::{Out, secret_text};

/// Open a sealed key with a member's age key, and put it where this host keeps it.
///
/// That is what a bare machine needs to read what was saved: the plan, or just the sealed file,
/// and one member.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead backup keys open chat --identity age.key\n  \
    stead backup keys open chat --identity - --sealed backup-chat.age --out key < age.key\n  \
    restic --password-command 'stead backup keys open chat --identity age.key --out -' snapshots")]
pub struct Open {
    pub service: String,

    /// The member's file, as `age-keygen` or `stead member key` makes it; `-` reads stdin
    #[arg(long, value_name = "FILE")]
    pub identity: PathBuf,

    /// The sealed key [default: that of the plan]
    #[arg(long, value_name = "FILE.age")]
    pub sealed: Option<PathBuf>,

    #[command(flatten)]
    out: Out,
}

pub fn open(address: &Address, arguments: &Open) -> anyhow::Result<u8> {
    let name = &arguments.service;
    let sealed = match &arguments.sealed {
        Some(path) => {
            fs::read(path).with_context(|| format!("cannot read `{}`", path.display()))?
        }
        None => {
            let ground = Ground::open(address)?;
            let file = node::ground::sealed_files(name).0;
            ground.plan.file(&file)?.map(String::into_bytes).with_context(|| {
                format!("the plan has no sealed key of {name}: there is no {file}")
            })?
        }
    };
    let password = keys::open(&sealed, &secret_text(&arguments.identity)?)?;
    arguments.out.put(name, &password)?;
    Ok(0)
}
