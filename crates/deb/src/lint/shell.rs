//! Reads shell text as commands in their branches.
//!
//! Leaves out running anything, arithmetic, and what a lint of maintainer scripts never asks for.

use crate::lint::token::{self, Token, What};

/// A command or a structure of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node {
    Simple(Simple),
    /// `a && b || c`: each with what stands before it.
    Chain(Vec<(Joint, Node)>),
    /// `! a`
    Not(Box<Node>),
    /// `a | b`
    Pipe(Vec<Node>),
    /// One after the other; also `{ … }` and `( … )`.
    List(Vec<Node>),
    If {
        branches: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    Case {
        subject: String,
        arms: Vec<(Vec<String>, Node)>,
    },
    For {
        name: String,
        words: Vec<String>,
        body: Box<Node>,
    },
    While {
        condition: Box<Node>,
        body: Box<Node>,
    },
    Function {
        name: String,
        body: Box<Node>,
    },
}

/// What stands between two commands of a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joint {
    /// Nothing: it is the first.
    First,
    And,
    Or,
}

/// A command with its words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Simple {
    pub line: u32,
    /// `NAME=value` before the command, or alone.
    pub assignments: Vec<(String, String)>,
    pub words: Vec<String>,
    /// What its output is written to: `>` or `>>`, and the path.
    pub outputs: Vec<(&'static str, String)>,
}

/// How deep structures may lie in each other.
const DEEPEST: u32 = 60;

/// Reads a script.
pub fn parse(text: &str) -> Node {
    let mut parser = Parser { tokens: token::split(text), at: 0, depth: 0 };
    let mut nodes = Vec::new();
    while parser.at < parser.tokens.len() {
        let before = parser.at;
        nodes.push(parser.list(&[]));
        if parser.at == before {
            // An end without a beginning: pass over it.
            parser.at += 1;
        }
    }
    Node::List(nodes)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
}

const ENDS: [&str; 9] = ["then", "elif", "else", "fi", "do", "done", "esac", "}", ";;"];

impl Parser {
    fn line(&self) -> u32 {
        self.tokens.get(self.at).map_or(0, |token| token.line)
    }

