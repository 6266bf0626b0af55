//! Control files: paragraphs of fields, read with the line of each fault and written back.
//!
//! The format is deb822(5). Leaves out what relations mean (`relation`) and the fast reading of
//! whole indexes (`index`).

use std::fmt::{self, Display};

use model::text::printable;

/// Something in the text is not as deb822(5) has it. Lines count from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("line {line}: no field, `{text}`; a field is `Name: value`")]
    NoField { line: u32, text: String },
    #[error("line {line}: goes on from a field, but none stands before it")]
    NothingToContinue { line: u32 },
    #[error("line {line}: the field name `{name}` has characters that none may have")]
    FieldName { line: u32, name: String },
    #[error("line {line}: the field `{name}` stands there twice")]
    Twice { line: u32, name: String },
    #[error("line {line}: not UTF-8")]
    NotText { line: u32 },
    #[error("one paragraph was expected, there are {count}")]
    Paragraphs { count: usize },
    #[error("the field `{name}` is missing")]
    Missing { name: &'static str },
    #[error("the field `{name}` is `{value}`: {expected}")]
    Value { name: String, value: String, expected: String },
}

/// A field. A value of several lines has line breaks and no indentation: the writer puts the one
/// space in front of each further line, and ` .` for an empty one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub value: String,
    /// Where it stood, counted from 1; 0 if it was not read.
    pub line: u32,
}

/// Fields in their order, no name twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paragraph {
    pub fields: Vec<Field>,
}

impl Paragraph {
    /// The value of a field, whose name has no case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name));
        field.map(|field| field.value.as_str())
    }

    /// Puts a value in the place of the old one, or at the end.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        match self.fields.iter_mut().find(|field| field.name.eq_ignore_ascii_case(name)) {
            Some(field) => field.value = value,
            None => self.fields.push(Field { name: name.to_owned(), value, line: 0 }),
        }
    }

    /// Puts a field behind another, or at the end if that one is missing.
    pub fn set_after(&mut self, other: &str, name: &str, value: impl Into<String>) {
        self.fields.retain(|field| !field.name.eq_ignore_ascii_case(name));
        let at = self.fields.iter().position(|field| field.name.eq_ignore_ascii_case(other));
        let field = Field { name: name.to_owned(), value: value.into(), line: 0 };
        self.fields.insert(at.map_or(self.fields.len(), |at| at + 1), field);
    }
}

impl Display for Paragraph {
    fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result {
        for field in &self.fields {
            let mut lines = field.value.split('\n');
            let first = lines.next().unwrap_or_default();
            if first.is_empty() {
                writeln!(out, "{}:", field.name)?;
            } else {
                writeln!(out, "{}: {first}", field.name)?;
            }
            for line in lines {
                writeln!(out, " {}", if line.is_empty() { "." } else { line })?;
            }
        }
        Ok(())
    }
}

/// Reads paragraphs parted by empty lines.
pub fn parse(text: &[u8]) -> Result<Vec<Paragraph>, Error> {
    let mut paragraphs = Vec::new();
    let mut paragraph = Paragraph::default();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let number = u32::try_from(index + 1).unwrap_or(u32::MAX);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let line = std::str::from_utf8(line).map_err(|_| Error::NotText { line: number })?;
        if line.trim().is_empty() {
            if !paragraph.fields.is_empty() {
                paragraphs.push(std::mem::take(&mut paragraph));
            }
        } else if let Some(more) = line.strip_prefix([' ', '\t']) {
            let field =
                paragraph.fields.last_mut().ok_or(Error::NothingToContinue { line: number })?;
            let more = more.trim_end();
            field.value.push('\n');
            field.value.push_str(if more == "." { "" } else { more });
        } else if !line.starts_with('#') {
            paragraph.fields.push(field(line, number, &paragraph)?);
        }
    }
    if !paragraph.fields.is_empty() {
        paragraphs.push(paragraph);
    }
    Ok(paragraphs)
}

/// Reads exactly one paragraph, which is what a package's control file holds.
pub fn parse_one(text: &[u8]) -> Result<Paragraph, Error> {
    let mut paragraphs = parse(text)?;
    match (paragraphs.pop(), paragraphs.len()) {
        (Some(paragraph), 0) => Ok(paragraph),
        (last, count) => Err(Error::Paragraphs { count: count + usize::from(last.is_some()) }),
    }
}

fn field(line: &str, number: u32, before: &Paragraph) -> Result<Field, Error> {
    let shown = || printable(line, 60);
    let (name, value) =
        line.split_once(':').ok_or_else(|| Error::NoField { line: number, text: shown() })?;
    if !is_field_name(name) {
        return Err(Error::FieldName { line: number, name: printable(name, 60) });
    }
    if before.get(name).is_some() {
        return Err(Error::Twice { line: number, name: name.to_owned() });
    }
    Ok(Field { name: name.to_owned(), value: value.trim().to_owned(), line: number })
}

/// deb822(5): printable ASCII without space and colon, and neither `#` nor `-` first.
fn is_field_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(['#', '-'])
        && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b':')
}

