//! The `stead` program itself as a Debian package, one for each architecture.
//!
//! Leaves out building the program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use model::layout::{Content, Entry, Layout, Origin};
use object::elf::{ELFCLASS64, FileHeader32, FileHeader64};
use object::read::elf::FileHeader;
use object::{Endianness, ReadRef};

use crate::archive;
use crate::elf;
use crate::medium::error::Error;
use crate::provenance::{Provenance, RecipePlace};
use crate::sum;

/// The largest program that is packed, in bytes; with all debug information it has a quarter.
const LARGEST: u64 = 1 << 30;

/// A program for one architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub architecture: String,
    pub path: PathBuf,
}

/// Packs the program as `stead_VERSION_ARCHITECTURE.deb` in `folder`, unless the package of the
/// same program is there already; returns its path.
pub fn pack(program: &Program, version: &str, folder: &Path) -> Result<PathBuf, Error> {
    let path = &program.path;
    let failed = |source| Error::Read { path: path.clone(), source };
    let size = fs::metadata(path).map_err(failed)?.len();
    let not = |what: String| Error::Program { path: path.clone(), what };
    if size > LARGEST {
        return Err(not("it is too large for a program".to_owned()));
    }
    let bytes = fs::read(path).map_err(failed)?;
    let machine = elf::machine(&*bytes).ok_or_else(|| not("it is no ELF program".to_owned()))?;
    if !machine.fits(&program.architecture) {
        return Err(not(format!("it is {machine}, not for {}", program.architecture)));
    }
    let sum = sum::sha256(&bytes);
    let folder = folder.join(&sum);
    let deb = folder.join(format!("stead_{version}_{}.deb", program.architecture));
    if deb.is_file() {
        return Ok(deb);
    }
    let needs = needs(&bytes).ok_or_else(|| not("its ELF sections cannot be read".to_owned()))?;
    let layout = layout(program, version, size, &needs);
    let provenance = Provenance {
        stead: env!("CARGO_PKG_VERSION").to_owned(),
        package: layout.package.clone(),
        version: layout.version.clone(),
        architecture: layout.architecture.clone(),
        recipe: RecipePlace {
            name: "stead".to_owned(),
            place: "the program itself".to_owned(),
            commit: None,
            sha256: sum,
        },
        settings: BTreeMap::new(),
        fetched: Vec::new(),
        lines: BTreeMap::new(),
    };
    forget(folder.parent().unwrap_or(&folder));
    fs::create_dir_all(&folder).map_err(|source| Error::Write { path: folder, source })?;
    archive::write(&layout, &provenance, &deb).map_err(Error::Pack)?;
    Ok(deb)
}

/// Removes the packages of old programs, the latest few left.
fn forget(folder: &Path) {
    const KEPT: usize = 6;
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut old: Vec<_> = entries
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    old.sort();
    for (_, path) in old.iter().rev().skip(KEPT) {
        // What stays takes room, nothing else.
        let _ = fs::remove_dir_all(path);
    }
}

fn layout(program: &Program, version: &str, size: u64, needs: &[(String, String)]) -> Layout {
    let from = Origin { file: "the program itself".to_owned(), line: 1 };
    let mut control = vec![
        ("Package", "stead".to_owned()),
        ("Version", version.to_owned()),
        ("Architecture", program.architecture.clone()),
        ("Maintainer", "stead <stead@localhost>".to_owned()),
    ];
    if !needs.is_empty() {
        let depends: Vec<String> = needs
            .iter()
            .map(|(package, least)| match least.as_str() {
                "" => package.clone(),
                least => format!("{package} (>= {least})"),
            })
            .collect();
        control.push(("Depends", depends.join(", ")));
    }
    control.extend([
        ("Section", "admin".to_owned()),
        ("Priority", "optional".to_owned()),
        (
            "Description",
            "runs a community's servers together\n \
             Observes a machine, judges it by rules that explain themselves, records what\n \
             changed, and shows it."
                .to_owned(),
        ),
    ]);
    Layout {
        package: "stead".to_owned(),
        version: version.to_owned(),
        architecture: program.architecture.clone(),
        control: control.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        entries: vec![Entry {
            path: "/usr/bin/stead".to_owned(),
            content: Content::Copy { from: program.path.clone(), size },
            mode: 0o755,
            owner: "root".to_owned(),
            group: "root".to_owned(),
            conffile: false,
            from,
        }],
        made: Vec::new(),
        units: Vec::new(),
        watches: Vec::new(),
        scripts: Vec::new(),
        acts: Vec::new(),
    }
}

/// The packages of the libraries that the program was linked with, and the least version of each,
/// from the symbol versions it asks for; `None` if its sections cannot be read.
fn needs(bytes: &[u8]) -> Option<Vec<(String, String)>> {
    let versions = if bytes.get(4) == Some(&ELFCLASS64.0) {
        symbol_versions::<FileHeader64<Endianness>, _>(bytes)?
    } else {
        symbol_versions::<FileHeader32<Endianness>, _>(bytes)?
    };
    let mut glibc: Option<Vec<u32>> = None;
    let mut gcc = false;
    for version in versions {
        if let Some(numbers) = version.strip_prefix("GLIBC_") {
            let numbers: Option<Vec<u32>> = numbers.split('.').map(|n| n.parse().ok()).collect();
            glibc = glibc.max(numbers);
        }
        gcc |= version.starts_with("GCC_");
    }
    let dotted =
        |numbers: Vec<u32>| numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(".");
    let libc = glibc.map(|numbers| ("libc6".to_owned(), dotted(numbers)));
    Some(libc.into_iter().chain(gcc.then(|| ("libgcc-s1".to_owned(), String::new()))).collect())
}

/// The names in `.gnu.version_r`, as `GLIBC_2.34`; none for a static program.
fn symbol_versions<'data, Elf, R>(data: R) -> Option<Vec<String>>
where
    Elf: FileHeader<Endian = Endianness>,
    R: ReadRef<'data>,
{
    let header = Elf::parse(data).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, data).ok()?;
    let Some((needs, strings)) = sections.gnu_verneed(endian, data).ok()? else {
        return Some(Vec::new());
    };
    let strings = sections.strings(endian, data, strings).ok()?;
    let mut versions = Vec::new();
    for need in needs {
        for version in need.ok()?.1 {
            let name = version.ok()?.name(endian, strings).ok()?;
            versions.push(String::from_utf8_lossy(name).into_owned());
        }
    }
    Some(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_asks_for_the_newest_libc_whose_symbols_it_uses() {
        let own = fs::read("/proc/self/exe").unwrap();
        let needs = needs(&own).unwrap();
        let (package, least) = &needs[0];
        assert_eq!(package, "libc6");
        assert!(least.starts_with("2."), "{least}");
    }

    #[test]
    fn a_program_for_another_architecture_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stead");
        fs::copy("/proc/self/exe", &path).unwrap();
        let other = if cfg!(target_arch = "aarch64") { "amd64" } else { "arm64" };
        let program = Program { architecture: other.to_owned(), path: path.clone() };
        let error = pack(&program, "1.0", folder.path()).unwrap_err();
        assert!(error.to_string().contains(other), "{error}");
        fs::write(&path, "#!/bin/sh\n").unwrap();
        let error = pack(&program, "1.0", folder.path()).unwrap_err();
        assert!(error.to_string().contains("no ELF program"), "{error}");
    }
}
