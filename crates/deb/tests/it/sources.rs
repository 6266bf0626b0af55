//! Each kind of source, from local fixtures, sound and hostile.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use deb::fetch::Cache;
use deb::fetch::digest::Digest;
use deb::fetch::registries::Registries;
use deb::progress::Silent;
use deb::source::bring;
use deb::source::error::Error;
use model::layout::{Content, Payload};
use model::recipe::definition::Recipe;
use model::recipe::folder::Folder;
use tempfile::TempDir;

use crate::web::Web;

/// A recipe's folder, a cache and a place to work.
struct Bench {
    folder: TempDir,
    files: BTreeMap<String, Vec<u8>>,
    registries: Option<Registries>,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self { folder, files: BTreeMap::new(), registries: None }
    }

    fn file(&mut self, name: &str, bytes: impl AsRef<[u8]>) -> String {
        let path = self.folder.path().join(name);
        fs::write(&path, bytes).expect("written");
        format!("file://{}", path.display())
    }

    fn bring(&self, architecture: &str, source: &str) -> Result<Payload, Error> {
        let text =
            format!("name = \"chat\"\nsummary = \"Talk\"\nversion = \"1.0\"\n[source]\n{source}");
        let recipe: Recipe = toml::from_str(&text).expect("a recipe");
        let folder = Folder { files: self.files.clone(), ..Folder::default() };
        let cache = Cache::open(self.folder.path().join("cache")).expect("a cache");
        let cache = match &self.registries {
            Some(registries) => cache.with_registries(registries.clone()),
            None => cache,
        };
        let work = tempfile::tempdir_in(self.folder.path()).expect("a folder").keep();
        bring(&recipe, &folder, architecture, &cache, &work, &Silent)
    }
}

fn sha256(bytes: &[u8]) -> String {
    Digest::Sha256([0; 32]).of_same_kind(bytes).hexadecimal()
}

/// The payload as lines: path, `x` if it can be run, and what is in it.
fn lines(payload: &Payload) -> Vec<String> {
    let files = payload.files.iter().map(|file| {
        let content = match &file.content {
            Content::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Content::Copy { from, size } => {
                let bytes = fs::read(from).expect("brought");
                assert_eq!(bytes.len() as u64, *size);
                String::from_utf8_lossy(&bytes).into_owned()
            }
            Content::Link(target) => format!("→ {target}"),
            Content::Folder => "/".to_owned(),
        };
        let content = content.lines().next().unwrap_or_default().to_owned();
        format!("{}{} {content}", file.path, if file.executable { " x" } else { "" })
    });
    files.collect()
}

fn tar(entries: &[(&str, &str, u32)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text, mode) in entries {
        let mut header = tar::Header::new_gnu();
        let (kind, size) = match text.strip_prefix("-> ") {
            Some(target) => {
                header.as_gnu_mut().expect("gnu").linkname[..target.len()]
                    .copy_from_slice(target.as_bytes());
                (tar::EntryType::Symlink, 0)
            }
            None if name.ends_with('/') => (tar::EntryType::Directory, 0),
            None => (tar::EntryType::Regular, text.len()),
        };
        header.as_gnu_mut().expect("gnu").name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(kind);
        header.set_mode(*mode);
        header.set_size(size as u64);
        header.set_cksum();
        builder.append(&header, &text.as_bytes()[..size]).expect("appended");
    }
    builder.into_inner().expect("a tar")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

fn xz(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 1);
    encoder.write_all(bytes).expect("packed");
    encoder.finish().expect("packed")
}

fn zip(entries: &[(&str, &str, u32)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text, mode) in entries {
        let options = zip::write::SimpleFileOptions::default().unix_permissions(*mode);
        match text.strip_prefix("-> ") {
            Some(target) => writer.add_symlink(*name, target, options).expect("a link"),
            None => {
                writer.start_file(*name, options).expect("a file");
                writer.write_all(text.as_bytes()).expect("written");
            }
        }
    }
    writer.finish().expect("a zip").into_inner()
}

const SOUND: [(&str, &str, u32); 5] = [
    ("chat-1.0/", "", 0o755),
    ("chat-1.0/bin/chat", "#!/bin/sh", 0o755),
    ("chat-1.0/bin/talk", "-> chat", 0o777),
    ("chat-1.0/doc/a.txt", "read", 0o600),
    ("./chat-1.0/b", "b", 0o640),
];

