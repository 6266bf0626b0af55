//! Which packages go on a medium: for each release and architecture the closure of what was asked
//! for, from nothing.
//!
//! Leaves out where the indexes come from, and fetching the packages.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model::text::printable;

use crate::archive;
use crate::closure::{self, Options};
use crate::index::compact::Column;
use crate::index::{Id, Index};
use crate::medium::description::Service;
use crate::medium::error::Error;
use crate::medium::target::Target;
use crate::sum;

/// Above any other repository: what was built here is what was asked for.
const PRIORITY: i16 = 1001;
/// What the index calls the packages that were built here.
const BUILT: &str = "built here";

/// A package that was built here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    pub path: PathBuf,
    pub package: String,
    /// `all` too.
    pub architecture: String,
    pub sha256: String,
    pub bytes: u64,
    stanza: String,
}

impl Built {
    /// Reads what a .deb says of itself.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let deb = archive::read_control(path).map_err(Error::Package)?;
        let failed = |source| Error::Read { path: path.to_owned(), source };
        let (sha256, bytes) = sum::sha256_of_file(path).map_err(failed)?;
        let mut stanza = String::new();
        for name in FIELDS {
            let value: Vec<&str> = deb.field(name).split_whitespace().collect();
            if !value.is_empty() {
                stanza.push_str(&format!("{name}: {}\n", value.join(" ")));
            }
        }
        let package = deb.field("Package").to_owned();
        stanza.push_str(&format!("Filename: {package}\nSize: {bytes}\nSHA256: {sha256}\n\n"));
        let architecture = deb.field("Architecture").to_owned();
        Ok(Self { path: path.to_owned(), package, architecture, sha256, bytes, stanza })
    }

    fn is_for(&self, architecture: &str) -> bool {
        self.architecture == "all" || self.architecture == architecture
    }
}

/// What a closure looks at.
const FIELDS: [&str; 13] = [
    "Package",
    "Source",
    "Version",
    "Architecture",
    "Essential",
    "Multi-Arch",
    "Priority",
    "Pre-Depends",
    "Depends",
    "Recommends",
    "Conflicts",
    "Breaks",
    "Provides",
];

/// What one target needs.
#[derive(Clone, Debug)]
pub struct Choice {
    pub target: Target,
    /// What was asked for, with the versions there are; `stead` first.
    pub services: Vec<Service>,
    /// In the order of marking.
    pub packages: Vec<Package>,
}

/// A package of a closure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub architecture: String,
    /// Hexadecimal.
    pub sha256: String,
    pub bytes: u64,
    pub whence: Whence,
}

/// Where a package comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whence {
    /// The suite's index has it under this number.
    Suite(Id),
    /// It was built here.
    Here(PathBuf),
}

/// Adds the packages that were built here, for the index's architecture.
pub fn add_built(index: &mut Index, built: &[Built]) -> Result<(), Error> {
    let architecture = index.architecture().to_owned();
    let text: String = built
        .iter()
        .filter(|one| one.is_for(&architecture))
        .map(|one| one.stanza.as_str())
        .collect();
    index.add_packages(BUILT, PRIORITY, text.as_bytes()).map_err(Error::Index)
}

