//! Writes a .deb from a layout: the same bytes for the same layout, wherever and whenever.
//!
//! Leaves out several packages at once, which is `build`'s.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use model::layout::{Content, Entry, Layout, Origin};
use object::read::ReadCache;
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::archive::ar;
use crate::archive::error::Error;
use crate::archive::squeeze;
use crate::archive::tarball::Writer;
use crate::control::{self, Field, Paragraph};
use crate::elf;
use crate::provenance::Provenance;
use crate::sum::{Md5Reader, Sha256Writer};

/// A .deb that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// Hexadecimal.
    pub sha256: String,
    /// The file's size.
    pub bytes: u64,
}

/// Writes the package to `out`, which is there in whole or not at all.
pub fn write(layout: &Layout, provenance: &Provenance, out: &Path) -> Result<Written, Error> {
    let own = Entry {
        path: provenance.path(),
        content: Content::Text(provenance.json()),
        mode: 0o644,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        conffile: false,
        from: Origin { file: "recipe.toml".to_owned(), line: 1 },
    };
    let entries = entries(layout, &own)?;
    let package = &layout.package;
    let failed = |source| Error::Write { path: out.to_owned(), source };
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = folder.unwrap_or(Path::new("."));

    let mtime = moment(&layout.version);
    let mut data = tempfile::tempfile_in(folder).map_err(failed)?;
    let squeezed = squeeze::xz(BufWriter::new(&mut data)).map_err(failed)?;
    let mut tar = Writer::new(squeezed, mtime);
    let mut md5sums = String::new();
    let mut kibibytes = 0;
    for (path, entry) in &entries {
        let packed = pack(&mut tar, layout, path, *entry)?;
        kibibytes += packed.as_ref().map_or(1, |(_, size)| size.div_ceil(1024));
        if let Some((sum, _)) = packed.filter(|_| !entry.is_some_and(|entry| entry.conffile)) {
            md5sums.push_str(&format!("{sum}  {}\n", &path[1..]));
        }
    }
    tar.finish()
        .and_then(|squeezed| squeezed.finish())
        .and_then(|mut buffer| buffer.flush())
        .map_err(failed)?;
    let size = data.stream_position().map_err(failed)?;
    data.seek(SeekFrom::Start(0)).map_err(failed)?;

    let control = control_member(layout, kibibytes, &md5sums, mtime)
        .map_err(|source| Error::Fields { package: package.clone(), source })?
        .map_err(failed)?;
    assemble(out, folder, &control, &mut data, size, mtime).map_err(failed)
}

fn assemble(
    out: &Path,
    folder: &Path,
    control: &[u8],
    data: &mut File,
    size: u64,
    mtime: u64,
) -> io::Result<Written> {
    let mut whole = NamedTempFile::with_prefix_in(".stead-", folder)?;
    let mut writer = Sha256Writer::new(BufWriter::new(whole.as_file_mut()));
    writer.write_all(ar::MAGIC)?;
    let mut member = |name: &str, content: &mut dyn Read, size: u64| {
        ar::header(&mut writer, name, size, mtime)?;
        io::copy(content, &mut writer)?;
        ar::fill(&mut writer, size)
    };
    member("debian-binary", &mut &b"2.0\n"[..], 4)?;
    member("control.tar.xz", &mut &control[..], control.len() as u64)?;
    member("data.tar.xz", data, size)?;
    writer.flush()?;
    let (_, sha256, bytes) = writer.finish();
    whole.as_file().set_permissions(fs::Permissions::from_mode(0o644))?;
    whole.as_file().sync_all()?;
    whole.persist(out).map_err(|error| error.error)?;
    Ok(Written { sha256, bytes })
}

