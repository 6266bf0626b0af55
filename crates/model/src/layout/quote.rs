//! Words of a POSIX shell.
//!
//! Leaves out what they mean.

/// The text as one word: as it is where that is safe, else in single quotes.
pub fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@:,%".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}

/// A function or program and its words.
pub fn call(name: &str, words: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    words.into_iter().fold(name.to_owned(), |line, text| line + " " + &word(text.as_ref()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_needs_quotes_has_them() {
        assert_eq!(call("a", ["/x/y.z", "", "it's", "$x"]), "a /x/y.z '' 'it'\\''s' '$x'");
    }

    proptest! {
        #[test]
        fn a_shell_reads_back_the_word(text in "[^\0]*") {
            let output = std::process::Command::new("sh")
                .args(["-c", &format!("printf %s {}", word(&text))])
                .output()
                .expect("sh runs");
            prop_assert_eq!(String::from_utf8_lossy(&output.stdout), text);
        }
    }
}
