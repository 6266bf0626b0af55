//! What went wrong while files were read.
//!
//! Leaves out what follows from it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::snapshot::{Trouble, What};

/// Collects what went wrong while files were read, on whichever thread.
#[derive(Clone, Debug, Default)]
pub struct Troubles(Arc<Mutex<Vec<Trouble>>>);

impl Troubles {
    pub fn add(&self, path: &Path, what: What) {
        let mut list = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        list.push(Trouble { path: path.to_owned(), what });
    }

    /// All so far, in the order of their paths.
    pub fn take(&self) -> Vec<Trouble> {
        let mut list = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        list.sort_by(|a, b| a.path.cmp(&b.path));
        list
    }
}
