//! Whether the plan's secrets are as closed as the plan says.

use crate::check::Check;
use crate::facts::files::{Access, shown};
use crate::plan::host::Secret;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::Finding;

pub(super) const CHECK: Check = Check {
    name: "secret-modes",
    title: "declared secrets can be read by nobody else",
    asks: "Compares mode, owner and group of each file that the plan lists under [[secrets]] in the \
           host's file (`path`, `mode`, `owner`, `group`; the widest mode allowed is 0600 if none \
           is given) with what is on disk, links followed. Deploy scripts and editors often leave \
           a password file readable for every user and every hacked service of the machine.\n\
           fail: a permission is set that the plan does not allow, the owner or group is another one, or \
           the file is missing.\n\
           unknown: the file could not be looked at.\n\
           pass: all are as closed \
           as declared or more, or none is declared.",
    commands: &["stat -L -c '%a %U %G %n' PATH", "namei -l PATH"],
    mend: "`chmod 0600 PATH` and `chown USER:GROUP PATH`. If others could read it for a while, \
           count the secret as known: change the password or token. If the wider mode is meant, \
           say so in the host's file of the plan:\n[[secrets]]\npath = \"PATH\"\nmode = \"0640\"\ngroup = \"GROUP\"",
    judge,
};

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let declared = scene.plan.map_or(&[][..], |plan| &plan.secrets);
    if declared.is_empty() {
        return vec![Finding::pass(
            "host",
            "no secret is declared in this host's file of the plan",
        )];
    }
    let mut findings: Vec<Finding> =
        declared.iter().filter_map(|secret| sick(secret, scene)).collect();
    if findings.is_empty() {
        findings.push(Finding::pass(
            "host",
            match declared.len() {
                1 => format!("1 declared secret, as closed as declared: {}", declared[0].path),
                many => format!("{many} declared secrets, all as closed as declared"),
            },
        ));
    }
    findings
}

fn sick(secret: &Secret, scene: &Scene<'_>) -> Option<Finding> {
    let path = &secret.path;
    let Some(allowed) = allowed(secret) else {
        return Some(
            Finding::unknown(
                path,
                format!(
                    "the plan's mode `{}` is not an octal number of up to four digits",
                    secret.mode.as_deref().unwrap_or_default()
                ),
            )
            .fix("write it as in mode = \"0640\""),
        );
    };
    let access = match scene.facts.files.secrets.iter().find(|one| one.path == shown(path)) {
        Some(fact) => &fact.access,
        None => return Some(Finding::unknown(path, "nobody has looked at this file yet")),
    };
    let access = match access {
        Seen::Seen(Some(access)) => access,
        Seen::Seen(None) => {
            return Some(
                Finding::fail(path, "the plan declares this secret; there is no such file")
                    .fix(format!("put it in place, or take it out of [[secrets]] in this host's file of the plan: {path}")),
            );
        }
        Seen::Unseen(reason) => return Some(Finding::unknown(path, reason)),
    };
    let (faults, fixes) = faults(secret, access, allowed);
    if faults.is_empty() {
        return None;
    }
    Some(Finding::fail(path, faults.join("; ")).fix(fixes.join(" && ")))
}

fn faults(secret: &Secret, access: &Access, allowed: u32) -> (Vec<String>, Vec<String>) {
    let path = &secret.path;
    let (mut faults, mut fixes) = (Vec::new(), Vec::new());
    let differs = |said: &Option<String>, name: &str, number: u32| {
        said.as_ref().filter(|said| *said != name && **said != number.to_string()).cloned()
    };
    let owner = differs(&secret.owner, &access.owner, access.uid);
    let group = differs(&secret.group, &access.group, access.gid);
    if let Some(owner) = &owner {
        faults.push(format!("it belongs to {}, not to {owner}", access.owner));
        fixes.push(format!("chown {owner} {path}"));
    }
    if let Some(group) = &group {
        faults.push(format!("its group is {}, not {group}", access.group));
        fixes.push(format!("chgrp {group} {path}"));
    }
    let mode = access.mode & 0o777;
    if mode & !allowed != 0 {
        faults.insert(
            0,
            format!(
                "mode {mode:04o} is wider than {allowed:04o}: {}",
                who(mode & !allowed, &access.group)
            ),
        );
        // After chown, which may clear bits.
        fixes.push(format!("chmod {:04o} {path}", mode & allowed));
    }
    (faults, fixes)
}