/// All files and folders by path; `None` is a folder that only holds others.
fn entries<'a>(
    layout: &'a Layout,
    own: &'a Entry,
) -> Result<BTreeMap<String, Option<&'a Entry>>, Error> {
    let fault = |file: &str, what: &str| Error::Entry {
        package: layout.package.clone(),
        file: file.to_owned(),
        what: what.to_owned(),
    };
    let mut entries = BTreeMap::from([("/".to_owned(), None)]);
    for entry in layout.entries.iter().chain([own]) {
        let path = entry.path.clone();
        let well_formed = path.starts_with('/')
            && path.len() > 1
            && path[1..].split('/').all(|part| !matches!(part, "" | "." | ".."))
            && !path.contains(['\n', '\0']);
        if !well_formed {
            return Err(fault(&path, "no absolute, normalised path"));
        }
        if matches!(&entries.get(&path), Some(Some(_))) {
            return Err(fault(&path, "it is there twice"));
        }
        for (at, _) in path.match_indices('/').skip(1) {
            entries.entry(path[..at].to_owned()).or_insert(None);
        }
        if entry.conffile && matches!(entry.content, Content::Link(_) | Content::Folder) {
            return Err(fault(&path, "only a file can be a conffile"));
        }
        entries.insert(path, Some(entry));
    }
    // A path below a file or a link would be unpacked elsewhere.
    let not_folders: BTreeSet<&str> = entries
        .values()
        .flatten()
        .filter(|entry| entry.content != Content::Folder)
        .map(|entry| entry.path.as_str())
        .collect();
    for path in entries.keys() {
        let above = path.match_indices('/').skip(1).map(|(at, _)| &path[..at]);
        if let Some(above) = above.into_iter().find(|above| not_folders.contains(above)) {
            return Err(fault(path, &format!("`{above}` is no folder")));
        }
    }
    Ok(entries)
}

/// Packs one entry; gives the MD5 and size of a file.
fn pack<W: Write>(
    tar: &mut Writer<W>,
    layout: &Layout,
    path: &str,
    entry: Option<&Entry>,
) -> Result<Option<(String, u64)>, Error> {
    let failed = |from: &Path, source| Error::Pack {
        package: layout.package.clone(),
        file: path.to_owned(),
        from: from.to_owned(),
        source,
    };
    let Some(entry) = entry else {
        return tar.folder(path, 0o755).map(|()| None).map_err(|e| failed(Path::new(path), e));
    };
    let mut file = |content: &mut dyn Read, size: u64| {
        let mut summed = Md5Reader::new(content);
        tar.file(path, entry.mode, size, &mut summed)?;
        Ok(Some(summed.finish()))
    };
    match &entry.content {
        Content::Folder => {
            let done = tar.folder(path, entry.mode);
            done.map(|()| None).map_err(|source| failed(Path::new(path), source))
        }
        Content::Link(target) => {
            let done = tar.link(path, target);
            done.map(|()| None).map_err(|source| failed(Path::new(path), source))
        }
        Content::Text(text) => {
            judge(layout, path, elf::machine(text.as_slice()))?;
            file(&mut text.as_slice(), text.len() as u64)
                .map_err(|source| failed(Path::new(path), source))
        }
        Content::Copy { from, size } => {
            let mut content = File::open(from).map_err(|source| failed(from, source))?;
            judge(layout, path, elf::machine(&ReadCache::new(&mut content)))?;
            content.seek(SeekFrom::Start(0)).map_err(|source| failed(from, source))?;
            file(&mut BufReader::with_capacity(1 << 16, content), *size)
                .map_err(|source| failed(from, source))
        }
    }
}

fn judge(layout: &Layout, path: &str, machine: Option<elf::Machine>) -> Result<(), Error> {
    match machine.filter(|machine| !machine.fits(&layout.architecture)) {
        Some(machine) => Err(Error::Machine {
            package: layout.package.clone(),
            architecture: layout.architecture.clone(),
            file: path.to_owned(),
            machine: machine.to_string(),
        }),
        None => Ok(()),
    }
}

