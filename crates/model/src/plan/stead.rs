//! `stead.toml`: the stead's name, tiers and retention.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backup::target::Target;
use crate::member_name::MemberName;
use crate::plan::error::Error;
use crate::plan::reading::{fault, is_label, read};
use crate::recipe::fault::Fault;
use crate::recipe::path;
use crate::text::printable;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SteadPlan {
    /// What its members call it.
    pub name: String,
    /// 32 hexadecimal digits, made once: keys and record outside this folder are found by it.
    #[schemars(with = "String")]
    pub id: SteadId,
    /// Groups of hosts with who may change them.
    #[serde(default)]
    pub tiers: BTreeMap<String, Tier>,
    #[serde(default)]
    pub retention: Retention,
    /// Where backups go, by the name that services call it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub targets: BTreeMap<String, Target>,
}

/// Who may change the hosts of a tier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tier {
    /// How many members must approve a change.
    pub approvals: u8,
    /// Their names; empty means all members.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub members: Vec<MemberName>,
}

/// How long the record keeps what it can do without, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Retention {
    /// Readings by the hour; after that by the day.
    pub hourly_days: u16,
    /// Readings by the day; after that none.
    pub daily_days: u16,
}

impl Default for Retention {
    fn default() -> Self {
        Self { hourly_days: 30, daily_days: 730 }
    }
}

/// The stead's id: 32 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SteadId(String);

impl SteadId {
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SteadId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let well = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if well {
            Ok(Self(text))
        } else {
            Err("a stead's id is 32 digits of 0–9 and a–f".to_owned())
        }
    }
}

impl From<SteadId> for String {
    fn from(id: SteadId) -> Self {
        id.0
    }
}

impl SteadPlan {
    /// Where it stands in the plan's folder.
    pub const FILE: &str = "stead.toml";

    /// Reads the file's text. What could harm a terminal in the name is escaped.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let (mut plan, lines) = read::<Self>(Self::FILE, text)?;
        plan.name = printable(&plan.name, 100);
        let faults: Vec<Fault> = plan
            .targets
            .iter()
            .flat_map(|(name, target)| {
                let at = format!("targets.{name}");
                wrong(name, target).into_iter().map(move |(key, message, hint)| {
                    (if key.is_empty() { at.clone() } else { format!("{at}.{key}") }, message, hint)
                })
            })
            .map(|(key, message, hint)| fault(Self::FILE, &lines, &key, &message).hint(hint))
            .collect();
        if faults.is_empty() { Ok(plan) } else { Err(faults.into()) }
    }
}

