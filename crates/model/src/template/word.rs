//! What a word of a log line is: a number, an address, a name with a number in it.
//!
//! Leaves out how words are found, which is the scanner's.

/// Characters that hold the groups of a word together when more of the word follows.
pub(super) const fn joins(character: char) -> bool {
    matches!(character, '-' | '.' | ':' | '@' | '%' | '+' | '~')
}

pub(super) fn belongs(character: char) -> bool {
    character == '_' || character.is_alphanumeric()
}

/// A group of a word: what stands between two joining characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Group {
    /// No digit, and a letter that is not hexadecimal.
    Plain,
    /// Hexadecimal letters only: part of a number if its neighbours are.
    Letters,
    Digits,
    /// Hexadecimal, or numbers with units: `3fa9`, `0x1f`, `10ms`, `1h5m`.
    Number,
    /// Part of a timestamp: `04T07`, `09Z`.
    Time,
    /// A random name: letters and digits well mixed.
    Random,
    /// Letters with a few digits: `sda1`.
    Mixed,
}

/// Units that follow a number without a space.
const UNITS: &[&str] = &[
    "ns", "us", "µs", "ms", "s", "sec", "secs", "m", "min", "mins", "h", "hr", "hrs", "d", "w",
    "y", "b", "k", "kb", "kib", "mb", "mib", "g", "gb", "gib", "t", "tb", "tib", "kbit", "mbit",
    "gbit", "hz", "khz", "mhz", "ghz", "v", "x", "px", "st", "nd", "rd", "th",
];

pub(super) fn group(text: &str) -> Group {
    let mut digits = 0_usize;
    let mut runs = 0_usize;
    let mut in_digits = false;
    let (mut upper, mut lower, mut hexadecimal) = (0_usize, 0_usize, true);
    for character in text.chars() {
        let digit = character.is_ascii_digit();
        runs += usize::from(digit && !in_digits);
        in_digits = digit;
        digits += usize::from(digit);
        upper += usize::from(character.is_uppercase());
        lower += usize::from(character.is_lowercase());
        hexadecimal &= character.is_ascii_hexdigit();
    }
    match () {
        () if digits == 0 && hexadecimal => Group::Letters,
        () if digits == 0 => Group::Plain,
        () if digits == text.len() => Group::Digits,
        () if hexadecimal || prefixed(text) || measured(text) => Group::Number,
        () if timed(text) => Group::Time,
        () if runs >= 3 || (upper + lower >= 16 && upper > 0 && lower > 0) => Group::Random,
        () => Group::Mixed,
    }
}

/// `0x1f`; any digits may stand before the `x`, so that a size (`640x480`) is one as well.
fn prefixed(text: &str) -> bool {
    text.trim_start_matches(|c: char| c.is_ascii_digit())
        .strip_prefix(['x', 'X'])
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_hexdigit()))
        && text.starts_with(|c: char| c.is_ascii_digit())
}

/// One or more numbers, each with a unit.
fn measured(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let after = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let unit = after.find(|c: char| c.is_ascii_digit()).map_or(after, |end| &after[..end]);
        let last = unit.len() == after.len();
        if after.len() == rest.len()
            || !(UNITS.iter().any(|known| known.eq_ignore_ascii_case(unit))
                || (last && unit.is_empty()))
        {
            return false;
        }
        rest = &after[unit.len()..];
    }
    true
}

fn timed(text: &str) -> bool {
    let text = text.strip_suffix('Z').unwrap_or(text);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match text.split_once('T') {
        Some((day, hour)) => digits(day) && digits(hour),
        None => digits(text),
    }
}

/// The mark for a word that is a number as a whole; `None` if it is something else with numbers.
pub(super) fn mark(word: &str) -> Option<&'static str> {
    let (mut groups, mut all_digits, mut time) = (0, true, false);
    for text in word.split(joins).filter(|text| !text.is_empty()) {
        match group(text) {
            Group::Digits => {}
            Group::Number | Group::Letters => all_digits = false,
            Group::Time => time = true,
            Group::Plain | Group::Mixed | Group::Random => return None,
        }
        groups += 1;
    }
    let count = |joint: char| word.chars().filter(|&c| c == joint).count();
    let (dots, colons, dashes) = (count('.'), count(':'), count('-'));
    Some(match (groups, dots, colons, dashes) {
        _ if time => "<time>",
        (3, 0, 2, 0) | (4, 1, 2, 0) if all_digits => "<time>",
        (4, 3, 0, 0) | (5, 3, 1, 0) if all_digits => "<ip>",
        (6, 0, 5, 0) => "<mac>",
        (_, _, colons, 0) if colons >= 3 || word.contains("::") => "<ip>",
        (5, 0, 0, 4) => "<uuid>",
        _ => "<n>",
    })
}

