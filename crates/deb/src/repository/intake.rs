//! Reads a package once: sums it up, copies it if asked to, and keeps what an index tells of it.
//!
//! Leaves out whether it may enter the repository.

use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::Path;

use model::text::printable;
use sha2::{Digest, Sha256};

use crate::archive::{self, Kind};
use crate::control::{self, Paragraph};
use crate::repository::entry::Key;
use crate::repository::error::Error;
use crate::sum;

/// Fields that describe the file or the machine it is on, so that no package may set its own.
const OURS: [&str; 10] = [
    "Filename",
    "Size",
    "SHA256",
    "SHA1",
    "SHA512",
    "MD5sum",
    "Status",
    "Config-Version",
    "Conffiles",
    "Installed-From",
];

/// What was read.
#[derive(Debug)]
pub(crate) struct Reading {
    pub key: Key,
    pub sha256: String,
    pub size: u64,
    control: Paragraph,
    /// Without the leading slash, one in a line.
    pub files: String,
}

/// Reads a whole .deb, and writes what was read to `copy`. The sum is that of the copy.
pub(crate) fn read(path: &Path, copy: Option<&File>) -> Result<Reading, Error> {
    let file = File::open(path).map_err(Error::io("open", path))?;
    let tee = Tee { inner: file, sum: Sha256::new(), bytes: 0, copy, failed: None };
    let mut input = BufReader::with_capacity(1 << 16, tee);
    let visited = archive::visit_reader(&mut input, path, &mut |_, _| Ok(()));
    let rest = io::copy(&mut input, &mut io::sink());
    let tee = input.into_inner();
    if let Some(source) = tee.failed {
        return Err(Error::io("copy", path)(source));
    }
    let mut deb = visited
        .map_err(|source| Error::Package { path: path.to_owned(), source: Box::new(source) })?;
    rest.map_err(Error::io("read", path))?;
    let control = |source| Error::Control { path: path.to_owned(), source };
    control::validate(&deb.control).map_err(control)?;
    let field = |name| deb.control.get(name).unwrap_or_default().to_owned();
    let key = Key {
        package: field("Package"),
        version: field("Version"),
        architecture: field("Architecture"),
    };
    deb.entries.retain(|item| item.kind != Kind::Folder);
    let mut files = String::new();
    for item in &deb.entries {
        if item.path.chars().any(char::is_control) {
            let name = printable(&item.path, 200);
            return Err(Error::FileName { path: path.to_owned(), name });
        }
        files.push_str(item.path.trim_start_matches('/'));
        files.push('\n');
    }
    let sha256 = sum::hex(&tee.sum.finalize());
    Ok(Reading { key, sha256, size: tee.bytes, control: deb.control, files })
}

impl Reading {
    /// The package's paragraph of `Packages`: its control file, and where its file lies.
    pub fn stanza(&self, path: &str) -> String {
        let mut paragraph = Paragraph {
            fields: self
                .control
                .fields
                .iter()
                .filter(|field| !OURS.iter().any(|ours| field.name.eq_ignore_ascii_case(ours)))
                .filter(|field| !field.value.is_empty())
                .cloned()
                .collect(),
        };
        paragraph.set("Filename", path);
        paragraph.set("Size", self.size.to_string());
        paragraph.set("SHA256", &self.sha256);
        paragraph.to_string()
    }

    /// Where the file goes below `public/`: by its source package, without the version's epoch, as
    /// Debian's pool has it.
    pub fn place(&self) -> String {
        let Key { package, version, architecture } = &self.key;
        let plain = version.split_once(':').map_or(version.as_str(), |(_, rest)| rest);
        format!("{}/{package}_{plain}_{architecture}.deb", self.folder())
    }

    /// As [`Self::place`], for a version that differs from another by its epoch alone.
    pub fn place_with_epoch(&self) -> String {
        let Key { package, version, architecture } = &self.key;
        format!("{}/{package}_{}_{architecture}.deb", self.folder(), version.replace(':', "~"))
    }

    fn folder(&self) -> String {
        let source = self.control.get("Source").unwrap_or_default();
        let source = source.split([' ', '(']).next().unwrap_or_default();
        let source =
            if control::is_package_name(source) { source } else { self.key.package.as_str() };
        let prefix = if source.starts_with("lib") && source.len() > 3 { 4 } else { 1 };
        format!("pool/main/{}/{source}", &source[..prefix])
    }
}

/// Sums up, and copies, what passes.
struct Tee<'a> {
    inner: File,
    sum: Sha256,
    bytes: u64,
    copy: Option<&'a File>,
    failed: Option<io::Error>,
}

impl Read for Tee<'_> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(piece)?;
        self.sum.update(&piece[..count]);
        self.bytes += count as u64;
        if let Some(mut copy) = self.copy
            && let Err(error) = copy.write_all(&piece[..count])
        {
            let again = io::Error::from(error.kind());
            self.failed = Some(error);
            return Err(again);
        }
        Ok(count)
    }
}
