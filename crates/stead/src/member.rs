//! `stead member`: what a person needs to act.
//!
//! Leaves out who may join, which comes with the sharing between members.

use std::path::PathBuf;

use anyhow::{Context, bail};
use backup::keys;
use clap::{Args, Subcommand};
use commons::git;
use model::plan::draft::Draft;
use model::plan::member::MemberPlan;
use node::home::Address;

use crate::output;

/// Look after your own keys.
#[derive(Debug, Subcommand)]
pub enum Member {
    Key(Key),
}

/// Make your age key: what is sealed to it, as the keys of backups, you can open.
///
/// The secret half goes into a file for you alone; the public half into your file of the plan. A
/// copy of the file belongs on another machine or on paper: a key that burns with the host opens
/// nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    stead member key                              in the folder of your keys\n  \
    stead member key --out /media/stick/age.key   on a stick\n\n\
Who has one already writes `age = [\"age1…\"]` into members/NAME.toml: `age-keygen -y FILE`\n\
prints the public half.")]
pub struct Key {
    /// Whose key [default: yours]
    #[arg(long, value_name = "MEMBER")]
    pub member: Option<String>,

    /// Where the secret half goes [default: age.key beside the device's key]
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

pub async fn run(address: &Address, command: &Member) -> anyhow::Result<u8> {
    match command {
        Member::Key(arguments) => key(address, arguments).await,
    }
}

async fn key(address: &Address, arguments: &Key) -> anyhow::Result<u8> {
    let home = address.home().await?;
    let name = match &arguments.member {
        Some(name) => name.parse()?,
        None => home.member.clone(),
    };
    let file = MemberPlan::file(&name);
    let Some(text) = home.plan.file(&file)? else {
        bail!("the plan has no member `{name}`: there is no {file}");
    };
    let before =
        MemberPlan::parse(name.as_str(), &text).with_context(|| format!("cannot use {file}"))?;
    if !before.age.is_empty() {
        bail!("{file} names an age key already; a second one is added there by hand");
    }
    let path = arguments.out.clone().unwrap_or_else(|| home.state.age());
    // A file that is there was made by a run that did not come this far, or belongs to another.
    let public = if path.symlink_metadata().is_ok() {
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read `{}`", path.display()))?;
        keys::public(&text)?.remove(0)
    } else {
        let (secret, public) = keys::identity();
        backup::key_file::write(&path, &secret)?;
        public
    };
    let text = with_key(&text, &public);
    let after = MemberPlan::parse(name.as_str(), &text)?;
    if after.age != [public.clone()] || after.devices != before.devices {
        bail!(
            "{file} is written in a way that cannot be added to; add `age = [\"{public}\"]` by hand"
        );
    }
    let message = format!("Add the age key of {name}");
    let draft = Draft { path: file.clone(), text };
    if let git::Outcome::NoHistory(reason) = home.plan.put(&[draft], &message, &address.author())? {
        output::say(&format!("warning: this change has no commit: {reason}"));
    }
    output::print(&format!("{public}\n"))?;
    output::say(&format!(
        "The secret half is in {}, for you alone: copy it to another machine or a stick.",
        path.display()
    ));
    output::say(&format!(
        "The public half is in {file}; `stead backup keys seal SERVICE` lets {name} open keys that \
         are there already."
    ));
    home.record.close().await;
    Ok(0)
}

/// A member's file with this key, before its first table.
fn with_key(text: &str, public: &str) -> String {
    let line = format!("age = [\"{public}\"]\n");
    let at = if text.starts_with('[') { Some(0) } else { text.find("\n[").map(|at| at + 1) };
    match at {
        Some(at) => format!("{}{line}\n{}", &text[..at], &text[at..]),
        None if text.ends_with('\n') || text.is_empty() => format!("{text}{line}"),
        None => format!("{text}\n{line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_added_where_it_is_read() {
        let key = format!("age1{}", "q".repeat(58));
        for text in [
            "name = \"el\"",
            "name = \"el\"\n",
            "# A person.\nname = \"el\"\nroles = [\"admin\"]\n\n[[devices]]\nname = \"a\"\nkey = \"b\"\n",
        ] {
            let plan = MemberPlan::parse("el", &with_key(text, &key)).expect(text);
            assert_eq!(plan.age, std::slice::from_ref(&key), "{text}");
        }
    }
}
