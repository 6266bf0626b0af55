//! Which repositories a machine's own apt uses: sources.list(5), both of its forms.
//!
//! Leaves out source packages, and options that say how apt downloads.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use model::text::printable;

use crate::control;

/// A repository that apt is told of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    pub uri: String,
    pub suite: String,
    pub components: Vec<String>,
    /// Empty for all that apt is set to.
    pub architectures: Vec<String>,
    pub signed_by: SignedBy,
}

/// Whose signature is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum SignedBy {
    /// Any key that apt trusts for everything.
    #[default]
    Anyone,
    File(PathBuf),
    /// A key in the source itself, armoured.
    Key(String),
    /// A fingerprint of a key among those that apt trusts.
    Fingerprint(String),
}

/// A list that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read `{path}`")]
    Read { path: PathBuf, source: io::Error },
    #[error("cannot read `{path}`")]
    Control { path: PathBuf, source: control::Error },
    #[error("{path}:{line}: expected `deb [options] URI suite component…`, found `{text}`")]
    Line { path: PathBuf, line: usize, text: String },
    #[error("{path}:{line}: a source needs `{field}`")]
    Lacks { path: PathBuf, line: u32, field: &'static str },
}

/// Reads `sources.list` and `sources.list.d/*.{list,sources}` of a folder, `/etc/apt` mostly.
pub fn read(folder: &Path) -> Result<Vec<Source>, Error> {
    let mut paths = vec![folder.join("sources.list")];
    let parts = folder.join("sources.list.d");
    match fs::read_dir(&parts) {
        Ok(entries) => {
            let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
            found.sort();
            paths.extend(found);
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(source) => return Err(Error::Read { path: parts, source }),
    }
    let mut sources = Vec::new();
    for path in paths {
        let kind = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        if !matches!(kind, "list" | "sources") {
            continue;
        }
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(source) => return Err(Error::Read { path, source }),
        };
        sources.extend(if kind == "list" {
            lines(&path, &text)?
        } else {
            paragraphs(&path, &text)?
        });
    }
    Ok(sources)
}

/// The one-line form: `deb [signed-by=/…] http://… bookworm main`.
pub fn lines(path: &Path, text: &str) -> Result<Vec<Source>, Error> {
    let mut sources = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let Some(rest) = line.strip_prefix("deb").filter(|it| it.starts_with([' ', '\t', '[']))
        else {
            if line.is_empty() || line.starts_with("deb-src") {
                continue;
            }
            return Err(fault(path, number, line));
        };
        let rest = rest.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(inner) => inner.split_once(']').ok_or_else(|| fault(path, number, line))?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let (Some(uri), Some(suite)) = (words.next(), words.next()) else {
            return Err(fault(path, number, line));
        };
        let option = |name: &str| {
            options.split_whitespace().find_map(|it| it.strip_prefix(name)?.strip_prefix('='))
        };
        sources.push(Source {
            uri: uri.to_owned(),
            suite: suite.to_owned(),
            components: words.map(str::to_owned).collect(),
            architectures: option("arch")
                .map(|list| list.split(',').map(str::to_owned).collect())
                .unwrap_or_default(),
            signed_by: option("signed-by").map(signed_by).unwrap_or_default(),
        });
    }
    Ok(sources)
}

fn fault(path: &Path, number: usize, line: &str) -> Error {
    Error::Line { path: path.to_owned(), line: number + 1, text: printable(line, 100) }
}

