//! The kernel's table of mounts: proc_pid_mountinfo(5) read.
//!
//! Leaves out reading the file, and which of the mounts matter.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One line of mountinfo.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// `major:minor`.
    pub device: String,
    /// The folder within the filesystem that is mounted.
    pub root: PathBuf,
    pub point: PathBuf,
    pub kind: String,
    pub source: String,
    /// Options of this mount point.
    pub options: Vec<String>,
    /// Options of the filesystem as a whole.
    pub super_options: Vec<String>,
}

/// Reads mountinfo; lines that do not parse are skipped.
pub fn parse(mountinfo: &[u8]) -> Vec<Mount> {
    mountinfo.split(|byte| *byte == b'\n').filter_map(line).collect()
}

fn line(line: &[u8]) -> Option<Mount> {
    let mut fields = line.split(|byte| *byte == b' ');
    let device = text(fields.nth(2)?);
    let root = path(fields.next()?);
    let point = path(fields.next()?);
    let options = list(fields.next()?);
    // Optional fields end with a lone hyphen.
    fields.find(|field| *field == b"-")?;
    let kind = text(fields.next()?);
    let source = text(&unescape(fields.next()?));
    let super_options = fields.next().map(list).unwrap_or_default();
    Some(Mount { device, root, point, kind, source, options, super_options })
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn list(bytes: &[u8]) -> Vec<String> {
    text(bytes).split(',').map(str::to_owned).collect()
}

fn path(bytes: &[u8]) -> PathBuf {
    PathBuf::from(OsString::from_vec(unescape(bytes)))
}

/// Undoes the kernel's octal escapes, as `\040` for a blank.
pub fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&first, tail)) = rest.split_first() {
        if let (b'\\', Some([a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7'])) =
            (first, tail.get(..3))
        {
            plain.push((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            rest = &tail[3..];
        } else {
            plain.push(first);
            rest = tail;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_lines_are_skipped() {
        assert_eq!(parse(b"\n1 2 3\n\xff\xff \n1 2 0:1 / /x rw - \n\\").len(), 0);
        assert_eq!(unescape(b"\\04\\777\\134a\\"), b"\\04\\777\\a\\");
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>) {
            parse(&bytes);
        }
    }
}