/// Ends of unit names: with one of these a word with `@` is a unit, not a person.
pub(super) fn is_unit(word: &str) -> bool {
    const KINDS: [&str; 10] = [
        "service", "socket", "timer", "target", "mount", "scope", "slice", "path", "swap", "device",
    ];
    word.rsplit('.').next().is_some_and(|kind| KINDS.contains(&kind))
}

/// The value that follows such a word is a secret.
pub(super) fn is_secret(word: &str) -> bool {
    const NAMES: [&str; 13] = [
        "passw",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "api_key",
        "api-key",
        "credential",
        "authorization",
        "cookie",
        "private_key",
        "bearer",
        "pwd",
    ];
    NAMES.iter().any(|name| contains(word, name))
}

/// All that follows such a word is a secret.
pub(super) fn is_secret_line(word: &str) -> bool {
    contains(word, "authorization") || contains(word, "cookie")
}

/// A key whose quoted value says what happened.
pub(super) fn is_telling(word: &str) -> bool {
    const KEYS: [&str; 10] =
        ["level", "lvl", "severity", "msg", "message", "error", "err", "event", "reason", "status"];
    KEYS.iter().any(|key| key.eq_ignore_ascii_case(word))
}

/// Looks like a key or a token by itself.
pub(super) fn is_random(word: &str) -> bool {
    if word.starts_with("eyJ") && word.len() > 20 {
        return true;
    }
    word.split(['.', ':', '@', '+']).any(|part| {
        let has = |rule: fn(&u8) -> bool| part.as_bytes().iter().any(rule);
        let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase);
        has(u8::is_ascii_digit)
            && has(u8::is_ascii_alphabetic)
            && (part.len() >= 24 && mixed || part.len() >= 32 && !part.contains('-'))
    })
}

/// Whether `word` contains `name` (in lower case), whatever the case.
fn contains(word: &str, name: &str) -> bool {
    let (word, name) = (word.as_bytes(), name.as_bytes());
    word.len() >= name.len()
        && word.windows(name.len()).any(|window| window.eq_ignore_ascii_case(name))
}

/// Masks what counts instances in the name of a unit or a program.
pub(super) fn unit(unit: &str, out: &mut String) {
    if !is_unit(unit) {
        return program(unit, out);
    }
    let (stem, kind) = unit.rsplit_once('.').unwrap_or((unit, ""));
    let numbers = |text: &str| {
        text.bytes().any(|b| b.is_ascii_digit())
            && !text.bytes().any(|b| b.is_ascii_alphabetic() && !b.is_ascii_hexdigit())
    };
    if let Some((name, instance)) = stem.split_once('@') {
        out.push_str(name);
        out.push('@');
        out.push_str(if numbers(instance) { "<n>" } else { instance });
    } else if kind == "scope" || stem.starts_with("run-") {
        for (index, part) in stem.split('-').enumerate() {
            if index > 0 {
                out.push('-');
            }
            let bare = part.trim_start_matches(['r', 'u', 'p', 'i']);
            let counted = numbers(part) || (!bare.is_empty() && numbers(bare));
            out.push_str(if counted { "<n>" } else { part });
        }
    } else {
        out.push_str(stem);
    }
    if !kind.is_empty() {
        out.push('.');
        out.push_str(kind);
    }
}

/// Masks the parts of a program's name that are numbers of some length.
fn program(name: &str, out: &mut String) {
    for piece in name.split_inclusive(['-', '_', '.', '/', ':', '[', ' ']) {
        let part = piece.trim_end_matches(['-', '_', '.', '/', ':', '[', ' ']);
        let digits = part.bytes().filter(u8::is_ascii_digit).count();
        let counted = (digits >= 3 && digits == part.len())
            || (digits >= 1 && part.len() >= 8 && part.bytes().all(|b| b.is_ascii_hexdigit()));
        out.push_str(if counted { "<n>" } else { part });
        out.push_str(&piece[part.len()..]);
    }
}
