//! What stands below the standalone script's last line: the files that are no readable text.
//!
//! Leaves out the script, which is `model::layout::script`'s.

use std::fs::File;
use std::io::{self, Read, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use model::layout::{Content, Entry};
use thiserror::Error;

use crate::archive::tarball::Writer;

/// The time of all files, as in a .deb: 2020-01-01.
const MTIME: u64 = 1_577_836_800;
/// Characters of a line.
const WIDTH: usize = 76;

/// Why a file could not be packed.
#[derive(Debug, Error)]
#[error("cannot pack `{path}`")]
pub struct Pack {
    pub path: String,
    pub source: io::Error,
}

/// Packs entries as lines of base64 of a tar.gz; the same entries give the same lines.
pub fn lines(entries: &[Entry]) -> Result<String, Pack> {
    let end = |source| Pack { path: "the archive's end".to_owned(), source };
    let gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
    let mut tar = Writer::new(gzip, MTIME);
    for entry in entries {
        add(&mut tar, entry).map_err(|source| Pack { path: entry.path.clone(), source })?;
    }
    let bytes = tar.finish().and_then(flate2::write::GzEncoder::finish).map_err(end)?;
    let text = STANDARD.encode(bytes);
    let mut lines = String::with_capacity(text.len() + text.len() / WIDTH + 1);
    for at in (0..text.len()).step_by(WIDTH) {
        lines.push_str(&text[at..text.len().min(at + WIDTH)]);
        lines.push('\n');
    }
    Ok(lines)
}

fn add(tar: &mut Writer<impl Write>, entry: &Entry) -> io::Result<()> {
    match &entry.content {
        Content::Text(bytes) => {
            tar.file(&entry.path, entry.mode, bytes.len() as u64, &mut bytes.as_slice())
        }
        Content::Copy { from, size } => {
            let mut file = File::open(from)?;
            tar.file(&entry.path, entry.mode, *size, &mut (&mut file as &mut dyn Read))
        }
        Content::Link(target) => tar.link(&entry.path, target),
        Content::Folder => tar.folder(&entry.path, entry.mode),
    }
}

#[cfg(test)]
mod tests {
    use model::layout::Origin;

    use super::*;

    #[test]
    fn the_same_entries_give_the_same_lines_which_tar_reads() {
        let entry = Entry {
            path: "/usr/lib/chat/data".to_owned(),
            content: Content::Text(vec![0; 300]),
            mode: 0o755,
            owner: "root".to_owned(),
            group: "root".to_owned(),
            conffile: false,
            from: Origin { file: "recipe.toml".to_owned(), line: 1 },
        };
        let first = lines(std::slice::from_ref(&entry)).expect("packed");
        assert_eq!(first, lines(&[entry]).expect("packed"));
        assert!(first.lines().all(|line| line.len() <= WIDTH));
        let bytes = STANDARD.decode(first.replace('\n', "")).expect("base64");
        let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(bytes.as_slice()));
        let mut all = archive.entries().expect("a tar");
        let mut one = all.next().expect("a member").expect("whole");
        assert_eq!(one.path_bytes().as_ref(), b"./usr/lib/chat/data");
        let mut content = Vec::new();
        one.read_to_end(&mut content).expect("read");
        assert_eq!(content, [0; 300]);
    }
}