    fn operator(&self) -> Option<&'static str> {
        match self.tokens.get(self.at).map(|token| &token.what) {
            Some(What::Operator(operator)) => Some(operator),
            _ => None,
        }
    }

    /// The next word, if it may be a keyword.
    fn bare(&self) -> Option<&str> {
        match self.tokens.get(self.at).map(|token| &token.what) {
            Some(What::Word { text, quoted: false }) => Some(text),
            _ => None,
        }
    }

    fn take_operator(&mut self, operator: &str) -> bool {
        let there = self.operator() == Some(operator);
        self.at += usize::from(there);
        there
    }

    fn take_bare(&mut self, word: &str) -> bool {
        let there = self.bare() == Some(word);
        self.at += usize::from(there);
        there
    }

    fn breaks(&mut self) {
        while matches!(self.operator(), Some("\n" | ";")) {
            self.at += 1;
        }
    }

    /// Commands up to an end, which is not taken.
    fn list(&mut self, ends: &[&str]) -> Node {
        let mut nodes = Vec::new();
        self.depth += 1;
        while self.depth < DEEPEST {
            while matches!(self.operator(), Some("\n" | ";" | "&")) {
                self.at += 1;
            }
            if self.at >= self.tokens.len() || matches!(self.operator(), Some(";;" | ")")) {
                break;
            }
            if self.bare().is_some_and(|word| ends.contains(&word) || ENDS.contains(&word)) {
                break;
            }
            let before = self.at;
            nodes.push(self.chain());
            if self.at == before {
                break;
            }
        }
        self.depth -= 1;
        Node::List(nodes)
    }

    /// `a && b || c`, from the left.
    fn chain(&mut self) -> Node {
        let mut links = vec![(Joint::First, self.pipe())];
        loop {
            let joint = if self.take_operator("&&") {
                Joint::And
            } else if self.take_operator("||") {
                Joint::Or
            } else {
                break;
            };
            self.breaks();
            links.push((joint, self.pipe()));
        }
        if links.len() == 1 { links.remove(0).1 } else { Node::Chain(links) }
    }

    fn pipe(&mut self) -> Node {
        let mut negated = false;
        while self.take_bare("!") {
            negated = !negated;
        }
        let mut nodes = vec![self.command()];
        while self.take_operator("|") {
            self.breaks();
            nodes.push(self.command());
        }
        let node = if nodes.len() == 1 { nodes.remove(0) } else { Node::Pipe(nodes) };
        if negated { Node::Not(Box::new(node)) } else { node }
    }

    fn command(&mut self) -> Node {
        if self.depth >= DEEPEST {
            return Node::List(Vec::new());
        }
        self.depth += 1;
        let node = self.structure();
        self.depth -= 1;
        node
    }

    fn structure(&mut self) -> Node {
        if self.take_operator("(") {
            let body = self.list(&[]);
            self.take_operator(")");
            return self.written_by(body);
        }
        let node = match self.bare() {
            Some("if") => self.branches(),
            Some("case") => self.case(),
            Some("for") => self.repeat_for(),
            Some("while" | "until") => {
                self.at += 1;
                let condition = Box::new(self.list(&["do"]));
                self.take_bare("do");
                let body = Box::new(self.list(&["done"]));
                self.take_bare("done");
                Node::While { condition, body }
            }
            Some("{") => {
                self.at += 1;
                let body = self.list(&["}"]);
                self.take_bare("}");
                body
            }
            Some("function") => {
                self.at += 1;
                let name = self.bare().unwrap_or_default().to_owned();
                self.at += 1;
                return self.function(name);
            }
            _ => return self.simple(),
        };
        self.written_by(node)
    }

    /// A structure and where its output goes.
    fn written_by(&mut self, node: Node) -> Node {
        let outputs = self.outputs();
        if outputs.is_empty() {
            return node;
        }
        let whole = Simple { line: self.line(), outputs, ..Simple::default() };
        Node::List(vec![node, Node::Simple(whole)])
    }

    fn branches(&mut self) -> Node {
        let mut branches = Vec::new();
        let mut otherwise = None;
        while self.take_bare("if") || self.take_bare("elif") {
            let condition = self.list(&["then"]);
            self.take_bare("then");
            branches.push((condition, self.list(&["elif", "else", "fi"])));
            if self.take_bare("else") {
                otherwise = Some(Box::new(self.list(&["fi"])));
            }
            if self.bare() != Some("elif") {
                break;
            }
        }
        self.take_bare("fi");
        Node::If { branches, otherwise }
    }

    fn case(&mut self) -> Node {
        self.at += 1;
        let subject = self.word().unwrap_or_default();
        self.breaks();
        self.take_bare("in");
        let mut arms = Vec::new();
        loop {
            self.breaks();
            if self.take_bare("esac") || self.at >= self.tokens.len() {
                break;
            }
            let before = self.at;
            self.take_operator("(");
            let mut patterns = Vec::new();
            while let Some(pattern) = self.word() {
                patterns.push(pattern);
                if !self.take_operator("|") {
                    break;
                }
            }
            self.take_operator(")");
            let body = self.list(&["esac"]);
            arms.push((patterns, body));
            self.take_operator(";;");
            if self.at == before {
                break;
            }
        }
        Node::Case { subject, arms }
    }

    fn repeat_for(&mut self) -> Node {
        self.at += 1;
        let name = self.word().unwrap_or_default();
        self.breaks();
        let mut words = Vec::new();
        if self.take_bare("in") {
            while let Some(word) = self.word() {
                words.push(word);
            }
        }
        self.breaks();
        self.take_bare("do");
        let body = Box::new(self.list(&["done"]));
        self.take_bare("done");
        Node::For { name, words, body }
    }

    fn function(&mut self, name: String) -> Node {
        if self.take_operator("(") {
            self.take_operator(")");
        }
        self.breaks();
        let body = Box::new(self.command());
        Node::Function { name, body }
    }

    fn word(&mut self) -> Option<String> {
        match self.tokens.get(self.at).map(|token| &token.what) {
            Some(What::Word { text, .. }) => {
                let text = text.clone();
                self.at += 1;
                Some(text)
            }
            _ => None,
        }
    }

    fn outputs(&mut self) -> Vec<(&'static str, String)> {
        let mut outputs = Vec::new();
        while let Some(What::Redirect(operator)) =
            self.tokens.get(self.at).map(|token| token.what.clone())
        {
            self.at += 1;
            if let Some(target) = self.word()
                && matches!(operator, ">" | ">>" | ">|")
            {
                outputs.push((if operator == ">>" { ">>" } else { ">" }, target));
            }
        }
        outputs
    }

    fn simple(&mut self) -> Node {
        let mut simple = Simple { line: self.line(), ..Simple::default() };
        loop {
            simple.outputs.extend(self.outputs());
            let Some(word) = self.word() else { break };
            if simple.words.is_empty() {
                if self.operator() == Some("(") {
                    return self.function(word);
                }
                if let Some((name, value)) = assignment(&word) {
                    simple.assignments.push((name.to_owned(), value.to_owned()));
                    continue;
                }
            }
            simple.words.push(word);
        }
        Node::Simple(simple)
    }
}