#[test]
fn every_kind_of_archive_brings_the_same_tree() {
    let mut bench = Bench::new();
    let plain = tar(&SOUND);
    let mut ar = b"!<arch>\n".to_vec();
    for (name, bytes) in [("debian-binary", b"2.0\n".to_vec()), ("data.tar.xz", xz(&plain))] {
        ar.extend(
            format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, bytes.len())
                .into_bytes(),
        );
        ar.extend(&bytes);
        ar.extend(vec![b'\n'; bytes.len() % 2]);
    }
    for (name, bytes) in [
        ("a.tar", plain.clone()),
        ("a.tar.gz", gzip(&plain)),
        ("a.tar.xz", xz(&plain)),
        ("a.zip", zip(&SOUND[1..])),
        ("a.deb", ar),
    ] {
        let url = bench.file(name, &bytes);
        let source = format!(
            "url = \"{url}\"\nsha256 = \"{}\"\nstrip = 1\nexclude = [\"doc\"]",
            sha256(&bytes)
        );
        let payload = bench.bring("all", &source).unwrap();
        assert_eq!(
            lines(&payload),
            [
                "/usr/lib/chat/b b",
                "/usr/lib/chat/bin/chat x #!/bin/sh",
                "/usr/lib/chat/bin/talk → chat"
            ],
            "{name}"
        );
        assert_eq!(payload.fetched[0].digest, format!("sha256:{}", sha256(&bytes)));
        assert_eq!(payload.fetched[0].bytes, bytes.len() as u64);
    }
}

#[test]
fn a_single_file_keeps_its_name_and_each_machine_has_its_own() {
    let mut bench = Bench::new();
    let amd = bench.file("tool-amd64", "\x7fELF amd64");
    let arm = bench.file("tool-arm64", "\x7fELF arm64");
    let source = format!(
        "into = \"/usr/bin\"\n[source.urls.amd64]\nurl = \"{amd}\"\nsha256 = \"{}\"\n\
         [source.urls.arm64]\nurl = \"{arm}\"\nsha256 = \"{}\"\n",
        sha256(b"\x7fELF amd64"),
        sha256(b"\x7fELF arm64")
    );
    assert_eq!(
        lines(&bench.bring("arm64", &source).unwrap()),
        ["/usr/bin/tool-arm64 x \x7fELF arm64"]
    );
    let error = bench.bring("armhf", &source).unwrap_err().to_string();
    assert_eq!(error, "`chat`: no address for armhf in `[source.urls]`");
}

