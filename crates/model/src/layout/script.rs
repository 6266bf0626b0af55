//! One shell script that does what the package does, on a Debian without stead.
//!
//! Leaves out packing what is no readable text: the caller appends it, as [`Script`] says.
//!
//! The maintainer scripts are in it as they are, and are called as dpkg would call them, so that
//! the two ways of installing cannot drift apart.

use crate::layout::maintainer::{body_of, variables};
use crate::layout::package::{Content, Entry, Layout, Role};
use crate::layout::quote::{call, word};
use crate::layout::shell::library;

/// What dpkg does for a package, in functions.
const FRAME: &str = include_str!("sh/standalone.sh");
/// A longer text goes into the archive, in bytes.
const LONGEST: usize = 32 * 1024;
/// The line below which the archive stands.
pub const ARCHIVE: &str = "__ARCHIVE__";

/// A script and what has to stand below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The whole script. If `archive` is not empty, it ends with the line [`ARCHIVE`], below which
    /// goes the base64 of a tar.gz with these entries, named as `./usr/bin/x`, all root's.
    pub text: String,
    pub archive: Vec<Entry>,
}

/// Writes the script of a package.
pub fn render(layout: &Layout) -> Script {
    let (archive, readable): (Vec<&Entry>, Vec<&Entry>) =
        layout.entries.iter().partition(|entry| goes_into_archive(entry));
    let bodies: String = ["preinst", "postinst", "prerm", "postrm"]
        .into_iter()
        .map(|name| {
            let script = layout.scripts.iter().find(|(one, _)| one == name);
            let body = script.map_or(":\n", |(_, text)| body_of(text));
            format!("\nmaintainer_{name}() {{\n{body}}}\n")
        })
        .collect();
    let unpack = unpack(&readable, &archive);
    let library = library(&format!("say systemd_runs\n{bodies}"));
    let units = layout.units.iter().filter(|unit| unit.role == Role::Own);
    let units: Vec<&str> = units.map(|unit| unit.name.as_str()).collect();
    let field = |name: &str| {
        let field = layout.control.iter().find(|(one, _)| one == name);
        field.map(|(_, value)| value.as_str()).unwrap_or_default()
    };
    let depends: Vec<&str> =
        ["Pre-Depends", "Depends"].map(field).into_iter().filter(|it| !it.is_empty()).collect();
    let (package, version) = (&layout.package, &layout.version);
    let summary = field("Description").lines().next().unwrap_or_default();
    let mut text = format!(
        "#!/bin/sh\n\
         # {package} {version}: {summary}\n\
         #\n\
         # Installs the service on a Debian without stead, as its package would: the same files,\n\
         # users, units and databases. What it does is below, in the order of maintainer_preinst,\n\
         # unpack, maintainer_postinst; what apt has to bring is in `depends`.\n\
         #\n\
         #   sh {package}.sh install    also upgrades; what you edited in /etc stays\n\
         #   sh {package}.sh remove     configuration and data stay\n\
         #   sh {package}.sh purge      nothing stays\n\
         #   sh {package}.sh status\n\
         #\n\
         # What it remembers is in /var/lib/stead.\n\
         set -e\n\
         umask 022\n\n\
         {}\
         version={}\n\
         architecture={}\n\
         depends={}\n\
         units={}\n\
         state=/var/lib/stead/script/{package}\n\
         self=$(readlink -f -- \"$0\")\n\n",
        variables(package, "$package $made"),
        word(version),
        word(&layout.architecture),
        word(&depends.join(", ")),
        word(&units.join(" ")),
    );
    text += &library;
    text += "\n# The maintainer scripts: what dpkg would call before and after it unpacks or removes.\n";
    text += &bodies;
    text += "\n# The files.\nunpack() {\n";
    text += &unpack;
    text += "}\n\n# What dpkg does otherwise.\n\n";
    text += FRAME;
    if !archive.is_empty() {
        text += &format!("exit\n{ARCHIVE}\n");
    }
    Script { text, archive: archive.into_iter().cloned().collect() }
}

/// The commands that put the files into their places.
fn unpack(readable: &[&Entry], archive: &[&Entry]) -> String {
    let mut text = String::new();
    for entry in readable {
        let mode = format!("{:04o}", entry.mode);
        let command = match &entry.content {
            Content::Link(target) => call("symlink", [&*entry.path, target]) + "\n",
            Content::Folder => call("folder", [&*entry.path, &mode]) + "\n",
            Content::Text(bytes) => {
                let name = if entry.conffile { "conffile" } else { "file" };
                heredoc(&call(name, [&*entry.path, &mode]), &String::from_utf8_lossy(bytes))
            }
            Content::Copy { .. } => continue,
        };
        text += &command;
    }
    if !archive.is_empty() {
        let conffiles: Vec<&&Entry> = archive.iter().filter(|entry| entry.conffile).collect();
        let paths = conffiles.iter().map(|entry| entry.path.as_str());
        text += &(call("unpack_archive", paths) + "\n");
        for entry in conffiles {
            let mode = format!("{:04o}", entry.mode);
            text += &(call("unpack_conffile", [&*entry.path, &mode]) + "\n");
        }
    }
    if text.is_empty() { ":\n".to_owned() } else { text }
}

