//! `stead whence`: which recipe a package or a file comes from.
//!
//! Leaves out asking other machines.

use std::fmt::Write;

use clap::Args;
use deb::whence::{self, Whence};

use crate::flags::Json;
use crate::output;

/// Tell which recipe a package comes from, with its commit, settings and downloads.
///
/// Asks this machine for a package that is installed or a file of one, or a .deb file for itself.
#[derive(Debug, Args)]
#[command(
    name = "whence",
    after_help = "Examples:\n  \
    stead whence chat                        a package that is installed\n  \
    stead whence /etc/chat/chat.conf         a file of one, and the recipe's line\n  \
    stead whence packages/chat_1.0-1_all.deb\n  \
    stead whence --json chat | jq .recipe.commit"
)]
pub struct Arguments {
    /// A package's name, a path, or a .deb file
    #[arg(value_name = "PACKAGE|FILE")]
    pub what: String,

    #[command(flatten)]
    pub json: Json,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<u8> {
    let answer = whence::ask(&arguments.what)?;
    if arguments.json.json {
        output::json(&answer)?;
    } else {
        output::print(&format!("{}\n", output::tame(text(&answer).trim_end())))?;
    }
    Ok(0)
}

fn text(answer: &Whence) -> String {
    let of = &answer.provenance;
    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:9} {value}");
    };
    if let Some(file) = &answer.file {
        line("file", file);
        line("line", answer.line.as_deref().unwrap_or("unknown"));
    }
    line("package", &format!("{} {} {}", of.package, of.version, of.architecture));
    line("recipe", &format!("{} ({})", of.recipe.name, of.recipe.place));
    line(
        "commit",
        of.recipe.commit.as_deref().unwrap_or("none: the folder had changes, or is no git folder"),
    );
    line("folder", &format!("sha256:{}", of.recipe.sha256));
    for (name, value) in &of.settings {
        line("setting", &format!("{name} = {value}"));
    }
    for fetched in &of.fetched {
        line("fetched", &format!("{} {}", fetched.from, fetched.digest));
    }
    line("built by", &format!("stead {}", of.stead));
    text
}