fn assignment(word: &str) -> Option<(&str, &str)> {
    let (name, value) = word.split_once('=')?;
    let well_formed = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    well_formed.then_some((name, value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All simple commands in order, with their lines.
    fn flat(node: &Node, found: &mut Vec<String>) {
        match node {
            Node::Simple(simple) => {
                let outputs: String =
                    simple.outputs.iter().map(|(how, to)| format!(" {how}{to}")).collect();
                found.push(format!("{} {}{outputs}", simple.line, simple.words.join(" ")));
            }
            Node::Chain(links) => links.iter().for_each(|(_, node)| flat(node, found)),
            Node::Not(a) | Node::Function { body: a, .. } | Node::For { body: a, .. } => {
                flat(a, found);
            }
            Node::Pipe(all) | Node::List(all) => all.iter().for_each(|node| flat(node, found)),
            Node::If { branches, otherwise } => {
                for (condition, body) in branches {
                    flat(condition, found);
                    flat(body, found);
                }
                otherwise.iter().for_each(|node| flat(node, found));
            }
            Node::Case { arms, .. } => arms.iter().for_each(|(_, body)| flat(body, found)),
            Node::While { condition, body } => {
                flat(condition, found);
                flat(body, found);
            }
        }
    }

    #[test]
    fn structures_lie_in_each_other() {
        let text = "set -e\ncase \"$1\" in\n  configure|reconfigure)\n    if [ -z \"$2\" ] && a; then b\n    \
                    elif c; then d; else e; fi >/etc/x\n    ;;\n  (*) f ;;\nesac\ng() {\n  for x in 1 2; do h $x; done\n}\n\
                    while i; do j; done | k || l\n";
        let mut found = Vec::new();
        flat(&parse(text), &mut found);
        assert_eq!(
            found,
            [
                "1 set -e",
                "4 [ -z $2 ]",
                "4 a",
                "4 b",
                "5 c",
                "5 d",
                "5 e",
                "5  >/etc/x",
                "7 f",
                "10 h $x",
                "12 i",
                "12 j",
                "12 k",
                "12 l"
            ]
        );
    }

    proptest! {
        #[test]
        fn any_text_ends(words in proptest::collection::vec(
            prop_oneof!["if", "then", "fi", "case", "x", "in", "esac", "\\)", "\\(", "\\{", "\\}", ";;", "\n",
                        "for", "do", "done", "while", "&&", "\\|\\|", "\\|", "!", ">", "function", "else", "elif"],
            0..80,
        )) {
            parse(&words.join(" "));
        }

        #[test]
        fn depth_is_bounded(word in prop_oneof!["\\( ", "if ", "! ", "\\{ ", "case x in x\\) "], count in 1000..5000usize) {
            parse(&word.repeat(count));
        }
    }
}
