//! Where a package or a file comes from: asks the .deb, or dpkg and what the package left on this
//! machine.
//!
//! Leaves out packages of others: of them it says only that stead did not make them.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use model::text::printable;
use serde::{Deserialize, Serialize};

use crate::archive;
use crate::control::is_package_name;
use crate::provenance::{self, Provenance};

/// The file is no larger, in bytes.
const LARGEST: u64 = 16 << 20;

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("cannot read the package")]
    Package { source: archive::Error },
    #[error("cannot run `dpkg-query`")]
    Query { source: io::Error },
    #[error("no package that is installed here has `{path}`")]
    NoOwner { path: String },
    #[error("`{package}` is not installed here")]
    NotInstalled { package: String },
    #[error("`{package}` was not made by stead: it has no `{path}`")]
    NotOurs { package: String, path: String },
    #[error("cannot read `{}`", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("`{path}` is not as stead writes it")]
    Malformed { path: String, source: serde_json::Error },
}

impl Error {
    /// What a user can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotOurs { package, .. } => {
                Some(format!("`apt-cache policy {package}` tells which repository it came from"))
            }
            Self::NotInstalled { .. } => {
                Some("name a package that is installed, a file of it, or a .deb file".to_owned())
            }
            Self::NoOwner { .. } => Some(
                "packages also make files when they are configured; `grep -l` in \
                 /var/lib/dpkg/info/*.postinst may find which"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whence {
    #[serde(flatten)]
    pub provenance: Provenance,
    /// The file that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// The recipe's file and line that it comes from: `recipe.toml:12`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<String>,
}

/// Answers for a .deb file, a path on this machine, or the name of an installed package.
pub fn ask(what: &str) -> Result<Whence, Error> {
    let path = Path::new(what);
    if what.ends_with(".deb") && path.is_file() {
        return of_deb(path);
    }
    if what.contains('/') {
        let place = std::path::absolute(path)
            .map_err(|source| Error::Read { path: path.to_owned(), source })?;
        let place = place.to_string_lossy().into_owned();
        let (package, name) = owner(&place)?;
        let provenance = installed(&package)?;
        let line = provenance.line_of(&name).map(str::to_owned);
        return Ok(Whence { provenance, file: Some(name), line });
    }
    Ok(Whence { provenance: installed(what)?, file: None, line: None })
}

/// Reads a .deb file's own word.
pub fn of_deb(path: &Path) -> Result<Whence, Error> {
    let mut found: Vec<(String, Vec<u8>)> = Vec::new();
    let deb = archive::visit(path, &mut |item, content| {
        let ours = item.path.strip_prefix(provenance::FOLDER).is_some();
        if ours && item.path.ends_with(".json") && found.len() < 16 {
            let mut text = Vec::new();
            content.take(LARGEST).read_to_end(&mut text)?;
            found.push((item.path.clone(), text));
        }
        Ok(())
    })
    .map_err(|source| Error::Package { source })?;
    let package = printable(deb.field("Package"), 100);
    let place = format!("{}/{package}.json", provenance::FOLDER);
    match found.into_iter().find(|(path, _)| *path == place) {
        Some((path, text)) => {
            Ok(Whence { provenance: read(&path, &text)?, file: None, line: None })
        }
        None => Err(Error::NotOurs { package, path: place }),
    }
}

fn read(path: &str, text: &[u8]) -> Result<Provenance, Error> {
    serde_json::from_slice(text)
        .map_err(|source| Error::Malformed { path: path.to_owned(), source })
}

/// What an installed package says of itself.
fn installed(package: &str) -> Result<Provenance, Error> {
    let package = package.split(':').next().unwrap_or(package);
    let missing = || Error::NotInstalled { package: printable(package, 100) };
    if !is_package_name(package) {
        return Err(missing());
    }
    let path = PathBuf::from(format!("{}/{package}.json", provenance::FOLDER));
    let mut text = Vec::new();
    match File::open(&path) {
        Ok(file) => {
            file.take(LARGEST)
                .read_to_end(&mut text)
                .map_err(|source| Error::Read { path: path.clone(), source })?;
            read(&path.to_string_lossy(), &text)
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let asked = ["-W", "-f", "${db:Status-Status}", "--", package];
            let there = query(&asked)?.is_some_and(|status| status.starts_with("installed"));
            let path = path.to_string_lossy().into_owned();
            Err(if there {
                Error::NotOurs { package: package.to_owned(), path }
            } else {
                missing()
            })
        }
        Err(source) => Err(Error::Read { path, source }),
    }
}

/// Which package has a path, and by which name it knows it.
fn owner(path: &str) -> Result<(String, String), Error> {
    for name in names(path) {
        // A path is no pattern.
        let escaped: String = name
            .chars()
            .flat_map(|c| if "*?[\\".contains(c) { vec!['\\', c] } else { vec![c] })
            .collect();
        let Some(answer) = query(&["-S", "--", &escaped])? else { continue };
        let owners = answer.lines().filter(|line| !line.starts_with("diversion by"));
        for line in owners {
            if let Some((packages, found)) = line.split_once(": ")
                && found == name
            {
                let package = packages.split(',').next().unwrap_or(packages);
                return Ok((package.trim().to_owned(), name));
            }
        }
    }
    Err(Error::NoOwner { path: printable(path, 200) })
}

/// The names by which dpkg may know a place: with and without `/usr` before `/lib` and its like.
fn names(path: &str) -> Vec<String> {
    let mut names = vec![path.to_owned()];
    let merged = ["/bin/", "/sbin/", "/lib/", "/lib32/", "/lib64/", "/libx32/"];
    if merged.iter().any(|folder| path.starts_with(folder)) {
        names.push(format!("/usr{path}"));
    }
    if let Some(rest) = path.strip_prefix("/usr")
        && merged.iter().any(|folder| rest.starts_with(folder))
    {
        names.push(rest.to_owned());
    }
    names
}

/// What dpkg-query answers; `None` if it knows nothing.
fn query(arguments: &[&str]) -> Result<Option<String>, Error> {
    let output = Command::new("dpkg-query")
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .map_err(|source| Error::Query { source })?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Ok(output.status.success().then_some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_ours_is_told_apart_from_what_is_not_there() {
        let error = ask("dpkg").expect_err("of Debian").to_string();
        assert_eq!(
            error,
            "`dpkg` was not made by stead: it has no `/usr/share/stead/packages/dpkg.json`"
        );
        let error = ask("no-such-package").expect_err("nowhere").to_string();
        assert_eq!(error, "`no-such-package` is not installed here");
        let error = ask("../x y").expect_err("no name").to_string();
        assert!(error.starts_with("no package that is installed here has `"), "{error}");
        assert!(
            matches!(ask("/usr/bin/dpkg"), Err(Error::NotOurs { package, .. }) if package == "dpkg")
        );
    }
}