/// What is wrong with a target: in which of its keys, what, and the way out.
fn wrong(name: &str, target: &Target) -> Vec<(&'static str, String, &'static str)> {
    let mut wrong = Vec::new();
    if !is_label(name) {
        let message = "a target's name takes 1 to 63 of a–z, 0–9 and `-`".to_owned();
        wrong.push(("", message, "as `disk` or `offsite`"));
    }
    match target {
        Target::Folder { path, .. } => {
            if let Err(reason) = path::absolute(path) {
                wrong.push((
                    "path",
                    format!("`{}` {reason}", printable(path, 80)),
                    "as `/mnt/backup`",
                ));
            }
        }
        Target::Sftp { host, .. } => {
            // ssh would take it as an option.
            if host.is_empty() || host.starts_with('-') || host.contains(char::is_whitespace) {
                let message = format!("`{}` is no host for ssh", printable(host, 80));
                wrong.push((
                    "host",
                    message,
                    "as `backup@box.example.org`, or a `Host` of ssh's configuration",
                ));
            }
        }
        Target::S3 { endpoint, bucket, .. } => {
            let of_web = endpoint.strip_prefix("https://").or(endpoint.strip_prefix("http://"));
            if of_web.is_none_or(str::is_empty) {
                let message = format!("`{}` is no address of the web", printable(endpoint, 80));
                wrong.push(("endpoint", message, "as `https://s3.example.org`"));
            } else if of_web.is_some_and(|rest| rest.contains('@')) {
                let message = "it holds a name or a password".to_owned();
                wrong.push((
                    "endpoint",
                    message,
                    "credentials are in a file of the host, never in the plan",
                ));
            }
            if bucket.is_empty() || bucket.contains('/') {
                let message = format!("`{}` is no bucket", printable(bucket, 80));
                wrong.push(("bucket", message, "what follows it is `prefix`"));
            }
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(targets: &str) -> String {
        let text = format!("name = \"a\"\nid = \"{}\"\n{targets}", "0".repeat(32));
        SteadPlan::parse(&text).map_or_else(|error| error.to_string(), |_| String::new())
    }

    #[test]
    fn the_three_kinds_of_target_are_read() {
        let good = "[targets.disk]\nkind = \"folder\"\npath = \"/mnt/backup\"\n\
                    [targets.box]\nkind = \"sftp\"\nhost = \"b@box\"\npath = \"backup\"\n\
                    [targets.offsite]\nkind = \"s3\"\nendpoint = \"https://s3.example.org\"\n\
                    bucket = \"b\"\n";
        assert_eq!(said(good), "");
    }

    #[test]
    fn a_folder_need_not_be_mounted_unless_its_target_says_so() {
        for (more, mounted) in [("", false), ("mounted = true\n", true)] {
            let text = format!(
                "name = \"a\"\nid = \"{}\"\n[targets.disk]\nkind = \"folder\"\npath = \"/a\"\n{more}",
                "0".repeat(32)
            );
            let plan = SteadPlan::parse(&text).expect("valid");
            assert_eq!(plan.targets["disk"], Target::Folder { path: "/a".to_owned(), mounted });
            let written = serde_json::to_string(&plan.targets["disk"]).expect("written");
            assert_eq!(written.contains("mounted"), mounted, "an old plan stays as it is");
        }
    }

    #[test]
    fn a_target_that_cannot_be_is_refused_with_its_line_and_the_way_out() {
        for (targets, expected) in [
            (
                "[targets.disk]\nkind = \"foldr\"\npath = \"/a\"\n",
                "stead.toml:4: `targets.disk.kind` is `foldr`, not one of `folder`, `sftp`, `s3`; did you \
              mean `folder`?",
            ),
            (
                "[targets.disk]\npath = \"/a\"\n",
                "stead.toml:3: `kind` is missing in `[targets.disk]`; add `kind = …`, one of `folder`, \
              `sftp`, `s3`",
            ),
            (
                "[targets.disk]\nkind = \"folder\"\npaht = \"/a\"\n",
                "stead.toml:5: unknown key `paht` in `[targets.disk]`; did you mean `path`?",
            ),
            (
                "[targets.disk]\nkind = \"folder\"\npath = \"mnt\"\n",
                "stead.toml:5: `mnt` is not absolute: it begins with `/`; as `/mnt/backup`",
            ),
            (
                "[targets.disk]\nkind = \"folder\"\npath = \"/a\"\nmountd = true\n",
                "stead.toml:6: unknown key `mountd` in `[targets.disk]`; did you mean `mounted`?",
            ),
            (
                "[targets.disk]\nkind = \"folder\"\npath = \"/a\"\nmounted = \"yes\"\n",
                "stead.toml:6: `targets.disk.mounted`",
            ),
            (
                "[targets.box]\nkind = \"sftp\"\nhost = \"-oProxyCommand=x\"\npath = \"a\"\n",
                "stead.toml:5: `-oProxyCommand=x` is no host for ssh",
            ),
            (
                "[targets.Big]\nkind = \"folder\"\npath = \"/a\"\n",
                "stead.toml:3: a target's name takes",
            ),
            (
                "[targets.s]\nkind = \"s3\"\nendpoint = \"https://k:s@a.example\"\nbucket = \"b\"\n",
                "stead.toml:5: it holds a name or a password",
            ),
        ] {
            let said = said(targets);
            assert!(said.contains(expected), "missing: {expected}\nin:\n{said}");
        }
    }

    #[test]
    fn a_steads_name_cannot_harm_a_terminal() {
        let id = "0".repeat(32);
        let text = format!("name = \"\\u001b[31mred\\n\"\nid = \"{id}\"\n");
        let plan = SteadPlan::parse(&text).expect("valid");
        assert_eq!(plan.name, "\\u{1b}[31mred\\n");
    }
}
