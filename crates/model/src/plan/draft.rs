//! The first files of a plan, as text with comments that teach.
//!
//! Leaves out where they are written.

use crate::plan::host::{HostPlan, Listen, Protocol};
use crate::plan::member::MemberPlan;
use crate::plan::stead::SteadPlan;

/// A file of the plan: its path within the folder and its text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    pub path: String,
    pub text: String,
}

/// A TOML string, quoted and escaped as the format asks.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// `stead.toml` of a new stead.
pub fn stead(plan: &SteadPlan) -> Draft {
    let mut text = format!(
        "# The stead: one community's shared infrastructure.\n\
         name = {}\n\
         # Made once; keys and record, outside this folder, are found by it. Do not edit.\n\
         id = {}\n",
        quoted(&plan.name),
        quoted(plan.id.as_str()),
    );
    text.push_str(
        "\n# Who may change the hosts of a tier: so many approvals, of these members (none: of all).\n",
    );
    for (name, tier) in &plan.tiers {
        let members: Vec<String> = tier.members.iter().map(|m| quoted(m.as_str())).collect();
        text.push_str(&format!(
            "[tiers.{name}]\napprovals = {}\nmembers = [{}]\n\n",
            tier.approvals,
            members.join(", ")
        ));
    }
    text.push_str(&format!(
        "# How long readings are kept, in days: by the hour, then by the day.\n\
         [retention]\nhourly_days = {}\ndaily_days = {}\n",
        plan.retention.hourly_days, plan.retention.daily_days
    ));
    text.push_str(TARGETS);
    Draft { path: SteadPlan::FILE.to_owned(), text }
}

/// Where backups may go, commented out.
const TARGETS: &str = r#"
# Where backups go; a service names them in its file, as `backups = ["disk", "offsite"]`:
# [targets.disk]
# kind = "folder"
# path = "/mnt/backup"
# mounted = true   # it is a disk: nothing is written there unless it is mounted
# [targets.box]
# kind = "sftp"
# host = "backup@box.example.org"
# path = "stead"
# [targets.offsite]
# kind = "s3"
# endpoint = "https://s3.example.org"
# bucket = "our-stead"
"#;

/// `members/<name>.toml` of a new member.
pub fn member(plan: &MemberPlan) -> Draft {
    let roles: Vec<String> = plan.roles.iter().map(|role| quoted(role)).collect();
    let mut text = format!(
        "# A person. Devices are keys of theirs, one per machine; only the public half stands here.\n\
         name = {}\nroles = [{}]\n",
        quoted(plan.name.as_str()),
        roles.join(", ")
    );
    if plan.age.is_empty() {
        text.push_str(AGE);
    } else {
        let keys: Vec<String> = plan.age.iter().map(|key| quoted(key)).collect();
        text.push_str(&format!("age = [{}]\n", keys.join(", ")));
    }
    for device in &plan.devices {
        text.push_str(&format!(
            "\n[[devices]]\nname = {}\nkey = {}\n",
            quoted(&device.name),
            quoted(&device.key)
        ));
    }
    Draft { path: MemberPlan::file(&plan.name), text }
}

/// What opens the group's secrets, commented out.
const AGE: &str = r#"
# What opens the keys of backups: the public half of an age key. `age-keygen -o FILE` makes one;
# FILE is the secret half, for this person alone:
# age = ["age1…"]
"#;

/// `hosts/<name>.toml` of a new host, with what was found listening.
pub fn host(plan: &HostPlan) -> Draft {
    let mut text =
        format!("# A host and what is expected of it.\nname = {}\n", quoted(plan.name.as_str()));
    if let Some(tier) = &plan.tier {
        text.push_str(&format!("tier = {}\n", quoted(tier)));
    }
    text.push_str(NETWORKS);
    match plan.listen.as_deref() {
        None => text.push_str(
            "\n# What may be reached from other machines. Nobody has said yet, so `stead check` cannot judge it:\n\
             # [[listen]]\n# port = 22\n# process = \"sshd\"\n# why = \"how we come in\"\n",
        ),
        Some([]) => text.push_str(
            "\n# What may be reached from other machines: nothing.\nlisten = []\n",
        ),
        Some(listeners) => {
            text.push_str("\n# What may be reached from other machines. Strike out what should not.\n");
            for listen in listeners {
                text.push_str(&listening(listen));
            }
        }
    }
    text.push_str(EXAMPLES);
    Draft { path: HostPlan::file(&plan.name), text }
}

