//! Which line of `recipe.toml` a key stands in.
//!
//! Leaves out what the keys mean.

use std::collections::BTreeMap;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::recipe::fault::Fault;

/// The recipe's file within its folder.
pub const FILE: &str = "recipe.toml";

/// A place in a text, both counted from 1, columns in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub line: u32,
    pub column: u32,
}

impl Place {
    /// The place of a byte in a text; beyond its end that of the last line.
    pub fn of(text: &str, byte: usize) -> Self {
        let mut byte = byte.min(text.len());
        while !text.is_char_boundary(byte) {
            byte -= 1;
        }
        let mut before = &text[..byte];
        // After the last line's end there is no line any more.
        if byte == text.len() {
            before = before.strip_suffix('\n').unwrap_or(before);
        }
        let start = before.rfind('\n').map_or(0, |end| end + 1);
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).saturating_add(1);
        Self {
            line: count(before.matches('\n').count()),
            column: count(before[start..].chars().filter(|c| *c != '\u{feff}').count()),
        }
    }
}

/// The places of a recipe's keys and list elements, by path: `name`, `files[0]`,
/// `units[1].name`, `settings.port`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lines {
    places: BTreeMap<String, Place>,
}

impl Lines {
    /// The places of all that is in a document, and its text.
    pub(crate) fn read(document: &DeTable<'_>, text: &str) -> Self {
        let starts: Vec<usize> =
            std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let mut lines = Self::default();
        lines.table(document, "", &Index { text, starts });
        lines
    }

    /// The line of a key, of the nearest table around it if it is not written, else 1.
    pub fn of(&self, key: &str) -> u32 {
        self.place(key).line
    }

    /// As [`Lines::of`], with the column.
    pub fn place(&self, key: &str) -> Place {
        let mut key = key;
        loop {
            if let Some(place) = self.places.get(key) {
                return *place;
            }
            match key.rfind(['.', '[']) {
                Some(end) => key = &key[..end],
                None => return Place { line: 1, column: 1 },
            }
        }
    }

    /// Whether the key is written in the recipe.
    pub fn has(&self, key: &str) -> bool {
        self.places.contains_key(key)
    }

    /// A fault at this key of the recipe.
    pub fn fault(&self, key: &str, message: &str) -> Fault {
        let place = self.place(key);
        Fault::new(FILE, place.line, place.column, message)
    }

    fn table(&mut self, table: &DeTable<'_>, path: &str, index: &Index<'_>) {
        for (key, value) in table {
            let path = below(path, key.get_ref());
            self.places.insert(path.clone(), index.place(key.span().start));
            self.value(value, &path, index);
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, path: &str, index: &Index<'_>) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, path, index),
            DeValue::Array(array) => {
                for (number, element) in array.iter().enumerate() {
                    let path = format!("{path}[{number}]");
                    self.places.insert(path.clone(), index.place(element.span().start));
                    self.value(element, &path, index);
                }
            }
            _ => {}
        }
    }
}

/// The path of a key in the table at `path`.
pub(crate) fn below(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Finds lines without reading the text from its start each time.
struct Index<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl Index<'_> {
    fn place(&self, byte: usize) -> Place {
        let line = self.starts.partition_point(|start| *start <= byte);
        let start = self.starts[line - 1];
        let place = Place::of(&self.text[start..], byte - start);
        Place { line: u32::try_from(line).unwrap_or(u32::MAX), ..place }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Lines {
        Lines::read(DeTable::parse(text).expect("valid").get_ref(), text)
    }

    #[test]
    fn keys_tables_and_list_elements_have_their_lines() {
        let lines = lines(concat!(
            "name = \"a\"\n",
            "[settings.port]\n",
            "type = \"port\"\n",
            "[[files]]\n",
            "path = \"/a\"\n",
            "[[files]]\n",
            "  path = \"/b\"\n",
            "[package]\n",
            "depends = [\n",
            "  \"x\",\n",
            "  \"y\",\n",
            "]\n",
        ));
        for (key, line) in [
            ("name", 1),
            ("settings", 2),
            ("settings.port", 2),
            ("settings.port.type", 3),
            ("files[0]", 4),
            ("files[1]", 6),
            ("files[1].path", 7),
            ("files[1].mode", 6),
            ("package.depends[1]", 11),
            ("nowhere", 1),
        ] {
            assert_eq!(lines.of(key), line, "{key}");
        }
        assert_eq!(lines.place("files[1].path"), Place { line: 7, column: 3 });
        assert!(lines.has("files[1].path") && !lines.has("files[1].mode"));
    }

    #[test]
    fn places_stay_within_the_text() {
        assert_eq!(Place::of("", 9), Place { line: 1, column: 1 });
        assert_eq!(Place::of("ä\nöb", 5), Place { line: 2, column: 2 });
        assert_eq!(Place::of("a\n", 2), Place { line: 1, column: 2 });
        assert_eq!(Place::of("\u{feff}ab", 4), Place { line: 1, column: 2 });
    }
}
