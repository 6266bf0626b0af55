//! The answers, one for each request.

use serde::{Deserialize, Serialize};

use crate::refusal::Refusal;
use crate::view::changes::Changes;
use crate::view::digest::Digest;
use crate::view::history::History;
use crate::view::host::Host;
use crate::view::link::Link;
use crate::view::metrics::Metrics;
use crate::view::overview::Overview;
use crate::view::status::Status;
use crate::view::timers::Timers;

/// An answer. `Overview::try_from(reply)` takes the view out of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", content = "view", rename_all = "snake_case")]
pub enum Reply {
    Overview(Overview),
    Host(Box<Host>),
    History(History),
    Digest(Box<Digest>),
    Timers(Box<Timers>),
    Changes(Changes),
    Metrics(Box<Metrics>),
    Link(Link),
    Status(Status),
}

impl Reply {
    const fn name(&self) -> &'static str {
        match self {
            Self::Overview(_) => "overview",
            Self::Host(_) => "host",
            Self::History(_) => "history",
            Self::Digest(_) => "digest",
            Self::Timers(_) => "timers",
            Self::Changes(_) => "changes",
            Self::Metrics(_) => "metrics",
            Self::Link(_) => "link",
            Self::Status(_) => "status",
        }
    }
}

/// Both ways between a view and its reply: `Reply::from(view)` and `View::try_from(reply)`.
macro_rules! views {
    ($($view:ident: $into:expr, $out:expr;)*) => {$(
        impl From<$view> for Reply {
            fn from(view: $view) -> Self {
                Self::$view($into(view))
            }
        }

        impl TryFrom<Reply> for $view {
            type Error = Refusal;

            fn try_from(reply: Reply) -> Result<Self, Refusal> {
                match reply {
                    Reply::$view(view) => Ok($out(view)),
                    other => Err(Refusal::Failed(format!(
                        "`{}` was answered where `{}` was asked",
                        other.name(),
                        stringify!($view).to_lowercase(),
                    ))),
                }
            }
        }
    )*};
}

views! {
    Overview: std::convert::identity, std::convert::identity;
    Host: Box::new, |view: Box<Host>| *view;
    History: std::convert::identity, std::convert::identity;
    Digest: Box::new, |view: Box<Digest>| *view;
    Timers: Box::new, |view: Box<Timers>| *view;
    Changes: std::convert::identity, std::convert::identity;
    Metrics: Box::new, |view: Box<Metrics>| *view;
    Link: std::convert::identity, std::convert::identity;
    Status: std::convert::identity, std::convert::identity;
}