#[test]
fn hostile_archives_are_refused_by_name() {
    let mut bench = Bench::new();
    let mut device = tar(&[("d", "", 0o644)]);
    device[156] = b'3';
    let sum: u32 = device[..512]
        .iter()
        .enumerate()
        .map(|(at, byte)| match at {
            148..156 => 32,
            _ => u32::from(*byte),
        })
        .sum();
    device[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let cut = gzip(&tar(&[("a", &"x".repeat(100_000), 0o644)]));
    for (bytes, why) in [
        (tar(&[("../a", "x", 0o644)]), "holds `../a`, a name that leaves the archive"),
        (tar(&[("/etc/passwd", "x", 0o644)]), "holds `/etc/passwd`, a name that leaves"),
        (tar(&[("a/../../b", "x", 0o644)]), "a name that leaves"),
        (tar(&[("a", "-> /etc", 0o777)]), "holds `a`, a link that leads out"),
        (tar(&[("a", "-> ../x", 0o777)]), "a link that leads out"),
        (tar(&[("a", "-> b", 0o777), ("a/passwd", "x", 0o644)]), "below what is no folder"),
        (tar(&[("a", "1", 0o644), ("a", "2", 0o644)]), "holds `a`, twice"),
        (tar(&[("a\u{1b}[2J", "1", 0o644)]), "holds `a\\u{1b}[2J`"),
        (device, "holds `d`, which is no file, folder or link"),
        (cut[..cut.len() / 2].to_vec(), "cannot unpack"),
        (tar(&[("a", "12345", 0o644)])[..514].to_vec(), "cannot unpack"),
        (zip(&[("../a", "x", 0o644)]), "a name that leaves"),
        (zip(&[("a", "-> ../../x", 0o777)]), "a link that leads out"),
        (zip(&SOUND)[..200].to_vec(), "cannot unpack"),
        (b"!<arch>\ndebian-binary   junk".to_vec(), "no .deb"),
    ] {
        let url = bench.file("evil", &bytes);
        let source = format!("url = \"{url}\"\nsha256 = \"{}\"", sha256(&bytes));
        let error = bench.bring("all", &source).unwrap_err().to_string();
        assert!(error.contains(why), "{error} lacks {why}");
    }
}

#[test]
fn a_wrong_sum_stops_a_source() {
    let mut bench = Bench::new();
    let url = bench.file("a", "real");
    let source = format!("url = \"{url}\"\nsha256 = \"{}\"", sha256(b"other"));
    let error = bench.bring("all", &source).unwrap_err().to_string();
    assert!(error.contains("is not what was pinned"), "{error}");
}

#[test]
fn files_of_the_recipe_itself_are_taken() {
    let mut bench = Bench::new();
    for (name, text) in [("www/index.html", "hi"), ("www/run", "#!/bin/sh"), ("other", "x")] {
        bench.files.insert(name.to_owned(), text.into());
    }
    let payload = bench.bring("all", "files = \"www\"\ninto = \"/srv/www\"").unwrap();
    assert_eq!(lines(&payload), ["/srv/www/index.html hi", "/srv/www/run x #!/bin/sh"]);
    assert!(bench.bring("all", "files = \"none\"").unwrap_err().to_string().contains("none/"));
}

fn git(folder: &Path, words: &[&str]) -> String {
    let mut git = Command::new("git");
    git.args([
        "-c",
        "user.name=a",
        "-c",
        "user.email=a@example.org",
        "-c",
        "protocol.file.allow=always",
    ]);
    let output = git.args(words).current_dir(folder).output().expect("git");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn a_commit_is_fetched_once_and_exported_exactly() {
    let bench = Bench::new();
    let repository = bench.folder.path().join("repository");
    fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "-q"]);
    fs::write(repository.join("run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(repository.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink("run", repository.join("link")).unwrap();
    fs::write(repository.join(".gitattributes"), "* export-ignore text eol=crlf\n").unwrap();
    git(&repository, &["add", "."]);
    git(&repository, &["commit", "-qm", "one"]);
    let first = git(&repository, &["rev-parse", "HEAD"]);
    fs::write(repository.join("run"), "#!/bin/false\n").unwrap();
    git(&repository, &["commit", "-qam", "two"]);
    let source = format!(
        "git = \"file://{}\"\ncommit = \"{first}\"\nexclude = [\".git*\"]",
        repository.display()
    );
    let payload = bench.bring("all", &source).unwrap();
    assert_eq!(lines(&payload), ["/usr/lib/chat/link → run", "/usr/lib/chat/run x #!/bin/sh"]);
    assert_eq!(payload.fetched[0].digest, format!("git:{first}"));
    fs::rename(&repository, bench.folder.path().join("gone")).unwrap();
    assert_eq!(lines(&bench.bring("all", &source).unwrap()), lines(&payload));
    let other = source.replace(&first, &"0".repeat(40));
    assert!(bench.bring("all", &other).is_err());
    assert!(
        bench
            .bring("all", &source.replace(&first, "main"))
            .unwrap_err()
            .to_string()
            .contains("whole commit")
    );
}

#[test]
fn a_submodule_is_refused_by_name() {
    let bench = Bench::new();
    let [inner, outer] = ["inner", "outer"].map(|name| bench.folder.path().join(name));
    for folder in [&inner, &outer] {
        fs::create_dir(folder).unwrap();
        git(folder, &["init", "-q"]);
        git(folder, &["commit", "-q", "--allow-empty", "-m", "one"]);
    }
    git(&outer, &["submodule", "add", "-q", &inner.display().to_string(), "sub"]);
    git(&outer, &["commit", "-qm", "two"]);
    let commit = git(&outer, &["rev-parse", "HEAD"]);
    let source = format!("git = \"{}\"\ncommit = \"{commit}\"", outer.display());
    assert!(
        matches!(bench.bring("all", &source), Err(Error::Submodule { name, .. }) if name == "sub")
    );
}

#[test]
fn a_build_runs_without_network_and_packs_what_it_installs() {
    let mut bench = Bench::new();
    let archive = tar(&[("hello.c", "int main(void) { return 0; }\n", 0o644)]);
    let url = bench.file("hello.tar", &archive);
    let source = |command: &str| {
        format!("url = \"{url}\"\nsha256 = \"{}\"\nbuild = [{command:?}]", sha256(&archive))
    };
    let made = bench.bring(
        "all",
        &source(
            "mkdir -p $DESTDIR/usr/share/chat; ip link 2>/dev/null | grep -c UP > $DESTDIR/usr/share/chat/up || true; \
             echo $SOURCE_DATE_EPOCH $DEB_HOST_ARCH $(umask) > $DESTDIR/usr/share/chat/env; test ! -e /sys/class/net/eth0 || ! ping -c1 -W1 1.1.1.1",
        ),
    );
    let made = made.unwrap();
    assert_eq!(lines(&made)[0], "/usr/share/chat/env 946684800 all 0022");
    let error = bench.bring("all", &source("echo broken >&2; exit 3")).unwrap_err().to_string();
    assert!(error.contains("exit status: 3") && error.contains("broken"), "{error}");
    let error = bench.bring("all", &source("true")).unwrap_err().to_string();
    assert!(error.contains("put nothing"), "{error}");
    let program = "mkdir -p $DESTDIR/usr/bin; $CC $CFLAGS -o $DESTDIR/usr/bin/hello hello.c";
    let built = [0, 1].map(|_| bench.bring("amd64", &source(program)));
    if let [Ok(one), Ok(other)] = built {
        assert_eq!(lines(&one), lines(&other), "the folder of the build is in what was built");
        assert!(lines(&one)[0].starts_with("/usr/bin/hello x"));
    } else {
        eprintln!("SKIPPED: no compiler here");
    }
}

/// A registry with one native package, a plain one and one of another system.
fn npm_lock(web: &Web, change: impl Fn(&mut String)) -> Bench {
    let mut bench = Bench::new();
    let sum = |path: &str| {
        let bytes = web.shop.lock().expect("shop").files[path].clone();
        let digest = Digest::Sha512([0; 64]).of_same_kind(&bytes).hexadecimal();
        let raw: Vec<u8> = (0..128)
            .step_by(2)
            .map(|at| u8::from_str_radix(&digest[at..at + 2], 16).expect("hex"))
            .collect();
        format!("sha512-{}", STANDARD.encode(raw))
    };
    let mut lock = format!(
        r#"{{"lockfileVersion": 3, "packages": {{
        "": {{"dependencies": {{"@x/chat": "1"}}}},
        "node_modules/@x/chat": {{"version": "1.0", "integrity": "{}", "dependencies": {{"native": "1"}}, "optionalDependencies": {{"mac": "1"}}}},
        "node_modules/native": {{"version": "2.0", "resolved": "https://registry.npmjs.org/native/-/native-2.0.tgz", "integrity": "{}", "hasInstallScript": true}},
        "node_modules/mac": {{"version": "3.0", "integrity": "sha512-none", "optional": true, "os": ["darwin"]}}
        }}}}"#,
        sum("/@x/chat/-/chat-1.0.tgz"),
        sum("/native/-/native-2.0.tgz")
    );
    change(&mut lock);
    bench.files.insert("package-lock.json".to_owned(), lock.into_bytes());
    bench.registries = Some(Registries { npm: web.address.clone(), pypi: web.address.clone() });
    bench
}

