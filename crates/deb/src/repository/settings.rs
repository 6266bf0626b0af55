//! `repository.toml` and where a repository's files lie.
//!
//! Leaves out the files' contents.

use std::fs;
use std::path::{Path, PathBuf};

use model::text::printable;
use serde::{Deserialize, Serialize};

use crate::repository::error::Error;

/// What a person chose; the file may be edited by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// `Origin` and `Label` of every suite, and the name of the `.sources` file.
    pub name: String,
    /// Debian releases, as `bookworm`.
    pub suites: Vec<String>,
    /// Without `all`, whose packages are in each.
    pub architectures: Vec<String>,
    /// Where clients reach `public/`; the folder itself if missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
}

impl Settings {
    /// Holds every name to what apt, a URL and a file name can all carry.
    pub fn check(&self) -> Result<(), Error> {
        const PLAIN: &str = "a–z, 0–9, `.`, `+` and `-`, a letter or digit first, 64 at most";
        let names = [("the name", std::slice::from_ref(&self.name))];
        let lists = [("the suite", &self.suites[..]), ("the architecture", &self.architectures)];
        for (what, given) in names.into_iter().chain(lists) {
            if given.is_empty() {
                return Err(Error::Name {
                    what,
                    given: String::new(),
                    expected: "at least one is needed",
                });
            }
            if let Some(bad) = given.iter().find(|name| !plain(name)) {
                return Err(Error::Name { what, given: printable(bad, 80), expected: PLAIN });
            }
        }
        if self.architectures.iter().any(|name| name == "all" || name == "source") {
            return Err(Error::Name {
                what: "the architecture",
                given: "all".to_owned(),
                expected: "packages for all are in the index of each; name real ones, as amd64",
            });
        }
        let whole = |url: &String| {
            url.contains(":/") && url.chars().all(|c| c.is_ascii_graphic()) && url.len() < 1000
        };
        if let Some(url) = self.url.as_ref().filter(|url| !whole(url)) {
            let expected = "an address without blanks, as http://packages.example.org";
            return Err(Error::Name { what: "the URL", given: printable(url, 80), expected });
        }
        Ok(())
    }

    pub(crate) fn read(place: &Place) -> Result<Self, Error> {
        let path = place.settings();
        let text = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::NotOne { path: place.folder.clone() });
            }
            other => other.map_err(Error::io("read", &path))?,
        };
        let settings: Self = toml::from_str(&text)
            .map_err(|source| Error::Settings { path, source: Box::new(source) })?;
        settings.check()?;
        Ok(settings)
    }
}

fn plain(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit())
        && name.bytes().all(|b| {
            b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'+' | b'-')
        })
}

/// The files of a repository.
#[derive(Clone, Debug)]
pub struct Place {
    pub folder: PathBuf,
}

impl Place {
    pub fn settings(&self) -> PathBuf {
        self.folder.join("repository.toml")
    }

    /// The secret key: beside what is served, never in it.
    pub fn key(&self) -> PathBuf {
        self.folder.join("key.secret")
    }

    pub fn manifest(&self) -> PathBuf {
        self.folder.join("manifest")
    }

    /// What was compressed before, for the next publication; may be deleted at any time.
    pub fn cache(&self) -> PathBuf {
        self.folder.join("cache")
    }

    pub fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// What a web server may show.
    pub fn public(&self) -> PathBuf {
        self.folder.join("public")
    }

    pub fn dist(&self, suite: &str) -> PathBuf {
        self.public().join("dists").join(suite)
    }

    /// A file of the pool by the path that `Packages` names.
    pub fn pooled(&self, path: &str) -> PathBuf {
        self.public().join(Path::new(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_leave_their_folder_are_refused() {
        let good = Settings {
            name: "mesh".to_owned(),
            suites: vec!["bookworm".to_owned()],
            architectures: vec!["amd64".to_owned()],
            url: None,
        };
        assert!(good.check().is_ok());
        for bad in ["", "..", "../x", "a/b", "A", "-x", "a b", "a\n"] {
            assert!(Settings { name: bad.to_owned(), ..good.clone() }.check().is_err(), "{bad}");
            let suites = vec!["trixie".to_owned(), bad.to_owned()];
            assert!(Settings { suites, ..good.clone() }.check().is_err(), "{bad}");
        }
        let architectures = vec!["all".to_owned()];
        assert!(Settings { architectures, ..good.clone() }.check().is_err());
        assert!(Settings { suites: Vec::new(), ..good.clone() }.check().is_err());
        let url = Some("http://x y".to_owned());
        assert!(Settings { url, ..good }.check().is_err());
    }
}
