//! Text from outside on its way to a page.

use api::text::printable;

/// The longest text that a page shows of anything, in characters.
const LONGEST: usize = 600;

/// A text as one harmless line. The template escapes markup; this makes control characters,
/// bidirectional overrides and endless texts visible and short, whoever reported them.
pub(crate) fn shown(text: &str) -> String {
    printable(text, LONGEST)
}

/// As [`shown`], for names in lists.
pub(crate) fn short(text: &str) -> String {
    printable(text, 120)
}

/// An operating system's name without the words that all of them share.
pub(crate) fn system(name: &str) -> String {
    short(&name.replacen(" GNU/Linux", "", 1))
}

/// A text that begins a line. A first word that is a name (`pg_hba.conf`) stays as it is.
pub(crate) fn capitalised(text: &str) -> String {
    let first = text.split(' ').next().unwrap_or_default();
    if !first.chars().all(|letter| letter.is_lowercase()) {
        return text.to_owned();
    }
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// `1 host`, `2 hosts`.
pub(crate) fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// An element's id that stays the same from one rendering to the next. FNV-1a, 64 bit.
pub(crate) fn id(kind: &str, parts: &[&str]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0xff])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    format!("{kind}-{hash:016x}")
}

/// Percent-encodes a text for a query's value (RFC 3986, section 2.3).
pub(crate) fn query(text: &str) -> String {
    text.bytes().fold(String::new(), |mut done, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                done.push(char::from(byte));
            }
            _ => done.push_str(&format!("%{byte:02X}")),
        }
        done
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_encoded_and_ids_tell_parts_apart() {
        assert_eq!(query("a b&c=/ä"), "a%20b%26c%3D%2F%C3%A4");
        assert_ne!(id("f", &["ab", "c"]), id("f", &["a", "bc"]));
        assert_eq!(counted(1, "host", "hosts"), "1 host");
        assert_eq!(capitalised("every unit runs"), "Every unit runs");
        assert_eq!(capitalised("pg_hba.conf is whole"), "pg_hba.conf is whole");
    }
}
