//! Commands that only root may run say so at once, with the way out.

use anyhow::bail;

/// Refuses whoever is not root; `why` follows "only root may".
pub fn needed(why: &str) -> anyhow::Result<()> {
    if rustix::process::geteuid().is_root() {
        return Ok(());
    }
    bail!("only root may {why}: run it as `sudo stead --dir FOLDER …`, with the plan's folder")
}
