//! Whether private keys can be read by others.

use crate::check::Check;
use crate::checks::files::secrets::who;
use crate::facts::files::{Files, Key};
use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::Finding;

pub(super) const CHECK: Check = Check {
    name: "key-modes",
    title: "private keys cannot be read by every user",
    asks: "Looks for private keys where Debian and common services keep them: SSH host keys, \
           /etc/ssl/private, certbot's archive, the .ssh folders of root and of users with a login \
           shell, files in the folders of nginx, Apache, Postfix, Dovecot, PostgreSQL and others \
           that begin as a PEM private key does, keys that a service's configuration names, and \
           stead's own. Whoever reads a private key can pose as this machine or this person.\n\
           fail: every user can read or change it; a folder above it that lets only its owner or group \
           in counts as a lock.\n\
           warn: its group may change it, or SSH refuses to use it because it is \
           not closed to all but its owner.\n\
           unknown: a folder could not be read (without root, \
           most cannot); what could be read is judged all the same.\n\
           pass: all others.",
    commands: &[
        "ls -l /etc/ssh/ssh_host_*_key",
        "find /etc/ssl/private /etc/letsencrypt /root/.ssh /home/*/.ssh -type f -perm /004 -exec ls -l {} + 2>/dev/null",
        "grep -rlE --include=*.pem --include=*.key 'BEGIN.*PRIVATE KEY' /etc | xargs -r ls -lL",
    ],
    mend: "`chmod 0600 PATH`; where a service that does not start as root must read it, \
           `chgrp ssl-cert PATH && chmod 0640 PATH` and the service's user in that group. A key \
           that others could read must be made anew: for SSH hosts `rm PATH PATH.pub && ssh-keygen \
           -A && systemctl restart ssh` (visitors will be told that it changed), for certificates \
           `certbot renew --force-renewal --cert-name NAME`.",
    judge,
};

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let files = &scene.facts.files;
    let keys = match &files.keys {
        Seen::Seen(keys) => keys,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut findings: Vec<Finding> = keys.iter().filter_map(sick).collect();
    if !files.unread.is_empty() {
        findings.push(unread(files));
    }
    if findings.is_empty() {
        findings.push(Finding::pass(
            "host",
            match keys.len() {
                0 => "no private key was found in the usual places".to_owned(),
                1 => format!("1 private key, closed to other users: {}", keys[0].path),
                many => format!("{many} private keys, all closed to other users"),
            },
        ));
    }
    findings
}

fn unread(files: &Files) -> Finding {
    let first = &files.unread[0];
    Finding::unknown(
        "unreadable places",
        format!(
            "{} could not be read, the first: {}: {}; the {} found elsewhere {} judged",
            match files.unread.len() {
                1 => "1 place that may hold private keys".to_owned(),
                more => format!("{more} places that may hold private keys"),
            },
            first.path,
            first.reason,
            match files.keys.seen().map_or(0, Vec::len) {
                1 => "1 key".to_owned(),
                many => format!("{many} keys"),
            },
            if files.keys.seen().map_or(0, Vec::len) == 1 { "was" } else { "were" },
        ),
    )
    .fix("run stead as root to see them")
}

/// Keys that the SSH programs refuse unless only their owner may touch them (sshkey_perm_ok).
fn ssh(path: &str) -> bool {
    path.starts_with("/etc/ssh/") || path.contains("/.ssh/")
}

fn sick(key: &Key) -> Option<Finding> {
    let mode = key.access.mode & 0o777;
    let path = &key.path;
    let reachable = if key.sheltered { mode & 0o770 } else { mode };
    let stated = |bits: u32| {
        let owner = &key.access.owner;
        format!("a private key of {owner} with mode {mode:04o}: {}", who(bits, &key.access.group))
    };
    if reachable & 0o006 != 0 {
        return Some(Finding::fail(path, stated(reachable & 0o067)).fix(format!(
            "chmod {:04o} {path}; then make a new key, since others may have copied this one",
            if ssh(path) { mode & 0o700 } else { mode & 0o740 }
        )));
    }
    if ssh(path) && mode & 0o077 != 0 {
        let refused = format!("{}; SSH refuses to use it like this", stated(mode & 0o077));
        return Some(
            Finding::warn(path, refused).fix(format!("chmod {:04o} {path}", mode & 0o700)),
        );
    }
    if mode & 0o020 != 0 && key.access.gid != 0 {
        return Some(
            Finding::warn(path, stated(mode & 0o020))
                .fix(format!("chmod {:04o} {path}", mode & 0o740)),
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::files::{Access, Unread};
    use crate::reading::History;
    use crate::verdict::Verdict;

    fn key(path: &str, mode: u32, sheltered: bool) -> Key {
        let access =
            Access { mode, uid: 0, gid: 109, owner: "root".into(), group: "ssl-cert".into() };
        Key { path: path.into(), access, sheltered }
    }

    fn judged(files: Files) -> Vec<Finding> {
        let facts = Facts { files, ..Facts::default() };
        let (history, now) = (History::default(), Timestamp::UNIX_EPOCH);
        CHECK.findings(&Scene { facts: &facts, history: &history, plan: None, now })
    }

    #[test]
    fn what_every_user_can_reach_fails() {
        for (path, mode, sheltered, verdict) in [
            ("/etc/ssh/ssh_host_ed25519_key", 0o600, false, Verdict::Pass),
            ("/etc/ssh/ssh_host_ed25519_key", 0o644, false, Verdict::Fail),
            ("/etc/ssh/ssh_host_ed25519_key", 0o640, false, Verdict::Warn),
            ("/etc/ssl/private/ssl-cert-snakeoil.key", 0o640, true, Verdict::Pass),
            ("/etc/letsencrypt/archive/a/privkey1.pem", 0o644, true, Verdict::Pass),
            ("/etc/nginx/a.key", 0o644, false, Verdict::Fail),
            ("/etc/nginx/a.key", 0o602, false, Verdict::Fail),
            ("/etc/nginx/a.key", 0o660, false, Verdict::Warn),
            ("/root/.ssh/id_ed25519", 0o644, true, Verdict::Warn),
        ] {
            let found = judged(Files {
                keys: Seen::Seen(vec![key(path, mode, sheltered)]),
                ..Files::default()
            });
            assert_eq!(found[0].verdict, verdict, "{path} {mode:o}: {}", found[0].evidence);
        }
    }

    #[test]
    fn places_without_access_are_one_unknown_beside_what_was_judged() {
        let unread = |path: &str| Unread { path: path.into(), reason: "permission denied".into() };
        let found = judged(Files {
            keys: Seen::Seen(vec![key("/etc/nginx/a.key", 0o644, false)]),
            unread: vec![unread("/etc/ssl/private"), unread("/root/.ssh")],
            ..Files::default()
        });
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].verdict, Verdict::Fail);
        assert_eq!(found[1].verdict, Verdict::Unknown);
        assert!(found[1].evidence.starts_with("2 places that may hold private keys"));
    }

    #[test]
    fn nothing_looked_at_is_unknown_and_nothing_found_passes() {
        assert_eq!(judged(Files::default())[0].verdict, Verdict::Unknown);
        let none = Files { keys: Seen::Seen(Vec::new()), ..Files::default() };
        assert_eq!(judged(none)[0].verdict, Verdict::Pass);
    }
}
