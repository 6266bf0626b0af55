//! dpkg's rules on paths that are not to be unpacked: `path-exclude` and `path-include` of
//! dpkg(1).
//!
//! Leaves out every other option.

use std::fs;
use std::path::Path;

/// The rules in order; the last that fits decides.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rules(Vec<(bool, Vec<u8>)>);

/// Folders of documentation, manuals and translations, without which programs work.
const DOCUMENTS: [&[u8]; 7] = [
    b"/usr/share/doc/",
    b"/usr/share/man/",
    b"/usr/share/info/",
    b"/usr/share/locale/",
    b"/usr/share/lintian/",
    b"/usr/share/linda/",
    b"/usr/share/groff/",
];

/// Whether a path is documentation.
pub(crate) fn is_document(path: &[u8]) -> bool {
    DOCUMENTS.iter().any(|folder| path.starts_with(folder))
}

impl Rules {
    /// Reads dpkg's configuration below `etc` (`/etc/dpkg`).
    pub(crate) fn read(etc: &Path) -> Self {
        let mut files: Vec<_> = fs::read_dir(etc.join("dpkg.cfg.d"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        files.sort();
        files.push(etc.join("dpkg.cfg"));
        let mut rules = Self::default();
        for file in files {
            rules.take(&fs::read(file).unwrap_or_default());
        }
        rules
    }

    fn take(&mut self, text: &[u8]) {
        for line in text.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii) {
            for (name, excludes) in [(&b"path-exclude"[..], true), (b"path-include", false)] {
                let Some(rest) = line.strip_prefix(name) else { continue };
                let rest = rest.trim_ascii_start();
                let pattern = rest.strip_prefix(b"=").unwrap_or(rest).trim_ascii();
                let pattern = match pattern {
                    [b'"', inner @ .., b'"'] | [b'\'', inner @ .., b'\''] => inner,
                    plain => plain,
                };
                if !pattern.is_empty() {
                    self.0.push((excludes, pattern.to_vec()));
                }
            }
        }
    }

    /// Whether an absolute path is not to be unpacked.
    pub(crate) fn exclude(&self, path: &[u8]) -> bool {
        self.0
            .iter()
            .rev()
            .find(|(_, pattern)| fits(pattern, path))
            .is_some_and(|(excludes, _)| *excludes)
    }
}

/// Matches as fnmatch(3) without flags does: `*` also spans slashes. Bracket expressions know
/// ranges and negation, no classes.
pub(crate) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    // Where to go on when the last star takes one byte more.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let step = match pattern.get(p) {
            Some(b'*') => {
                star = Some((p + 1, t));
                p += 1;
                continue;
            }
            Some(b'?') => Some(1),
            Some(b'[') => bracket(&pattern[p..], text[t]),
            Some(b'\\') if p + 1 < pattern.len() => (pattern[p + 1] == text[t]).then_some(2),
            Some(byte) => (*byte == text[t]).then_some(1),
            None => None,
        };
        match (step, star) {
            (Some(length), _) => {
                p += length;
                t += 1;
            }
            (None, Some((after, from))) => {
                star = Some((after, from + 1));
                p = after;
                t = from + 1;
            }
            (None, None) => return false,
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

/// The length of the bracket expression at the start of `pattern` if it fits the byte.
fn bracket(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = matches!(pattern.get(1), Some(b'!' | b'^'));
    let start = if negated { 2 } else { 1 };
    // A bracket right at the start is itself meant.
    let Some(end) = (start + 1..pattern.len()).find(|index| pattern[*index] == b']') else {
        return (byte == b'[').then_some(1);
    };
    let mut found = false;
    let mut index = start;
    while index < end {
        if index + 2 < end && pattern[index + 1] == b'-' {
            found |= (pattern[index]..=pattern[index + 2]).contains(&byte);
            index += 3;
        } else {
            found |= pattern[index] == byte;
            index += 1;
        }
    }
    (found != negated).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_fnmatch_has_it() {
        for (pattern, text, expected) in [
            ("/usr/share/doc/*", "/usr/share/doc/a/b", true),
            ("/usr/share/doc/*", "/usr/share/docs", false),
            ("/usr/share/locale/*/LC_MESSAGES/*.mo", "/usr/share/locale/de/LC_MESSAGES/x.mo", true),
            ("/a/[!be]*", "/a/cat", true),
            ("/a/[!be]*", "/a/ear", false),
            ("/a/[a-c]?", "/a/bz", true),
            ("*", "", true),
            ("/a\\*", "/a*", true),
            ("/a[", "/a[", true),
            ("", "/a", false),
        ] {
            assert_eq!(fits(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn the_last_rule_that_fits_decides() {
        let mut rules = Rules::default();
        rules.take(
            b"# docker\npath-exclude /usr/share/doc/*\npath-include=/usr/share/doc/*/copyright\nforce-unsafe-io\n",
        );
        assert!(rules.exclude(b"/usr/share/doc/a/changelog.gz"));
        assert!(!rules.exclude(b"/usr/share/doc/a/copyright"));
        assert!(!rules.exclude(b"/usr/bin/a"));
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_is_tried_without_harm(pattern: Vec<u8>, text: Vec<u8>) {
            fits(&pattern, &text);
        }
    }
}
