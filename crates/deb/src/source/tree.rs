//! A tree of files that a source brought: paths in memory, contents in numbered files of a work
//! folder, so that no name from outside ever becomes a path on the builder's disk.
//!
//! Leaves out the formats that trees come in.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use model::layout::{Content, PayloadFile};
use model::text::printable_bytes;

use crate::source::error::Error;

/// The most that a tree may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    pub bytes: u64,
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 8 << 30, files: 1_000_000 }
    }
}

/// Longer names and link targets are refused, in bytes: what Linux can open.
const LONGEST: usize = 4095;

/// A file or link of a tree.
#[derive(Clone, Debug)]
pub struct Item {
    pub content: Content,
    pub executable: bool,
}

/// Files and links by their path below the tree's root.
#[derive(Debug)]
pub struct Tree {
    folder: PathBuf,
    pub items: BTreeMap<String, Item>,
    limits: Limits,
    bytes: u64,
    next: u64,
}

impl Tree {
    /// An empty tree whose contents go into `folder`, which is made.
    pub fn new(folder: &Path, limits: Limits) -> Result<Self, Error> {
        fs::create_dir_all(folder).map_err(Error::work(folder))?;
        let items = BTreeMap::new();
        Ok(Self { folder: folder.to_owned(), items, limits, bytes: 0, next: 0 })
    }

    /// Adds a file. `archive` is whom an error blames.
    pub fn add_file(
        &mut self,
        archive: &str,
        path: &str,
        executable: bool,
        from: &mut dyn Read,
    ) -> Result<u64, Error> {
        self.admit(archive, path)?;
        let place = self.folder.join(self.next.to_string());
        self.next += 1;
        let mut file = File::create(&place).map_err(Error::work(&place))?;
        let room = self.limits.bytes - self.bytes;
        let size = io::copy(&mut from.take(room.saturating_add(1)), &mut file)
            .map_err(|source| Error::Unpack { archive: archive.to_owned(), source })?;
        if size > room {
            let limit = self.limits.bytes;
            return Err(Error::Bomb { archive: archive.to_owned(), limit, unit: "bytes" });
        }
        self.bytes += size;
        let content = Content::Copy { from: place, size };
        self.items.insert(path.to_owned(), Item { content, executable });
        Ok(size)
    }

    /// Adds a link, which must lead to somewhere in the tree.
    pub fn add_link(&mut self, archive: &str, path: &str, target: &str) -> Result<(), Error> {
        self.admit(archive, path)?;
        if resolve(path, target).is_none() {
            return Err(entry(archive, path.as_bytes(), "a link that leads out of the tree"));
        }
        let content = Content::Link(target.to_owned());
        self.items.insert(path.to_owned(), Item { content, executable: false });
        Ok(())
    }

    /// Adds a second name for a file that is there.
    pub fn add_hard_link(&mut self, archive: &str, path: &str, of: &str) -> Result<(), Error> {
        self.admit(archive, path)?;
        let Some(item) = self.items.get(of).cloned() else {
            return Err(entry(archive, path.as_bytes(), "a hard link to what is not there"));
        };
        self.items.insert(path.to_owned(), item);
        Ok(())
    }

    /// Adds an item of another tree, or one that the builder vouches for, wherever a link of it leads.
    pub fn adopt(&mut self, archive: &str, path: &str, item: Item) -> Result<(), Error> {
        self.admit(archive, path)?;
        self.items.insert(path.to_owned(), item);
        Ok(())
    }

    /// Adds text that the builder made; it may take the place of nothing.
    pub fn add_text(&mut self, path: &str, text: String, executable: bool) -> Result<(), Error> {
        self.admit("stead", path)?;
        let content = Content::Text(text.into_bytes());
        self.items.insert(path.to_owned(), Item { content, executable });
        Ok(())
    }

    /// The tree's files as a payload below `into`, sorted.
    pub fn into_files(self, into: &str) -> Vec<PayloadFile> {
        let base = into.trim_end_matches('/');
        let files = self.items.into_iter().map(|(path, item)| PayloadFile {
            path: format!("{base}/{path}"),
            content: item.content,
            executable: item.executable,
        });
        let mut files: Vec<PayloadFile> = files.collect();
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }

    /// The contents of a file of the tree, at most `limit` bytes of them.
    pub fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Error> {
        match self.items.get(path).map(|item| &item.content) {
            Some(Content::Text(text)) => Ok(Some(text.clone())),
            Some(Content::Copy { from, .. }) => {
                let mut bytes = Vec::new();
                let read =
                    File::open(from).and_then(|file| file.take(limit).read_to_end(&mut bytes));
                read.map_err(Error::work(from))?;
                Ok(Some(bytes))
            }
            _ => Ok(None),
        }
    }

