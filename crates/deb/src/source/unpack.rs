//! Archives become trees: tar (plain, gzip, xz, zstd), zip, .deb, or a single file.
//!
//! Leaves out where they came from.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::Path;

use flate2::read::MultiGzDecoder;
use liblzma::read::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};
use tar::{EntryType, PaxExtensions};
use zip::ZipArchive;

use crate::source::error::Error;
use crate::source::pattern::wanted;
use crate::source::tree::{Tree, entry, normal};

/// For xz, in bytes: what `xz -9` needs, and half as much again.
const DECODER_MEMORY: u64 = 100 << 20;
/// For long names and pax headers, in bytes.
const LONGEST_HEADER: u64 = 1 << 16;

/// Which of an archive's entries become which paths of the tree.
#[derive(Clone, Copy, Debug, Default)]
pub struct Selection<'a> {
    /// Path components dropped from the front of each name; shorter names are left out.
    pub strip: u32,
    pub include: &'a [String],
    pub exclude: &'a [String],
    /// Put before each path, without `/` at the end.
    pub below: &'a str,
}

impl Selection<'_> {
    fn place(&self, path: &str) -> Option<String> {
        let mut rest = path;
        for _ in 0..self.strip {
            rest = rest.split_once('/')?.1;
        }
        if rest.is_empty() {
            return None;
        }
        let path = match self.below {
            "" => rest.to_owned(),
            below => format!("{below}/{rest}"),
        };
        wanted(&path, self.include, self.exclude).then_some(path)
    }
}

/// Unpacks what lies at `path`; its first bytes say what it is. What is no archive is a single
/// file of the name that ends `name`.
pub fn unpack(
    name: &str,
    path: &Path,
    tree: &mut Tree,
    select: &Selection<'_>,
) -> Result<(), Error> {
    let failed = |source| Error::Unpack { archive: name.to_owned(), source };
    let mut file = File::open(path).map_err(Error::work(path))?;
    let mut start = [0; 512];
    let read = fill(&mut file, &mut start).map_err(failed)?;
    match &start[..read] {
        [0x1f, 0x8b, ..] => match is_tar(MultiGzDecoder::new(open(path)?)).map_err(failed)? {
            true => tar(name, MultiGzDecoder::new(open(path)?), tree, select),
            false => single(name, path, tree, select),
        },
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => {
            match is_tar(xz(name, open(path)?)?).map_err(failed)? {
                true => tar(name, xz(name, open(path)?)?, tree, select),
                false => single(name, path, tree, select),
            }
        }
        [b'P', b'K', 3 | 5, 4 | 6, ..] => unzip(name, open(path)?, tree, select),
        start if start.starts_with(b"!<arch>\ndebian-binary") => {
            deb(name, open(path)?, tree, select)
        }
        start if start.get(257..262) == Some(b"ustar") => tar(name, open(path)?, tree, select),
        _ => single(name, path, tree, select),
    }
}

fn open(path: &Path) -> Result<BufReader<File>, Error> {
    File::open(path).map(BufReader::new).map_err(Error::work(path))
}

fn xz<R: Read>(name: &str, from: R) -> Result<XzDecoder<R>, Error> {
    let stream = Stream::new_stream_decoder(DECODER_MEMORY, CONCATENATED);
    let stream = stream
        .map_err(|source| Error::Unpack { archive: name.to_owned(), source: source.into() })?;
    Ok(XzDecoder::new_stream(from, stream))
}

fn is_tar(mut from: impl Read) -> io::Result<bool> {
    let mut block = [0; 512];
    Ok(fill(&mut from, &mut block)? == block.len() && &block[257..262] == b"ustar")
}

/// Reads until the buffer is full or nothing is left.
fn fill(from: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match from.read(&mut buffer[filled..])? {
            0 => break,
            read => filled += read,
        }
    }
    Ok(filled)
}

