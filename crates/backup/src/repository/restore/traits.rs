//! What a file is besides its content: its kind, owner, mode, attributes and time.
//!
//! What cannot be set is left as it is: whoever looks afterwards tells the difference.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rustic_core::repofile::{Node, NodeType};
use rustix::fs::{AtFlags, CWD, FileType, Mode, Timespec, Timestamps, XattrFlags};
use rustix::process::{Gid, Uid};

use crate::source::attributes::{self, Attributes};

/// An owner and a group, by number.
pub type Owner = (Option<u32>, Option<u32>);

/// Makes what is neither a file nor a folder.
pub fn make(place: &Path, node: &Node) -> io::Result<()> {
    let device = |kind, device| {
        rustix::fs::mknodat(CWD, place, kind, Mode::empty(), device).map_err(io::Error::from)
    };
    match &node.node_type {
        NodeType::File | NodeType::Dir => Ok(()),
        NodeType::Symlink { .. } => std::os::unix::fs::symlink(node.node_type.to_link(), place),
        NodeType::Dev { device: number } => device(FileType::BlockDevice, *number),
        NodeType::Chardev { device: number } => device(FileType::CharacterDevice, *number),
        NodeType::Fifo => device(FileType::Fifo, 0),
        NodeType::Socket => device(FileType::Socket, 0),
    }
}

/// Sets those of an open file. The mode comes after the owner, since a change of owner clears bits
/// of it, and the time comes last.
pub fn set_of_file(file: &File, node: &Node, owner: Owner, inherits: bool) {
    let (user, group) = numbers(owner);
    let _told_later = rustix::fs::fchown(file, user, group);
    if let Some(mode) = node.meta.mode {
        let _told_later = rustix::fs::fchmod(file, Mode::from_raw_mode(bits(mode)));
    }
    if inherits || !node.meta.extended_attributes.is_empty() {
        let wanted = attributes_of(node);
        for (name, _) in strange(attributes::of_file(file), &wanted) {
            let _told_later = rustix::fs::fremovexattr(file, name);
        }
        for (name, value) in &wanted {
            let _told_later = rustix::fs::fsetxattr(file, name, value, XattrFlags::empty());
        }
    }
    if let Some(times) = times(node) {
        let _told_later = rustix::fs::futimens(file, &times);
    }
}

/// As [`set_of_file`], of what lies at a place.
pub fn set_at(place: &Path, node: &Node, owner: Owner, inherits: bool) {
    let (user, group) = numbers(owner);
    let follow_not = AtFlags::SYMLINK_NOFOLLOW;
    let _told_later = rustix::fs::chownat(CWD, place, user, group, follow_not);
    if let Some(mode) = node.meta.mode.filter(|_| !node.is_symlink()) {
        let _told_later = fs::set_permissions(place, fs::Permissions::from_mode(bits(mode)));
    }
    if inherits || !node.meta.extended_attributes.is_empty() {
        let wanted = attributes_of(node);
        for (name, _) in strange(attributes::of_path(place, false), &wanted) {
            let _told_later = rustix::fs::lremovexattr(place, name);
        }
        for (name, value) in &wanted {
            let _told_later = rustix::fs::lsetxattr(place, name, value, XattrFlags::empty());
        }
    }
    if let Some(times) = times(node) {
        let _told_later = rustix::fs::utimensat(CWD, place, &times, follow_not);
    }
}

/// What a folder above gave it, and the snapshot does not know.
fn strange(has: io::Result<Attributes>, wanted: &Attributes) -> Attributes {
    let mut has = has.unwrap_or_default();
    has.retain(|(name, _)| !wanted.iter().any(|(other, _)| other == name));
    has
}

fn numbers((user, group): Owner) -> (Option<Uid>, Option<Gid>) {
    (user.map(Uid::from_raw), group.map(Gid::from_raw))
}

fn times(node: &Node) -> Option<Timestamps> {
    let of = |time: rustic_core::jiff::Timestamp| {
        let (seconds, nanoseconds) = (time.as_second(), i64::from(time.subsec_nanosecond()));
        // jiff counts both backwards before 1970, the kernel the seconds only.
        match nanoseconds < 0 {
            true => Timespec { tv_sec: seconds - 1, tv_nsec: nanoseconds + 1_000_000_000 },
            false => Timespec { tv_sec: seconds, tv_nsec: nanoseconds },
        }
    };
    let modified = node.meta.mtime?;
    let last_access = of(node.meta.atime.unwrap_or(modified));
    Some(Timestamps { last_access, last_modification: of(modified) })
}

/// Name and value of each, in the order of their names.
pub fn attributes_of(node: &Node) -> Attributes {
    let all = node.meta.extended_attributes.iter();
    let mut attributes: Attributes =
        all.map(|one| (one.name.clone(), one.value.clone().unwrap_or_default())).collect();
    attributes.sort();
    attributes
}

/// The permissions of Go's mode as Unix has them.
pub fn bits(mode: u32) -> u32 {
    let set = |bit: u32, unix| if mode & (1 << bit) != 0 { unix } else { 0 };
    mode & 0o777 | set(23, 0o4000) | set(22, 0o2000) | set(20, 0o1000)
}
