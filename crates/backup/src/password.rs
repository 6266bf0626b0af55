//! The password of a repository, which never shows itself.
//!
//! Leaves out where it lies and who may read it.

use std::fmt;

use sha2::{Digest, Sha256};

/// What opens a repository, as restic takes it: a text of one line.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// Takes a text as read from a file: one line break at its end is not part of it.
    pub fn new(text: &str) -> Self {
        Self(text.strip_suffix('\n').unwrap_or(text).to_owned())
    }

    /// Makes one from 32 random bytes, as 64 hexadecimal digits.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes.iter().map(|byte| format!("{byte:02x}")).collect()))
    }

    /// The text itself: for the repository, a key's file, and the paper form.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// Tells passwords apart without telling them: the first 8 hexadecimal digits of SHA-256.
    ///
    /// For 32 random bytes this gives nothing away.
    pub fn fingerprint(&self) -> String {
        Sha256::digest(self.0.as_bytes())[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_never_shows_itself() {
        let password = Password::new("correct horse\n");
        assert_eq!(password.reveal(), "correct horse");
        assert_eq!(format!("{password:?}"), "Password(…)");
    }

    #[test]
    fn each_generated_password_is_another() {
        let (one, two) = (Password::generate().unwrap(), Password::generate().unwrap());
        assert_eq!(one.reveal().len(), 64);
        assert_ne!(one, two);
    }
}
