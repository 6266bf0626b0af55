//! What is to be brought: the recipe, for whom, and where work may be done.
//!
//! Leaves out how each kind of source is brought.

use std::path::Path;

use model::recipe::definition::Recipe;
use model::recipe::folder::Folder;
use model::text::printable;

use crate::fetch::Cache;
use crate::progress::Progress;
use crate::source::error::Error;
use crate::source::tree::{Limits, Tree};
use crate::source::unpack::Selection;

/// One recipe for one architecture.
#[derive(Clone, Copy)]
pub struct Order<'a> {
    pub recipe: &'a Recipe,
    pub folder: &'a Folder,
    pub architecture: &'a str,
    pub cache: &'a Cache,
    pub work: &'a Path,
    pub progress: &'a dyn Progress,
}

impl Order<'_> {
    /// Where the fetched tree goes.
    pub fn into(&self) -> String {
        let into = self.recipe.source.into.clone();
        into.unwrap_or_else(|| format!("/usr/lib/{}", self.recipe.name))
    }

    /// An empty tree for what is brought.
    pub fn tree(&self) -> Result<Tree, Error> {
        Tree::new(&self.work.join("brought"), Limits::default())
    }

    /// The recipe's own choice of what an archive holds.
    pub fn selection(&self) -> Selection<'_> {
        let source = &self.recipe.source;
        Selection {
            strip: source.strip.unwrap_or(0),
            include: &source.include,
            exclude: &source.exclude,
            below: "",
        }
    }

    /// A text file of the recipe's folder.
    pub fn text(&self, file: &str) -> Result<&str, Error> {
        let bytes = self.folder.files.get(file).ok_or_else(|| self.no_file(file))?;
        std::str::from_utf8(bytes).map_err(|_| self.wrong(format!("`{file}` is no UTF-8 text")))
    }

    /// Says what is wrong with the recipe's source.
    pub fn wrong(&self, why: String) -> Error {
        Error::Source { recipe: self.recipe.name.clone(), why }
    }

    /// Says that the recipe's folder lacks a file.
    pub fn no_file(&self, file: &str) -> Error {
        Error::NoFile { recipe: self.recipe.name.clone(), file: printable(file, 200) }
    }
}