/// The deb822 form: `Types`, `URIs`, `Suites`, `Components`, `Signed-By`.
pub fn paragraphs(path: &Path, text: &str) -> Result<Vec<Source>, Error> {
    let read = control::parse(text.as_bytes());
    let read = read.map_err(|source| Error::Control { path: path.to_owned(), source })?;
    let mut sources = Vec::new();
    for paragraph in read {
        let words = |name: &str| -> Vec<String> {
            let text = paragraph.get(name).unwrap_or_default();
            text.split_whitespace().map(str::to_owned).collect()
        };
        let disabled = paragraph.get("Enabled").is_some_and(|text| {
            matches!(text.trim().to_ascii_lowercase().as_str(), "no" | "false" | "off" | "0")
        });
        if disabled || !words("Types").iter().any(|kind| kind == "deb") {
            continue;
        }
        let line = paragraph.fields.first().map_or(0, |field| field.line);
        let needed = |field: &'static str| {
            let found = words(field);
            let lacks = || Error::Lacks { path: path.to_owned(), line, field };
            if found.is_empty() { Err(lacks()) } else { Ok(found) }
        };
        let signed_by = paragraph.get("Signed-By").map(signed_by).unwrap_or_default();
        for uri in needed("URIs")? {
            for suite in needed("Suites")? {
                sources.push(Source {
                    uri: uri.clone(),
                    suite,
                    components: words("Components"),
                    architectures: words("Architectures"),
                    signed_by: signed_by.clone(),
                });
            }
        }
    }
    Ok(sources)
}

fn signed_by(text: &str) -> SignedBy {
    let text = text.trim();
    if text.contains("-----BEGIN") {
        let lines = text.lines().map(str::trim);
        SignedBy::Key(lines.collect::<Vec<_>>().join("\n") + "\n")
    } else if text.starts_with('/') {
        SignedBy::File(PathBuf::from(text.split([',', ' ']).next().unwrap_or(text)))
    } else if text.is_empty() {
        SignedBy::Anyone
    } else {
        SignedBy::Fingerprint(printable(text, 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(sources: &[Source]) -> Vec<String> {
        let one = |source: &Source| {
            let Source { uri, suite, components, architectures, signed_by } = source;
            format!("{uri} {suite} {components:?} {architectures:?} {signed_by:?}")
        };
        sources.iter().map(one).collect()
    }

    #[test]
    fn both_forms_say_the_same() {
        let old = "# none\ndeb-src http://x bookworm main\n\
            deb [arch=arm64,armhf signed-by=/k.gpg] http://x bookworm main contrib # why\n";
        let new = "# a comment\nTypes: deb deb-src\n# another\nURIs: http://x\nSuites: bookworm\n\
            Components: main contrib\nArchitectures: arm64 armhf\nSigned-By: /k.gpg\n\n\
            Enabled: no\nTypes: deb\nURIs: http://y\nSuites: z\n";
        let path = Path::new("x");
        let old = lines(path, old).expect("lines");
        assert_eq!(shown(&old), shown(&paragraphs(path, new).expect("paragraphs")));
        assert_eq!(
            shown(&old),
            [r#"http://x bookworm ["main", "contrib"] ["arm64", "armhf"] File("/k.gpg")"#]
        );
    }

    #[test]
    fn a_key_may_stand_in_the_source() {
        let text = "Types: deb\nURIs: http://x\nSuites: a b\nComponents: main\nSigned-By:\n \
            -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n -----END PGP PUBLIC KEY BLOCK-----\n";
        let sources = paragraphs(Path::new("x"), text).expect("paragraphs");
        assert_eq!(sources.len(), 2);
        let key =
            "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc\n-----END PGP PUBLIC KEY BLOCK-----\n";
        assert_eq!(sources[1].signed_by, SignedBy::Key(key.to_owned()));
    }

    #[test]
    fn a_fault_names_file_and_line() {
        let path = Path::new("/etc/apt/sources.list");
        let message = |text: &str| lines(path, text).expect_err("a fault").to_string();
        assert_eq!(
            message("\ndeb http://x\n"),
            "/etc/apt/sources.list:2: expected `deb [options] URI suite component…`, found `deb http://x`"
        );
        assert!(message("debian http://x a b\n").contains(":1:"));
        let lacking = paragraphs(path, "\nTypes: deb\nURIs: http://x\n").expect_err("a fault");
        assert_eq!(lacking.to_string(), "/etc/apt/sources.list:2: a source needs `Suites`");
    }

    #[test]
    fn a_machine_without_apt_has_no_sources() {
        assert_eq!(read(Path::new("/nonexistent")).expect("nothing"), []);
    }
}
