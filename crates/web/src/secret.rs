//! A random secret: made, shown once, compared in constant time.

use std::fmt::{self, Write};

use subtle::ConstantTimeEq;

use crate::error::Error;

/// 32 random bytes as 64 hexadecimal digits.
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new() -> Result<Self, Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).map_err(|source| Error::Random { source })?;
        Ok(Self(bytes.iter().fold(String::with_capacity(64), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes all text");
            text
        })))
    }

    /// A secret that was made elsewhere; `None` when it is too short to be one.
    pub(crate) fn given(text: String) -> Option<Self> {
        (text.len() >= 16).then_some(Self(text))
    }

    /// Compares in a time that depends on the lengths only.
    pub(crate) fn is(&self, text: &str) -> bool {
        self.0.as_bytes().ct_eq(text.as_bytes()).into()
    }

    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

/// No log ever shows it.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_long_fresh_and_never_printed() {
        let (one, other) = (Secret::new().expect("random"), Secret::new().expect("random"));
        assert_eq!(one.reveal().len(), 64);
        assert!(one.is(one.reveal()) && !one.is(other.reveal()) && !one.is(""));
        assert_eq!(format!("{one:?}"), "Secret(…)");
        assert!(Secret::given("short".to_owned()).is_none());
    }
}