fn allowed(secret: &Secret) -> Option<u32> {
    let Some(text) = &secret.mode else { return Some(0o600) };
    let digits = text.strip_prefix("0o").unwrap_or(text);
    if digits.is_empty() || digits.len() > 4 {
        return None;
    }
    u32::from_str_radix(digits, 8).ok().map(|mode| mode & 0o777)
}

/// Whom surplus permission bits let do what.
pub(super) fn who(bits: u32, group: &str) -> String {
    let mut words = Vec::new();
    for (shift, name) in
        [(6, "the owner".to_owned()), (3, format!("group {group}")), (0, "every user".to_owned())]
    {
        let verbs: Vec<_> = [(4, "read"), (2, "write"), (1, "execute")]
            .into_iter()
            .filter(|(bit, _)| (bits >> shift) & bit != 0)
            .map(|(_, verb)| verb)
            .collect();
        if !verbs.is_empty() {
            words.push(format!("{name} may {}", verbs.join(" and ")));
        }
    }
    words.join(", ")
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::files;
    use crate::plan::host::HostPlan;
    use crate::reading::History;
    use crate::verdict::Verdict;

    fn judged(plan: &str, mode: u32, owner: &str) -> Finding {
        let plan = HostPlan::parse(&format!("name = \"a\"\n{plan}")).expect("a plan");
        let access = Access { mode, uid: 7, gid: 0, owner: owner.into(), group: "root".into() };
        let facts = Facts {
            files: files::Files {
                secrets: vec![files::Secret {
                    path: "/s".into(),
                    access: Seen::Seen(Some(access)),
                }],
                ..files::Files::default()
            },
            ..Facts::default()
        };
        let (history, now) = (History::default(), Timestamp::UNIX_EPOCH);
        let scene = Scene { facts: &facts, history: &history, plan: Some(&plan), now };
        CHECK.findings(&scene).remove(0)
    }

    #[test]
    fn a_mode_wider_than_declared_fails_and_a_closer_one_passes() {
        for (plan, mode, verdict) in [
            ("", 0o777, Verdict::Pass),
            ("[[secrets]]\npath = \"/s\"", 0o600, Verdict::Pass),
            ("[[secrets]]\npath = \"/s\"", 0o400, Verdict::Pass),
            ("[[secrets]]\npath = \"/s\"", 0o640, Verdict::Fail),
            ("[[secrets]]\npath = \"/s\"\nmode = \"0640\"", 0o640, Verdict::Pass),
            ("[[secrets]]\npath = \"/s\"\nmode = \"0640\"", 0o604, Verdict::Fail),
            ("[[secrets]]\npath = \"/s\"\nmode = \"rw\"", 0o600, Verdict::Unknown),
            ("[[secrets]]\npath = \"/s\"\nowner = \"el\"", 0o600, Verdict::Fail),
            ("[[secrets]]\npath = \"/s\"\nowner = \"7\"", 0o600, Verdict::Pass),
            ("[[secrets]]\npath = \"/other\"", 0o600, Verdict::Unknown),
        ] {
            let found = judged(plan, mode, "root");
            assert_eq!(found.verdict, verdict, "{plan} {mode:o}: {}", found.evidence);
        }
    }

    #[test]
    fn evidence_says_who_may_do_what_and_the_fix_closes_it() {
        let found = judged("[[secrets]]\npath = \"/s\"\nowner = \"el\"", 0o664, "root");
        assert_eq!(
            found.evidence,
            "mode 0664 is wider than 0600: group root may read and write, every user may read; \
             it belongs to root, not to el"
        );
        assert_eq!(found.fix.as_deref(), Some("chown el /s && chmod 0600 /s"));
    }
}
