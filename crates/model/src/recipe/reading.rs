//! Reads `recipe.toml`, and tells all that is wrong with it at once.
//!
//! Leaves out what can only be judged with the whole recipe in hand, which is the lint's.

use serde::de::DeserializeOwned;
use serde_json::Value;
use toml::de::{DeTable, Deserializer};

use crate::recipe::definition::Recipe;
use crate::recipe::fault::Fault;
use crate::recipe::folder::Folder;
use crate::recipe::lines::{FILE, Lines, Place};
use crate::recipe::nearest::nearest;
use crate::recipe::schema::schema;
use crate::recipe::shape;

/// A larger file is no recipe, in bytes.
pub const LARGEST: usize = 256 * 1024;
/// More faults than this help nobody.
const MOST: usize = 50;

/// A recipe and the lines of its keys.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub recipe: Recipe,
    pub lines: Lines,
}

impl Recipe {
    /// Reads the folder's `recipe.toml`.
    ///
    /// # Errors
    /// All faults that were found, at least one: what is no TOML, keys that are unknown or
    /// missing, values of a wrong type; sorted by line.
    pub fn parse(folder: &Folder) -> Result<Read, Vec<Fault>> {
        let Some(bytes) = folder.files.get(FILE) else {
            let names = folder.files.keys().map(String::as_str);
            let hint = nearest(FILE, names).map_or_else(
                || "`stead recipe new NAME` makes a folder that has one".to_owned(),
                |near| format!("rename `{near}`"),
            );
            return Err(vec![Fault::new(FILE, 0, 0, "the folder has no such file").hint(&hint)]);
        };
        if bytes.len() > LARGEST {
            let message = format!("it is larger than {}", crate::text::bytes(LARGEST as u64));
            return Err(vec![
                Fault::new(FILE, 0, 0, &message)
                    .hint("keep long texts in files of their own and name them by `template`"),
            ]);
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => read(text, schema()).map(|(recipe, lines)| Read { recipe, lines }),
            Err(error) => {
                let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
                let place = Place::of(&format!("{good}?"), good.len());
                let fault = Fault::new(FILE, place.line, place.column, "this is no UTF-8 text")
                    .hint("save the file as UTF-8");
                Err(vec![fault])
            }
        }
    }
}

