//! Splits shell text into words, operators and redirections.
//!
//! Leaves out grammar. Text that is no shell gives some tokens all the same: a lint reads foreign
//! scripts, and what it cannot follow it does not judge.

/// A piece of a script and the line on which it begins, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub line: u32,
    pub what: What,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// Without its quotes; expansions stand as they were: `$1`, `${HOME}`, `$(date)`.
    Word {
        text: String,
        /// Some of it was in quotes: it is no keyword.
        quoted: bool,
    },
    /// `;`, `;;`, `&`, `&&`, `|`, `||`, `(`, `)`, or a line's end as `\n`.
    Operator(&'static str),
    /// `>`, `>>`, `>|`, `<`, `>&`, `<&`, `<>`, `<<`; the target is the next word.
    Redirect(&'static str),
}

/// Nobody writes scripts that are longer, in bytes.
const LONGEST: usize = 4 << 20;
/// How deep `$(` may lie in each other.
const DEEPEST: u32 = 40;

/// Splits a script.
pub fn split(text: &str) -> Vec<Token> {
    let end = (0..=text.len().min(LONGEST)).rev().find(|at| text.is_char_boundary(*at));
    let text: Vec<char> = text[..end.unwrap_or(0)].chars().collect();
    Splitter { text, at: 0, line: 1, tokens: Vec::new(), documents: Vec::new() }.run()
}

struct Splitter {
    text: Vec<char>,
    at: usize,
    line: u32,
    tokens: Vec<Token>,
    /// Ends of here-documents that begin on the next line, and whether tabs are stripped.
    documents: Vec<(String, bool)>,
}

/// Longest first.
const OPERATORS: [&str; 9] = ["&&", "||", ";;", ";", "&", "|", "(", ")", "\n"];
const REDIRECTS: [&str; 9] = ["<<-", "<<", ">>", ">|", ">&", "<&", "<>", ">", "<"];

impl Splitter {
    fn run(mut self) -> Vec<Token> {
        loop {
            while self.peek(0).is_some_and(|c| c == ' ' || c == '\t' || c == '\r') {
                self.at += 1;
            }
            let Some(next) = self.peek(0) else { break };
            if next == '\\' && self.peek(1) == Some('\n') {
                self.at += 2;
                self.line += 1;
            } else if next == '#' {
                while self.peek(0).is_some_and(|c| c != '\n') {
                    self.at += 1;
                }
            } else if let Some(redirect) = self.starts(&REDIRECTS) {
                self.at += redirect.len();
                self.redirect(redirect);
            } else if let Some(operator) = self.starts(&OPERATORS) {
                self.push(What::Operator(operator));
                self.at += operator.len();
                if operator == "\n" {
                    self.line += 1;
                    self.skip_documents();
                }
            } else {
                self.word();
            }
        }
        self.push(What::Operator("\n"));
        self.tokens
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.text.get(self.at + ahead).copied()
    }

    fn push(&mut self, what: What) {
        self.tokens.push(Token { line: self.line, what });
    }

    fn starts(&self, candidates: &[&'static str]) -> Option<&'static str> {
        candidates
            .iter()
            .find(|candidate| candidate.chars().enumerate().all(|(n, c)| self.peek(n) == Some(c)))
            .copied()
    }

    fn redirect(&mut self, operator: &'static str) {
        // The number of a file before it: `2>`.
        if let Some(Token { what: What::Word { text, quoted: false }, .. }) = self.tokens.last()
            && text.len() == 1
            && text.starts_with(|c: char| c.is_ascii_digit())
            && self.at > operator.len()
            && self.text[self.at - operator.len() - 1].is_ascii_digit()
        {
            let errors = text != "1";
            self.tokens.pop();
            if errors && operator.starts_with('>') {
                // Where messages go is nothing that a rule asks for.
                self.push(What::Redirect("2>"));
                return;
            }
        }
        if operator.starts_with("<<") {
            while self.peek(0) == Some(' ') {
                self.at += 1;
            }
            let before = self.tokens.len();
            self.word();
            let end = match self.tokens.get(before).map(|token| token.what.clone()) {
                Some(What::Word { text, .. }) => text,
                _ => return,
            };
            self.tokens.truncate(before);
            self.documents.push((end, operator == "<<-"));
        } else {
            self.push(What::Redirect(operator));
        }
    }

    /// Passes over here-documents that the finished line announced.
    fn skip_documents(&mut self) {
        for (end, tabs) in std::mem::take(&mut self.documents) {
            while self.at < self.text.len() {
                let rest = &self.text[self.at..];
                let length = rest.iter().position(|c| *c == '\n').unwrap_or(rest.len());
                let line: String = rest[..length].iter().collect();
                self.at = (self.at + length + 1).min(self.text.len());
                self.line += 1;
                let line = if tabs { line.trim_start_matches('\t') } else { &line };
                if line == end {
                    break;
                }
            }
        }
    }

    fn word(&mut self) {
        let line = self.line;
        let mut text = String::new();
        let mut quoted = false;
        let began = self.at;
        while let Some(next) = self.peek(0) {
            match next {
                ' ' | '\t' | '\r' | '\n' | ';' | '&' | '|' | '(' | ')' | '<' | '>' => break,
                '\'' => {
                    quoted = true;
                    self.at += 1;
                    while let Some(inner) = self.next() {
                        if inner == '\'' {
                            break;
                        }
                        text.push(inner);
                    }
                }
                '"' => {
                    quoted = true;
                    self.at += 1;
                    self.double(&mut text);
                }
                '\\' => {
                    self.at += 1;
                    if let Some(inner) = self.next().filter(|inner| *inner != '\n') {
                        text.push(inner);
                    }
                }
                '$' | '`' => self.expansion(&mut text),
                _ => {
                    text.push(next);
                    self.at += 1;
                }
            }
        }
        if self.at == began {
            // Nothing that a word begins with; never stand still.
            self.at += 1;
            return;
        }
        self.tokens.push(Token { line, what: What::Word { text, quoted } });
    }

    fn next(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        if next == '\n' {
            self.line += 1;
        }
        Some(next)
    }

    /// The rest of a double-quoted text.
    fn double(&mut self, text: &mut String) {
        while let Some(next) = self.peek(0) {
            match next {
                '"' => {
                    self.at += 1;
                    return;
                }
                '\\' => {
                    self.at += 1;
                    if let Some(inner) = self.next().filter(|inner| *inner != '\n') {
                        text.push(inner);
                    }
                }
                '$' | '`' => self.expansion(text),
                _ => {
                    text.push(next);
                    self.next();
                }
            }
        }
    }

    /// `$x`, `${x}`, `$(command)`, `` `command` ``, taken as they stand.
    fn expansion(&mut self, text: &mut String) {
        let (open, close) = match (self.peek(0), self.peek(1)) {
            (Some('`'), _) => {
                text.push('`');
                self.at += 1;
                while let Some(inner) = self.next() {
                    text.push(inner);
                    if inner == '`' {
                        return;
                    }
                }
                return;
            }
            (_, Some('(')) => ('(', ')'),
            (_, Some('{')) => ('{', '}'),
            _ => {
                text.push('$');
                self.at += 1;
                return;
            }
        };
        text.push('$');
        self.at += 1;
        let mut depth = 0;
        let mut quote = None;
        while let Some(inner) = self.next() {
            text.push(inner);
            match (quote, inner) {
                (_, '\\') => {
                    if let Some(escaped) = self.next() {
                        text.push(escaped);
                    }
                }
                (Some(end), c) if c == end => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(inner),
                (None, c) if c == open && depth < DEEPEST => depth += 1,
                (None, c) if c == close => {
                    depth -= 1;
                    if depth == 0 {
                        return;
                    }
                }
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> Vec<String> {
        split(text)
            .into_iter()
            .map(|token| match token.what {
                What::Word { text, .. } => text,
                What::Operator(operator) | What::Redirect(operator) => operator.to_owned(),
            })
            .collect()
    }

    #[test]
    fn quotes_comments_and_documents_are_understood() {
        assert_eq!(
            words("if [ \"$1\" = 'a b' ]; then # why; not\n\techo x >/etc/y 2>&1\nfi"),
            [
                "if", "[", "$1", "=", "a b", "]", ";", "then", "\n", "echo", "x", ">", "/etc/y",
                "2>", "1", "\n", "fi", "\n"
            ]
        );
        assert_eq!(
            words("cat <<EOF >/etc/x\nrm -rf /\nEOF\nls"),
            ["cat", ">", "/etc/x", "\n", "ls", "\n"]
        );
        assert_eq!(words("a=\"$(b \"c)\" d)\" e"), ["a=$(b \"c)\" d)", "e", "\n"]);
        assert_eq!(words("a \\\n b\n"), ["a", "b", "\n", "\n"]);
    }

    #[test]
    fn lines_are_counted_through_everything() {
        let lines: Vec<u32> = split("a 'x\ny'\ncat <<E\n1\n2\nE\nb \\\nc")
            .into_iter()
            .filter(|token| matches!(&token.what, What::Word { text, .. } if text.len() == 1))
            .map(|token| token.line)
            .collect();
        assert_eq!(lines, [1, 7, 8]);
    }

    proptest! {
        #[test]
        fn any_text_ends(text in "[-a$`'\"\\\\(){};&|<>\n #]{0,60}") {
            split(&text);
        }
    }
}
