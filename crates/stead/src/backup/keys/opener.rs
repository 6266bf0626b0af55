//! How a key comes in, and where it goes: by file, stdin or the host's own, never in argv.

use std::fs;
use std::io::Read;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::Context;
use backup::key_file;
use backup::keys as sealed;
use backup::password::Password;
use clap::Args;
use node::ground::Ground;

use crate::output;

/// With what a key is opened.
#[derive(Debug, Args)]
pub struct Opener {
    /// Open the sealed key of the plan with this file of age; `-` reads it from stdin [default: the
    /// key that this host keeps]
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
}

impl Opener {
    /// The key of a service.
    pub fn password(&self, ground: &Ground, service: &str) -> anyhow::Result<Password> {
        let Some(identity) = &self.identity else {
            return Ok(key_file::of_host(service)?);
        };
        let (sealed, _) = ground.sealed(service)?.with_context(|| {
            format!("the plan has no sealed key of {service}: `stead backup keys make` makes one")
        })?;
        Ok(sealed::open(sealed.as_bytes(), &secret_text(identity)?)?)
    }
}

/// Where an opened key goes.
#[derive(Debug, Args)]
pub struct Out {
    /// Write the key into this file, mode 0600; `-` prints it [default: where this host keeps it]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

impl Out {
    pub fn put(&self, service: &str, password: &Password) -> anyhow::Result<()> {
        let path = match self.out.as_deref() {
            Some(path) if path == Path::new("-") => {
                return output::print(&format!("{}\n", password.reveal()));
            }
            Some(path) => path.to_owned(),
            None => key_file::path(service),
        };
        key_file::keep(password, &path)?;
        output::say(&format!(
            "The key of {service}, fingerprint {}, is in {}.",
            password.fingerprint(),
            path.display()
        ));
        Ok(())
    }
}

/// Reads a small text that holds a secret, from a file or from stdin.
pub fn secret_text(path: &Path) -> anyhow::Result<String> {
    /// No identity and no page is larger, in bytes.
    const LARGEST: u64 = 64 * 1024;
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().take(LARGEST).read_to_string(&mut text).context("cannot read stdin")?;
        return Ok(text);
    }
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    fs::File::options()
        .read(true)
        .custom_flags(nonblock)
        .open(path)
        .and_then(|file| file.take(LARGEST).read_to_string(&mut text))
        .with_context(|| format!("cannot read `{}`", path.display()))?;
    Ok(text)
}
