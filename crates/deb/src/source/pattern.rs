//! Patterns for paths: `bin/*`, `**/*.js`, `docs`.
//!
//! Leaves out braces and character classes.

/// Says whether the path (`/` between parts) matches. `*` and `?` stay within a part, `**` stands
/// for any number of parts; a pattern that matches a folder matches all that is in it.
pub fn matches(pattern: &str, path: &str) -> bool {
    let pattern: Vec<&str> = pattern.trim_matches('/').split('/').collect();
    let path: Vec<&str> = path.split('/').collect();
    parts(&pattern, &path)
}

/// What `include` and `exclude` leave of all paths.
pub fn wanted(path: &str, include: &[String], exclude: &[String]) -> bool {
    (include.is_empty() || include.iter().any(|pattern| matches(pattern, path)))
        && !exclude.iter().any(|pattern| matches(pattern, path))
}

/// Row by row: `reached[i]` says that the patterns so far can end before the path's part `i`, so
/// that many `**` cost no more than their number times the path's length.
fn parts(pattern: &[&str], path: &[&str]) -> bool {
    let mut reached = vec![false; path.len() + 1];
    reached[0] = true;
    for one in pattern {
        let mut next = vec![false; path.len() + 1];
        for at in 0..=path.len() {
            if *one == "**" {
                next[at] = reached[at] || (at > 0 && next[at - 1]);
            } else if at > 0 {
                next[at] = reached[at - 1] && part(one, path[at - 1]);
            }
        }
        reached = next;
    }
    // A folder's match is that of what it holds.
    reached[1..].contains(&true)
}

fn part(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    let mut reached = vec![false; text.len() + 1];
    reached[0] = true;
    for one in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match one {
                '*' => reached[at] || (at > 0 && next[at - 1]),
                '?' => at > 0 && reached[at - 1],
                one => at > 0 && reached[at - 1] && text[at - 1] == one,
            };
        }
        reached = next;
    }
    reached[text.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_within_a_part() {
        assert!(matches("bin/*", "bin/run"));
        assert!(matches("bin/*", "bin/run/deep"), "a folder that matches brings what it holds");
        assert!(!matches("*.js", "a/b.js"));
        assert!(matches("**/*.js", "a/b.js"));
        assert!(matches("**/*.js", "b.js"));
        assert!(matches("**/test/**", "a/test/b/c"));
        assert!(!matches("**/test", "a/testing"));
        assert!(matches("docs", "docs/a"));
        assert!(matches("do?s/", "docs/a"));
        assert!(!matches("docs/a", "docs"));
    }

    #[test]
    fn a_hostile_pattern_takes_no_exponential_time() {
        let pattern = "**/".repeat(40) + "*a*a*a*a*a*a*a*a*b";
        assert!(!matches(&pattern, &"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/".repeat(40)));
    }

    #[test]
    fn exclude_wins_over_include() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(wanted("a/b", &[], &[]));
        assert!(wanted("a/b", &list(&["a"]), &[]));
        assert!(!wanted("c", &list(&["a"]), &[]));
        assert!(!wanted("a/b", &list(&["a"]), &list(&["**/b"])));
    }
}
