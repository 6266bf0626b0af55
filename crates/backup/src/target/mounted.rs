//! Whether a folder lies on a file system that was mounted, and not on that of `/`.
//!
//! Leaves out mounting it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use model::mount::parse;

use crate::error::Error;

const TABLE: &str = "/proc/self/mountinfo";

/// Opens a folder on a mounted file system: while it is held, nobody unmounts that.
///
/// # Errors
/// [`Error::NotMounted`], or what stands in the way of looking.
pub fn hold(folder: &Path) -> Result<File, Error> {
    // Opened first: that also mounts what is mounted only when somebody needs it.
    let held = File::open(folder).map_err(|source| Error::Access {
        what: "open",
        object: "the folder".to_owned(),
        place: folder.display().to_string(),
        source: source.into(),
    })?;
    wanted(folder)?;
    Ok(held)
}

/// Refuses a folder, there or not, that does not lie on a mounted file system.
///
/// # Errors
/// As [`hold`].
pub fn wanted(folder: &Path) -> Result<(), Error> {
    let place = folder.display().to_string();
    let table = fs::read(TABLE).map_err(|source| Error::Access {
        what: "read",
        object: format!("{TABLE}, which says what is mounted,"),
        place: place.clone(),
        source: source.into(),
    })?;
    match is_mounted(&table, &real(folder)) {
        true => Ok(()),
        false => Err(Error::NotMounted { place }),
    }
}

/// The folder, or the nearest one above it that is there, without links.
fn real(folder: &Path) -> PathBuf {
    let found = folder.ancestors().find_map(|one| one.canonicalize().ok());
    found.unwrap_or_else(|| PathBuf::from("/"))
}

/// Whether a path without links, or a folder above it other than `/`, is a mount point.
///
/// `mountinfo` is that of proc_pid_mountinfo(5). A bind mount is a mount; an automount that waits
/// (autofs) is none before something is mounted over it.
fn is_mounted(mountinfo: &[u8], path: &Path) -> bool {
    parse(mountinfo).iter().any(|mount| {
        mount.point != Path::new("/") && mount.kind != "autofs" && path.starts_with(&mount.point)
    })
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    use proptest::prelude::*;

    use super::*;

    const MACHINE: &str = "\
27 1 254:0 / / rw,relatime shared:1 master:2 - ext4 /dev/vda rw,discard
22 27 0:21 / /proc rw,relatime - proc proc rw
30 27 254:0 /srv/a /mnt/bind rw - ext4 /dev/vda rw,discard
31 27 254:1 / /mnt/two\\040words rw - xfs /dev/vdb rw
32 27 0:40 / /mnt/waits rw - autofs systemd-1 rw,direct
33 27 0:41 / /mnt/came rw - autofs systemd-1 rw,direct
34 33 254:2 / /mnt/came rw - ext4 /dev/vdc rw
35 27 254:3 / /mnt/gone//deleted rw - ext4 /dev/vdd rw
";

    #[test]
    fn a_path_is_mounted_where_it_or_a_folder_above_it_is_a_mount_point() {
        for (path, expected) in [
            ("/", false),
            ("/mnt", false),
            ("/mnt/backup", false),
            ("/mnt/bind", true),
            ("/mnt/bind/backup/of/ours", true),
            ("/mnt/binder", false),
            ("/mnt/two words/backup", true),
            ("/mnt/two", false),
            ("/mnt/waits", false),
            ("/mnt/came", true),
            ("/mnt/gone", false),
        ] {
            assert_eq!(is_mounted(MACHINE.as_bytes(), Path::new(path)), expected, "{path}");
        }
        assert!(!is_mounted(b"", Path::new("/mnt/bind")));
    }

    #[test]
    fn this_machine_is_asked_through_links_and_for_what_is_not_there() {
        assert!(hold(Path::new("/proc")).is_ok());
        assert!(wanted(Path::new("/proc/nobody-has-this/folder")).is_ok());
        let place = tempfile::tempdir().expect("a folder");
        let link = place.path().join("link");
        std::os::unix::fs::symlink("/proc", &link).expect("made");
        assert!(hold(&link).is_ok());
        let told = wanted(Path::new("/nobody-has-this/folder")).expect_err("nothing is there");
        assert_eq!(
            told.to_string(),
            "nothing is mounted at the target `/nobody-has-this/folder`, nor above it"
        );
    }

    /// As the kernel writes it (`seq_path` in fs/seq_file.c).
    fn escaped(path: &[u8]) -> Vec<u8> {
        let one = |byte: &u8| match byte {
            b' ' | b'\t' | b'\n' | b'\\' => format!("\\{byte:03o}").into_bytes(),
            _ => vec![*byte],
        };
        path.iter().flat_map(one).collect()
    }

    fn names() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let byte = any::<u8>().prop_map(|byte| if matches!(byte, 0 | b'/') { b' ' } else { byte });
        let name = prop::collection::vec(byte, 1..6).prop_map(|mut name| {
            name.insert(0, b'n');
            name
        });
        prop::collection::vec(name, 1..4)
    }

    proptest! {
        #[test]
        fn whatever_its_name_all_below_a_mount_point_is_mounted(above in names(), below in names()) {
            let path = |names: &[Vec<u8>]| [b"/".to_vec(), names.join(&b'/')].concat();
            let (point, inside) = (path(&above), path(&[above.clone(), below].concat()));
            let mut table = b"27 1 254:0 / / rw - ext4 /dev/vda rw\n31 27 254:1 / ".to_vec();
            table.extend(escaped(&point));
            table.extend(b" rw - xfs /dev/vdb rw\n");
            for path in [&point, &inside] {
                prop_assert!(is_mounted(&table, Path::new(OsStr::from_bytes(path))));
            }
            let beside = [&point[..], b"-beside"].concat();
            prop_assert!(!is_mounted(&table, Path::new(OsStr::from_bytes(&beside))));
        }
    }
}
