//! Where a package's file really lies: diversions, and folders that merged into /usr.
//!
//! Leaves out who made a diversion, beyond the package that is spared from it.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

/// What `/var/lib/dpkg/diversions` says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Diversions(HashMap<Vec<u8>, (Vec<u8>, String)>);

impl Diversions {
    pub(crate) fn read(dpkg: &Path) -> Self {
        Self::parse(&fs::read(dpkg.join("diversions")).unwrap_or_default())
    }

    /// Three lines each: from, to, and the package whose own file stays (`:` for none).
    fn parse(text: &[u8]) -> Self {
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        Self(
            lines
                .chunks_exact(3)
                .map(|three| {
                    let package = String::from_utf8_lossy(three[2]).into_owned();
                    (three[0].to_vec(), (three[1].to_vec(), package))
                })
                .collect(),
        )
    }

    /// Where `package` finds its file that was shipped as `path`.
    pub(crate) fn place<'a>(&'a self, package: &str, path: &'a [u8]) -> &'a [u8] {
        match self.0.get(path) {
            Some((to, by)) if by != package => to,
            _ => path,
        }
    }
}

/// The top folders that are links into /usr, as `/lib`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Merged(Vec<Vec<u8>>);

impl Merged {
    pub(crate) fn read(root: &Path) -> Self {
        Self(
            ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]
                .iter()
                .filter(|name| {
                    fs::read_link(root.join(name)).is_ok_and(|target| {
                        target == Path::new("usr").join(name)
                            || target == Path::new("/usr").join(name)
                    })
                })
                .map(|name| format!("/{name}/").into_bytes())
                .collect(),
        )
    }

    /// Whether the path lies in a folder that is a link into /usr: its one name begins with
    /// `/usr` then.
    pub(crate) fn moved(&self, path: &[u8]) -> bool {
        self.0.iter().any(|folder| path.starts_with(folder))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_diverted_file_lies_elsewhere_for_all_but_the_diverter() {
        let diversions = Diversions::parse(b"/bin/sh\n/bin/sh.distrib\ndash\n/x\n/y\n:\nrest\n");
        assert_eq!(diversions.place("bash", b"/bin/sh"), b"/bin/sh.distrib");
        assert_eq!(diversions.place("dash", b"/bin/sh"), b"/bin/sh");
        assert_eq!(diversions.place("any", b"/x"), b"/y");
        assert_eq!(diversions.place("any", b"/z"), b"/z");
    }

    #[test]
    fn folders_that_merged_into_usr_are_known() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("usr/lib", root.path().join("lib")).unwrap();
        fs::create_dir(root.path().join("bin")).unwrap();
        let merged = Merged::read(root.path());
        assert!(merged.moved(b"/lib/a") && !merged.moved(b"/bin/a") && !merged.moved(b"/library"));
    }
}
