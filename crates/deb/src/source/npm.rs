//! `npm`: the packages of a lock, unpacked below `node_modules` without running any script of
//! theirs.
//!
//! Leaves out compiling: a package with a binary must bring it for the machine.

mod lock;
mod platform;

use std::collections::BTreeMap;
use std::fs;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use model::layout::{Content, Fetched, Payload};
use serde::Deserialize;

use crate::fetch::address::shown;
use crate::fetch::digest::Digest;
use crate::source::error::Error;
use crate::source::npm::lock::{Lock, Package};
use crate::source::npm::platform::{ABIS, Fit, Platform, best, fit};
use crate::source::order::Order;
use crate::source::pattern::wanted;
use crate::source::tree::Tree;
use crate::source::unpack::{Selection, unpack};

/// A `package.json` is smaller than this, in bytes.
const MANIFEST: u64 = 4 << 20;
/// How many packages are fetched at a time.
const AT_ONCE: usize = 8;
/// The registry that locks name.
const PUBLIC: &str = "https://registry.npmjs.org";

/// The keys of `package.json` that matter here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Manifest {
    bin: Option<Bin>,
    scripts: BTreeMap<String, serde_json::Value>,
    gypfile: Option<bool>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Bin {
    One(String),
    Many(BTreeMap<String, String>),
    /// Malformed ones start nothing.
    Other(serde::de::IgnoredAny),
}

/// Brings all packages of the lock that the machine needs.
pub fn bring(order: &Order<'_>, package: &str, file: &str) -> Result<Payload, Error> {
    let broken = |error: serde_json::Error| Error::Lock {
        file: file.to_owned(),
        line: u32::try_from(error.line()).unwrap_or(u32::MAX),
        why: error.to_string(),
    };
    let lock = Lock::parse(order.text(file)?).map_err(broken)?;
    let platform = Platform::of(order.architecture);
    let blame = |package: &str, why: String| Error::LockedPackage {
        file: file.to_owned(),
        package: shown(package),
        why,
    };
    let needed = lock.needed(platform).map_err(|fault| blame(&fault.package, fault.why))?;
    let main = format!("node_modules/{package}");
    match needed.get(main.as_str()).map(|main| main.version.as_deref()) {
        None => return Err(blame(package, "it is not there".to_owned())),
        Some(Some(version)) if version != order.recipe.version => {
            let why =
                format!("it is {}, and the recipe says {}", shown(version), order.recipe.version);
            return Err(blame(package, why));
        }
        Some(_) => {}
    }
    let mut bringer = Bringer {
        order,
        file,
        platform,
        tree: order.tree()?,
        fetched: Vec::new(),
        abis: Vec::new(),
    };
    bringer.fetch_ahead(&needed)?;
    for (place, package) in &needed {
        bringer.package(place, package)?;
    }
    bringer.launchers(&main)?;
    let mut depends = vec!["nodejs".to_owned()];
    if let [abi] = bringer.abis[..] {
        let of = ABIS.iter().find(|(known, _)| *known == abi);
        depends = of.into_iter().flat_map(|(_, relations)| relations.map(str::to_owned)).collect();
    }
    let files = bringer.tree.into_files(&order.into());
    Ok(Payload { files, fetched: bringer.fetched, depends })
}

/// Brings one package after the other.
struct Bringer<'a> {
    order: &'a Order<'a>,
    file: &'a str,
    platform: Option<Platform>,
    tree: Tree,
    fetched: Vec<Fetched>,
    /// The node that the binaries so far hold to; empty if any will do.
    abis: Vec<u32>,
}

