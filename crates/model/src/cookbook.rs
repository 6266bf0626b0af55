//! The recipes that are part of stead itself.
//!
//! Leaves out the plan's own recipes, which `deb::recipe_folder` finds.

use include_dir::{Dir, include_dir};

use crate::recipe::folder::Folder;

static COOKBOOK: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/cookbook");

/// The built-in recipes' names, sorted.
pub fn names() -> Vec<&'static str> {
    let mut names: Vec<&str> = COOKBOOK.dirs().filter_map(|dir| dir.path().to_str()).collect();
    names.sort_unstable();
    names
}

/// The folder of a built-in recipe.
pub fn folder(name: &str) -> Option<Folder> {
    // A name of several parts would be a folder within a recipe.
    let dir = COOKBOOK.get_dir(name).filter(|_| !name.contains('/'))?;
    let mut folder = Folder { place: format!("cookbook:{name}"), ..Folder::default() };
    collect(dir, name, &mut folder);
    Some(folder)
}

fn collect(dir: &Dir<'_>, name: &str, folder: &mut Folder) {
    for file in dir.files() {
        if let Some(path) = file.path().strip_prefix(name).ok().and_then(|path| path.to_str()) {
            folder.files.insert(path.to_owned(), file.contents().to_owned());
        }
    }
    for dir in dir.dirs() {
        collect(dir, name, folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::definition::Recipe;
    use crate::recipe::lint::lint;

    #[test]
    fn every_built_in_recipe_has_no_faults_and_its_folder_s_name() {
        assert!(names().contains(&"node-exporter"));
        for name in names() {
            let folder = folder(name).expect("listed");
            let read =
                Recipe::parse(&folder).unwrap_or_else(|faults| panic!("{name}: {}", faults[0]));
            let faults = lint(&read, &folder);
            assert!(faults.is_empty(), "{name}: {}", faults[0]);
            assert_eq!(read.recipe.name, name);
        }
        for stranger in ["", "no-such", "node-exporter/recipe.toml", "..", "."] {
            assert_eq!(folder(stranger), None, "{stranger}");
        }
    }
}

#[cfg(test)]
mod any_text {
    use proptest::prelude::*;

    use super::*;
    use crate::recipe::definition::Recipe;
    use crate::recipe::lines::FILE;
    use crate::recipe::lint::lint;

    /// Reads and judges a folder; every fault names a line that is there.
    fn judged(folder: &Folder) -> Result<(), TestCaseError> {
        let faults = match Recipe::parse(folder) {
            Ok(read) => lint(&read, folder),
            Err(faults) => {
                prop_assert!(!faults.is_empty());
                faults
            }
        };
        for fault in faults {
            let text = folder.files.get(&fault.file).map(|bytes| String::from_utf8_lossy(bytes));
            let lines = text.map_or(0, |text| text.lines().count().max(1));
            let line = usize::try_from(fault.line).unwrap_or(usize::MAX);
            prop_assert!(line <= lines, "{fault} of {lines} lines");
            prop_assert!(!fault.to_string().contains(char::is_control), "{fault:?}");
        }
        Ok(())
    }

    fn with(bytes: Vec<u8>) -> Folder {
        Folder { files: [(FILE.to_owned(), bytes)].into(), ..Folder::default() }
    }

    /// Texts that look like TOML, of the recipe's own words.
    fn toml_ish() -> impl Strategy<Value = String> {
        let word = prop_oneof![
            Just("name"),
            Just("source"),
            Just("files"),
            Just("units"),
            Just("settings"),
            Just("package"),
            Just("directories"),
            Just("path"),
            Just("content"),
            Just("checks"),
            Just("\"a\""),
            Just("'''"),
            Just("\"\"\""),
            Just("{{ x }}"),
            Just("{% for a in b %}"),
            Just("= "),
            Just("."),
            Just("["),
            Just("]"),
            Just("[["),
            Just("]]"),
            Just("{"),
            Just("}"),
            Just(","),
            Just("\n"),
            Just("\r\n"),
            Just("\t"),
            Just("#"),
            Just("\u{feff}"),
            Just("99999999999999999999"),
            Just("-1"),
            Just("1e999"),
            Just("nan"),
            Just("true"),
            Just("1979-05-27"),
            Just("\\u{1b}"),
            Just("ä"),
            Just("\0"),
            Just("\u{202e}"),
        ];
        proptest::collection::vec(word, 0..60).prop_map(|words| words.concat())
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            judged(&with(bytes))?;
        }

        #[test]
        fn no_words_make_the_reader_panic(text in toml_ish()) {
            judged(&with(text.into_bytes()))?;
        }

        #[test]
        fn no_change_of_a_good_recipe_makes_it_panic(
            which in any::<prop::sample::Index>(),
            file in any::<prop::sample::Index>(),
            at in any::<prop::sample::Index>(),
            cut in 0_usize..12,
            put in prop_oneof![toml_ish(), any::<String>()],
            bytes in proptest::collection::vec(any::<u8>(), 0..4),
        ) {
            let mut folder = super::folder(which.get::<&str>(&names())).expect("listed");
            let files: Vec<String> = folder.files.keys().cloned().collect();
            // The recipe itself mostly, else any file of its folder.
            let name = if cut % 3 == 0 { file.get(&files).clone() } else { FILE.to_owned() };
            let text = folder.files.get_mut(&name).expect("there");
            let start = at.index(text.len() + 1);
            let end = (start + cut).min(text.len());
            text.splice(start..end, put.into_bytes().into_iter().chain(bytes));
            judged(&folder)?;
        }
    }
}
