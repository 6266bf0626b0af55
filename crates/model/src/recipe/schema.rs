//! The JSON Schema of `recipe.toml`, made from the types.
//!
//! Leaves out judging a text by it.

use std::sync::LazyLock;

use serde_json::Value;

use crate::recipe::definition::Recipe;

/// The schema, made once.
static SCHEMA: LazyLock<Value> = LazyLock::new(|| schemars::schema_for!(Recipe).to_value());

/// The JSON Schema (draft 2020-12) of a recipe. The types' documentation is its descriptions.
pub fn schema() -> &'static Value {
    &SCHEMA
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::recipe::folder::Folder;
    use crate::recipe::lines::FILE;

    fn docs(name: &str) -> String {
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs");
        fs::read_to_string(docs.join(name)).unwrap_or_default()
    }

    #[test]
    fn the_published_schema_is_the_types_own() {
        let published: Value =
            serde_json::from_str(&docs("recipe.schema.json")).unwrap_or_default();
        assert!(
            published == *schema(),
            "`stead recipe schema > docs/recipe.schema.json` brings it up to date"
        );
    }

    #[test]
    fn the_reference_names_every_key_and_its_examples_are_read() {
        let page = docs("recipe.md");
        let tables = schema()["$defs"].as_object().expect("types").values();
        for table in tables.chain([schema()]) {
            for key in table["properties"].as_object().into_iter().flat_map(|known| known.keys()) {
                let named = ["`", "`[", "`[["].iter().any(|open| {
                    page.contains(&format!("{open}{key}`"))
                        || page.contains(&format!("{open}{key}]"))
                        || page.contains(&format!("{open}{key}."))
                });
                assert!(named, "docs/recipe.md does not name `{key}`");
            }
        }
        let mut examples = 0;
        for block in page.split("\n```toml").skip(1) {
            let (kind, text) = block.split_once('\n').expect("a line");
            let text = text.split("\n```").next().expect("an end");
            let head = "name = \"chat\"\nsummary = \"a\"\nversion = \"1\"\n";
            let whole = match kind.trim() {
                "source" => format!("{head}[source]\n{text}"),
                _ if text.contains("[source]") => text.to_owned(),
                _ => format!("{head}[source]\ndebian = \"a\"\n{text}"),
            };
            let folder = Folder {
                files: [(FILE.to_owned(), whole.clone().into_bytes())].into(),
                ..Folder::default()
            };
            let read = Recipe::parse(&folder).map_err(|faults| faults[0].to_string());
            let recipe = read.unwrap_or_else(|fault| panic!("{fault}\n{whole}")).recipe;
            assert_eq!(recipe.source.faults(), [], "{whole}");
            examples += 1;
        }
        assert!(examples > 15, "{examples}");
    }
}
