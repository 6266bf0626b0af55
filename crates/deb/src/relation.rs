//! The syntax of `Depends` and its siblings, as deb-control(5) and Debian policy 7.1 describe it.
//!
//! Leaves out what satisfies a relation: `closure` knows that.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use debversion::Version;
use model::text::printable;

/// Alternatives: any one of them will do, the first is liked best.
pub type Group<'a> = Vec<Relation<'a>>;

/// One package, and what is asked of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation<'a> {
    pub name: &'a str,
    /// What follows a colon: `any`, `native`, or an architecture.
    pub qualifier: Option<&'a str>,
    pub version: Option<(Operator, &'a str)>,
    /// `[amd64 arm64]`, each possibly with `!`; empty when the relation holds everywhere.
    pub architectures: Vec<&'a str>,
    /// `<!nocheck stage1>`: each formula as it stands, without its brackets.
    pub profiles: Vec<&'a str>,
}

/// How a version is compared; the old `<` and `>` mean `<=` and `>=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Earlier,
    EarlierOrEqual,
    Equal,
    LaterOrEqual,
    Later,
}

/// A field that cannot be read, and from where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected} at byte {at}, found `{found}`")]
pub struct Error {
    pub expected: &'static str,
    /// Counted from 0 in the field's text.
    pub at: usize,
    pub found: String,
}

/// Reads a field: groups separated by commas, alternatives by bars. Empty groups, as after a last
/// comma, are passed over.
pub fn parse(text: &str) -> Result<Vec<Group<'_>>, Error> {
    let mut reader = Reader { text, at: 0 };
    let mut groups = Vec::new();
    loop {
        while reader.take(',') {}
        if reader.rest().is_empty() {
            return Ok(groups);
        }
        let mut group = vec![reader.relation()?];
        while reader.take('|') {
            group.push(reader.relation()?);
        }
        groups.push(group);
        if !reader.rest().is_empty() && !reader.rest().starts_with(',') {
            return Err(reader.error("`,` or `|`"));
        }
    }
}

impl Relation<'_> {
    /// True where the list of architectures, if any, lets the relation hold.
    ///
    /// Wildcards are understood as far as Debian's Linux ports need them: `any`, `linux-any`, and
    /// `any-CPU`.
    pub fn holds_on(&self, architecture: &str) -> bool {
        let matches = |word: &str| {
            word == architecture
                || matches!(word, "any" | "linux-any")
                || word.strip_prefix("any-") == Some(architecture)
                || word.strip_prefix("linux-") == Some(architecture)
        };
        let Some(first) = self.architectures.first() else { return true };
        if first.starts_with('!') {
            !self.architectures.iter().any(|word| matches(word.trim_start_matches('!')))
        } else {
            self.architectures.iter().any(|word| matches(word))
        }
    }
}

impl Operator {
    /// True if `found` stands in this relation to the version that is asked for.
    pub fn allows(self, found_to_asked: Ordering) -> bool {
        match self {
            Self::Earlier => found_to_asked.is_lt(),
            Self::EarlierOrEqual => found_to_asked.is_le(),
            Self::Equal => found_to_asked.is_eq(),
            Self::LaterOrEqual => found_to_asked.is_ge(),
            Self::Later => found_to_asked.is_gt(),
        }
    }
}

/// Compares two versions as deb-version(7) says; `None` if one of them is no version.
pub fn compare(a: &str, b: &str) -> Option<Ordering> {
    if a == b {
        return Some(Ordering::Equal);
    }
    Some(Version::from_str(a).ok()?.cmp(&Version::from_str(b).ok()?))
}

impl fmt::Display for Operator {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

impl fmt::Display for Relation<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name)?;
        if let Some(qualifier) = self.qualifier {
            write!(out, ":{qualifier}")?;
        }
        if let Some((operator, version)) = self.version {
            write!(out, " ({operator} {version})")?;
        }
        if !self.architectures.is_empty() {
            write!(out, " [{}]", self.architectures.join(" "))?;
        }
        for formula in &self.profiles {
            write!(out, " <{formula}>")?;
        }
        Ok(())
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&mut self) -> &'a str {
        let rest = &self.text[self.at..];
        let trimmed = rest.trim_ascii_start();
        self.at += rest.len() - trimmed.len();
        trimmed
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn word(&mut self, expected: &'static str, of: fn(u8) -> bool) -> Result<&'a str, Error> {
        let rest = self.rest();
        let end = rest.bytes().position(|byte| !of(byte)).unwrap_or(rest.len());
        if end == 0 {
            return Err(self.error(expected));
        }
        self.at += end;
        Ok(&rest[..end])
    }

    fn error(&mut self, expected: &'static str) -> Error {
        let rest = self.rest();
        let found = if rest.is_empty() { "the end".to_owned() } else { printable(rest, 20) };
        Error { expected, at: self.at, found }
    }

    fn relation(&mut self) -> Result<Relation<'a>, Error> {
        let name = self.word("a package name", in_name)?;
        let mut relation = Relation {
            name,
            qualifier: None,
            version: None,
            architectures: Vec::new(),
            profiles: Vec::new(),
        };
        // The colon stands right after the name.
        if self.text[self.at..].starts_with(':') {
            self.at += 1;
            relation.qualifier = Some(self.word("`any`, `native` or an architecture", in_name)?);
        }
        if self.take('(') {
            let operator = self.operator()?;
            let version = self.word("a version", in_version)?;
            relation.version = Some((operator, version));
            if !self.take(')') {
                return Err(self.error("`)`"));
            }
        }
        if self.take('[') {
            while !self.take(']') {
                relation.architectures.push(self.word("an architecture or `]`", in_architecture)?);
            }
        }
        while self.rest().starts_with('<') {
            let rest = self.rest();
            let Some(end) = rest.find('>') else { return Err(self.error("a profile and `>`")) };
            relation.profiles.push(rest[1..end].trim_ascii());
            self.at += end + 1;
        }
        Ok(relation)
    }

    fn operator(&mut self) -> Result<Operator, Error> {
        let spelled = [
            ("<<", Operator::Earlier),
            ("<=", Operator::EarlierOrEqual),
            (">=", Operator::LaterOrEqual),
            (">>", Operator::Later),
            ("=", Operator::Equal),
            ("<", Operator::EarlierOrEqual),
            (">", Operator::LaterOrEqual),
        ];
        let rest = self.rest();
        let found = spelled.iter().find(|(text, _)| rest.starts_with(text));
        let Some((text, operator)) = found else {
            return Err(self.error("`<<`, `<=`, `=`, `>=` or `>>`"));
        };
        self.at += text.len();
        Ok(*operator)
    }
}

