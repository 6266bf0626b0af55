//! A tree of all that a file system knows, and what it looks like afterwards.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File, Permissions};
use std::io::{Seek, SeekFrom, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::XattrFlags;
use walkdir::WalkDir;

use crate::place::noise;

/// As [`grow`], with a link whose target is no UTF-8: the engine keeps its bytes beside the text, as
/// restic does since 0.16; Debian's 0.14 keeps the text only.
pub fn grow_with_odd_link(data: &Path) {
    grow(data);
    symlink(OsStr::from_bytes(b"nowhere/\xfe"), data.join("to-nowhere")).expect("as set up");
}

/// Fills a folder with one of each kind.
pub fn grow(data: &Path) {
    fs::create_dir_all(data.join("a/b/empty")).expect("as set up");
    fs::write(data.join("a/plain"), "plain").expect("as set up");
    fs::write(data.join("a/b/large"), noise(3 << 20, 7)).expect("as set up");
    fs::write(data.join("a/nothing"), "").expect("as set up");
    fs::write(data.join(OsStr::from_bytes(b"caf\xe9 \xff\n\"\\")), "no UTF-8").expect("as set up");
    fs::hard_link(data.join("a/plain"), data.join("linked")).expect("as set up");
    symlink("a/plain", data.join("to-plain")).expect("as set up");
    let mut sparse = File::create(data.join("sparse")).expect("as set up");
    sparse.write_all(b"begin").expect("as set up");
    sparse.seek(SeekFrom::Start(64 << 20)).expect("as set up");
    sparse.write_all(b"end").expect("as set up");
    for (name, mode) in [("a/plain", 0o640), ("a/nothing", 0o4755), ("a/b/empty", 0o3770)] {
        fs::set_permissions(data.join(name), Permissions::from_mode(mode)).expect("as set up");
    }
    rustix::fs::setxattr(data.join("a/plain"), "user.mood", b"\0good", XattrFlags::empty())
        .expect("as set up");
    let old = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    File::open(data.join("a/b/large")).expect("as set up").set_modified(old).expect("as set up");
    if rustix::process::geteuid().is_root() {
        // After the owner, as a change of owner clears these bits.
        std::os::unix::fs::chown(data.join("a/nothing"), Some(12345), Some(54321))
            .expect("as set up");
        fs::set_permissions(data.join("a/nothing"), Permissions::from_mode(0o4755))
            .expect("as set up");
        std::os::unix::fs::lchown(data.join("to-plain"), Some(12345), Some(54321))
            .expect("as set up");
    }
    File::open(data.join("a/b")).expect("as set up").set_modified(old).expect("as set up");
}

/// What can be told of each path, relative to the folder.
pub fn seen(folder: &Path) -> BTreeMap<Vec<u8>, String> {
    let mut inodes: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let entries = WalkDir::new(folder).sort_by_file_name().into_iter().map(Result::unwrap);
    entries
        .map(|entry| {
            let path = entry.path();
            let name =
                path.strip_prefix(folder).expect("as set up").as_os_str().as_bytes().to_vec();
            let metadata = path.symlink_metadata().expect("as set up");
            let content = match () {
                () if metadata.is_symlink() => {
                    format!("-> {:?}", fs::read_link(path).expect("as set up"))
                }
                () if metadata.is_file() => {
                    use sha2::Digest as _;
                    format!("{:x?}", &sha2::Sha256::digest(fs::read(path).expect("as set up"))[..])
                }
                () => "folder".to_owned(),
            };
            let first = inodes.entry(metadata.ino()).or_insert_with(|| name.clone()).clone();
            let mut attributes = vec![0; 1 << 10];
            let size = rustix::fs::llistxattr(path, &mut attributes[..]).expect("as set up");
            // The time of a link is its own business.
            let time = (!metadata.is_symlink()).then(|| (metadata.mtime(), metadata.mtime_nsec()));
            let owner = (metadata.uid(), metadata.gid());
            let told = format!(
                "{content} {:o} {owner:?} {time:?} {first:?} {:?}",
                metadata.mode(),
                &attributes[..size],
            );
            (name, told)
        })
        .collect()
}
