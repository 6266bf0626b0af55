//! `SHA256SUMS`: every file of a medium with its sum, as `sha256sum -c` reads it.
//!
//! Leaves out the signature over it.

use std::collections::BTreeMap;

/// The most files that a list may name.
const MOST: usize = 1_000_000;

/// Paths relative to the medium, with their SHA-256 (64 lower-case hexadecimal digits).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sums(BTreeMap<String, String>);

/// A line of the list that is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("SHA256SUMS:{line}: {what}")]
pub struct BadLine {
    /// Counted from 1.
    pub line: usize,
    pub what: &'static str,
}

impl Sums {
    /// Reads a list; refuses names that lead out of the medium.
    pub fn parse(text: &str) -> Result<Self, BadLine> {
        let mut sums = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let bad = |what| BadLine { line: number + 1, what };
            if number >= MOST {
                return Err(bad("there are more files than a medium has"));
            }
            let (sum, path) =
                line.split_once("  ").ok_or(bad("expected a sum, two blanks and a path"))?;
            if sum.len() != 64 || !sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
                return Err(bad("expected 64 lower-case hexadecimal digits"));
            }
            if !is_inside(path) {
                return Err(bad("the path leads out of the medium"));
            }
            if sums.insert(path.to_owned(), sum.to_owned()).is_some() {
                return Err(bad("the path is there twice"));
            }
        }
        Ok(Self(sums))
    }

    /// Enters a file; `path` has no line break and stays inside.
    pub fn insert(&mut self, path: String, sum: String) {
        debug_assert!(is_inside(&path), "{path}");
        self.0.insert(path, sum);
    }

    pub fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// All files, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, sum)| (path.as_str(), sum.as_str()))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The list, one line a file, sorted by path.
    pub fn render(&self) -> String {
        self.iter().map(|(path, sum)| format!("{sum}  {path}\n")).collect()
    }
}

/// Whether a path is relative, normal, and of characters that `sha256sum` prints as they are.
pub fn is_inside(path: &str) -> bool {
    !path.is_empty()
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.chars().any(|c| c.is_control() || c == '\\')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SUM: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_path_that_leaves_the_medium_is_refused_with_its_line() {
        for path in ["../etc/shadow", "/etc/shadow", "a//b", "a/./b", "a\\nb"] {
            let error = Sums::parse(&format!("{SUM}  a\n{SUM}  {path}\n")).unwrap_err();
            assert_eq!(error.to_string(), "SHA256SUMS:2: the path leads out of the medium");
        }
        assert!(Sums::parse(&format!("{SUM} *a\n")).is_err());
        assert!(Sums::parse(&format!("{SUM}  a\n{SUM}  a\n")).is_err());
        assert!(Sums::parse(&format!("{}  a\n", &SUM[1..])).is_err());
    }

    proptest! {
        #[test]
        fn a_list_is_read_as_it_was_written(
            paths in proptest::collection::btree_set("[a-z][a-z0-9 +~_.-]{0,9}(/[a-z0-9]{1,9}){0,3}", 0..20)
        ) {
            let mut sums = Sums::default();
            for path in paths {
                sums.insert(path, SUM.to_owned());
            }
            prop_assert_eq!(Sums::parse(&sums.render()).unwrap(), sums);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(?s).{0,200}") {
            let _ = Sums::parse(&text);
        }
    }
}