const NPM: &str = "npm = \"@x/chat\"\nlock = \"package-lock.json\"";

fn npm_web() -> Web {
    let chat = gzip(&tar(&[
        ("package/package.json", r#"{"bin": {"chat": "./bin.js"}}"#, 0o644),
        ("package/bin.js", "#!/usr/bin/env node", 0o644),
    ]));
    let native = gzip(&tar(&[
        ("native/package.json", r#"{"scripts": {"install": "node-gyp-build"}}"#, 0o644),
        ("native/binding.gyp", "{}", 0o644),
        ("native/prebuilds/linux-x64/node.napi.glibc.node", "\x7fELF x64", 0o755),
        ("native/prebuilds/linux-x64/node.napi.musl.node", "\x7fELF musl", 0o755),
        ("native/prebuilds/darwin-x64/node.napi.node", "mac", 0o755),
        ("native/prebuilds/linux-arm64/node.abi108.node", "\x7fELF arm64", 0o755),
    ]));
    Web::open(&[("/@x/chat/-/chat-1.0.tgz", &chat), ("/native/-/native-2.0.tgz", &native)])
}

#[test]
fn an_npm_lock_brings_what_the_machine_needs_and_runs_nothing() {
    let web = npm_web();
    let bench = npm_lock(&web, |_| {});
    let payload = bench.bring("amd64", NPM).unwrap();
    assert_eq!(
        lines(&payload),
        [
            "/usr/lib/chat/bin/chat → ../node_modules/@x/chat/bin.js",
            "/usr/lib/chat/node_modules/@x/chat/bin.js x #!/usr/bin/env node",
            "/usr/lib/chat/node_modules/@x/chat/package.json {\"bin\": {\"chat\": \"./bin.js\"}}",
            "/usr/lib/chat/node_modules/native/binding.gyp {}",
            "/usr/lib/chat/node_modules/native/package.json {\"scripts\": {\"install\": \"node-gyp-build\"}}",
            "/usr/lib/chat/node_modules/native/prebuilds/linux-x64/node.napi.glibc.node x \x7fELF x64",
        ]
    );
    assert_eq!(payload.depends, ["nodejs"]);
    assert_eq!(payload.fetched[1].from, "https://registry.npmjs.org/native/-/native-2.0.tgz");
    let payload = bench.bring("arm64", NPM).unwrap();
    assert_eq!(payload.depends, ["nodejs (>= 18)", "nodejs (<< 19~)"]);
    assert_eq!(web.asked().len(), 2, "each package is fetched once");
}

#[test]
fn an_npm_package_without_a_binary_for_the_machine_is_named() {
    let web = npm_web();
    let error = npm_lock(&web, |_| {}).bring("armhf", NPM).unwrap_err().to_string();
    assert_eq!(
        error,
        "`native` has no prebuilt binary for armhf, only for darwin-x64, linux-arm64, linux-x64"
    );
    let sound = "\"integrity\": \"sha512-none\", \"optional\": true, \"os\"";
    for (from, to, why) in [
        ("\"optional\": true, \"os\": [\"darwin\"]", "\"cpu\": [\"x64\"]", "is pinned badly"),
        ("\"version\": \"1.0\"", "\"version\": \"1.1\"", "it is 1.1, and the recipe says 1.0"),
        ("native-2.0.tgz\", \"integrity\"", "native-2.0.tgz\", \"none\"", "has no `integrity`"),
        (
            "https://registry.npmjs.org/native/-/native-2.0.tgz",
            "git+ssh://git@x/y",
            "can be fetched",
        ),
        (sound, sound, ""),
    ] {
        let result = npm_lock(&web, |lock| *lock = lock.replace(from, to)).bring("amd64", NPM);
        match why {
            "" => drop(result.unwrap()),
            why => {
                let error = result.unwrap_err();
                assert!(error.to_string().contains(why), "{error} lacks {why}");
            }
        }
    }
}

#[test]
fn wheels_of_a_lock_become_an_environment_of_debians_python() {
    let wheel = zip(&[
        ("chat/__init__.py", "", 0o644),
        ("chat/old.pyc", "x", 0o644),
        ("chat-1.0.data/scripts/chat-raw", "#!python\nraw", 0o644),
        ("chat-1.0.data/data/share/chat/x", "data", 0o644),
        ("chat-1.0.data/purelib/more.py", "more", 0o644),
        ("chat-1.0.dist-info/entry_points.txt", "[console_scripts]\nchat = chat:main\n", 0o644),
        ("chat-1.0.dist-info/RECORD", "", 0o644),
    ]);
    let fast =
        zip(&[("fast.abi3.so", "\x7fELF", 0o755), ("fast-2.0.dist-info/METADATA", "fast", 0o644)]);
    let source = b"an sdist".to_vec();
    let sum = |bytes: &[u8]| sha256(bytes);
    let page = |files: &[(&str, &[u8])]| {
        files
            .iter()
            .map(|(name, bytes)| {
                format!("<a href=\"/f/{name}#sha256={}\">{name}</a>\n", sum(bytes))
            })
            .collect::<String>()
    };
    let (arm, amd) = (
        "fast-2.0-cp39-abi3-manylinux_2_17_aarch64.whl",
        "fast-2.0-cp39-abi3-manylinux_2_17_x86_64.whl",
    );
    let web = Web::open(&[
        ("/simple/chat/", page(&[("chat-1.0-py3-none-any.whl", &wheel)]).as_bytes()),
        (
            "/simple/fast/",
            page(&[(amd, &fast), (arm, b"other"), ("fast-2.0.tar.gz", &source)]).as_bytes(),
        ),
        ("/f/chat-1.0-py3-none-any.whl", &wheel),
        (&format!("/f/{amd}"), &fast),
    ]);
    let mut bench = Bench::new();
    bench.registries = Some(Registries { npm: web.address.clone(), pypi: web.url("/simple") });
    let lock = |hashes: &[&str]| {
        let hashes: Vec<String> =
            hashes.iter().map(|hash| format!("--hash=sha256:{hash}")).collect();
        format!(
            "Chat==1.0 --hash=sha256:{}\nfast==2.0 {}\nwin==1 ; sys_platform == 'win32' --hash=sha256:{}\n",
            sum(&wheel),
            hashes.join(" "),
            "0".repeat(64)
        )
    };
    let pypi = "pypi = \"chat\"\nlock = \"requirements.txt\"\npython = \"3.11\"";
    bench
        .files
        .insert("requirements.txt".to_owned(), lock(&[&sum(&fast), &sum(&source)]).into_bytes());
    let payload = bench.bring("amd64", pypi).unwrap();
    assert_eq!(
        lines(&payload),
        [
            "/usr/lib/chat/bin/chat x #!/usr/lib/chat/bin/python3",
            "/usr/lib/chat/bin/chat-raw x #!/usr/lib/chat/bin/python3",
            "/usr/lib/chat/bin/python → python3",
            "/usr/lib/chat/bin/python3 → python3.11",
            "/usr/lib/chat/bin/python3.11 → /usr/bin/python3.11",
            "/usr/lib/chat/lib/python3.11/site-packages/chat-1.0.dist-info/entry_points.txt [console_scripts]",
            "/usr/lib/chat/lib/python3.11/site-packages/chat/__init__.py ",
            "/usr/lib/chat/lib/python3.11/site-packages/fast-2.0.dist-info/METADATA fast",
            "/usr/lib/chat/lib/python3.11/site-packages/fast.abi3.so x \x7fELF",
            "/usr/lib/chat/lib/python3.11/site-packages/more.py more",
            "/usr/lib/chat/pyvenv.cfg home = /usr/bin",
            "/usr/lib/chat/share/chat/x data",
        ]
    );
    assert_eq!(payload.depends, ["python3 (>= 3.11)", "python3 (<< 3.12~)"]);
    let asked = web.asked().len();
    bench.bring("amd64", pypi).unwrap();
    assert_eq!(web.asked().len(), asked, "the second build asks nobody");
    let error = bench.bring("arm64", pypi).unwrap_err().to_string();
    assert!(
        error.starts_with(
            "`fast==2.0` has no wheel for Python 3.11 on arm64 in `requirements.txt`; lock another"
        ),
        "{error}"
    );
    bench.files.insert("requirements.txt".to_owned(), lock(&[&sum(&source)]).into_bytes());
    let error = bench.bring("amd64", pypi).unwrap_err().to_string();
    assert!(error.contains("it only has its source: `pip wheel fast==2.0`"), "{error}");
    bench.files.insert("requirements.txt".to_owned(), lock(&[&"1".repeat(64)]).into_bytes());
    let error = bench.bring("amd64", pypi).unwrap_err().to_string();
    assert!(error.contains("no file with one of its hashes"), "{error}");
}

#[test]
fn a_debian_package_is_only_a_relation() {
    let payload = Bench::new().bring("all", "debian = \"babeld\"").unwrap();
    assert_eq!((payload.depends, payload.files.len()), (vec!["babeld".to_owned()], 0));
}
