//! The commands of a maintainer script with all that decides whether they run.
//!
//! Leaves out what the commands mean to a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::lint::guard::{Branch, Guard};
use crate::lint::scope::{MOST_VALUES, Scope};
use crate::lint::shell::{Joint, Node, Simple};

/// A command that a script may run, variables filled in as far as they are known.
#[derive(Clone, Debug)]
pub struct Run {
    pub line: u32,
    pub words: Vec<String>,
    /// `>` or `>>`, and the path.
    pub outputs: Vec<(&'static str, String)>,
    pub guards: Vec<Guard>,
    /// `|| true` or `|| :` follows.
    pub hidden: bool,
}

impl Run {
    /// The command's name without its folder.
    pub fn program(&self) -> &str {
        let first = self.words.first().map(String::as_str).unwrap_or_default();
        first.rsplit('/').next().unwrap_or_default()
    }

    /// The words behind the name that are no options.
    pub fn operands(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).map(String::as_str).filter(|word| !word.starts_with('-'))
    }

    /// Whether it may run when dpkg calls the script with these arguments. What cannot be told
    /// from the arguments is taken to hold.
    pub fn may_run(&self, arguments: &[&str]) -> bool {
        self.guards.iter().all(|guard| guard.holds(arguments) != Some(false))
    }

    /// Whether a branch that it stands in asks for this text, as the test of a file does.
    pub fn is_asked(&self, text: &str) -> bool {
        self.guards.iter().any(|guard| guard.mentions(text))
    }
}

/// How deep functions may call each other.
const DEEPEST: u32 = 5;
/// More branches around a command than this are not looked at.
const MOST_GUARDS: usize = 60;
/// More commands than this are not looked at.
const MOST_RUNS: usize = 20_000;

/// Lists the commands of a script in order; functions where they are called.
pub fn runs(script: &Node) -> Vec<Run> {
    let mut variables = BTreeMap::new();
    let mut functions = BTreeMap::new();
    collect(script, &mut variables, &mut functions);
    let scope = Rc::new(Scope { variables, arguments: None });
    let mut walk = Walk { functions: &functions, runs: Vec::new(), depth: 0 };
    walk.node(script, &[], &scope, false);
    walk.runs
}

fn collect<'a>(
    node: &'a Node,
    variables: &mut BTreeMap<String, BTreeSet<String>>,
    functions: &mut BTreeMap<&'a str, &'a Node>,
) {
    match node {
        Node::Simple(simple) => {
            let local = matches!(
                simple.words.first().map(String::as_str),
                Some("local" | "export" | "readonly")
            );
            let declared = simple.words.iter().filter(|_| local).filter_map(|w| w.split_once('='));
            let own =
                simple.assignments.iter().map(|(name, value)| (name.as_str(), value.as_str()));
            for (name, value) in own.chain(declared) {
                variables.entry(name.to_owned()).or_default().insert(value.to_owned());
            }
        }
        Node::Chain(links) => links.iter().for_each(|(_, n)| collect(n, variables, functions)),
        Node::Not(inner) => collect(inner, variables, functions),
        Node::Pipe(all) | Node::List(all) => {
            all.iter().for_each(|node| collect(node, variables, functions));
        }
        Node::If { branches, otherwise } => {
            for (condition, body) in branches {
                collect(condition, variables, functions);
                collect(body, variables, functions);
            }
            otherwise.iter().for_each(|node| collect(node, variables, functions));
        }
        Node::Case { arms, .. } => {
            arms.iter().for_each(|(_, body)| collect(body, variables, functions));
        }
        Node::For { name, words, body } => {
            variables.entry(name.clone()).or_default().extend(words.iter().cloned());
            collect(body, variables, functions);
        }
        Node::While { condition, body } => {
            collect(condition, variables, functions);
            collect(body, variables, functions);
        }
        Node::Function { name, body } => {
            functions.insert(name, body);
            collect(body, variables, functions);
        }
    }
}

struct Walk<'a> {
    functions: &'a BTreeMap<&'a str, &'a Node>,
    runs: Vec<Run>,
    depth: u32,
}

