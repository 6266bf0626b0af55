//! Asks a person whether something shall be so.
//!
//! Leaves out what it costs, which the caller has said before.

use std::io::{IsTerminal, Write, stderr, stdin};

use anyhow::bail;

/// Asks on the terminal; without one nobody can agree.
pub fn agreed(question: &str) -> anyhow::Result<bool> {
    if !stdin().is_terminal() {
        bail!("nobody can be asked here: `--yes` agrees without asking, `--dry-run` only shows");
    }
    write!(stderr(), "{question} [y/N] ")?;
    let mut answer = String::new();
    stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
