//! A `requirements.txt` with hashes: what is pinned.
//!
//! Leaves out options that fetch from elsewhere, which are refused. The format:
//! <https://pip.pypa.io/en/stable/reference/requirements-file-format/>.

use model::text::printable;

use crate::fetch::digest::Digest;

/// One pinned package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Normalised: lower case, `-` between words (PEP 503).
    pub name: String,
    pub version: String,
    pub marker: Option<String>,
    /// Any of these will do.
    pub hashes: Vec<Digest>,
    /// Counted from 1.
    pub line: u32,
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    pub line: u32,
    pub why: String,
}

/// Reads the whole file.
pub fn parse(text: &str) -> Result<Vec<Requirement>, Fault> {
    let mut found = Vec::new();
    let mut whole = String::new();
    let mut first = 0;
    for (at, line) in text.lines().enumerate() {
        let number = u32::try_from(at + 1).unwrap_or(u32::MAX);
        if whole.is_empty() {
            first = number;
        }
        let line = match line.trim_start().starts_with('#') {
            true => "",
            false => line.split(" #").next().unwrap_or(line),
        };
        let (line, goes_on) = match line.trim_end().strip_suffix('\\') {
            Some(line) => (line, true),
            None => (line, false),
        };
        whole.push_str(line);
        whole.push(' ');
        if goes_on {
            continue;
        }
        if !whole.trim().is_empty() {
            let requirement = requirement(whole.trim(), first);
            found.push(requirement.map_err(|why| Fault { line: first, why })?);
        }
        whole.clear();
    }
    match whole.trim() {
        "" => Ok(found),
        _ => Err(Fault { line: first, why: "the last line goes on with `\\`".to_owned() }),
    }
}

fn requirement(text: &str, line: u32) -> Result<Requirement, String> {
    if text.starts_with('-') {
        let option = printable(text.split([' ', '=']).next().unwrap_or(text), 60);
        return Err(format!("the option `{option}` is not taken here; only pinned packages are"));
    }
    let mut words = text.split(" --hash");
    let head = words.next().unwrap_or_default().trim();
    let (pin, marker) = match head.split_once(';') {
        Some((pin, marker)) => (pin.trim(), Some(marker.trim().to_owned())),
        None => (head, None),
    };
    let unpinned = || format!("`{}` is not pinned as `name==version`", printable(pin, 100));
    let (name, version) = pin.split_once("==").ok_or_else(unpinned)?;
    let name = name.split('[').next().unwrap_or(name).trim();
    let version = version.trim();
    let plain = |text: &str, more: &str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
    };
    if !plain(name, "-_.") || !plain(version, ".!+-_") {
        return Err(unpinned());
    }
    let hashes = words.map(|word| {
        let hash = word.trim_start_matches(['=', ' ']).trim();
        Digest::parse(hash).map_err(|error| error.to_string())
    });
    let hashes: Vec<Digest> = hashes.collect::<Result<_, _>>()?;
    if hashes.is_empty() {
        let name = printable(name, 100);
        return Err(format!(
            "`{name}` has no `--hash`; `pip-compile --generate-hashes` writes them"
        ));
    }
    Ok(Requirement { name: normalised(name), version: version.to_owned(), marker, hashes, line })
}

/// A package's name as the index has it.
pub fn normalised(name: &str) -> String {
    let words = name.split(['-', '_', '.']).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-").to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HASH: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_lock_of_pip_compile_is_read() {
        let text = format!(
            "# made by a tool\n\nZope.Interface[test]==6.0 ; python_version < \"3.12\" \\\n    --hash={HASH} \\\n    \
             --hash={HASH}\n    # via twisted\nsix==1.17.0 --hash={HASH}  # why\n"
        );
        let found = parse(&text).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].name.as_str(), found[0].version.as_str()), ("zope-interface", "6.0"));
        assert_eq!(found[0].marker.as_deref(), Some("python_version < \"3.12\""));
        assert_eq!((found[0].hashes.len(), found[0].line), (2, 3));
        assert_eq!((found[1].name.as_str(), found[1].hashes.len(), found[1].line), ("six", 1, 7));
    }

    #[test]
    fn what_is_not_pinned_is_refused_with_its_line() {
        for (text, why) in [
            ("a>=1 --hash=x", "`a>=1` is not pinned"),
            ("a==1", "has no `--hash`"),
            ("a==1 --hash=md5:00", "is no SHA-256"),
            ("--index-url https://x", "the option `--index-url`"),
            ("-e .", "the option `-e`"),
            ("../a==1 --hash=x", "is not pinned"),
            ("a==1 \\", "goes on"),
        ] {
            let fault = parse(&format!("\n{text}\n")).unwrap_err();
            assert_eq!(fault.line, 2, "{text}");
            assert!(fault.why.contains(why), "{text}: {}", fault.why);
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(\\PC|\n|==|--hash=| ){0,40}") {
            let _ = parse(&text);
        }
    }
}
