//! Addresses of what is fetched: their scheme, a file's path, and how they are shown.
//!
//! Leaves out the full grammar of URLs, which the HTTP client checks.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use model::text::printable;

/// The longest address that is shown whole, in characters.
const LONGEST: usize = 500;

/// Where something is fetched from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    Web(String),
    Disk(PathBuf),
}

impl Address {
    /// Reads `http://…`, `https://…`, `file:///…` or `file:/…`.
    pub fn parse(url: &str) -> Option<Self> {
        let (scheme, rest) = url.split_once(':')?;
        match scheme.to_ascii_lowercase().as_str() {
            "http" | "https" => {
                let sound =
                    rest.starts_with("//") && !url.contains(|c: char| c.is_control() || c == ' ');
                sound.then(|| Self::Web(url.to_owned()))
            }
            "file" => {
                let path = match rest.strip_prefix("//") {
                    Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
                    None => rest,
                };
                let bytes = decoded(path)?;
                let sound = bytes.starts_with(b"/") && !bytes.contains(&0);
                sound.then(|| Self::Disk(PathBuf::from(OsString::from_vec(bytes))))
            }
            _ => None,
        }
    }
}

/// The address as it may be printed: without control characters, user and password.
pub fn shown(url: &str) -> String {
    let url = printable(url, LONGEST);
    let Some((scheme, rest)) = url.split_once("://") else { return url };
    let (authority, path) = match rest.find(['/', '?', '#']) {
        Some(end) => rest.split_at(end),
        None => (rest, ""),
    };
    match authority.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://{host}{path}"),
        None => url.clone(),
    }
}

/// Opens `%20` and the like.
pub fn decoded(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first == b'%' {
            let pair = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(pair, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(*first);
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_three_schemes_are_fetched() {
        assert_eq!(Address::parse("file:///a%20b"), Some(Address::Disk("/a b".into())));
        assert_eq!(Address::parse("file:/a"), Some(Address::Disk("/a".into())));
        assert!(matches!(Address::parse("HTTPS://x/y"), Some(Address::Web(_))));
        for url in [
            "ftp://x",
            "/etc/passwd",
            "file://host/x",
            "file:x",
            "http:x",
            "http://a\nb",
            "file:///%0",
            "file:///%00",
        ] {
            assert_eq!(Address::parse(url), None, "{url}");
        }
    }

    #[test]
    fn a_password_in_an_address_is_never_shown() {
        assert_eq!(shown("https://me:secret@x.org/a@b?c"), "https://x.org/a@b?c");
        assert_eq!(shown("https://x.org/a@b"), "https://x.org/a@b");
        assert!(!shown("https://x.org/\u{1b}[2J").contains('\u{1b}'));
    }
}
