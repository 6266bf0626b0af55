//! What is wrong in a recipe: where, what was expected, and the way out.
//!
//! Leaves out finding it.

use std::fmt;

use serde::Serialize;

use crate::text::printable;

/// The longest message, in characters.
const LONGEST: usize = 500;

/// One thing that is wrong in a recipe, or, as a warning, that will surprise somebody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A file of the recipe's folder, `recipe.toml` mostly; `settings` for a value given from
    /// outside.
    pub file: String,
    /// Counted from 1; 0 if it has no line.
    pub line: u32,
    /// Counted from 1 in characters; 0 if it has none.
    pub column: u32,
    /// What is wrong, and what was expected.
    pub message: String,
    /// The way out.
    pub hint: Option<String>,
    /// It does not stop a build.
    pub warning: bool,
}

impl Fault {
    /// A fault at a place. The texts become printable.
    pub fn new(file: &str, line: u32, column: u32, message: &str) -> Self {
        Self {
            file: printable(file, LONGEST),
            line,
            column,
            message: printable(message, LONGEST),
            hint: None,
            warning: false,
        }
    }

    /// Adds the way out.
    #[must_use]
    pub fn hint(mut self, hint: &str) -> Self {
        self.hint = Some(printable(hint, LONGEST));
        self
    }

    /// Places it in another file.
    #[must_use]
    pub fn within(mut self, file: &str) -> Self {
        self.file = printable(file, LONGEST);
        self
    }

    /// Makes a warning of it.
    #[must_use]
    pub const fn warning(mut self) -> Self {
        self.warning = true;
        self
    }
}

/// `recipe.toml:12: unknown key `uint`; did you mean `unit`?`
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}", self.line)?;
        }
        write!(f, ": {}{}", if self.warning { "warning: " } else { "" }, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "; {hint}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_reads_as_one_harmless_line() {
        let fault = Fault::new("recipe.toml", 12, 1, "unknown key `u\u{1b}int`");
        assert_eq!(fault.to_string(), "recipe.toml:12: unknown key `u\\u{1b}int`");
        let fault = Fault::new("a\nb", 0, 0, "too old").hint("take a new one").warning();
        assert_eq!(fault.to_string(), "a\\nb: warning: too old; take a new one");
    }
}
