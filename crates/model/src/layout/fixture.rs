//! A recipe with a bit of everything, for tests of the layout.
//!
//! Leaves out the cookbook's recipes, which are tested where they are built.

use std::collections::BTreeMap;

use crate::layout::lay::lay_out;
use crate::layout::package::{Content, Layout, Payload, PayloadFile};
use crate::recipe::definition::Recipe;
use crate::recipe::fault::Fault;
use crate::recipe::folder::Folder;
use crate::recipe::reading::Read;
use crate::recipe::values::Values;

pub const RICH: &str = r#"name = "chat"
summary = "Chat for the neighbourhood"
description = """
It keeps rooms.

.It forgets nothing."""
version = "1.2"
revision = 3
homepage = "https://chat.example"
[source]
files = "tree"
[package]
architectures = ["amd64", "arm64"]
depends = ["nginx (>= 1.18)"]
overlays = "babeld"
user = "chat"
groups = ["ssl-cert"]
holds = ["babeld.service"]
reloads = ["nginx.service"]
conffiles = ["/etc/chat/words"]
directories = [
  { path = "/var/lib/chat" },
  { path = "/var/lib/chat/media", mode = "0755" },
  { path = "/srv/pub/chat", owner = "root", group = "chat", mode = "2775" },
]
[settings.port]
type = "port"
default = 8008
help = "Where it listens."
[settings.token]
secret = true
generate = true
help = "Signs sessions."
[settings.mail]
secret = true
help = "The mail server's password."
[settings.loud]
type = "boolean"
default = false
help = "Says more."
[[files]]
path = "/etc/chat/chat.conf"
template = "chat.conf"
group = "chat"
mode = "0640"
[[files]]
path = "/etc/babeld.conf"
link = "/etc/chat/babeld.conf"
diverts = true
[[files]]
path = "/etc/chat/babeld.conf"
content = "local-port {{ port }}\n"
[[files]]
path = "/usr/share/chat/web"
copy = "web"
[[files]]
path = "/etc/chat/loud.conf"
content = "loud"
when = "loud"
[[files]]
path = "/usr/share/chat/state"
content = "0"
owner = "chat"
group = "chat"
[[units]]
name = "chat.service"
template = "chat.service"
on_upgrade = "stop-start"
[[units]]
name = "chat-purge.service"
content = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
[[units]]
name = "chat-purge.timer"
content = "[Timer]\nOnCalendar=daily\nPersistent=yes\n[Install]\nWantedBy=timers.target\n"
[[units]]
name = "chat-worker@.service"
content = "[Service]\nExecStart=/bin/sleep 9\n"
[[units]]
name = "nginx.service"
drop_in = true
content = "[Service]\nLimitNOFILE=9999\n"
[database]
engine = "postgresql"
name = "chat"
extensions = ["pg_trgm"]
[upgrade]
steps = ["/usr/lib/chat/migrate --port {{ port }} 'a b'"]
"#;

/// The recipe's folder with another `recipe.toml`.
pub fn folder(recipe: &str) -> Folder {
    let files = [
        ("recipe.toml", recipe),
        ("chat.conf", "# {{ name }}\nport {{ port }}\ntoken {{ secrets.token }}\n"),
        ("chat.service", "[Service]\nUser=chat\n[Install]\nWantedBy=multi-user.target\n"),
        ("web/index.html", "<p>chat</p>\n"),
        ("web/css/a.css", "p {}\n"),
    ];
    let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
    Folder { files: files.into(), place: "recipes/chat".to_owned(), commit: None }
}

/// What its source brings.
pub fn payload() -> Payload {
    let file = |path: &str, content: Content, executable: bool| PayloadFile {
        path: path.to_owned(),
        content,
        executable,
    };
    let text = |text: &str| Content::Text(text.as_bytes().to_vec());
    Payload {
        files: vec![
            file("/etc/chat/words", text("hello\n"), false),
            file("/usr/bin/chat", Content::Link("../lib/chat/chat".to_owned()), false),
            file("/usr/lib/chat/chat", text("#!/bin/sh\n"), true),
            file("/usr/lib/chat/data (1)", text("x"), false),
        ],
        fetched: Vec::new(),
        depends: vec!["python3 (>= 3.11)".to_owned()],
    }
}

/// Lays out another recipe in the same folder.
pub fn lay(recipe: &str) -> Result<Layout, Vec<Fault>> {
    let folder = folder(recipe);
    let read = Recipe::parse(&folder)?;
    let values = Values::resolve(&read.recipe, &BTreeMap::new())?;
    lay_out(&read, &folder, &values, &payload(), "amd64")
}

/// The rich one.
pub fn rich() -> Layout {
    lay(RICH).unwrap_or_else(|faults| panic!("{}", said(&faults)))
}

/// Its recipe, read.
pub fn read() -> Read {
    Recipe::parse(&folder(RICH)).unwrap_or_else(|faults| panic!("{}", said(&faults)))
}

/// Faults as a person reads them.
pub fn said(faults: &[Fault]) -> String {
    faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}