/// A file that is no archive; what can be run may be run.
fn single(name: &str, path: &Path, tree: &mut Tree, select: &Selection<'_>) -> Result<(), Error> {
    let last = name.split(['?', '#']).next().unwrap_or(name).rsplit('/').next().unwrap_or(name);
    let mut file = open(path)?;
    let mut start = [0; 4];
    let read = fill(&mut file, &mut start).map_err(Error::work(path))?;
    let runs = runnable(&start[..read]);
    let Some(place) = normal(last.as_bytes()).filter(|last| !last.is_empty()) else {
        return Err(entry(name, last.as_bytes(), "a name that is no plain path"));
    };
    let Some(place) = (Selection { strip: 0, ..*select }).place(&place) else { return Ok(()) };
    tree.add_file(name, &place, runs, &mut start[..read].chain(file)).map(drop)
}

/// Whether a file with this start is a program or a script.
pub fn runnable(start: &[u8]) -> bool {
    start.starts_with(b"\x7fELF") || start.starts_with(b"#!")
}

/// Unpacks a tar, reading long names itself so that their length can be limited.
pub fn tar(
    name: &str,
    from: impl Read,
    tree: &mut Tree,
    select: &Selection<'_>,
) -> Result<(), Error> {
    let failed = |source| Error::Unpack { archive: name.to_owned(), source };
    let mut archive = tar::Archive::new(from);
    let (mut long_name, mut long_link) = (None, None);
    for one in archive.entries().map_err(failed)?.raw(true) {
        let mut one = one.map_err(failed)?;
        let kind = one.header().entry_type();
        let size = one.header().entry_size().map_err(failed)?;
        if matches!(
            kind,
            EntryType::GNULongName
                | EntryType::GNULongLink
                | EntryType::XHeader
                | EntryType::XGlobalHeader
        ) {
            if size > LONGEST_HEADER {
                return Err(entry(name, &one.path_bytes(), "a header that is too long"));
            }
            let mut bytes = Vec::new();
            one.read_to_end(&mut bytes).map_err(failed)?;
            match kind {
                EntryType::GNULongName => long_name = Some(without_nul(bytes)),
                EntryType::GNULongLink => long_link = Some(without_nul(bytes)),
                EntryType::XHeader => {
                    for extension in PaxExtensions::new(&bytes) {
                        let extension = extension.map_err(failed)?;
                        match extension.key_bytes() {
                            b"path" => long_name = Some(extension.value_bytes().to_vec()),
                            b"linkpath" => long_link = Some(extension.value_bytes().to_vec()),
                            b"size" => {
                                return Err(entry(
                                    name,
                                    b"pax",
                                    "a size that does not fit its header",
                                ));
                            }
                            _ => {}
                        }
                    }
                }
                _ => {}
            }
            continue;
        }
        let raw = long_name.take().unwrap_or_else(|| one.path_bytes().into_owned());
        let target =
            long_link.take().or_else(|| one.link_name_bytes().map(|link| link.into_owned()));
        let Some(path) = normal(&raw) else {
            return Err(entry(name, &raw, "a name that leaves the archive"));
        };
        let text = || {
            let target = target.as_deref().map(std::str::from_utf8).and_then(Result::ok);
            target.ok_or_else(|| entry(name, &raw, "a link without a readable target"))
        };
        match kind {
            EntryType::Directory => {}
            EntryType::Regular | EntryType::Continuous => {
                let Some(place) = select.place(&path) else { continue };
                let runs = one.header().mode().map_err(failed)? & 0o111 != 0;
                if tree.add_file(name, &place, runs, &mut one)? != size {
                    return Err(failed(io::ErrorKind::UnexpectedEof.into()));
                }
            }
            EntryType::Symlink => {
                let Some(place) = select.place(&path) else { continue };
                tree.add_link(name, &place, text()?)?;
            }
            EntryType::Link => {
                let Some(place) = select.place(&path) else { continue };
                let of = normal(text()?.as_bytes()).and_then(|of| select.place(&of));
                let of = of.ok_or_else(|| entry(name, &raw, "a hard link to what is not there"))?;
                tree.add_hard_link(name, &place, &of)?;
            }
            _ => return Err(entry(name, &raw, "which is no file, folder or link")),
        }
    }
    Ok(())
}

