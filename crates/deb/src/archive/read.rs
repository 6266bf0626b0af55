//! Reads any .deb, file by file, without unpacking it.
//!
//! Leaves out judging what is in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use crate::archive::ar::{self, malformed, named};
use crate::archive::error::Error;
use crate::archive::squeeze::{self, Capped};
use crate::archive::tarball::{self, Item, Kind};
use crate::control::{self, Paragraph};

/// The control member holds lists and scripts: large packages have some megabytes.
const MOST_CONTROL: u64 = 64 << 20;
/// No package of Debian unpacks to more than some gigabytes.
const MOST_DATA: u64 = 32 << 30;
/// A format version has four bytes.
const MOST_FORMAT: u64 = 64;

/// What a .deb says of itself and holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deb {
    pub control: Paragraph,
    /// Paths whose edits outlive upgrades. Those that dpkg shall remove are not among them.
    pub conffiles: Vec<String>,
    /// `preinst`, `postinst`, `prerm`, `postrm` and `config`.
    pub scripts: BTreeMap<String, Vec<u8>>,
    /// Path and MD5, as the package's `md5sums` lists them.
    pub md5sums: Vec<(String, String)>,
    /// The control member's other files: `triggers`, `templates`, `shlibs`, …
    pub others: BTreeMap<String, Vec<u8>>,
    /// In the archive's order; empty after [`read_control`].
    pub entries: Vec<Item>,
}

impl Deb {
    /// A maintainer script as text.
    pub fn script(&self, name: &str) -> Option<String> {
        self.scripts.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    }

    /// A field of the control file, empty if it is missing.
    pub fn field(&self, name: &str) -> &str {
        self.control.get(name).unwrap_or_default()
    }
}

/// Reads a .deb's control member and the list of its files.
pub fn read(path: &Path) -> Result<Deb, Error> {
    visit(path, &mut |_, _| Ok(()))
}

/// Reads a .deb's control member alone, which is fast however large the package is.
pub fn read_control(path: &Path) -> Result<Deb, Error> {
    let mut input = open(path)?;
    let failed = |source| Error::Read { path: path.to_owned(), source };
    ar_beginning(&mut input).map_err(failed)?;
    control_member(&mut input, path)
}

/// As [`read`], and hands each file with its content to `each`.
pub fn visit(
    path: &Path,
    each: &mut dyn FnMut(&Item, &mut dyn Read) -> io::Result<()>,
) -> Result<Deb, Error> {
    visit_reader(open(path)?, path, each)
}

/// As [`visit`], from anything that can be read; `path` is what errors call it.
pub fn visit_reader(
    mut input: impl Read,
    path: &Path,
    each: &mut dyn FnMut(&Item, &mut dyn Read) -> io::Result<()>,
) -> Result<Deb, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    ar_beginning(&mut input).map_err(failed)?;
    let mut deb = control_member(&mut input, path)?;
    data_member(&mut input, &mut deb.entries, each).map_err(failed)?;
    Ok(deb)
}

fn open(path: &Path) -> Result<BufReader<File>, Error> {
    let file = File::open(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
    Ok(BufReader::with_capacity(1 << 16, file))
}

fn ar_beginning(input: &mut impl Read) -> io::Result<()> {
    ar::open(input)?;
    let member = ar::next(input)?.ok_or_else(|| malformed("it is empty"))?;
    if member.name != "debian-binary" || member.size > MOST_FORMAT {
        return Err(malformed("its first member is not `debian-binary`"));
    }
    let mut format = Vec::new();
    input.take(member.size).read_to_end(&mut format)?;
    ar::skip(input, member.size - format.len() as u64, member.size)?;
    if !format.starts_with(b"2.") {
        return Err(malformed("its format is not 2.0"));
    }
    Ok(())
}

fn control_member(input: &mut impl Read, path: &Path) -> Result<Deb, Error> {
    let failed = |source| Error::Read { path: path.to_owned(), source };
    let member = ar::next(input)
        .and_then(|member| member.ok_or_else(|| malformed("it has no control member")))
        .map_err(failed)?;
    let mut files = BTreeMap::new();
    {
        let mut whole = input.by_ref().take(member.size);
        let unpacked = squeeze::open(&member.name, "control.tar", &mut whole).map_err(failed)?;
        tarball::walk(Capped::new(unpacked, MOST_CONTROL), &mut |item, content| {
            if item.kind == Kind::File {
                let mut all = Vec::new();
                content.read_to_end(&mut all)?;
                files.insert(item.path.trim_start_matches('/').to_owned(), all);
            }
            Ok(())
        })
        .map_err(|error| failed(named(&member.name, error)))?;
        let left = whole.limit();
        ar::skip(input, left, member.size).map_err(failed)?;
    }
    let control = files
        .remove("control")
        .ok_or_else(|| failed(malformed("its control member has no file `control`")))?;
    let control = control::parse_one(&control)
        .map_err(|source| Error::Control { path: path.to_owned(), source })?;
    for name in ["Package", "Version", "Architecture"] {
        if control.get(name).is_none_or(str::is_empty) {
            let source = control::Error::Missing { name };
            return Err(Error::Control { path: path.to_owned(), source });
        }
    }
    let conffiles =
        lines(files.remove("conffiles")).into_iter().filter(|line| line.starts_with('/')).collect();
    let md5sums = lines(files.remove("md5sums"))
        .into_iter()
        .filter_map(|line| {
            let (sum, path) = line.split_once("  ")?;
            Some((format!("/{}", path.trim_start_matches("./")), sum.to_owned()))
        })
        .collect();
    let (scripts, others) = files.into_iter().partition(|(name, _)| {
        matches!(name.as_str(), "preinst" | "postinst" | "prerm" | "postrm" | "config")
    });
    Ok(Deb { control, conffiles, scripts, md5sums, others, entries: Vec::new() })
}

fn lines(file: Option<Vec<u8>>) -> Vec<String> {
    let text = String::from_utf8_lossy(&file.unwrap_or_default()).into_owned();
    text.lines().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

fn data_member(
    input: &mut impl Read,
    entries: &mut Vec<Item>,
    each: &mut dyn FnMut(&Item, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let member = ar::next(input)?.ok_or_else(|| malformed("it has no data member"))?;
        // deb(5): names with an underscore are for others.
        if member.name.starts_with('_') {
            ar::skip(input, member.size, member.size)?;
            continue;
        }
        let mut whole = input.by_ref().take(member.size);
        let unpacked = squeeze::open(&member.name, "data.tar", &mut whole)?;
        let mut unpacked = Capped::new(unpacked, MOST_DATA);
        tarball::walk(&mut unpacked, &mut |item, content| {
            entries.push(item.clone());
            each(item, content)
        })
        // To the end, so that the compression's own checksum is verified.
        .and_then(|()| io::copy(&mut unpacked, &mut io::sink()))
        .map_err(|error| named(&member.name, error))?;
        drop(unpacked);
        if whole.limit() > 0 {
            let what = format!("{} is longer than its content, or the file is cut", member.name);
            return Err(malformed(&what));
        }
        return Ok(());
    }
}