/// The control member: control, conffiles, md5sums, scripts.
fn control_member(
    layout: &Layout,
    kibibytes: u64,
    md5sums: &str,
    mtime: u64,
) -> Result<io::Result<Vec<u8>>, control::Error> {
    let field = |(name, value): &(String, String)| Field {
        name: name.clone(),
        value: outdented(value),
        line: 0,
    };
    let mut paragraph = Paragraph { fields: layout.control.iter().map(field).collect() };
    paragraph.set_after("Maintainer", "Installed-Size", kibibytes.to_string());
    control::validate(&paragraph)?;
    let mut files = BTreeMap::from([
        ("control", (paragraph.to_string(), 0o644)),
        ("md5sums", (md5sums.to_owned(), 0o644)),
    ]);
    let conffiles: BTreeSet<&str> = layout
        .entries
        .iter()
        .filter(|entry| entry.conffile)
        .map(|entry| entry.path.as_str())
        .collect();
    if !conffiles.is_empty() {
        let lines = conffiles.iter().map(|path| format!("{path}\n")).collect();
        files.insert("conffiles", (lines, 0o644));
    }
    if !layout.watches.is_empty() {
        // deb-triggers(5); without await, since the other package works without this one.
        let lines = layout.watches.iter().map(|path| format!("interest-noawait {path}\n"));
        files.insert("triggers", (lines.collect(), 0o644));
    }
    for (name, text) in &layout.scripts {
        files.insert(name, (text.clone(), 0o755));
    }
    let packed = || {
        let mut tar = Writer::new(squeeze::xz(Vec::new())?, mtime);
        tar.folder("/", 0o755)?;
        for (name, (text, mode)) in files {
            tar.file(&format!("/{name}"), mode, text.len() as u64, &mut text.as_bytes())?;
        }
        tar.finish()?.finish()
    };
    Ok(packed())
}

/// A layout's further lines stand as in the file, a blank before each; a paragraph has them bare.
fn outdented(value: &str) -> String {
    let lines: Vec<&str> = value.split('\n').collect();
    let as_in_the_file = lines[1..].iter().all(|line| line.starts_with(' '));
    let bare = |line: &&str| match &line[1..] {
        "." => String::new(),
        line => line.to_owned(),
    };
    if lines.len() > 1 && as_in_the_file {
        let further: Vec<String> = lines[1..].iter().map(bare).collect();
        format!("{}\n{}", lines[0], further.join("\n"))
    } else {
        value.to_owned()
    }
}