impl Walk<'_> {
    fn node(&mut self, node: &Node, guards: &[Guard], scope: &Rc<Scope>, hidden: bool) {
        let guard = |node: &Node, expected| Guard {
            what: Branch::Condition(Rc::new(node.clone())),
            expected,
            scope: Rc::clone(scope),
        };
        match node {
            Node::Simple(simple) => self.simple(simple, guards, scope, hidden),
            Node::Not(inner) => self.node(inner, guards, scope, hidden),
            Node::Pipe(all) => all.iter().for_each(|n| self.node(n, guards, scope, hidden)),
            Node::List(all) => {
                let mut after = guards.to_vec();
                for one in all {
                    self.node(one, &after, scope, hidden);
                    if after.len() <= MOST_GUARDS {
                        after.extend(leaving(one, scope));
                    }
                }
            }
            Node::Chain(links) => {
                let mut inside = guards.to_vec();
                let last = links.last().map(|(joint, node)| (*joint, node));
                let forgiven = matches!(last, Some((Joint::Or, node)) if does_nothing(node));
                for (index, (_, link)) in links.iter().enumerate() {
                    self.node(link, &inside, scope, hidden || forgiven);
                    match links.get(index + 1) {
                        _ if inside.len() > MOST_GUARDS => {}
                        Some((Joint::And, _)) => inside.push(guard(link, true)),
                        Some(_) => inside.push(guard(link, false)),
                        None => {}
                    }
                }
            }
            Node::If { branches, otherwise } => {
                let mut inside = guards.to_vec();
                for (condition, body) in branches {
                    self.node(condition, &inside, scope, hidden);
                    inside.push(guard(condition, true));
                    self.node(body, &inside, scope, hidden);
                    inside.pop();
                    inside.push(guard(condition, false));
                }
                otherwise.iter().for_each(|node| self.node(node, &inside, scope, hidden));
            }
            Node::Case { subject, arms } => {
                let arm = |patterns: &[String], expected| Guard {
                    what: Branch::Arm { subject: subject.clone(), patterns: patterns.to_vec() },
                    expected,
                    scope: Rc::clone(scope),
                };
                let mut inside = guards.to_vec();
                for (patterns, body) in arms {
                    inside.push(arm(patterns, true));
                    self.node(body, &inside, scope, hidden);
                    inside.pop();
                    inside.push(arm(patterns, false));
                }
            }
            Node::For { body, .. } => self.node(body, guards, scope, hidden),
            Node::While { condition, body } => {
                self.node(condition, guards, scope, hidden);
                self.node(body, guards, scope, hidden);
            }
            Node::Function { .. } => {}
        }
    }

    fn simple(&mut self, simple: &Simple, guards: &[Guard], scope: &Rc<Scope>, hidden: bool) {
        if self.runs.len() >= MOST_RUNS {
            return;
        }
        let name = simple.words.first().map(String::as_str).unwrap_or_default();
        if let Some(body) = self.functions.get(name).copied()
            && self.depth < DEEPEST
        {
            let arguments = simple.words[1..].iter();
            let arguments = arguments.filter_map(|word| scope.values(word).into_iter().next());
            let inner =
                Scope { variables: scope.variables.clone(), arguments: Some(arguments.collect()) };
            self.depth += 1;
            self.node(body, guards, &Rc::new(inner), hidden);
            self.depth -= 1;
        }
        for words in product(simple.words.iter().map(|word| scope.values(word)).collect()) {
            let outputs = simple
                .outputs
                .iter()
                .flat_map(|(how, to)| scope.values(to).into_iter().map(move |to| (*how, to)));
            let run = Run {
                line: simple.line,
                words: words.iter().flat_map(|word| fields(word)).collect(),
                outputs: outputs.collect(),
                guards: guards.to_vec(),
                hidden,
            };
            // `su x -c 'command'` and its like run a script of their own.
            if matches!(run.program(), "su" | "runuser" | "sh" | "bash" | "setpriv")
                && let Some(at) = words.iter().position(|word| word == "-c" || word == "-ec")
                && let Some(inner) = words.get(at + 1)
                && self.depth < DEEPEST
            {
                self.depth += 1;
                let line = run.line;
                let first = self.runs.len();
                self.node(&crate::lint::shell::parse(inner), guards, scope, hidden);
                self.runs[first..].iter_mut().for_each(|run| run.line = line);
                self.depth -= 1;
            }
            self.runs.push(run);
        }
    }
}

/// A value that was filled in may be several words; one that stood there is one.
fn fields(word: &str) -> Vec<String> {
    if word.contains(' ') && word.split(' ').all(|part| part.starts_with('/') || part.is_empty()) {
        word.split_whitespace().map(str::to_owned).collect()
    } else {
        vec![word.to_owned()]
    }
}

