//! A table in a frame that scrolls by itself, so that the page never does.

use maud::{Markup, html};

/// A table with a caption. A frame that scrolls can be reached by keyboard and has a name.
pub(crate) fn table(caption: &str, heads: &[&str], rows: impl Iterator<Item = Markup>) -> Markup {
    html! {
        div.scroll role="region" aria-label=(caption) tabindex="0" {
            table {
                caption.unseen { (caption) }
                thead { tr { @for head in heads { th scope="col" { (head) } } } }
                tbody { @for row in rows { tr { (row) } } }
            }
        }
    }
}
