//! The tar archives inside a .deb: GNU format, names as `./usr/bin/x`.
//!
//! Leaves out what dpkg refuses as well: pax headers, sparse files, several volumes. deb(5) lists
//! what a tar in a .deb may have.

use std::collections::HashSet;
use std::io::{self, Read, Write};

use model::text::printable_bytes;
use tar::{EntryType, Header};

use crate::archive::ar::{malformed, named};

/// No real package has more members.
const MOST_MEMBERS: u64 = 2_000_000;
/// Longer names than Linux opens are refused.
const LONGEST_NAME: u64 = 4096;

/// A member's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Absolute: `/usr/bin/x`; the root itself is `/`. Bytes that are no UTF-8 become U+FFFD.
    pub path: String,
    pub kind: Kind,
    /// Permission bits, as 0o644.
    pub mode: u32,
    /// The owner's name, or number if the archive has no names.
    pub owner: String,
    pub group: String,
    /// In bytes; 0 for what is no file.
    pub size: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    File,
    Folder,
    /// A symbolic link to this, as it stands.
    Link(String),
    /// Another name of this file of the same archive, absolute.
    HardLink(String),
    /// A device or a pipe.
    Special,
}

/// Writes headers and contents, always the same way: everything is root's.
pub struct Writer<W> {
    out: W,
    mtime: u64,
}

impl<W: Write> Writer<W> {
    pub fn new(out: W, mtime: u64) -> Self {
        Self { out, mtime }
    }

    pub fn folder(&mut self, path: &str, mode: u32) -> io::Result<()> {
        let name = if path == "/" { "./".to_owned() } else { format!(".{path}/") };
        self.header(&name, EntryType::Directory, mode, 0, None)
    }

    /// A symbolic link.
    pub fn link(&mut self, path: &str, target: &str) -> io::Result<()> {
        self.header(&format!(".{path}"), EntryType::Symlink, 0o777, 0, Some(target))
    }

    /// A file of exactly `size` bytes.
    pub fn file(
        &mut self,
        path: &str,
        mode: u32,
        size: u64,
        content: &mut impl Read,
    ) -> io::Result<()> {
        self.header(&format!(".{path}"), EntryType::Regular, mode, size, None)?;
        let copied = io::copy(&mut content.take(size), &mut self.out)?;
        if copied < size || content.read(&mut [0])? > 0 {
            return Err(io::Error::other("the file changed while it was packed"));
        }
        self.fill(size)
    }

    /// Ends the archive.
    pub fn finish(mut self) -> io::Result<W> {
        self.out.write_all(&[0; 1024])?;
        Ok(self.out)
    }

    fn fill(&mut self, size: u64) -> io::Result<()> {
        let rest = usize::try_from(size % 512).expect("less than 512");
        if rest == 0 { Ok(()) } else { self.out.write_all(&[0; 512][rest..]) }
    }

    fn header(
        &mut self,
        name: &str,
        kind: EntryType,
        mode: u32,
        size: u64,
        link: Option<&str>,
    ) -> io::Result<()> {
        if let Some(target) = link.filter(|target| target.len() > 100) {
            self.long(EntryType::GNULongLink, target)?;
        }
        if name.len() > 100 {
            self.long(EntryType::GNULongName, name)?;
        }
        self.short(name, kind, mode & 0o7777, size, link.unwrap_or_default(), self.mtime)
    }

    /// A name or target above 100 bytes stands in a member of its own before.
    fn long(&mut self, kind: EntryType, text: &str) -> io::Result<()> {
        let size = text.len() as u64 + 1;
        self.short("././@LongLink", kind, 0o644, size, "", 0)?;
        self.out.write_all(text.as_bytes())?;
        self.out.write_all(&[0])?;
        self.fill(size)
    }

    fn short(
        &mut self,
        name: &str,
        kind: EntryType,
        mode: u32,
        size: u64,
        link: &str,
        mtime: u64,
    ) -> io::Result<()> {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(mtime);
        header.set_size(size);
        header.set_username("root")?;
        header.set_groupname("root")?;
        // `set_path` would strip the `./`.
        let gnu = header.as_gnu_mut().expect("made as GNU");
        let count = name.len().min(gnu.name.len());
        gnu.name[..count].copy_from_slice(&name.as_bytes()[..count]);
        let count = link.len().min(gnu.linkname.len());
        gnu.linkname[..count].copy_from_slice(&link.as_bytes()[..count]);
        header.set_cksum();
        self.out.write_all(header.as_bytes())
    }
}