/// After `if x; then exit 0; fi` the rest runs only without x.
fn leaving(node: &Node, scope: &Rc<Scope>) -> Vec<Guard> {
    let leaves = |node: &Node| match node {
        Node::List(all) => all.iter().any(|node| match node {
            Node::Simple(simple) => {
                matches!(simple.words.first().map(String::as_str), Some("exit" | "return"))
            }
            _ => false,
        }),
        Node::Simple(simple) => {
            matches!(simple.words.first().map(String::as_str), Some("exit" | "return"))
        }
        _ => false,
    };
    let guard = |node: &Node, expected| Guard {
        what: Branch::Condition(Rc::new(node.clone())),
        expected,
        scope: Rc::clone(scope),
    };
    match node {
        Node::If { branches, otherwise: None } if branches.len() == 1 => {
            let (condition, body) = &branches[0];
            if leaves(body) { vec![guard(condition, false)] } else { Vec::new() }
        }
        Node::Chain(links) if links.len() == 2 && leaves(&links[1].1) => {
            vec![guard(&links[0].1, links[1].0 == Joint::Or)]
        }
        _ => Vec::new(),
    }
}

fn does_nothing(node: &Node) -> bool {
    matches!(node, Node::Simple(simple)
        if matches!(simple.words.first().map(String::as_str), Some("true" | ":")))
}

fn product(choices: Vec<Vec<String>>) -> Vec<Vec<String>> {
    let mut all: Vec<Vec<String>> = vec![Vec::new()];
    for choice in choices {
        let wide = all.len() * choice.len() <= MOST_VALUES;
        let take = if wide { choice.len() } else { 1 };
        all = all
            .into_iter()
            .flat_map(|before| {
                choice[..take].iter().map(move |value| {
                    let mut words = before.clone();
                    words.push(value.clone());
                    words
                })
            })
            .collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::shell::parse;

    /// The commands that may run with these arguments, without tests.
    fn may(script: &str, arguments: &[&str]) -> Vec<String> {
        runs(&parse(script))
            .into_iter()
            .filter(|run| !matches!(run.program(), "[" | "test" | "") && run.may_run(arguments))
            .map(|run| run.words.join(" "))
            .collect()
    }

    #[test]
    fn branches_on_what_dpkg_says_are_followed() {
        let script = r#"
            action="$1"
            case "$action" in
                remove|deconfigure) a ;;
                upgrade) b ;;
                *) c ;;
            esac
            if [ "$1" = remove ] && [ -d /run/systemd/system ]; then d; elif [ -n "$2" ]; then e; else f; fi
            [ -z "$2" ] || g
            test "x$1" != "xupgrade" && h
            [ "$1" = "upgrade" -o "$1" = remove ] && i
            [ "$1" = purge ] || exit 0
            j
        "#;
        assert_eq!(may(script, &["remove"]), ["a", "d", "f", "h", "i", "exit 0"]);
        assert_eq!(may(script, &["upgrade", "2"]), ["b", "e", "g", "i", "exit 0"]);
        assert_eq!(may(script, &["purge"]), ["c", "f", "h", "j"]);
    }

    #[test]
    fn variables_and_functions_are_filled_in() {
        let script = r#"
            dir=/var/lib/x
            make() { mkdir -p "$1"; }
            make "$dir/data"
            for f in a b; do touch ${dir}/$f; done
            if [ -n "$2" ]; then act=restart; else act=start; fi
            deb-systemd-invoke $act x.service || true
            su x -c "createdb y"
        "#;
        let found = may(script, &["configure", ""]);
        for expected in [
            "mkdir -p /var/lib/x/data",
            "touch /var/lib/x/a",
            "touch /var/lib/x/b",
            "deb-systemd-invoke restart x.service",
            "deb-systemd-invoke start x.service",
            "createdb y",
        ] {
            assert!(found.iter().any(|one| one == expected), "{expected}: {found:?}");
        }
        let runs = runs(&parse(script));
        assert!(runs.iter().any(|run| run.program() == "deb-systemd-invoke" && run.hidden));
    }

    proptest::proptest! {
        #[test]
        fn any_script_is_walked(text in "[-a$1`'\"\\\\(){};&|<>\n #=f]{0,80}") {
            for run in runs(&parse(&text)) {
                run.may_run(&["configure"]);
            }
        }
    }
}
