//! Environment markers: `python_version < "3.12" and sys_platform == "linux"`.
//!
//! Leaves out what no lock for Debian asks. The format: PEP 508 as
//! <https://packaging.python.org/en/latest/specifications/dependency-specifiers/> has it.

/// What markers are judged by.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    /// As `3.11`.
    pub python: &'a str,
    /// As `x86_64`; empty for what is for all machines.
    pub machine: &'a str,
}

/// Deeper brackets are refused.
const DEEPEST: usize = 32;

/// Judges a marker; none if it cannot be read.
pub fn holds(marker: &str, environment: Environment<'_>) -> Option<bool> {
    let words = words(marker)?;
    let mut reader = Reader { words: &words, environment, depth: 0 };
    let value = reader.any()?;
    reader.words.is_empty().then_some(value)
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Text(String),
    Name(String),
    Sign(String),
}

fn words(marker: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = marker.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' | '\'' => {
                let text = rest[1..].split(first).next()?;
                let length = text.len() + 2;
                rest.get(length - 1..length).filter(|end| end.starts_with(first))?;
                words.push(Word::Text(text.to_owned()));
                length
            }
            '(' | ')' => {
                words.push(Word::Sign(first.to_string()));
                1
            }
            '<' | '>' | '=' | '!' | '~' => {
                let length = rest.find(|c| !"<>=!~".contains(c)).unwrap_or(rest.len());
                words.push(Word::Sign(rest[..length].to_owned()));
                length
            }
            _ => {
                let end = |c: char| !c.is_ascii_alphanumeric() && !"_.".contains(c);
                let length = rest.find(end).unwrap_or(rest.len());
                if length == 0 {
                    return None;
                }
                words.push(Word::Name(rest[..length].to_owned()));
                length
            }
        };
        rest = rest[length..].trim_start();
    }
    Some(words)
}

struct Reader<'a> {
    words: &'a [Word],
    environment: Environment<'a>,
    depth: usize,
}

impl Reader<'_> {
    fn take(&mut self) -> Option<&Word> {
        let (first, rest) = self.words.split_first()?;
        self.words = rest;
        Some(first)
    }

    fn took(&mut self, name: &str) -> bool {
        let is_it =
            matches!(self.words.first(), Some(Word::Name(word) | Word::Sign(word)) if word == name);
        if is_it {
            self.words = &self.words[1..];
        }
        is_it
    }

    fn any(&mut self) -> Option<bool> {
        let mut value = self.all()?;
        while self.took("or") {
            value |= self.all()?;
        }
        Some(value)
    }

    fn all(&mut self) -> Option<bool> {
        let mut value = self.one()?;
        while self.took("and") {
            value &= self.one()?;
        }
        Some(value)
    }

    fn one(&mut self) -> Option<bool> {
        if self.took("(") {
            self.depth += 1;
            let value = if self.depth > DEEPEST { None } else { self.any() }?;
            self.depth -= 1;
            return self.took(")").then_some(value);
        }
        let (left, left_version) = self.value()?;
        let sign = if self.took("not") {
            self.took("in").then(|| "not in".to_owned())?
        } else if self.took("in") {
            "in".to_owned()
        } else {
            match self.take()? {
                Word::Sign(sign) => sign.clone(),
                _ => return None,
            }
        };
        let (right, right_version) = self.value()?;
        compare(&left, &sign, &right, left_version || right_version)
    }

    /// A text, or what a name stands for; and whether it is a version.
    fn value(&mut self) -> Option<(String, bool)> {
        let environment = self.environment;
        let text = |text: &str| Some((text.to_owned(), false));
        match self.take()? {
            Word::Text(one) => text(&one.clone()),
            Word::Name(name) => match name.as_str() {
                "python_version" => Some((environment.python.to_owned(), true)),
                "python_full_version" | "implementation_version" => {
                    Some((format!("{}.0", environment.python), true))
                }
                "os_name" => text("posix"),
                "sys_platform" => text("linux"),
                "platform_system" => text("Linux"),
                "platform_machine" => text(environment.machine),
                "implementation_name" => text("cpython"),
                "platform_python_implementation" => text("CPython"),
                "platform_release" | "platform_version" | "extra" => text(""),
                _ => None,
            },
            Word::Sign(_) => None,
        }
    }
}

fn compare(left: &str, sign: &str, right: &str, versions: bool) -> Option<bool> {
    match sign {
        "in" => return Some(right.contains(left)),
        "not in" => return Some(!right.contains(left)),
        "===" => return Some(left == right),
        _ => {}
    }
    let parts = |text: &str| {
        text.split('.').map(|part| part.parse::<u64>().ok()).collect::<Option<Vec<_>>>()
    };
    if let (true, Some(prefix)) = (versions, right.strip_suffix(".*")) {
        let starts = parts(left)?.starts_with(&parts(prefix)?);
        return match sign {
            "==" => Some(starts),
            "!=" => Some(!starts),
            _ => None,
        };
    }
    let order = match (versions, parts(left), parts(right)) {
        (true, Some(mut left), Some(mut right)) => {
            let length = left.len().max(right.len());
            left.resize(length, 0);
            right.resize(length, 0);
            left.cmp(&right)
        }
        _ => left.cmp(right),
    };
    Some(match sign {
        "==" => order.is_eq(),
        "!=" => order.is_ne(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        "~=" => {
            let prefix = right.rsplit_once('.')?.0;
            order.is_ge() && (left == prefix || left.starts_with(&format!("{prefix}.")))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: Environment<'_> = Environment { python: "3.11", machine: "aarch64" };

    #[test]
    fn markers_are_judged_for_debian() {
        for (marker, value) in [
            ("python_version < \"3.12\"", true),
            ("python_version < '3.9'", false),
            ("python_full_version >= '3.11.0' and python_full_version < '3.11.9'", true),
            ("sys_platform == 'win32' or platform_machine == 'aarch64'", true),
            (
                "(sys_platform == 'win32' or os_name != 'nt') and implementation_name == 'cpython'",
                true,
            ),
            ("platform_system not in 'Windows Darwin'", true),
            ("python_version == '3.*'", true),
            ("python_version ~= '3.8'", true),
            ("extra == 'postgres'", false),
        ] {
            assert_eq!(holds(marker, HERE), Some(value), "{marker}");
        }
        for marker in [
            "",
            "python_version",
            "python_version <",
            "x == 'y'",
            "('a' == 'a'",
            "'a' == 'a",
            "'a' == 'a' b",
        ] {
            assert_eq!(holds(marker, HERE), None, "{marker}");
        }
        assert_eq!(holds(&"(".repeat(10_000), HERE), None);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[a-z_'\"()<>=!~ .é]{0,60}") {
            let _ = holds(&text, HERE);
        }
    }
}
