//! apt's preferences that bind a package to a version.
//!
//! Leaves out preferences between whole releases.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use model::text::printable;

use crate::packages::exclude::fits;
use crate::packages::stanza;
use crate::packages::status::Package;

const LONGEST: usize = 120;

/// The installed packages that are bound to a version, with the preference; `apt` is `/etc/apt`.
pub(crate) fn read(apt: &Path, packages: &[Package]) -> BTreeMap<String, String> {
    let mut files: Vec<_> = fs::read_dir(apt.join("preferences.d"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        // apt_preferences(5): no ending or `pref`.
        .filter(|path| path.extension().is_none_or(|ending| ending == "pref"))
        .collect();
    files.push(apt.join("preferences"));
    let mut pinned = BTreeMap::new();
    for file in files {
        pinned.extend(parse(&fs::read(file).unwrap_or_default(), packages));
    }
    pinned
}

fn parse(text: &[u8], packages: &[Package]) -> BTreeMap<String, String> {
    // Comments may stand anywhere, also where a stanza would end.
    let text: Vec<u8> = text
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"#"))
        .flat_map(|line| line.iter().copied().chain([b'\n']))
        .collect();
    let mut pinned = BTreeMap::new();
    // Reading from memory does not fail.
    let _ = stanza::each(&text[..], |stanza| {
        let (Some(names), Some(pin), Some(priority)) =
            (stanza.field("Package"), stanza.field("Pin"), stanza.field("Pin-Priority"))
        else {
            return;
        };
        let Some(version) = pin.strip_prefix("version").map(str::trim) else { return };
        // `*` is every version: that binds nothing.
        if version == "*" || priority.parse::<i64>().is_ok_and(|priority| priority <= 0) {
            return;
        }
        for name in names.split_ascii_whitespace() {
            for package in packages.iter().filter(|package| package.has_files()) {
                if fits(name.as_bytes(), package.name.as_bytes()) {
                    pinned.insert(
                        printable(&package.name, LONGEST),
                        printable(&format!("version {version}, priority {priority}"), LONGEST),
                    );
                }
            }
        }
    });
    pinned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_versions_of_installed_packages_count() {
        let package = |name: &str| Package {
            name: name.to_owned(),
            state: "installed".to_owned(),
            ..Package::default()
        };
        let text = b"# a note\nExplanation: x\nPackage: nginx*\n# inside\nPin: version 1.22.*\nPin-Priority: 1001\n\n\
                     Package: *\nPin: release a=bookworm-backports\nPin-Priority: 100\n\n\
                     Package: gone\nPin: version 1\nPin-Priority: 1000\n";
        let pinned = parse(text, &[package("nginx-core"), package("dash")]);
        assert_eq!(pinned.len(), 1);
        assert_eq!(pinned["nginx-core"], "version 1.22.*, priority 1001");
    }
}