/// Reads a text of the house's TOML files as this type, whose schema is given. Its faults name
/// [`FILE`]; for another file that is to be put right.
///
/// # Errors
/// All faults that were found, at least one, sorted by line.
pub(crate) fn read<T: DeserializeOwned>(
    text: &str,
    schema: &Value,
) -> Result<(T, Lines), Vec<Fault>> {
    let (document, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
    let lines = Lines::read(document.get_ref(), text);
    let whole = errors.iter().position(unclosed).map_or(errors.len(), |first| first + 1);
    let mut faults: Vec<Fault> = errors[..whole].iter().map(|error| syntax(error, text)).collect();
    let end = if whole < errors.len() { faults[whole - 1].line } else { u32::MAX };
    let shape = shape::faults(document.get_ref(), &lines, schema);
    if faults.is_empty() {
        faults = shape;
    } else {
        // What could be read of a broken text says nothing of what is missing, but an unknown key
        // in a line of its own is one.
        let broken: Vec<u32> = faults.iter().map(|fault| fault.line).collect();
        faults.extend(shape.into_iter().filter(|fault| {
            fault.message.starts_with("unknown key")
                && !broken.contains(&fault.line)
                && fault.line < end
        }));
    }
    if faults.is_empty() {
        match T::deserialize(Deserializer::from(document)) {
            Ok(value) => return Ok((value, lines)),
            Err(error) => faults.push(syntax(&error, text)),
        }
    }
    faults.sort_by_key(|fault| (fault.line, fault.column));
    faults.dedup();
    faults.truncate(MOST);
    Err(faults)
}

fn syntax(error: &toml::de::Error, text: &str) -> Fault {
    let start = error.span().map_or(0, |span| span.start);
    let place = Place::of(text, start);
    let said = error.message();
    let fault = |message: &str| Fault::new(FILE, place.line, place.column, message);
    if said.contains("string values must be quoted") {
        fault("here stands no value").hint("a text stands in quotes: `\"…\"`")
    } else if said.starts_with("key with no value") {
        fault("here stands a key without a value").hint("write `key = value`")
    } else if said.starts_with("duplicate key") {
        fault("this key is there twice").hint("leave one out")
    } else if unclosed(error) {
        let hint = "close it; a text of several lines stands between `\"\"\"` and `\"\"\"`";
        fault(said).hint(hint)
    } else {
        fault(said)
    }
}

/// Whether something has no end, so that all behind it is read wrongly.
fn unclosed(error: &toml::de::Error) -> bool {
    ["invalid basic string, expected `\"`", "invalid multi-line", "unclosed"]
        .iter()
        .any(|start| error.message().starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "name = \"chat\"\nsummary = \"A chat\"\nversion = \"1\"\n\n[source]\n\
                        debian = \"chat\"\n";

    fn folder(bytes: &[u8]) -> Folder {
        Folder { files: [(FILE.to_owned(), bytes.to_owned())].into(), ..Folder::default() }
    }

    fn said(text: &str) -> String {
        let faults = Recipe::parse(&folder(text.as_bytes())).expect_err("faulty");
        faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn a_good_recipe_is_read_with_its_lines() {
        let read = Recipe::parse(&folder(GOOD.as_bytes())).expect("good");
        assert_eq!((&read.recipe.name[..], read.recipe.revision), ("chat", 1));
        assert_eq!(read.lines.of("source.debian"), 6);
        for text in [GOOD.replace('\n', "\r\n"), format!("\u{feff}{GOOD}")] {
            assert_eq!(Recipe::parse(&folder(text.as_bytes())), Ok(read.clone()));
        }
    }

    #[test]
    fn every_fault_is_told_at_once_with_line_and_way_out() {
        let text = "nmae = \"chat\"\nsummary = 7\nversion = 1.2\nuser = \"x\"\n[source]\n\
                    debian = [\"chat\"]\n[package]\ndepends = \"nginx\"\nrevision = 2\n\
                    [[units]]\nname = \"a.service\"\non_upgrade = \"reboot\"\nenable = \"yes\"\n\
                    [[units]]\nunit = \"b\"\n[files]\n[[backup]]\n[database]\nengine = \"mysql\"\n\
                    [[checks]]\nstatus = 99999\n[settings.a]\ntype = \"sting\"\n";
        let expected = "\
recipe.toml:1: `name` is missing; add `name = \"…\"`: The service's and the package's name, as Debian allows it: `ssb-pub`
recipe.toml:1: unknown key `nmae`; did you mean `name`?
recipe.toml:2: `summary` takes a text in quotes, here is a whole number; write `\"7\"`
recipe.toml:3: `version` takes a text in quotes, here is a number with a point; write `\"1.2\"`
recipe.toml:4: unknown key `user`; it belongs under `[package]`
recipe.toml:6: `source.debian` takes a text in quotes, here is a list
recipe.toml:8: `package.depends` takes a list of texts, here is a text; write `[\"nginx\"]`
recipe.toml:9: unknown key `revision` in `[package]`; it belongs at the top, above the first `[table]`
recipe.toml:12: `units[0].on_upgrade` is `reboot`, not one of `reload`, `stop-start`, `restart`, `nothing`
recipe.toml:13: `units[0].enable` takes true or false, here is a text
recipe.toml:14: `name` is missing in `[[units]]`; add `name = \"…\"`: With its suffix: `synapse.service`, `synapse-purge.timer`";
        let text = said(text);
        for line in expected.lines() {
            assert!(text.contains(line), "missing: {line}\nin:\n{text}");
        }
        for start in [
            "recipe.toml:15: unknown key `unit` in `[[units]]`; ",
            "recipe.toml:16: `files` takes a list of tables, here is a table; write `[[files]]`",
            "recipe.toml:17: `backup` takes a table, here is a list; write `[backup]`",
            "recipe.toml:18: `name` is missing in `[database]`",
            "recipe.toml:19: `database.engine` is `mysql`, not one of `postgresql`, `sqlite`",
            "recipe.toml:21: `checks[0].status` takes a whole number from 0 to 65535",
            "recipe.toml:22: `help` is missing in `[settings.a]`",
            "recipe.toml:23: `settings.a.type` is `sting`",
        ] {
            assert!(text.contains(start), "missing: {start}\nin:\n{text}");
        }
    }

    #[test]
    fn what_is_no_toml_is_told_with_every_line_that_is_broken() {
        let text = said(&GOOD.replace("\"1\"", "1.2.3").replace("\"A chat\"", "A chat\nfoo = 1"));
        assert!(text.contains("recipe.toml:2: "), "{text}");
        assert!(text.contains("recipe.toml:3: unknown key `foo`"), "{text}");
        assert!(text.contains("recipe.toml:4: "), "{text}");
        assert!(!text.contains("missing"), "{text}");
    }

    #[test]
    fn behind_a_text_without_end_nothing_is_told() {
        let text = said(&GOOD.replace("\"A chat\"", "\"A chat").replace("[source]", "[sorce"));
        assert_eq!(text.lines().count(), 1, "{text}");
        let start = "recipe.toml:2: invalid basic string, expected `\"`; close it";
        assert!(text.starts_with(start), "{text}");
        assert_eq!(
            said(&GOOD.replace("summary", "name")),
            "recipe.toml:2: this key is there twice; leave one out"
        );
    }

    #[test]
    fn what_is_no_recipe_at_all_is_refused_kindly() {
        let empty = Recipe::parse(&Folder::default()).expect_err("empty");
        assert!(empty[0].to_string().contains("`stead recipe new NAME`"), "{}", empty[0]);
        let mut wrong = folder(b"");
        let file = wrong.files.remove(FILE).expect("there");
        wrong.files.insert("Recipe.toml".to_owned(), file);
        let faults = Recipe::parse(&wrong).expect_err("misnamed");
        assert!(faults[0].to_string().ends_with("rename `Recipe.toml`"), "{}", faults[0]);
        assert!(said("").contains("`name` is missing"));
        let faults = Recipe::parse(&folder(b"name = \"a\"\nx = \"\xff\xfe\"")).expect_err("binary");
        assert_eq!((faults[0].line, faults[0].column), (2, 6));
        let faults = Recipe::parse(&folder(&vec![b'#'; LARGEST + 1])).expect_err("large");
        assert!(faults[0].message.contains("256.0 KiB"), "{}", faults[0]);
        let deep = format!("name = {}", "[".repeat(50_000));
        assert!(said(&deep).contains("recipe.toml:1"));
        let deep = format!("{} = 1", vec!["a"; 50_000].join("."));
        assert!(said(&deep).contains("recipe.toml:1"));
    }
}
