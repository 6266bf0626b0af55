//! The names of users and groups, from the files passwd(5) and group(5).
//!
//! Leaves out directories (LDAP and the like): who is only known there is shown by number.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use model::facts::files::Access;
use model::text::printable;

#[derive(Debug, Default)]
pub(super) struct Names {
    users: BTreeMap<u32, String>,
    groups: BTreeMap<u32, String>,
    homes: Vec<PathBuf>,
}

/// The longest name that is kept, in characters.
const LONGEST: usize = 64;

impl Names {
    pub(super) fn read() -> Self {
        let text = |path| {
            fs::read(path)
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
                .unwrap_or_default()
        };
        Self::parse(&text("/etc/passwd"), &text("/etc/group"))
    }

    fn parse(passwd: &str, group: &str) -> Self {
        let mut names = Self::default();
        for line in passwd.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let [user, _, uid, _, _, home, shell] = fields.as_slice() else { continue };
            let Ok(uid) = uid.parse() else { continue };
            names.users.entry(uid).or_insert_with(|| printable(user, LONGEST));
            let login = !matches!(shell.rsplit('/').next(), Some("nologin" | "false" | "sync"));
            // Service users without a shell field, and `/`, have no home of their own.
            if login && home.starts_with('/') && home.len() > 1 {
                names.homes.push(PathBuf::from(home));
            }
        }
        names.homes.sort();
        names.homes.dedup();
        for line in group.lines() {
            let mut fields = line.split(':');
            if let (Some(name), Some(_), Some(Ok(gid))) =
                (fields.next(), fields.next(), fields.next().map(str::parse))
            {
                names.groups.entry(gid).or_insert_with(|| printable(name, LONGEST));
            }
        }
        names
    }

    /// The homes of those who can log in, sorted.
    pub(super) fn homes(&self) -> &[PathBuf] {
        &self.homes
    }

    pub(super) fn access(&self, metadata: &Metadata) -> Access {
        let name = |names: &BTreeMap<u32, String>, number: u32| {
            names.get(&number).cloned().unwrap_or_else(|| number.to_string())
        };
        Access {
            mode: metadata.mode() & 0o7777,
            uid: metadata.uid(),
            gid: metadata.gid(),
            owner: name(&self.users, metadata.uid()),
            group: name(&self.groups, metadata.gid()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_groups_and_homes_are_read_and_nonsense_is_skipped() {
        let names = Names::parse(
            "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33::/var/www:/usr/sbin/nologin\n\
             bad:x:one:1::/bad:/bin/sh\n::::::\nel\u{1b}:x:1000:1000:::/bin/sh\n",
            "root:x:0:\nssl-cert:x:109:postgres\nbroken\n",
        );
        assert_eq!(names.homes(), [PathBuf::from("/root")]);
        assert_eq!(names.users[&33], "www-data");
        assert_eq!(names.users[&1000], "el\\u{1b}");
        assert_eq!(names.groups[&109], "ssl-cert");
        assert_eq!(names.groups.len(), 2);
    }
}