/// Whether a binary package's control paragraph has what dpkg asks for (deb-control(5)), each as
/// Debian allows it.
pub fn validate(paragraph: &Paragraph) -> Result<(), Error> {
    let need = |name: &'static str| {
        paragraph.get(name).filter(|value| !value.is_empty()).ok_or(Error::Missing { name })
    };
    let wrong = |name: &str, value: &str, expected: &str| Error::Value {
        name: name.to_owned(),
        value: printable(value, 80),
        expected: expected.to_owned(),
    };
    let package = need("Package")?;
    if !is_package_name(package) {
        let expected = "at least two of a–z, 0–9, `+`, `-` and `.`, the first a letter or digit";
        return Err(wrong("Package", package, expected));
    }
    let version = need("Version")?;
    if !is_version(version) {
        let expected = "a version begins with a digit and has letters, digits and `.+~-` only";
        return Err(wrong("Version", version, expected));
    }
    let architecture = need("Architecture")?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if architecture.starts_with('-') || !architecture.bytes().all(plain) {
        return Err(wrong("Architecture", architecture, "one architecture, as `amd64` or `all`"));
    }
    need("Maintainer")?;
    need("Description")?;
    for field in &paragraph.fields {
        if !is_field_name(&field.name) {
            return Err(Error::FieldName { line: field.line, name: printable(&field.name, 60) });
        }
        let several = matches!(field.name.as_str(), "Description" | "Conffiles");
        if !several && field.value.contains('\n') {
            return Err(wrong(&field.name, &field.value, "one line"));
        }
        let harmful = |c: char| c.is_control() && c != '\n' && c != '\t';
        if field.value.contains(harmful) {
            return Err(wrong(&field.name, &field.value, "no control characters"));
        }
    }
    Ok(())
}

/// Debian policy 5.6.1.
pub fn is_package_name(name: &str) -> bool {
    let allowed = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.')
    };
    name.len() >= 2
        && name.len() <= 200
        && name.bytes().all(allowed)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
}

/// deb-version(7): `[epoch:]upstream[-revision]`.
pub fn is_version(version: &str) -> bool {
    let rest = match version.split_once(':') {
        Some((epoch, rest)) if !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit()) => {
            rest
        }
        Some(_) => return false,
        None => version,
    };
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'~' | b'-');
    rest.starts_with(|first: char| first.is_ascii_digit())
        && rest.bytes().all(allowed)
        && !rest.ends_with('-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_fault_names_its_line() {
        let error = |text: &str| parse(text.as_bytes()).expect_err("a fault").to_string();
        assert_eq!(
            error("A: b\nno field\n"),
            "line 2: no field, `no field`; a field is `Name: value`"
        );
        assert_eq!(error(" x\n"), "line 1: goes on from a field, but none stands before it");
        assert_eq!(error("A: b\nB: c\na: d\n"), "line 3: the field `a` stands there twice");
        assert_eq!(
            error("A b: c\n"),
            "line 1: the field name `A b` has characters that none may have"
        );
        assert_eq!(
            parse(b"A: b\nC: \xff\n").expect_err("a fault").to_string(),
            "line 2: not UTF-8"
        );
        assert_eq!(
            parse_one(b"A: b\n\nC: d\n").expect_err("two").to_string(),
            "one paragraph was expected, there are 2"
        );
    }

    #[test]
    fn lines_that_go_on_lose_their_one_space() {
        let text = b"Package: chat\nDescription: talks\n One\n .\n  code\n";
        let paragraph = parse_one(text).expect("well-formed");
        assert_eq!(paragraph.get("description"), Some("talks\nOne\n\n code"));
        assert_eq!(paragraph.to_string().as_bytes(), text);
    }

    #[test]
    fn names_and_versions_are_those_that_debian_allows() {
        for good in ["a2", "lib+x-1.0", "0ad"] {
            assert!(is_package_name(good), "{good}");
        }
        for bad in ["a", "", "Chat", "-ab", "a_b", "a/b", "ab c"] {
            assert!(!is_package_name(bad), "{bad}");
        }
        for good in ["1", "1:2.0~rc1-3", "2024.1+b2-1"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", "v1", "1_2", ":1", "x:1", "1-", "1 2"] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    prop_compose! {
        fn value()(lines in proptest::collection::vec("[a-zé]{1,8}( [a-z.]{1,8}){0,3}", 0..4)) -> String {
            lines.join("\n")
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            values in proptest::collection::vec(("[A-Z][a-z-]{0,12}", value()), 1..8)
        ) {
            let mut paragraph = Paragraph::default();
            for (name, value) in values {
                paragraph.set(&name, value);
            }
            let read = parse_one(paragraph.to_string().as_bytes()).expect("well-formed");
            let plain = |paragraph: &Paragraph| -> Vec<(String, String)> {
                paragraph.fields.iter().map(|f| (f.name.clone(), f.value.clone())).collect()
            };
            prop_assert_eq!(plain(&read), plain(&paragraph));
        }

        #[test]
        fn any_bytes_are_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(paragraphs) = parse(&text) {
                for paragraph in paragraphs {
                    let _ = validate(&paragraph);
                    prop_assert!(parse_one(paragraph.to_string().as_bytes()).is_ok());
                }
            }
        }
    }
}
