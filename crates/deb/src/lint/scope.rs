//! What variables and positions of a script may stand for.
//!
//! Leaves out what commands compute.

use std::collections::{BTreeMap, BTreeSet};

/// More values than this are not followed.
pub const MOST_VALUES: usize = 40;
/// What variables and positions mean at a place.
#[derive(Debug, Default)]
pub struct Scope {
    /// What was ever assigned to a variable in the whole script.
    pub variables: BTreeMap<String, BTreeSet<String>>,
    /// Of the function; of the script if missing.
    pub arguments: Option<Vec<String>>,
}

impl Scope {
    /// What a word may be, at least itself.
    pub fn values(&self, word: &str) -> Vec<String> {
        let mut values = vec![word.to_owned()];
        // A variable may be made of another.
        for _ in 0..4 {
            let next: BTreeSet<String> =
                values.iter().flat_map(|value| self.filled(value)).take(MOST_VALUES).collect();
            let next: Vec<String> = next.into_iter().collect();
            if next == values {
                break;
            }
            values = next;
        }
        values
    }

    /// Fills the first known expansion in.
    fn filled(&self, word: &str) -> Vec<String> {
        if word.len() > 4096 {
            return vec![word.to_owned()];
        }
        for (at, _) in word.match_indices('$') {
            let rest = &word[at + 1..];
            let (name, length, default) = match rest.strip_prefix('{') {
                Some(inner) => {
                    let Some(end) = inner.find('}') else { continue };
                    let body = &inner[..end];
                    let stop = body
                        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                        .unwrap_or(body.len());
                    let default = body[stop..]
                        .strip_prefix(":-")
                        .or_else(|| body[stop..].strip_prefix('-'))
                        .or_else(|| body[stop..].strip_prefix(":="));
                    if stop < body.len() && default.is_none() {
                        continue;
                    }
                    (&body[..stop], end + 2, default)
                }
                None if rest.starts_with(|c: char| c.is_ascii_digit()) => (&rest[..1], 1, None),
                None => {
                    let stop = rest
                        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                        .unwrap_or(rest.len());
                    (&rest[..stop], stop, None)
                }
            };
            let (before, after) = (&word[..at], &word[at + 1 + length..]);
            if let Ok(position) = name.parse::<usize>() {
                let Some(arguments) = &self.arguments else { continue };
                let value = position.checked_sub(1).and_then(|at| arguments.get(at));
                let value = value.map_or(default.unwrap_or_default(), String::as_str);
                return vec![format!("{before}{value}{after}")];
            }
            let known = self.variables.get(name).into_iter().flatten().map(String::as_str);
            let values: Vec<String> = known
                .chain(default)
                // One that is made of itself says nothing.
                .filter(|value| !value.contains(&format!("${name}")))
                .filter(|value| !value.contains(&format!("${{{name}")))
                .map(|value| format!("{before}{value}{after}"))
                .collect();
            if !values.is_empty() {
                return values;
            }
        }
        vec![word.to_owned()]
    }
}