fn listening(listen: &Listen) -> String {
    let mut text = format!("[[listen]]\nport = {}\n", listen.port);
    if listen.protocol == Protocol::Udp {
        text.push_str("protocol = \"udp\"\n");
    }
    for (key, value) in [("process", &listen.process), ("why", &listen.why)] {
        if let Some(value) = value {
            text.push_str(&format!("{key} = {}\n", quoted(value)));
        }
    }
    text.push('\n');
    text
}

/// What must stand before any table, as all of a TOML file's own keys must; commented out.
const NETWORKS: &str = r#"
# Networks from which a database may be reached, besides this machine:
# private_networks = ["10.0.0.0/24", "fd00::/8"]
"#;

/// What else may be said of a host, commented out.
const EXAMPLES: &str = r#"
# Files that only some may read:
# [[secrets]]
# path = "/etc/matrix-synapse/homeserver.signing.key"
# mode = "0640"
# owner = "root"

# Certificates, where they lie and where they are served:
# [[certificates]]
# path = "/etc/letsencrypt/live/example.org/fullchain.pem"
# served = "127.0.0.1:443"
# name = "example.org"

# A file whose presence means maintenance, and how long that may last:
# [[maintenance]]
# flag = "/var/www/maintenance.html"
# window_minutes = 60

# A backup that should happen, and the file that proves it was read back:
# [[backups]]
# service = "chat"
# period_hours = 24
# evidence = "/var/lib/backup/chat.verified"

# How long PostgreSQL's clients may take, in seconds, before it is worth a word; these are the usual:
# [postgres]
# query_warn_seconds = 300
# query_fail_seconds = 1800
# idle_in_transaction_seconds = 300
# blocked_seconds = 30
"#;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::member_name::MemberName;
    use crate::plan::host::PostgresLimits;
    use crate::plan::member::Device;
    use crate::plan::stead::{Retention, SteadId, Tier};

    #[test]
    fn a_draft_reads_back_as_what_it_was_made_from() {
        let el = MemberName::nearest("el");
        let plan = SteadPlan {
            name: "mesh \"nord\" \\ süd".to_owned(),
            id: SteadId::from_bytes([7; 16]),
            tiers: BTreeMap::from([(
                "staging".to_owned(),
                Tier { approvals: 1, members: vec![el.clone()] },
            )]),
            retention: Retention::default(),
            targets: BTreeMap::new(),
        };
        assert_eq!(SteadPlan::parse(&stead(&plan).text).ok(), Some(plan));

        let plan = MemberPlan {
            name: el,
            roles: vec!["admin".to_owned()],
            devices: vec![Device { name: "runko".to_owned(), key: "ab".repeat(32) }],
            age: Vec::new(),
        };
        for age in [Vec::new(), vec![format!("age1{}", "q".repeat(58))]] {
            let plan = MemberPlan { age, ..plan.clone() };
            let draft = member(&plan);
            assert_eq!(MemberPlan::parse("el", &draft.text).ok(), Some(plan));
        }

        for listen in [
            None,
            Some(Vec::new()),
            Some(vec![Listen {
                port: 5353,
                protocol: Protocol::Udp,
                process: Some("avahi".to_owned()),
                why: None,
            }]),
        ] {
            let mut plan = HostPlan::new("runko".parse().expect("a label"));
            plan.listen = listen;
            let draft = host(&plan);
            assert_eq!(HostPlan::parse(&draft.text).ok(), Some(plan));
        }
    }

    #[test]
    fn the_commented_targets_are_valid() {
        let id = "0".repeat(32);
        let mut text = format!("name = \"a\"\nid = \"{id}\"\n");
        for line in TARGETS.lines().filter(|line| !line.contains("backups = ")) {
            text.push_str(line.strip_prefix("# ").unwrap_or(line));
            text.push('\n');
        }
        assert_eq!(SteadPlan::parse(&text).expect("valid").targets.len(), 3);
    }

    #[test]
    fn the_commented_examples_are_valid() {
        let mut uncommented = String::new();
        for line in host(&HostPlan::new("runko".parse().expect("a label"))).text.lines() {
            let line = line.strip_prefix("# ").unwrap_or(line);
            if line.contains(" = ") || line.starts_with('[') {
                uncommented.push_str(line);
                uncommented.push('\n');
            }
        }
        let plan = HostPlan::parse(&uncommented).expect("the examples are valid");
        assert_eq!((plan.private_networks.len(), plan.listen.map(|l| l.len())), (2, Some(1)));
        assert_eq!(plan.postgres, PostgresLimits::USUAL, "the examples say what holds anyway");
        assert_eq!((plan.secrets.len(), plan.certificates.len()), (1, 1));
        assert_eq!((plan.maintenance.len(), plan.backups.len()), (1, 1));
    }
}
