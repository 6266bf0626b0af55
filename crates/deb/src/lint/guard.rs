//! The branches that commands stand in, judged for the arguments that dpkg gives.
//!
//! Leaves out conditions on anything but the arguments: what they say is not known.

use std::rc::Rc;

use crate::lint::scope::Scope;
use crate::lint::shell::{Joint, Node};

/// A branch that a command stands in.
#[derive(Clone, Debug)]
pub struct Guard {
    pub what: Branch,
    /// Whether it must come true, or false.
    pub expected: bool,
    pub scope: Rc<Scope>,
}

#[derive(Clone, Debug)]
pub enum Branch {
    Condition(Rc<Node>),
    Arm { subject: String, patterns: Vec<String> },
}

impl Guard {
    pub fn mentions(&self, text: &str) -> bool {
        let word = |word: &String| self.scope.values(word).iter().any(|word| word.contains(text));
        match &self.what {
            Branch::Condition(node) => asks(node, &word),
            Branch::Arm { subject, .. } => word(subject),
        }
    }

    /// `None` if that cannot be told.
    pub fn holds(&self, arguments: &[&str]) -> Option<bool> {
        let found = match &self.what {
            Branch::Condition(node) => self.condition(node, arguments),
            Branch::Arm { subject, patterns } => {
                let subject = self.known(subject, arguments)?;
                let matched: Option<Vec<bool>> =
                    patterns.iter().map(|pattern| matches_pattern(pattern, &subject)).collect();
                matched.map(|matched| matched.contains(&true))
            }
        };
        found.map(|found| found == self.expected)
    }

    /// A word's value, if it is certain.
    fn known(&self, word: &str, arguments: &[&str]) -> Option<String> {
        let values = self.scope.values(word);
        let [value] = values.as_slice() else { return None };
        let mut value = value.clone();
        for position in 1..=4 {
            let text = arguments.get(position - 1).copied().unwrap_or_default();
            for form in
                [format!("${{{position}:-}}"), format!("${{{position}}}"), format!("${position}")]
            {
                value = value.replace(&form, text);
            }
        }
        (!value.contains(['$', '`'])).then_some(value)
    }

    fn condition(&self, node: &Node, arguments: &[&str]) -> Option<bool> {
        match node {
            Node::Simple(simple) => self.test(&simple.words, arguments),
            Node::Not(inner) => self.condition(inner, arguments).map(|found| !found),
            Node::List(all) => self.condition(all.last()?, arguments),
            Node::Chain(links) => {
                let mut value = None;
                for (joint, link) in links {
                    let found = self.condition(link, arguments);
                    value = match joint {
                        Joint::First => found,
                        Joint::And => and(value, found),
                        Joint::Or => or(value, found),
                    };
                }
                value
            }
            _ => None,
        }
    }

    /// `[ … ]` and `test …`, with `-a`, `-o` and `!`.
    fn test(&self, words: &[String], arguments: &[&str]) -> Option<bool> {
        let words = match words.first().map(String::as_str) {
            Some("[" | "[[") => words.get(1..words.len() - 1)?,
            Some("test") => &words[1..],
            Some("true" | ":") => return Some(true),
            Some("false") => return Some(false),
            _ => return None,
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        // Three-valued: an early `None` does not decide, as it would in `try_fold`.
        let mut any = Some(false);
        for part in words.split(|word| *word == "-o") {
            let mut all = Some(true);
            for one in part.split(|word| *word == "-a") {
                all = and(all, self.one(one, arguments));
            }
            any = or(any, all);
        }
        any
    }

    fn one(&self, words: &[&str], arguments: &[&str]) -> Option<bool> {
        match words {
            ["!", rest @ ..] => self.one(rest, arguments).map(|found| !found),
            ["-z", word] => self.known(word, arguments).map(|value| value.is_empty()),
            ["-n", word] => self.known(word, arguments).map(|value| !value.is_empty()),
            [one, "=" | "==", other] => {
                Some(self.known(one, arguments)? == self.known(other, arguments)?)
            }
            [one, "!=", other] => {
                Some(self.known(one, arguments)? != self.known(other, arguments)?)
            }
            [word] if !word.starts_with('-') => {
                self.known(word, arguments).map(|value| !value.is_empty())
            }
            _ => None,
        }
    }
}

fn and(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    match (one, other) {
        (Some(false), _) | (_, Some(false)) => Some(false),
        (Some(true), Some(true)) => Some(true),
        _ => None,
    }
}

fn or(one: Option<bool>, other: Option<bool>) -> Option<bool> {
    and(one.map(|value| !value), other.map(|value| !value)).map(|value| !value)
}

/// `*` for any text; other patterns are not understood.
fn matches_pattern(pattern: &str, text: &str) -> Option<bool> {
    if pattern.contains(['?', '[', '$', '`']) {
        return None;
    }
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return Some(false) };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return Some(rest.is_empty()) };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return Some(false),
        }
    }
    Some(rest.ends_with(last))
}

/// Whether a condition has a word of which this is true.
fn asks(node: &Node, word: &dyn Fn(&String) -> bool) -> bool {
    match node {
        Node::Simple(simple) => simple.words.iter().any(word),
        Node::Not(inner) => asks(inner, word),
        Node::List(all) | Node::Pipe(all) => all.iter().any(|node| asks(node, word)),
        Node::Chain(links) => links.iter().any(|(_, node)| asks(node, word)),
        _ => false,
    }
}
