//! What a package made by stead says of itself: the JSON behind `stead whence`.
//!
//! Leaves out finding it again, which is `whence`.

use std::collections::BTreeMap;

use model::layout::{Fetched, Layout};
use model::recipe::folder::Folder;
use serde::{Deserialize, Serialize};

use crate::sum;

/// Where packages of stead keep it.
pub const FOLDER: &str = "/usr/share/stead/packages";

/// The recipe, settings and downloads that a package was made of. Nothing in it depends on when,
/// where or by whom the package was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The version of stead that built the package.
    pub stead: String,
    pub package: String,
    pub version: String,
    pub architecture: String,
    pub recipe: RecipePlace,
    /// Without secrets, which no package holds.
    pub settings: BTreeMap<String, serde_json::Value>,
    pub fetched: Vec<Fetched>,
    /// Which place of the recipe a path comes from: `recipe.toml:12` → paths, or folders with a
    /// `/` at the end that stand for all below them.
    #[serde(default)]
    pub lines: BTreeMap<String, Vec<String>>,
}

/// Which recipe it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecipePlace {
    pub name: String,
    /// `recipes/chat` of the plan, or `cookbook:synapse`.
    pub place: String,
    /// The plan's git commit, if the folder was clean there.
    pub commit: Option<String>,
    /// The SHA-256 of what `LC_ALL=C sha256sum $(find * -type f | LC_ALL=C sort)` prints in the
    /// recipe's folder.
    pub sha256: String,
}

/// A line of the recipe with more paths than this is told by the folder they share.
const MANY: usize = 40;

impl Provenance {
    /// Tells a package's origin.
    pub fn of(
        layout: &Layout,
        name: &str,
        folder: &Folder,
        settings: BTreeMap<String, serde_json::Value>,
        fetched: Vec<Fetched>,
    ) -> Self {
        Self {
            stead: env!("CARGO_PKG_VERSION").to_owned(),
            package: layout.package.clone(),
            version: layout.version.clone(),
            architecture: layout.architecture.clone(),
            recipe: RecipePlace {
                name: name.to_owned(),
                place: folder.place.clone(),
                commit: folder.commit.clone(),
                sha256: folder_sum(folder),
            },
            settings,
            fetched,
            lines: lines(layout),
        }
    }

    /// Where the package keeps this file.
    pub fn path(&self) -> String {
        format!("{FOLDER}/{}.json", self.package)
    }

    /// The file itself: sorted keys, two spaces, a line break at the end.
    pub fn json(&self) -> Vec<u8> {
        let mut text = serde_json::to_vec_pretty(self).expect("strings, lists and maps");
        text.push(b'\n');
        text
    }

    /// The recipe's file and line that a path of the package comes from.
    pub fn line_of(&self, path: &str) -> Option<&str> {
        let covers =
            |known: &str| known == path || (known.ends_with('/') && path.starts_with(known));
        self.lines
            .iter()
            .flat_map(|(line, paths)| paths.iter().map(move |known| (line, known)))
            .filter(|(_, known)| covers(known))
            .max_by_key(|(_, known)| known.len())
            .map(|(line, _)| line.as_str())
    }
}

/// The SHA-256 of a recipe's folder, see [`RecipePlace::sha256`].
pub fn folder_sum(folder: &Folder) -> String {
    let listing: String = folder
        .files
        .iter()
        .map(|(name, content)| format!("{}  {name}\n", sum::sha256(content)))
        .collect();
    sum::sha256(listing.as_bytes())
}

fn lines(layout: &Layout) -> BTreeMap<String, Vec<String>> {
    let mut lines: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for entry in &layout.entries {
        let line = format!("{}:{}", entry.from.file, entry.from.line);
        lines.entry(line).or_default().push(entry.path.clone());
    }
    for paths in lines.values_mut() {
        paths.sort();
        if paths.len() > MANY {
            *paths = vec![shared_folder(paths)];
        }
    }
    lines
}

/// The deepest folder that holds all of these, with a `/` at the end.
fn shared_folder(sorted: &[String]) -> String {
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return "/".to_owned() };
    let shared = first.bytes().zip(last.bytes()).take_while(|(one, other)| one == other).count();
    let end = first.as_bytes()[..shared].iter().rposition(|byte| *byte == b'/').map_or(0, |at| at);
    format!("{}/", &first[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_paths_of_a_line_are_told_by_their_folder() {
        let paths: Vec<String> = (0..50).map(|n| format!("/usr/lib/chat/{n:02}/a")).collect();
        assert_eq!(shared_folder(&paths), "/usr/lib/chat/");
        assert_eq!(shared_folder(&["/a".to_owned(), "/b".to_owned()]), "/");
    }

    #[test]
    fn the_sum_of_a_folder_is_that_of_its_listing() {
        let folder = Folder {
            files: BTreeMap::from([
                ("files/a".to_owned(), b"x\n".to_vec()),
                ("recipe.toml".to_owned(), b"y\n".to_vec()),
            ]),
            ..Folder::default()
        };
        // mkdir files; echo x > files/a; echo y > recipe.toml
        // sha256sum $(find * -type f | LC_ALL=C sort) | sha256sum
        assert_eq!(
            folder_sum(&folder),
            "c9db15688d8d2980096166d9c7c005910439ab22cd706168555f56572849db92"
        );
    }
}