/// Reads all members in order; what `each` does not read of a content is passed over.
pub fn walk(
    input: impl Read,
    each: &mut dyn FnMut(&Item, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut archive = tar::Archive::new(input);
    let mut long_name = None;
    let mut long_link = None;
    let mut count = 0;
    let mut files = HashSet::new();
    // Raw: the crate would read names of any length into memory.
    for member in archive.entries()?.raw(true) {
        let mut member = member?;
        count += 1;
        if count > MOST_MEMBERS {
            return Err(malformed("it has more members than any package"));
        }
        let header = member.header().clone();
        match header.entry_type() {
            EntryType::GNULongName => long_name = Some(long(&mut member)?),
            EntryType::GNULongLink => long_link = Some(long(&mut member)?),
            kind => {
                let name = long_name.take().unwrap_or_else(|| header.path_bytes().into_owned());
                let link = long_link
                    .take()
                    .or_else(|| header.link_name_bytes().map(|bytes| bytes.into_owned()));
                let item = item(&header, kind, &name, link.unwrap_or_default())
                    .map_err(|error| named(&printable_bytes(&name, 200), error))?;
                match &item.kind {
                    Kind::File => drop(files.insert(item.path.clone())),
                    Kind::HardLink(target) if !files.contains(target) => {
                        let what = "a hard link to what the package does not hold";
                        return Err(named(&printable_bytes(&name, 200), malformed(what)));
                    }
                    _ => {}
                }
                each(&item, &mut member)?;
            }
        }
    }
    Ok(())
}

fn long(member: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    member.take(LONGEST_NAME + 1).read_to_end(&mut text)?;
    if text.len() as u64 > LONGEST_NAME {
        return Err(malformed("a name is longer than any system allows"));
    }
    while text.last() == Some(&0) {
        text.pop();
    }
    Ok(text)
}

fn item(header: &Header, kind: EntryType, name: &[u8], link: Vec<u8>) -> io::Result<Item> {
    let kind = match kind {
        EntryType::Regular | EntryType::Continuous => Kind::File,
        EntryType::Directory => Kind::Folder,
        EntryType::Symlink if link.is_empty() => return Err(malformed("a link to nothing")),
        EntryType::Symlink => Kind::Link(String::from_utf8_lossy(&link).into_owned()),
        EntryType::Link => Kind::HardLink(absolute(&link)?),
        EntryType::Fifo | EntryType::Char | EntryType::Block => Kind::Special,
        other => {
            let letter = char::from(other.as_byte()).escape_default();
            return Err(malformed(&format!("a member of type `{letter}`, which no .deb may have")));
        }
    };
    let size = match kind {
        Kind::File => header.entry_size()?,
        _ => 0,
    };
    // Some archives have numbers without names.
    let named = |name: Option<&[u8]>, number: io::Result<u64>| {
        let name = name.map(|name| printable_bytes(name, 64)).filter(|name| !name.is_empty());
        name.or_else(|| number.ok().map(|number| number.to_string())).unwrap_or_default()
    };
    Ok(Item {
        path: absolute(name)?,
        kind,
        mode: header.mode()? & 0o7777,
        owner: named(header.username_bytes(), header.uid()),
        group: named(header.groupname_bytes(), header.gid()),
        size,
    })
}

/// `./usr/bin/` → `/usr/bin`; refuses names that would leave the package.
fn absolute(name: &[u8]) -> io::Result<String> {
    if name.contains(&0) {
        return Err(malformed("a name with a zero byte"));
    }
    let text = String::from_utf8_lossy(name);
    if text.starts_with('/') {
        return Err(malformed("an absolute name"));
    }
    let mut path = String::with_capacity(text.len() + 1);
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(malformed("a name that leaves the package")),
            part => {
                path.push('/');
                path.push_str(part);
            }
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8]) -> io::Result<Vec<(Item, Vec<u8>)>> {
        let mut found = Vec::new();
        walk(bytes, &mut |item, content| {
            let mut all = Vec::new();
            content.read_to_end(&mut all)?;
            found.push((item.clone(), all));
            Ok(())
        })?;
        Ok(found)
    }

    fn hostile(name: &str, kind: EntryType, target: &str) -> String {
        let mut writer = Writer::new(Vec::new(), 0);
        writer.short(name, kind, 0o644, 0, target, 0).expect("memory");
        all(&writer.finish().expect("memory")).expect_err("refused").to_string()
    }

    #[test]
    fn names_that_leave_the_package_are_refused() {
        assert_eq!(
            hostile("./a/../../etc/x", EntryType::Regular, ""),
            "./a/../../etc/x: a name that leaves the package"
        );
        assert_eq!(hostile("/etc/x", EntryType::Regular, ""), "/etc/x: an absolute name");
        assert_eq!(
            hostile("./x", EntryType::Link, "./etc/shadow"),
            "./x: a hard link to what the package does not hold"
        );
        assert_eq!(
            hostile("./x", EntryType::XHeader, ""),
            "./x: a member of type `x`, which no .deb may have"
        );
    }

    #[test]
    fn a_name_without_end_is_not_read_into_memory() {
        let mut writer = Writer::new(Vec::new(), 0);
        let size = 1 << 40;
        writer.short("././@LongLink", EntryType::GNULongName, 0o644, size, "", 0).expect("memory");
        let mut bytes = writer.finish().expect("memory");
        bytes.resize(bytes.len() + 8192, b'a');
        assert!(all(&bytes).is_err());
    }

    #[test]
    fn a_file_that_grew_is_not_packed() {
        let mut writer = Writer::new(Vec::new(), 0);
        assert!(writer.file("/a", 0o644, 3, &mut &b"abcd"[..]).is_err());
        assert!(writer.file("/a", 0o644, 5, &mut &b"abcd"[..]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            files in proptest::collection::btree_map(
                "(/[a-zé]{1,60}){1,4}",
                (proptest::collection::vec(any::<u8>(), 0..1500), 0..0o7777u32, "[a-z/.]{1,150}"),
                0..6,
            )
        ) {
            let mut writer = Writer::new(Vec::new(), 1_600_000_000);
            let mut expected = Vec::new();
            for (index, (path, (content, mode, target))) in files.into_iter().enumerate() {
                let (kind, mode, size) = match index % 3 {
                    0 => {
                        writer.file(&path, mode, content.len() as u64, &mut content.as_slice())?;
                        (Kind::File, mode, content.len() as u64)
                    }
                    1 => {
                        writer.folder(&path, mode)?;
                        (Kind::Folder, mode, 0)
                    }
                    _ => {
                        writer.link(&path, &target)?;
                        (Kind::Link(target), 0o777, 0)
                    }
                };
                let content = if kind == Kind::File { content } else { Vec::new() };
                let root = || "root".to_owned();
                expected.push((Item { path, kind, mode, owner: root(), group: root(), size }, content));
            }
            prop_assert_eq!(all(&writer.finish()?)?, expected);
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let _ = all(&bytes);
        }
    }
}
