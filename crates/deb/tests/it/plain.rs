//! The smallest packages that dpkg takes, made without our own packer's rules.

use std::collections::BTreeSet;

use deb::archive::ar;
use deb::archive::tarball::Writer;

/// A package with these control fields and files of this content.
pub fn package(fields: &[(&str, &str)], files: &[&str]) -> Vec<u8> {
    let mut control = String::new();
    for (name, value) in fields {
        control.push_str(&format!("{name}: {value}\n"));
    }
    let member = |files: &[(&str, &[u8])]| {
        let mut tar = Writer::new(Vec::new(), 0);
        tar.folder("/", 0o755).expect("written");
        let folders = files.iter().flat_map(|(path, _)| {
            let ends = path.match_indices('/').map(|(end, _)| &path[..end]);
            ends.filter(|folder| !folder.is_empty()).collect::<Vec<_>>()
        });
        // dpkg makes no folder that the archive does not have.
        for folder in folders.collect::<BTreeSet<_>>() {
            tar.folder(folder, 0o755).expect("written");
        }
        for (path, content) in files {
            tar.file(path, 0o644, content.len() as u64, &mut &**content).expect("written");
        }
        tar.finish().expect("written")
    };
    let data: Vec<(&str, &[u8])> = files.iter().map(|path| (*path, path.as_bytes())).collect();
    let mut out = ar::MAGIC.to_vec();
    for (name, bytes) in [
        ("debian-binary", b"2.0\n".to_vec()),
        ("control.tar", member(&[("/control", control.as_bytes())])),
        ("data.tar", member(&data)),
    ] {
        ar::header(&mut out, name, bytes.len() as u64, 0).expect("written");
        out.extend(&bytes);
        ar::fill(&mut out, bytes.len() as u64).expect("written");
    }
    out
}

/// As [`package`], with what Debian demands.
pub fn simple(name: &str, version: &str, architecture: &str, files: &[&str]) -> Vec<u8> {
    let fields = [
        ("Package", name),
        ("Version", version),
        ("Architecture", architecture),
        ("Maintainer", "Mesh <mesh@example.org>"),
        ("Section", "net"),
        ("Priority", "optional"),
        ("Description", "a package of a test"),
    ];
    package(&fields, files)
}
