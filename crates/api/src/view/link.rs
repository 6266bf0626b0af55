//! A way into the page.

use serde::{Deserialize, Serialize};

/// A URL that opens the page once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub url: String,
}

/// The URL holds a secret: a log shows that there is one and no more.
impl std::fmt::Debug for Link {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Link { url: … }")
    }
}