    /// Writes the tree as real files into an empty folder, for a build.
    pub fn write_to(&self, folder: &Path) -> Result<(), Error> {
        let files = self.items.iter().filter(|(_, item)| !matches!(item.content, Content::Link(_)));
        let links = self.items.iter().filter(|(_, item)| matches!(item.content, Content::Link(_)));
        // Links last: no file is written through one.
        for (path, item) in files.chain(links) {
            let place = folder.join(path);
            let parent = place.parent().unwrap_or(folder);
            fs::create_dir_all(parent).map_err(Error::work(parent))?;
            let written = match &item.content {
                Content::Copy { from, .. } => fs::copy(from, &place).map(drop),
                Content::Text(text) => fs::write(&place, text),
                Content::Link(target) => std::os::unix::fs::symlink(target, &place),
                Content::Folder => fs::create_dir_all(&place),
            };
            written.map_err(Error::work(&place))?;
            if !matches!(item.content, Content::Link(_)) {
                let mode = if item.executable { 0o755 } else { 0o644 };
                let set = fs::set_permissions(&place, fs::Permissions::from_mode(mode));
                set.map_err(Error::work(&place))?;
            }
        }
        Ok(())
    }

    /// Refuses a path that may not be, or that is there already.
    fn admit(&self, archive: &str, path: &str) -> Result<(), Error> {
        let refused = |why| Err(entry(archive, path.as_bytes(), why));
        if self.items.len() as u64 >= self.limits.files {
            let limit = self.limits.files;
            return Err(Error::Bomb { archive: archive.to_owned(), limit, unit: "files" });
        }
        if path.is_empty() || normal(path.as_bytes()).is_none_or(|normal| normal != path) {
            return refused("a name that is no plain path");
        }
        if self.items.contains_key(path) {
            return refused("twice");
        }
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]);
        if parents.into_iter().any(|parent| self.items.contains_key(parent)) {
            return refused("which lies below what is no folder");
        }
        let below = format!("{path}/");
        if self
            .items
            .range(below.clone()..)
            .next()
            .is_some_and(|(next, _)| next.starts_with(&below))
        {
            return refused("which is a folder elsewhere");
        }
        Ok(())
    }
}

/// An archive's name as a plain relative path: without `./`, doubled and closing `/`. None for
/// what is absolute, climbs by `..`, is no UTF-8, holds control characters or is too long; the
/// archive's root is the empty path.
pub fn normal(name: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(name).ok().filter(|name| name.len() <= LONGEST)?;
    if name.starts_with('/') || name.chars().any(char::is_control) {
        return None;
    }
    let parts = name.split('/').filter(|part| !part.is_empty() && *part != ".");
    let parts: Vec<&str> = parts.collect();
    (!parts.contains(&"..")).then(|| parts.join("/"))
}

/// Where a link at `path` leads, as a path of the tree; none if that is outside.
pub fn resolve(path: &str, target: &str) -> Option<String> {
    if target.is_empty()
        || target.starts_with('/')
        || target.len() > LONGEST
        || target.chars().any(char::is_control)
    {
        return None;
    }
    let mut at: Vec<&str> = path.split('/').collect();
    at.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                at.pop()?;
            }
            part => at.push(part),
        }
    }
    Some(at.join("/"))
}

/// Says that an archive holds what it may not.
pub fn entry(archive: &str, name: &[u8], why: &'static str) -> Error {
    Error::Entry { archive: archive.to_owned(), name: printable_bytes(name, 200), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_or_hide_are_refused() {
        assert_eq!(normal(b"./a//b/./c/").as_deref(), Some("a/b/c"));
        assert_eq!(normal(b"./").as_deref(), Some(""));
        for name in [&b"/a"[..], b"../a", b"a/../../b", b"a/..", b"a\nb", b"a\xffb", b"a\0b"] {
            assert_eq!(normal(name), None, "{name:?}");
        }
    }

    #[test]
    fn links_stay_within_the_tree() {
        assert_eq!(resolve("a/b", "../c").as_deref(), Some("c"));
        assert_eq!(resolve("a/b", "c/../d").as_deref(), Some("a/d"));
        for target in ["../../c", "/c", "", "a\0", "../a/../../x"] {
            assert_eq!(resolve("a/b", target), None, "{target}");
        }
    }

    #[test]
    fn nothing_is_there_twice_and_nothing_lies_below_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::new(folder.path(), Limits::default()).unwrap();
        tree.add_file("x", "a/b", false, &mut &b"1"[..]).unwrap();
        tree.add_link("x", "l", "a").unwrap();
        for path in ["a/b", "l/c", "a", "a/b/c", "../c", "/c", "", "l", "a//c"] {
            assert!(tree.add_file("x", path, false, &mut &b""[..]).is_err(), "{path}");
        }
        assert!(tree.add_hard_link("x", "h", "nothing").is_err());
        tree.add_hard_link("x", "h", "a/b").unwrap();
        let paths: Vec<String> =
            tree.into_files("/usr/").into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["/usr/a/b", "/usr/h", "/usr/l"]);
    }

    #[test]
    fn a_tree_grows_to_its_limits_and_no_further() {
        let folder = tempfile::tempdir().unwrap();
        let mut tree = Tree::new(folder.path(), Limits { bytes: 3, files: 2 }).unwrap();
        tree.add_file("x", "a", false, &mut &b"12"[..]).unwrap();
        let error = tree.add_file("x", "b", false, &mut &b"34"[..]).unwrap_err();
        assert_eq!(error.to_string(), "`x` would unpack to more than 3 bytes");
        tree.add_file("x", "b", false, &mut &b"3"[..]).unwrap();
        assert!(matches!(tree.add_link("x", "c", "a"), Err(Error::Bomb { limit: 2, .. })));
    }
}
