//! Files below the root of a machine that is not booted: links in it lead nowhere else.
//!
//! As this host sees it, an absolute link of that tree would lead to this host's own files. Leaves
//! out roots that others change meanwhile.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags, mkdirat, openat2};
use rustix::io::Errno;

use crate::error::Error;

/// Where a path of that tree is for this host, with the folders above it, which are made; what is
/// at the path itself is not followed.
pub(crate) fn place(root: &Path, path: &Path) -> Result<PathBuf, Error> {
    let failed = |source| Error::File { what: "reach", path: root.join(path), source };
    let above = folder(root, path.parent().unwrap_or(Path::new("/"))).map_err(failed)?;
    let name = path.file_name().ok_or_else(|| failed(io::ErrorKind::InvalidInput.into()))?;
    Ok(above.join(name))
}

/// Writes a file, in the place of whatever is there.
pub(crate) fn write(root: &Path, path: &Path, text: &str, mode: u32) -> Result<PathBuf, Error> {
    let place = place(root, path)?;
    let failed = |source| Error::File { what: "write", path: place.clone(), source };
    remove(&place)?;
    let open = File::options().write(true).create_new(true).mode(mode).open(&place);
    let mut file = open.map_err(failed)?;
    // Whatever this process's umask takes away.
    file.set_permissions(fs::Permissions::from_mode(mode)).map_err(failed)?;
    file.write_all(text.as_bytes()).map_err(failed)?;
    Ok(place)
}

/// Reads a file, wherever in that tree a link leads.
pub(crate) fn read(root: &Path, path: &Path) -> Result<String, Error> {
    let failed = |source| Error::File { what: "read", path: root.join(path), source };
    let open = || -> io::Result<String> {
        let file = reach(&File::open(root)?, path, OFlags::RDONLY)?;
        let mut text = String::new();
        File::from(file).read_to_string(&mut text)?;
        Ok(text)
    };
    open().map_err(failed)
}

/// Removes a file or a link; what is not there is removed already.
pub(crate) fn remove(place: &Path) -> Result<(), Error> {
    match fs::remove_file(place) {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(Error::File { what: "replace", path: place.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn folder(root: &Path, path: &Path) -> io::Result<PathBuf> {
    let root = File::open(root)?;
    let open = |path: &Path| reach(&root, path, OFlags::PATH | OFlags::DIRECTORY);
    let mut so_far = PathBuf::from("/");
    let mut here = open(&so_far)?;
    for part in path.components().filter(|part| matches!(part, Component::Normal(_))) {
        so_far.push(part);
        here = match open(&so_far) {
            Err(Errno::NOENT) => {
                // A link that leads nowhere is there all the same, and ends it.
                mkdirat(&here, part.as_os_str(), Mode::from_raw_mode(0o755))?;
                open(&so_far)?
            }
            found => found?,
        };
    }
    fs::read_link(format!("/proc/self/fd/{}", here.as_raw_fd()))
}

fn reach(root: &File, path: &Path, flags: OFlags) -> rustix::io::Result<OwnedFd> {
    openat2(root, path, flags | OFlags::CLOEXEC, Mode::empty(), ResolveFlags::IN_ROOT)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_link_out_of_the_root_is_replaced_and_never_written_through() {
        let (root, host) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("it"));
        let live = host.path().join("policy-rc.d");
        fs::write(&live, "of the host").expect("written");
        fs::create_dir_all(root.path().join("usr/sbin")).expect("made");
        symlink(&live, root.path().join("usr/sbin/policy-rc.d")).expect("linked");
        write(root.path(), Path::new("/usr/sbin/policy-rc.d"), "ours", 0o755).expect("written");
        assert_eq!(fs::read_to_string(&live).expect("there"), "of the host");
        let text = fs::read_to_string(root.path().join("usr/sbin/policy-rc.d"));
        assert_eq!(text.expect("there"), "ours");
    }

    #[test]
    fn a_folder_that_is_a_link_leads_into_the_root() {
        let (root, host) = (tempfile::tempdir().expect("a root"), tempfile::tempdir().expect("it"));
        fs::write(host.path().join("chat.conf"), "of the host").expect("written");
        symlink(host.path(), root.path().join("etc")).expect("linked");
        let path = Path::new("/etc/chat.conf");
        // There is no such folder in the root.
        write(root.path(), path, "ours", 0o644).expect_err("it leads nowhere");
        assert_eq!(fs::read_dir(host.path()).expect("there").count(), 1);
        let inside = root.path().join(host.path().strip_prefix("/").expect("absolute"));
        fs::create_dir_all(&inside).expect("made");
        let place = write(root.path(), path, "ours", 0o644).expect("written");
        assert_eq!(place, inside.canonicalize().expect("there").join("chat.conf"));
        assert_eq!(read(root.path(), path).expect("read"), "ours");
        let live = fs::read_to_string(host.path().join("chat.conf"));
        assert_eq!(live.expect("there"), "of the host");
    }

    #[test]
    fn folders_that_are_not_there_are_made() {
        let root = tempfile::tempdir().expect("a root");
        write(root.path(), Path::new("/etc/chat/new/a"), "ours", 0o640).expect("written");
        assert_eq!(fs::read_to_string(root.path().join("etc/chat/new/a")).expect("there"), "ours");
    }
}