/// A command that gets a text. A text without a last line break loses that of the document.
fn heredoc(command: &str, text: &str) -> String {
    let mut end = "END".to_owned();
    while text.lines().any(|line| line == end) {
        end += "_";
    }
    match text.strip_suffix('\n') {
        Some(_) => format!("{command} <<'{end}'\n{text}{end}\n"),
        None if text.is_empty() => format!("{command} </dev/null\n"),
        None => format!("head -c -1 <<'{end}' | {command}\n{text}\n{end}\n"),
    }
}

/// Whether an entry is no short and readable text.
fn goes_into_archive(entry: &Entry) -> bool {
    match &entry.content {
        Content::Copy { .. } => true,
        Content::Text(bytes) => {
            let strange = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
            bytes.len() > LONGEST
                || std::str::from_utf8(bytes).map_or(true, |text| text.contains(strange))
        }
        Content::Link(_) | Content::Folder => false,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::layout::fixture::rich;

    #[test]
    fn the_script_has_the_maintainer_scripts_as_they_are() {
        let layout = rich();
        let script = render(&layout);
        for (name, text) in &layout.scripts {
            let body = body_of(text);
            assert!(body.starts_with("case \"$1\" in\n"), "{name}");
            assert!(script.text.contains(&format!("maintainer_{name}() {{\n{body}}}\n")), "{name}");
        }
        assert_eq!(script.archive, []);
        let unpack = &script.text[script.text.find("unpack() {").expect("unpack")..];
        insta::assert_snapshot!(&unpack[..unpack.find("file /usr/share").expect("files")], @r#"
        unpack() {
        symlink /etc/babeld.conf /etc/chat/babeld.conf
        folder /etc/chat 0755
        conffile /etc/chat/babeld.conf 0644 <<'END'
        local-port 8008
        END
        conffile /etc/chat/chat.conf 0640 <<'END'
        # chat
        port 8008
        token /etc/chat/secrets/token
        END
        conffile /etc/chat/words 0644 <<'END'
        hello
        END
        folder /srv/pub 0755
        symlink /usr/bin/chat ../lib/chat/chat
        file /usr/lib/chat/chat 0755 <<'END'
        #!/bin/sh
        END
        head -c -1 <<'END' | file '/usr/lib/chat/data (1)' 0644
        x
        END
        file /usr/lib/systemd/system/babeld.service.d/held-by-chat.conf 0644 <<'END'
        # babeld.service does not start as long as chat is installed.
        [Unit]
        ConditionPathExists=!/usr/share/stead/packages/chat.json
        END
        file /usr/lib/systemd/system/chat-purge.service 0644 <<'END'
        [Service]
        Type=oneshot
        ExecStart=/bin/true
        END
        file /usr/lib/systemd/system/chat-purge.timer 0644 <<'END'
        [Timer]
        OnCalendar=daily
        Persistent=yes
        [Install]
        WantedBy=timers.target
        END
        file /usr/lib/systemd/system/chat-worker@.service 0644 <<'END'
        [Service]
        ExecStart=/bin/sleep 9
        END
        file /usr/lib/systemd/system/chat.service 0644 <<'END'
        [Service]
        User=chat
        [Install]
        WantedBy=multi-user.target
        END
        file /usr/lib/systemd/system/nginx.service.d/chat.conf 0644 <<'END'
        [Service]
        LimitNOFILE=9999
        END
        head -c -1 <<'END' |
        "#);
    }

    #[test]
    fn what_is_no_short_text_goes_into_the_archive() {
        let mut layout = rich();
        let content = |bytes: &[u8]| Content::Text(bytes.to_vec());
        for (path, content) in [
            ("/etc/chat/words", content(b"\xff")),
            ("/usr/lib/chat/chat", content(b"a\0")),
            ("/usr/share/chat/state", content(&[b'x'; LONGEST + 1])),
        ] {
            let entry = layout.entries.iter_mut().find(|entry| entry.path == path);
            entry.expect("in the fixture").content = content;
        }
        let script = render(&layout);
        assert_eq!(script.archive.len(), 3);
        assert!(
            script.text.contains(
                "unpack_archive /etc/chat/words\nunpack_conffile /etc/chat/words 0644\n}\n"
            )
        );
        assert!(script.text.ends_with("\nexit\n__ARCHIVE__\n"));
    }

    #[test]
    fn a_text_comes_out_of_its_heredoc_as_it_went_in() {
        for text in ["", "a", "a\n", "END\n$x `y` \\\n", "END\nEND_", "\n\n", "\ta\n"] {
            let mut shell = Command::new("sh")
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .expect("sh runs");
            let line = heredoc("cat", text);
            shell.stdin.take().expect("piped").write_all(line.as_bytes()).expect("written");
            let output = shell.wait_with_output().expect("ended");
            assert_eq!(String::from_utf8_lossy(&output.stdout), text, "{line}");
        }
    }

    #[test]
    fn shellcheck_accepts_the_script() {
        let path = std::env::temp_dir().join(format!("script-{}.sh", std::process::id()));
        std::fs::write(&path, render(&rich()).text).expect("written");
        for checker in [&["sh", "-n"][..], &["shellcheck", "-s", "sh", "-S", "warning"]] {
            let Ok(output) = Command::new(checker[0]).args(&checker[1..]).arg(&path).output()
            else {
                eprintln!("SKIPPED: {} is not installed", checker[0]);
                continue;
            };
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success(), "{checker:?}: {said}");
        }
        std::fs::remove_file(path).expect("removed");
    }
}
