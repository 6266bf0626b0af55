//! The system's users.
//!
//! Leaves out those that are not in `/etc/passwd`: a service's user is made by its package.

use std::{fs, io};

use crate::postgres::cluster::User;
use crate::refusal::Refusal;

const USERS: &str = "/etc/passwd";

/// The user of this name, if there is one.
pub fn named(name: &str) -> io::Result<Option<User>> {
    Ok(find(&String::from_utf8_lossy(&fs::read(USERS)?), name))
}

/// The user of this name; `None` if that is who we are already.
pub(crate) fn to_become(name: &str) -> Result<Option<User>, Refusal> {
    let user = named(name).map_err(|source| Refusal::Users { source })?;
    let user = user.ok_or_else(|| Refusal::NoUser { name: name.to_owned() })?;
    // Without root there is no way to become anybody: the server says whether it minds.
    let root = rustix::process::geteuid().is_root();
    Ok((root && user.uid != 0).then_some(user))
}

fn find(text: &str, name: &str) -> Option<User> {
    text.lines().find_map(|line| {
        let mut parts = line.split(':');
        (parts.next() == Some(name)).then_some(())?;
        let uid = parts.nth(1)?.parse().ok()?;
        let gid = parts.next()?.parse().ok()?;
        Some(User { uid, gid })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_its_whole_name() {
        let text = "root:x:0:0:root:/root:/bin/bash\nchat-old:x:7:8::/:\nchat:x:101:104::/:\nbad\n";
        assert_eq!(find(text, "chat"), Some(User { uid: 101, gid: 104 }));
        assert_eq!(find(text, "cha"), None);
        assert_eq!(find(text, "bad"), None);
    }
}