impl Bringer<'_> {
    fn package(&mut self, place: &str, package: &Package) -> Result<(), Error> {
        if package.in_bundle {
            // It came with the package that bundles it.
            return Ok(());
        }
        let (url, digest) = self.pinned(place, package)?;
        let path = self.order.cache.fetch(&url, &digest, self.order.progress)?;
        let bytes = fs::metadata(&path).map_err(Error::work(&path))?.len();
        // What is recorded is where the lock says it comes from, whichever mirror was asked.
        let from = shown(package.resolved.as_deref().unwrap_or(&url));
        self.fetched.push(Fetched { from, digest: digest.to_string(), bytes });
        let source = &self.order.recipe.source;
        // The manifest is read even if the recipe leaves it out.
        let select = Selection { strip: 1, below: place, ..Selection::default() };
        unpack(&shown(&url), &path, &mut self.tree, &select)?;
        let manifest = self.manifest(place)?;
        self.prebuilds(place, package, &manifest)?;
        let below = format!("{place}/");
        let unwanted: Vec<String> = self
            .tree
            .items
            .range(below.clone()..)
            .map(|(path, _)| path)
            .take_while(|path| path.starts_with(&below))
            .filter(|path| !wanted(path, &source.include, &source.exclude))
            .cloned()
            .collect();
        for path in unwanted {
            self.tree.items.remove(&path);
        }
        Ok(())
    }

    /// Fetches all of them, several at a time: a lock has hundreds of small ones.
    fn fetch_ahead(&self, needed: &BTreeMap<&str, &Package>) -> Result<(), Error> {
        let packages: Vec<(&str, &Package)> =
            needed.iter().map(|(place, one)| (*place, *one)).collect();
        let (next, done) = (AtomicUsize::new(0), AtomicU64::new(0));
        let total = packages.len() as u64;
        let fetch = || {
            while let Some((place, package)) = packages.get(next.fetch_add(1, Ordering::Relaxed)) {
                if !package.in_bundle {
                    let (url, digest) = self.pinned(place, package)?;
                    self.order.cache.fetch(&url, &digest, self.order.progress)?;
                }
                self.order.progress.count(done.fetch_add(1, Ordering::Relaxed) + 1, total);
            }
            Ok(())
        };
        thread::scope(|scope| {
            let threads: Vec<_> = (0..AT_ONCE).map(|_| scope.spawn(fetch)).collect();
            threads.into_iter().try_for_each(|one| one.join().expect("fetching does not panic"))
        })
    }

    /// A package's address and sum.
    fn pinned(&self, place: &str, package: &Package) -> Result<(String, Digest), Error> {
        let blame = |why: &str| Error::LockedPackage {
            file: self.file.to_owned(),
            package: place.to_owned(),
            why: why.to_owned(),
        };
        let integrity = package.integrity.as_deref();
        let integrity = integrity.ok_or_else(|| blame("it has no `integrity`"))?;
        let digest = Digest::integrity(integrity).map_err(|source| Error::Pin {
            file: self.file.to_owned(),
            package: place.to_owned(),
            source,
        })?;
        let url = self.address(place, package);
        Ok((url.ok_or_else(|| blame("it has neither address nor version"))?, digest))
    }

    /// Where the lock says the package is, or where the registry has it by name and version.
    fn address(&self, place: &str, package: &Package) -> Option<String> {
        let registry = self.order.cache.registries().npm.trim_end_matches('/');
        if let Some(resolved) = &package.resolved {
            return Some(match resolved.strip_prefix(PUBLIC) {
                Some(path) => format!("{registry}{path}"),
                None => resolved.clone(),
            });
        }
        let name = package.own_name(place);
        let last = name.rsplit('/').next()?;
        Some(format!("{registry}/{name}/-/{last}-{}.tgz", package.version.as_deref()?))
    }

    fn manifest(&self, place: &str) -> Result<Manifest, Error> {
        let file = format!("{place}/package.json");
        let Some(bytes) = self.tree.read(&file, MANIFEST)? else { return Ok(Manifest::default()) };
        // Some begin with a byte order mark.
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        serde_json::from_slice(text).map_err(|error| Error::LockedPackage {
            file: self.file.to_owned(),
            package: place.to_owned(),
            why: format!("its package.json is broken: {error}"),
        })
    }

    /// Keeps of the prebuilt binaries those of the machine. A package that would build one at
    /// installation must have it.
    fn prebuilds(
        &mut self,
        place: &str,
        package: &Package,
        manifest: &Manifest,
    ) -> Result<(), Error> {
        let below = format!("{place}/prebuilds/");
        let items = self.tree.items.range(below.clone()..).map(|(path, _)| path.clone());
        let all: Vec<String> = items.take_while(|path| path.starts_with(&below)).collect();
        let names: Vec<&str> = all.iter().filter_map(|path| path.strip_prefix(&below)).collect();
        let kept = self.platform.map(|platform| best(&names, platform)).unwrap_or_default();
        for name in &names {
            if !kept.contains(name) {
                self.tree.items.remove(&format!("{below}{name}"));
            }
        }
        if let Some(platform) = self.platform {
            let abis = kept.iter().filter_map(|name| match fit(name, platform) {
                Some(Fit::Abi(abi)) => Some(abi),
                _ => None,
            });
            let abis: Vec<u32> = abis.collect();
            if !abis.is_empty() {
                self.abis.retain(|abi| abis.contains(abi));
                if self.abis.is_empty() {
                    self.abis = abis;
                }
            }
        }
        if !package.has_install_script || !kept.is_empty() {
            return Ok(());
        }
        let gyp = format!("{place}/binding.gyp");
        let native = manifest.gypfile != Some(false) && self.tree.items.contains_key(&gyp);
        if native || !names.is_empty() {
            let mut folders: Vec<&str> =
                names.iter().filter_map(|name| Some(name.split_once('/')?.0)).collect();
            folders.dedup();
            let have = match folders.is_empty() {
                true => String::new(),
                false => format!(", only for {}", folders.join(", ")),
            };
            return Err(Error::NoPrebuild {
                package: package.own_name(place).to_owned(),
                architecture: self.order.architecture.to_owned(),
                have,
            });
        }
        let scripts = ["preinstall", "install", "postinstall"].into_iter().filter_map(|name| {
            let script = manifest.scripts.get(name)?.as_str()?;
            (!may_fail(script)).then(|| {
                format!(
                    "its `{name}` script would run `{}`, and nothing is run here",
                    shown(script)
                )
            })
        });
        match scripts.into_iter().next() {
            None => Ok(()),
            Some(why) => Err(Error::LockedPackage {
                file: self.file.to_owned(),
                package: place.to_owned(),
                why,
            }),
        }
    }

    /// `bin/NAME` for the programs of the recipe's own package.
    fn launchers(&mut self, main: &str) -> Result<(), Error> {
        let manifest = self.manifest(main)?;
        let programs = match manifest.bin {
            Some(Bin::One(path)) => {
                let name = main.rsplit('/').next().unwrap_or(main).to_owned();
                BTreeMap::from([(name, path)])
            }
            Some(Bin::Many(programs)) => programs,
            Some(Bin::Other(_)) | None => BTreeMap::new(),
        };
        for (name, path) in programs {
            let path = format!("{main}/{}", path.trim_start_matches("./").trim_start_matches('/'));
            let Some(item) = self.tree.items.get_mut(&path) else { continue };
            item.executable = !matches!(item.content, Content::Link(_));
            self.tree.add_link(main, &format!("bin/{name}"), &format!("../{path}"))?;
        }
        Ok(())
    }
}

/// Whether a script's author lets it fail, so that a package works without it: a plea for money,
/// a check, a courtesy.
fn may_fail(script: &str) -> bool {
    let script = script.trim();
    ["|| exit 0", "|| true", "|| :", "|| echo \"\""].iter().any(|end| script.ends_with(end))
        || (script.starts_with("node -e \"try{") && script.contains("}catch("))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_scripts_that_may_fail_are_passed_over() {
        assert!(may_fail("opencollective-postinstall || exit 0"));
        assert!(may_fail("node -e \"try{require('./postinstall')}catch(e){}\""));
        assert!(!may_fail("node install.js"));
        assert!(!may_fail("node-gyp rebuild"));
    }
}
