//! What a backup reads: the files below some paths, each opened before it is described, so that
//! the description and the content are of the same file.
//!
//! Leaves out databases, whose dumps are files by now, and writing.

pub mod attributes;
pub mod names;
pub mod reading;
pub mod troubles;
pub mod walk;

use std::path::PathBuf;
use std::sync::Arc;

use rustic_core::{ReadSource, RusticResult};

use crate::source::names::Names;
use crate::source::reading::Reading;
use crate::source::troubles::Troubles;
use crate::source::walk::{LeftOut, Walk};

/// The files below some absolute paths.
pub struct Source {
    roots: Vec<PathBuf>,
    left_out: LeftOut,
    names: Arc<Names>,
    troubles: Troubles,
}

impl Source {
    /// Takes absolute paths; one that lies below another is taken once.
    pub fn new(mut paths: Vec<PathBuf>, left_out: LeftOut) -> Self {
        paths.sort();
        let mut roots: Vec<PathBuf> = Vec::with_capacity(paths.len());
        for path in paths {
            if !roots.last().is_some_and(|last| path.starts_with(last)) {
                roots.push(path);
            }
        }
        let names = Arc::new(Names::of_this_machine());
        Self { roots, left_out, names, troubles: Troubles::default() }
    }

    pub fn roots(&self) -> &[PathBuf] {
        &self.roots
    }

    pub fn troubles(&self) -> &Troubles {
        &self.troubles
    }
}

impl ReadSource for Source {
    type Open = Reading;
    type Iter = Walk;

    fn size(&self) -> RusticResult<Option<u64>> {
        Ok(None)
    }

    fn entries(&self) -> Walk {
        Walk::new(
            self.roots.clone(),
            self.left_out.clone(),
            self.names.clone(),
            self.troubles.clone(),
        )
    }
}
