//! The known name that a misspelt one most likely means.
//!
//! Leaves out what is done with it.

/// The candidate that is nearest to `name`, if one is near enough to be meant: at most a third of
/// its letters differ, letters that changed places counting once (Damerau and Levenshtein).
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace('-', "_");
    let wanted = plain(name);
    let length = wanted.chars().count();
    if length > 64 {
        return None;
    }
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let known = plain(candidate);
        let mut distance = strsim::damerau_levenshtein(&wanted, &known);
        let begins = length >= 3 && (known.starts_with(&wanted) || wanted.starts_with(&known));
        if begins {
            distance = distance.min(1);
        }
        let allowed = (length.max(known.chars().count()) / 3).max(1);
        if distance <= allowed && best.is_none_or(|(before, _)| distance < before) {
            best = Some((distance, candidate));
        }
    }
    best.map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_meant_is_found_and_a_stranger_is_not() {
        let keys = ["name", "units", "unit", "files", "depends", "pre_depends", "template"];
        for (written, meant) in [
            ("uint", Some("unit")),
            ("file", Some("files")),
            ("Depends", Some("depends")),
            ("pre-depends", Some("pre_depends")),
            ("tempalte", Some("template")),
            ("desc", None),
            ("zzz", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, keys), meant, "{written}");
        }
    }
}