fn without_nul(mut bytes: Vec<u8>) -> Vec<u8> {
    while bytes.last() == Some(&0) {
        bytes.pop();
    }
    bytes
}

/// Unpacks a zip archive.
pub fn unzip(
    name: &str,
    from: impl Read + Seek,
    tree: &mut Tree,
    select: &Selection<'_>,
) -> Result<(), Error> {
    let failed = |error: zip::result::ZipError| Error::Unpack {
        archive: name.to_owned(),
        source: error.into(),
    };
    let mut archive = ZipArchive::new(from).map_err(failed)?;
    if archive.has_duplicate_names() {
        return Err(entry(name, b"a name", "twice"));
    }
    for at in 0..archive.len() {
        let mut one = archive.by_index(at).map_err(failed)?;
        let raw = one.name_raw().to_vec();
        let Some(path) = normal(&raw) else {
            return Err(entry(name, &raw, "a name that leaves the archive"));
        };
        if raw.ends_with(b"/") {
            continue;
        }
        let mode = one.unix_mode().unwrap_or(0o644);
        let Some(place) = select.place(&path) else { continue };
        match mode & 0o170_000 {
            0 | 0o100_000 => {
                let size = one.size();
                if tree.add_file(name, &place, mode & 0o111 != 0, &mut one)? != size {
                    return Err(entry(name, &raw, "whose size is not the one it names"));
                }
            }
            0o120_000 => {
                let mut target = String::new();
                let read = (&mut one).take(LONGEST_HEADER).read_to_string(&mut target);
                read.map_err(|source| Error::Unpack { archive: name.to_owned(), source })?;
                tree.add_link(name, &place, &target)?;
            }
            _ => return Err(entry(name, &raw, "which is no file, folder or link")),
        }
    }
    Ok(())
}

/// Unpacks the data of a .deb (`deb(5)`: an `ar` archive of three members).
fn deb(
    name: &str,
    mut from: impl Read,
    tree: &mut Tree,
    select: &Selection<'_>,
) -> Result<(), Error> {
    let failed = |source| Error::Unpack { archive: name.to_owned(), source };
    let broken = |why| Error::NoDeb { archive: name.to_owned(), why };
    let mut magic = [0; 8];
    from.read_exact(&mut magic).map_err(failed)?;
    // More members than these three are no Debian package.
    for _ in 0..8 {
        let mut header = [0; 60];
        from.read_exact(&mut header).map_err(|_| broken("it has no data"))?;
        let text = |range: std::ops::Range<usize>| {
            std::str::from_utf8(&header[range]).map(str::trim_end).unwrap_or_default().to_owned()
        };
        let size: u64 = text(48..58).parse().map_err(|_| broken("a member's size is no number"))?;
        let member = text(0..16);
        let mut body = (&mut from).take(size);
        match member.trim_end_matches('/') {
            "data.tar" => return tar(name, body, tree, select),
            "data.tar.gz" => return tar(name, MultiGzDecoder::new(body), tree, select),
            "data.tar.xz" => return tar(name, xz(name, body)?, tree, select),
            "data.tar.zst" => {
                let decoder = zstd::Decoder::new(body).map_err(failed)?;
                return tar(name, decoder, tree, select);
            }
            member if member.starts_with("data.") => {
                return Err(broken("its data is packed in an unknown way"));
            }
            _ => {
                io::copy(&mut body, &mut io::sink()).map_err(failed)?;
                if size % 2 == 1 {
                    from.read_exact(&mut [0]).map_err(failed)?;
                }
            }
        }
    }
    Err(broken("it has no data"))
}
