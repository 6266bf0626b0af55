//! What fstab(5) wants.
//!
//! Leaves out whether it came to pass.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use model::mount::unescape;

/// For each mount point that is listed, whether it is wanted read-only.
pub(crate) fn read_only(fstab: &[u8]) -> BTreeMap<PathBuf, bool> {
    fstab
        .split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let mut fields =
                line.split(|byte| byte.is_ascii_whitespace()).filter(|field| !field.is_empty());
            if fields.next()?.starts_with(b"#") {
                return None;
            }
            let point = fields.next().filter(|point| point.starts_with(b"/"))?;
            let _kind = fields.next()?;
            let options = fields.next().unwrap_or(b"defaults");
            // The last of `ro` and `rw` wins, as in mount(8).
            let read_only = options
                .split(|byte| *byte == b',')
                .rev()
                .find(|option| matches!(*option, b"ro" | b"rw"))
                .is_some_and(|option| option == b"ro");
            let mut point = unescape(point);
            while point.len() > 1 && point.ends_with(b"/") {
                point.pop();
            }
            Some((PathBuf::from(OsString::from_vec(point)), read_only))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn the_wish_is_read_and_noise_skipped() {
        let wishes = read_only(
            b"# <fs> <point>\nUUID=1 / ext4 errors=remount-ro 0 1\n\tLABEL=b\t/srv/a\\040b/ xfs ro,noatime\n\
              UUID=2 none swap sw 0 0\nbroken\n/dev/c /c ext4 ro,rw\n\xff\n",
        );
        assert_eq!(wishes.get(Path::new("/")), Some(&false));
        assert_eq!(wishes.get(Path::new("/srv/a b")), Some(&true));
        assert_eq!(wishes.get(Path::new("/c")), Some(&false));
        assert_eq!(wishes.len(), 3);
    }
}
