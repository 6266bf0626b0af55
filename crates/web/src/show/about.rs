//! A line of short facts about a thing.

use maud::{Markup, html};

/// The parts, with a dot between each two.
pub(crate) fn about(parts: &[Markup]) -> Markup {
    html! {
        p.about {
            @for (place, part) in parts.iter().enumerate() {
                @if place > 0 { " · " }
                (part)
            }
        }
    }
}