/// Chooses for one target. `services` are names of packages; `stead` is added if it was built for
/// the architecture.
pub fn choose(
    index: &Index,
    target: &Target,
    services: &[String],
    built: &[Built],
    recommends: bool,
) -> Result<Choice, Error> {
    let own: BTreeMap<&str, &Built> = built
        .iter()
        .filter(|one| one.is_for(&target.architecture))
        .map(|one| (one.sha256.as_str(), one))
        .collect();
    let mut roots: Vec<&str> = Vec::new();
    if own.values().any(|one| one.package == "stead") {
        roots.push("stead");
    }
    for service in services {
        if !roots.contains(&service.as_str()) {
            roots.push(service);
        }
    }
    let options = Options { recommends, base: false };
    let unmet = |source| Error::Closure { target: target.clone(), source: Box::new(source) };
    let chosen = closure::closure(index, &roots, options).map_err(unmet)?;
    let packages: Vec<Package> = chosen
        .iter()
        .map(|one| {
            let id = one.package;
            let sha256 = index.get(id, Column::Sha256).to_owned();
            let whence = match own.get(sha256.as_str()).filter(|_| index.file(id) == BUILT) {
                Some(built) => Whence::Here(built.path.clone()),
                None => Whence::Suite(id),
            };
            Package {
                name: index.name(id).to_owned(),
                version: index.version(id).to_owned(),
                architecture: index.get(id, Column::Architecture).to_owned(),
                sha256,
                bytes: index.number(id, Column::Size),
                whence,
            }
        })
        .collect();
    let services = roots
        .iter()
        .filter_map(|root| packages.iter().find(|package| package.name == *root))
        .map(|package| Service { name: package.name.clone(), version: package.version.clone() })
        .collect();
    Ok(Choice { target: target.clone(), services, packages })
}

impl Choice {
    /// In bytes.
    pub fn bytes(&self) -> u64 {
        self.packages.iter().map(|package| package.bytes).sum()
    }
}

/// A file name that Debian's tools give a package: without the version's epoch.
pub fn file_name(package: &Package) -> String {
    let version = package.version.split_once(':').map_or(&*package.version, |(_, rest)| rest);
    printable(&format!("{}_{version}_{}.deb", package.name, package.architecture), 300)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stanza(name: &str, more: &str) -> String {
        format!(
            "Package: {name}\nVersion: 1:1-1\nArchitecture: arm64\nFilename: pool/{name}.deb\n\
             Size: 10\nSHA256: {}\n{more}\n",
            sum::sha256(name.as_bytes())
        )
    }

    fn built(name: &str, architecture: &str, depends: &str) -> Built {
        let sha256 = sum::sha256(format!("{name}{architecture}").as_bytes());
        Built {
            path: PathBuf::from(format!("/built/{name}.deb")),
            package: name.to_owned(),
            architecture: architecture.to_owned(),
            sha256: sha256.clone(),
            bytes: 5,
            stanza: format!(
                "Package: {name}\nVersion: 0.5-1\nArchitecture: {architecture}\nDepends: {depends}\n\
                 Filename: {name}\nSize: 5\nSHA256: {sha256}\n\n"
            ),
        }
    }

    fn target() -> Target {
        Target { release: "trixie".to_owned(), architecture: "arm64".to_owned() }
    }

    #[test]
    fn what_was_built_here_is_taken_before_debians_and_brings_its_dependencies() {
        let mut index = Index::new("arm64");
        let debian = stanza("babeld", "") + &stanza("pub", "") + &stanza("libc6", "");
        index.add_packages("debian", 500, debian.as_bytes()).unwrap();
        let built = [
            built("pub", "all", "babeld"),
            built("stead", "arm64", "libc6"),
            built("stead", "amd64", "libc6"),
        ];
        add_built(&mut index, &built).unwrap();
        let choice = choose(&index, &target(), &["pub".to_owned()], &built, false).unwrap();
        let names: Vec<&str> = choice.services.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["stead", "pub"]);
        assert_eq!(choice.services[1].version, "0.5-1");
        assert_eq!((choice.packages.len(), choice.bytes()), (4, 30));
        let here: Vec<&str> = choice
            .packages
            .iter()
            .filter(|package| matches!(package.whence, Whence::Here(_)))
            .map(|package| package.name.as_str())
            .collect();
        assert_eq!(here, ["stead", "pub"]);
        let babeld = choice.packages.iter().find(|package| package.name == "babeld").unwrap();
        assert_eq!(file_name(babeld), "babeld_1-1_arm64.deb");
    }

    #[test]
    fn what_cannot_be_met_names_the_release_and_the_architecture() {
        let mut index = Index::new("arm64");
        index.add_packages("debian", 500, stanza("a", "Depends: nobody\n").as_bytes()).unwrap();
        let error = choose(&index, &target(), &["a".to_owned()], &[], false).unwrap_err();
        assert!(error.to_string().contains("trixie on arm64"), "{error}");
    }
}