/// The time that all files of a package bear, in seconds since 1970: the same on every build of a
/// version, and another for another version.
///
/// It lies in 2020–2022 and means nothing. One time for all versions would be simpler, but web
/// servers tell files apart by time and size (nginx's ETag), and so does Python its compiled ones.
fn moment(version: &str) -> u64 {
    const BEGIN_OF_2020: u64 = 1_577_836_800;
    let sum = Sha256::digest(version.as_bytes());
    let number = u32::from_be_bytes([sum[0], sum[1], sum[2], sum[3]]);
    BEGIN_OF_2020 + u64::from(number % (1 << 26))
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use model::recipe::folder::Folder;

    use super::*;
    use crate::archive::read;

    fn entry(path: &str, content: Content, mode: u32) -> Entry {
        Entry {
            path: path.to_owned(),
            content,
            mode,
            owner: "root".to_owned(),
            group: "root".to_owned(),
            conffile: path.starts_with("/etc/"),
            from: Origin { file: "recipe.toml".to_owned(), line: 7 },
        }
    }

    fn text(text: &str) -> Content {
        Content::Text(text.as_bytes().to_vec())
    }

    fn layout() -> Layout {
        let control = [
            ("Package", "chat"),
            ("Version", "1.0-1"),
            ("Architecture", "all"),
            ("Maintainer", "El <el@example.org>"),
            ("Description", "talks\n It talks.\n .\n Much."),
        ];
        let long = format!("/usr/share/chat/{}/{}", "a".repeat(90), "b".repeat(90));
        Layout {
            package: "chat".to_owned(),
            version: "1.0-1".to_owned(),
            architecture: "all".to_owned(),
            control: control.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            entries: vec![
                entry("/etc/chat/chat.conf", text("port = 1\n"), 0o640),
                entry("/usr/bin/chat", text("#!/bin/sh\n"), 0o755),
                entry(&long, text("x"), 0o644),
                entry("/usr/share/chat/link", Content::Link("t".repeat(120)), 0o777),
                entry("/usr/share/chat/empty", Content::Folder, 0o750),
            ],
            made: Vec::new(),
            units: Vec::new(),
            watches: Vec::new(),
            scripts: vec![("postinst".to_owned(), "#!/bin/sh\nset -e\n".to_owned())],
            acts: Vec::new(),
        }
    }

    fn provenance(layout: &Layout) -> Provenance {
        Provenance::of(layout, "chat", &Folder::default(), BTreeMap::new(), Vec::new())
    }

    fn pack_into(layout: &Layout, folder: &Path) -> Result<Written, Error> {
        write(layout, &provenance(layout), &folder.join("chat.deb"))
    }

    fn run(program: &str, arguments: &[&str]) -> String {
        let output =
            Command::new(program).args(arguments).env("LC_ALL", "C").output().expect(program);
        assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let layout = layout();
        let written = pack_into(&layout, folder.path()).expect("written");
        let path = folder.path().join("chat.deb");
        assert_eq!(
            crate::sum::sha256_of_file(&path).expect("readable"),
            (written.sha256, written.bytes)
        );
        let mut contents = BTreeMap::new();
        let deb = read::visit(&path, &mut |item, content| {
            let mut all = String::new();
            content.read_to_string(&mut all)?;
            contents.insert(item.path.clone(), all);
            Ok(())
        })
        .expect("a package");
        assert_eq!(deb.field("Installed-Size"), "16");
        assert_eq!(deb.field("Description"), "talks\nIt talks.\n\nMuch.");
        assert_eq!(deb.conffiles, ["/etc/chat/chat.conf"]);
        assert_eq!(deb.script("postinst").as_deref(), Some("#!/bin/sh\nset -e\n"));
        assert_eq!(contents["/etc/chat/chat.conf"], "port = 1\n");
        assert_eq!(
            contents["/usr/share/stead/packages/chat.json"].as_bytes(),
            provenance(&layout).json()
        );
        // The conffile's sum is dpkg's matter, as debhelper has it.
        let summed: Vec<&str> = deb.md5sums.iter().map(|(path, _)| path.as_str()).collect();
        assert!(!summed.contains(&"/etc/chat/chat.conf") && summed.contains(&"/usr/bin/chat"));
        let mut only = read::read_control(&path).expect("a package");
        only.entries.clone_from(&deb.entries);
        assert_eq!(only, deb);
    }

    #[test]
    fn dpkg_reads_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        pack_into(&layout(), folder.path()).expect("written");
        let path = folder.path().join("chat.deb");
        let path = path.to_str().expect("text");
        let field = run("dpkg-deb", &["-f", path, "Description", "Installed-Size"]);
        assert_eq!(field, "Description: talks\n It talks.\n .\n Much.\nInstalled-Size: 16\n");
        let list = run("dpkg-deb", &["-c", path]);
        assert!(list.contains("drwxr-xr-x root/root         0 2"), "{list}");
        assert!(list.contains(&format!("/{}\n", "b".repeat(90))), "{list}");
        let tree = folder.path().join("tree");
        run("dpkg-deb", &["-x", path, tree.to_str().expect("text")]);
        run("dpkg-deb", &["-e", path, tree.join("DEBIAN").to_str().expect("text")]);
        run("sh", &["-ec", &format!("cd '{}' && md5sum -c DEBIAN/md5sums", tree.display())]);
        assert_eq!(
            fs::read_link(tree.join("usr/share/chat/link")).expect("link").as_os_str().len(),
            120
        );
        let mode = |path: &str| fs::metadata(tree.join(path)).expect("there").permissions().mode();
        assert_eq!(mode("etc/chat/chat.conf") & 0o7777, 0o640);
        assert_eq!(mode("usr/share/chat/empty") & 0o7777, 0o750);
        assert_eq!(mode("DEBIAN/postinst") & 0o7777, 0o755);
    }

    #[test]
    fn what_gnu_tar_packed_in_any_compression_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = folder.path().join("tree");
        fs::create_dir_all(tree.join("DEBIAN")).expect("made");
        let long = tree.join("usr").join("c".repeat(120));
        fs::create_dir_all(&long).expect("made");
        fs::write(long.join("file"), "x".repeat(100_000)).expect("written");
        fs::hard_link(long.join("file"), tree.join("usr/other")).expect("linked");
        fs::write(
            tree.join("DEBIAN/control"),
            "Package: a1\nVersion: 1\nArchitecture: all\nMaintainer: x <x@y>\nDescription: y\n",
        )
        .expect("written");
        for kind in ["none", "gzip", "xz", "zstd"] {
            let path = folder.path().join(kind);
            let tree = tree.to_str().expect("text");
            run("dpkg-deb", &["-b", &format!("-Z{kind}"), tree, path.to_str().expect("text")]);
            let deb = read::read(&path).expect("a package");
            let sizes: Vec<u64> = deb.entries.iter().map(|entry| entry.size).collect();
            assert_eq!(sizes.iter().sum::<u64>(), 100_000, "{kind}: {:?}", deb.entries);
        }
    }

    #[test]
    fn a_package_that_dpkg_would_unpack_elsewhere_is_not_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let refused = |entries: Vec<Entry>| {
            let layout = Layout { entries, ..layout() };
            pack_into(&layout, folder.path()).expect_err("refused").to_string()
        };
        assert_eq!(
            refused(vec![entry("/usr/../x", text(""), 0o644)]),
            "chat cannot hold `/usr/../x`: no absolute, normalised path"
        );
        let twice = vec![entry("/usr/x", text(""), 0o644), entry("/usr/x", text(""), 0o644)];
        assert_eq!(refused(twice), "chat cannot hold `/usr/x`: it is there twice");
        let below = vec![
            entry("/usr/x", Content::Link("/tmp".to_owned()), 0o777),
            entry("/usr/x/y", text(""), 0o644),
        ];
        assert_eq!(refused(below), "chat cannot hold `/usr/x/y`: `/usr/x` is no folder");
        let foreign = String::from_utf8_lossy(&[0x7f]).into_owned() + "ELF\x02\x01\x01 a program";
        assert_eq!(
            refused(vec![entry("/usr/bin/x", text(&foreign), 0o755)]),
            "chat is for all, but its file `/usr/bin/x` is an ELF file that cannot be read"
        );
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 0);
    }

    #[test]
    fn a_file_that_changed_leaves_nothing_half_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let from = folder.path().join("source");
        fs::write(&from, "abc").expect("written");
        let copy = Content::Copy { from, size: 4 };
        let layout = Layout { entries: vec![entry("/usr/x", copy, 0o644)], ..layout() };
        let out = folder.path().join("out");
        fs::create_dir(&out).expect("made");
        assert!(pack_into(&layout, &out).is_err());
        assert_eq!(fs::read_dir(&out).expect("readable").count(), 0);
    }

    #[test]
    fn a_cut_or_bent_package_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        pack_into(&layout(), folder.path()).expect("written");
        let path = folder.path().join("chat.deb");
        let bytes = fs::read(&path).expect("readable");
        for end in (0..bytes.len()).step_by(97) {
            let read = read::visit_reader(&bytes[..end], &path, &mut |_, _| Ok(()));
            assert!(read.is_err(), "cut at {end}");
        }
        for at in (200..bytes.len()).step_by(31) {
            let mut bent = bytes.clone();
            bent[at] ^= 0x55;
            // A bent filling byte or time in an ar header harms nobody: it must only not panic.
            let _ = read::visit_reader(bent.as_slice(), &path, &mut |_, _| Ok(()));
        }
    }
}
