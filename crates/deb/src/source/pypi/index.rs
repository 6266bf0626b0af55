//! A project's page of a "simple" index: the files it has, by their sums.
//!
//! Leaves out asking for it. The formats, HTML and JSON:
//! <https://packaging.python.org/en/latest/specifications/simple-repository-api/>.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::fetch::digest::Digest;

/// A file of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    pub file: String,
    pub url: String,
    pub digest: Digest,
}

#[derive(Deserialize)]
struct Page {
    files: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

/// Reads an answer of either kind; files without a SHA-256 are left out.
pub fn parse(answer: &[u8], page: &str) -> Result<Vec<Listed>, String> {
    let text = std::str::from_utf8(answer).map_err(|_| "it is no UTF-8".to_owned())?;
    if text.trim_start().starts_with('{') {
        let read: Page = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let files = read.files.into_iter().filter_map(|file| {
            let digest = Digest::sha256(file.hashes.get("sha256")?).ok()?;
            Some(Listed { file: file.filename, url: joined(page, &file.url)?, digest })
        });
        return Ok(files.collect());
    }
    if !text.contains('<') {
        return Err("it is neither HTML nor JSON".to_owned());
    }
    Ok(links(text).filter_map(|link| listed(&link, page)).collect())
}

fn listed(link: &str, page: &str) -> Option<Listed> {
    let (url, fragment) = link.split_once('#')?;
    let mut sums = fragment.split('&').filter_map(|one| one.strip_prefix("sha256="));
    let digest = Digest::sha256(sums.next_back()?).ok()?;
    let file = url.split('?').next()?.rsplit('/').next()?;
    let file =
        crate::fetch::address::decoded(file).and_then(|name| String::from_utf8(name).ok())?;
    Some(Listed { file, url: joined(page, url)?, digest })
}

/// The addresses of all `<a href=…>`.
fn links(html: &str) -> impl Iterator<Item = String> {
    html.split('<').filter_map(|tag| {
        let rest = tag.strip_prefix(['a', 'A'])?;
        rest.starts_with(|c: char| c.is_ascii_whitespace()).then_some(())?;
        let attributes = rest.split('>').next()?;
        let at = attributes.to_ascii_lowercase().find("href")?;
        let value = attributes.get(at + 4..)?.trim_start().strip_prefix('=')?.trim_start();
        let value = match value.chars().next()? {
            quote @ ('"' | '\'') => value[1..].split(quote).next()?,
            _ => value.split_ascii_whitespace().next()?,
        };
        Some(
            value
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&"),
        )
    })
}

/// An address that may be relative to the page it stands on.
fn joined(page: &str, url: &str) -> Option<String> {
    if url.contains("://") || url.starts_with("file:") {
        return Some(url.to_owned());
    }
    let (scheme, rest) = page.split_once("://")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    if let Some(url) = url.strip_prefix("//") {
        return Some(format!("{scheme}://{url}"));
    }
    let mut parts: Vec<&str> = match url.starts_with('/') {
        true => Vec::new(),
        false => {
            let mut parts: Vec<&str> = path.split('/').collect();
            parts.pop();
            parts
        }
    };
    for part in url.trim_start_matches('/').split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    Some(format!("{scheme}://{host}/{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = "https://index.example/simple/six/";
    const SUM: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn both_kinds_of_answer_say_the_same() {
        let html = format!(
            "<!DOCTYPE html><html><body><h1>six</h1><a href=\"../../f/six-1-py3-none-any.whl#sha256={SUM}\" \
             data-requires-python=\"&gt;=3\">six</a><br/><A HREF='/f/six-1.tar.gz#sha256={SUM}'>x</A>\
             <a href=\"x-2.whl\">no sum</a></body></html>"
        );
        let json = format!(
            r#"{{"meta": {{}}, "files": [
                {{"filename": "six-1-py3-none-any.whl", "url": "../../f/six-1-py3-none-any.whl", "hashes": {{"sha256": "{SUM}"}}}},
                {{"filename": "six-1.tar.gz", "url": "https://index.example/f/six-1.tar.gz", "hashes": {{"sha256": "{SUM}"}}}},
                {{"filename": "x-2.whl", "url": "x-2.whl", "hashes": {{}}}}]}}"#
        );
        let html = parse(html.as_bytes(), PAGE).unwrap();
        assert_eq!(html, parse(json.as_bytes(), PAGE).unwrap());
        assert_eq!(html[0].url, "https://index.example/f/six-1-py3-none-any.whl");
        assert_eq!(html.len(), 2);
    }

    #[test]
    fn another_answer_is_an_error() {
        assert!(parse(b"busy", PAGE).is_err());
        assert!(parse(b"{\"files\": 3}", PAGE).is_err());
        assert!(parse(b"\xff<", PAGE).is_err());
    }

    proptest! {
        #[test]
        fn no_answer_makes_it_panic(text in "(<a |href|=|\"|'|>|#sha256=|\\PC){0,40}") {
            let _ = parse(text.as_bytes(), PAGE);
        }
    }
}