/// Policy 5.6.1 asks for lower case; some archives are laxer, and so is apt.
fn in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'_')
}

fn in_version(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.' | b'~' | b':' | b'_')
}

fn in_architecture(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'!' | b'-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(text: &str) -> String {
        let groups = parse(text).expect("a field");
        let alternatives =
            |group: &Group| group.iter().map(ToString::to_string).collect::<Vec<_>>().join(" | ");
        groups.iter().map(alternatives).collect::<Vec<_>>().join(", ")
    }

    #[test]
    fn a_field_is_read_with_all_that_may_stand_in_it() {
        let text = "a(>=1:2-3~),b:any|c [!armhf amd64] <!nocheck> <a b> , d (< 2),\n e:native,";
        assert_eq!(
            shown(text),
            "a (>= 1:2-3~), b:any | c [!armhf amd64] <!nocheck> <a b>, d (<= 2), e:native"
        );
        assert_eq!(parse(" ,, ").expect("nothing"), Vec::<Group>::new());
    }

    #[test]
    fn a_fault_names_its_place() {
        let message = |text: &str| parse(text).expect_err("a fault").to_string();
        assert_eq!(message("a, (b)"), "expected a package name at byte 3, found `(b)`");
        assert_eq!(
            message("a (1)"),
            "expected `<<`, `<=`, `=`, `>=` or `>>` at byte 3, found `1)`"
        );
        assert_eq!(message("a (= 1"), "expected `)` at byte 6, found `the end`");
        assert_eq!(message("a b"), "expected `,` or `|` at byte 2, found `b`");
        assert_eq!(message("a |"), "expected a package name at byte 3, found `the end`");
        assert_eq!(
            message("a [amd64"),
            "expected an architecture or `]` at byte 8, found `the end`"
        );
    }

    #[test]
    fn a_list_of_architectures_includes_or_excludes() {
        let holds = |text: &str, architecture: &str| {
            parse(text).expect("a field")[0][0].holds_on(architecture)
        };
        assert!(holds("a", "arm64"));
        assert!(holds("a [amd64 arm64]", "arm64"));
        assert!(!holds("a [amd64]", "arm64"));
        assert!(!holds("a [!amd64 !arm64]", "arm64"));
        assert!(holds("a [!amd64]", "arm64"));
        assert!(holds("a [linux-any]", "arm64") && holds("a [any-arm64]", "arm64"));
    }

    #[test]
    fn versions_are_compared_as_dpkg_does() {
        assert_eq!(compare("1.0~rc1-1", "1.0-1"), Some(Ordering::Less));
        assert_eq!(compare("1:0.1", "9"), Some(Ordering::Greater));
        assert_eq!(compare("2.36-9+deb12u10", "2.36-9+deb12u9"), Some(Ordering::Greater));
        assert_eq!(compare("1.0", "1.00"), Some(Ordering::Equal));
        assert_eq!(compare("a b", "1"), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,60}|[a-c:()<>=|, \\[\\]!1.~]{0,40}") {
            let _ = parse(&text);
        }

        #[test]
        fn what_is_written_is_read_again(
            names in prop::collection::vec("[a-z0-9][a-z0-9+.-]{1,8}", 1..6),
            version in "[0-9][0-9a-z.+~-]{0,6}",
            operator in prop::sample::select(vec!["<<", "<=", "=", ">=", ">>"]),
        ) {
            let text = names
                .iter()
                .map(|name| format!("{name}:any ({operator} {version}) | {name}"))
                .collect::<Vec<_>>()
                .join(", ");
            prop_assert_eq!(shown(&text), text);
        }
    }
}
