//! Judges a recipe that could be read, with its whole folder in hand.
//!
//! Leaves out what only a built package can show.

mod care;
mod files;
mod identity;
mod leftovers;
mod packaging;
mod probes;
mod scope;
mod settings;
mod sources;
mod units;

use crate::recipe::fault::Fault;
use crate::recipe::folder::Folder;
use crate::recipe::lint::scope::Scope;
use crate::recipe::reading::Read;

/// All that is wrong or will surprise, sorted by file and line; each with the way out.
pub fn lint(read: &Read, folder: &Folder) -> Vec<Fault> {
    let mut scope = Scope::new(read, folder);
    identity::judge(&mut scope);
    sources::judge(&mut scope);
    settings::judge(&mut scope);
    packaging::judge(&mut scope);
    files::judge(&mut scope);
    units::judge(&mut scope);
    care::judge(&mut scope);
    probes::judge(&mut scope);
    leftovers::judge(&mut scope);
    scope.faults()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipe::definition::Recipe;
    use crate::recipe::lines::FILE;

    const GOOD: &str = r#"name = "chat"
summary = "A chat for neighbours"
version = "1.2"
[source]
files = "site"
[package]
user = "chat"
depends = ["nginx (>= 1.18) | caddy"]
[[package.directories]]
path = "/var/lib/chat"
[settings.port]
type = "port"
default = 8080
help = "Where it listens."
[settings.open]
type = "boolean"
default = false
help = "Whether strangers may come in."
[[files]]
path = "/etc/chat/chat.conf"
template = "chat.conf"
owner = "chat"
mode = "0640"
[[files]]
path = "/etc/chat/open.conf"
content = "open\n"
when = "open"
[[units]]
name = "chat.service"
content = """
[Service]
User={{ user }}
ExecStart=/usr/bin/chat --port {{ port }}
[Install]
WantedBy=multi-user.target
"""
[database]
engine = "postgresql"
name = "chat"
[backup]
paths = ["/var/lib/chat"]
quiesce = ["chat.service"]
[[checks]]
name = "answers"
http = "http://127.0.0.1:{{ port }}/"
[drill]
checks = ["answers"]
"#;

    fn folder(text: &str) -> Folder {
        let files = [
            (FILE, text),
            ("chat.conf", "port {{ port }}\n"),
            ("site/index.html", "hello"),
            ("README.md", "read"),
        ];
        let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_owned()));
        Folder { files: files.into(), ..Folder::default() }
    }

    fn said(folder: &Folder) -> String {
        let read = Recipe::parse(folder).unwrap_or_else(|faults| panic!("{}", faults[0]));
        lint(&read, folder).iter().map(|fault| format!("{fault}\n")).collect()
    }

    /// What is said of the good recipe when `from` in it is `to`.
    fn changed(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from}");
        said(&folder(&GOOD.replacen(from, to, 1)))
    }

    #[test]
    fn a_good_recipe_has_no_faults() {
        assert_eq!(said(&folder(GOOD)), "");
    }

    /// Each line: a change, and how the one fault that it makes begins.
    #[test]
    fn each_fault_is_told_once_with_its_line() {
        for (from, to, expected) in [
            ("\"chat\"", "\"Chat\"", ":1: `Chat` is no name of a Debian package"),
            ("\"1.2\"", "\"v1.2\"", ":3: `v1.2` is no version as Debian orders them; write `1.2`"),
            ("\"1.2\"", "\"1.2 beta\"", ":3: `1.2 beta` is no version"),
            ("\"1.2\"", "\"1.2\"\nrevision = 0", ":4: the revision counts from 1"),
            ("neighbours\"", "neighbours.\"", ":2: warning: the summary ends with a full stop"),
            ("A chat for", "Chat", ":2: warning: the summary begins with the package's name"),
            ("\"site\"", "\"sites\"", ":5: the recipe's folder has no folder `sites`"),
            ("files = \"site\"", "debian = \"chat\"", ":1: the recipe is called as Debian's"),
            (
                "files = \"site\"",
                "git = \"https://a/b\"\ncommit = \"main\"",
                ":6: `main` is no full commit",
            ),
            ("files = \"site\"", "url = \"a\"\nsha256 = \"0\"", ":5: `a` is no address"),
            ("files = \"site\"", "files = \"site\"\ninto = \"srv\"", ":6: `srv` is not absolute"),
            (
                "files = \"site\"",
                "files = \"site\"\nstrip = 1",
                ":6: `strip` does not go with `files`",
            ),
            (
                "user = \"chat\"",
                "user = \"www-data\"",
                ":7: the user `www-data` is not this recipe's",
            ),
            ("nginx (>= 1.18)", "nginx 1.18", ":8: `nginx 1.18 | caddy` has something behind it"),
            (
                "[package]",
                "[package]\narchitectures = [\"x86_64\"]",
                ":7: `x86_64` is no architecture that is built for; Debian calls it `amd64`",
            ),
            ("[package]", "[package]\nholds = [\"a.service\"]", ":7: `holds` needs the package"),
            (
                "path = \"/var/lib/chat\"",
                "path = \"/var/lib\"",
                ":10: `/var/lib` is not this service's alone, and purge",
            ),
            (
                "path = \"/var/lib/chat\"",
                "path = \"/usr/lib/chat\"",
                ":10: data does not belong under `/usr`",
            ),
            (
                "default = 8080",
                "default = 0",
                ":13: the default of `port` takes a port, 1 to 65535",
            ),
            ("default = 8080", "default = 8080\ngenerate = true", ":14: `port` is no secret"),
            (
                "default = 8080",
                "default = 8080\nchoices = [\"a\"]",
                ":14: `port` has choices but is none",
            ),
            (
                "[settings.port]",
                "[settings.x]\nsecret = true\nhelp = \"h\"\n[settings.port]",
                ":11: warning: nothing uses the setting `x`",
            ),
            ("/etc/chat/chat.conf", "etc/chat.conf", ":20: `etc/chat.conf` is not absolute"),
            ("/etc/chat/chat.conf", "/etc/../a", ":20: `/etc/../a` has a part `.` or `..`"),
            (
                "/etc/chat/chat.conf",
                "/bin/chat",
                ":20: `/bin/chat` is reached through a link, which dpkg forbids; write `/usr/bin/chat`",
            ),
            (
                "/etc/chat/chat.conf",
                "/run/chat",
                ":20: `/run/chat`: no package brings files under `/run`",
            ),
            (
                "/etc/chat/chat.conf",
                "/etc/chat/{{ port }}",
                ":20: `/etc/chat/{{ port }}`: a path is no template",
            ),
            (
                "/etc/chat/open.conf",
                "/etc/chat/chat.conf",
                ":25: `/etc/chat/chat.conf` is there twice, first in line 19",
            ),
            (
                "owner = \"chat\"",
                "owner = \"talk\"",
                ":22: `talk` is not the recipe's user, which is `chat`",
            ),
            ("\"0640\"", "\"640k\"", ":23: the mode `640k` is no octal number"),
            ("\"0640\"", "\"4755\"", ":23: warning: the mode `4755` lets"),
            (
                "template = \"chat.conf\"",
                "template = \"chat.con\"",
                ":21: the recipe's folder has no file `chat.con`; did you mean `chat.conf`?",
            ),
            (
                "template = \"chat.conf\"",
                "copy = \"chat.conf\"\ncontent = \"\"",
                ":22: `/etc/chat/chat.conf` has copy, content",
            ),
            ("template = \"chat.conf\"", "copy = \"chat.conf\"\nconffile = true", ""),
            (
                "content = \"open\\n\"",
                "content = \"{{ opne }}\"",
                ":26: the template uses `opne`, which no setting is; did you mean `open`?",
            ),
            (
                "when = \"open\"",
                "when = \"port\"",
                ":27: the setting `port` is neither true nor false",
            ),
            (
                "when = \"open\"",
                "when = \"opened\"",
                ":27: `opened` is no setting; did you mean `open`?",
            ),
            ("chat.service", "chat", ":29: the unit `chat` has no suffix; write `chat.service`"),
            ("chat.service", "chat.servce", ":29: `.servce` is no kind of unit"),
            (
                "[Install]\nWantedBy=multi-user.target\n",
                "",
                ":31: `chat.service` has no `[Install]`, so it cannot start at boot",
            ),
            (
                "User={{ user }}",
                "User=talk",
                ":31: `chat.service` runs as `talk`, whom nobody makes",
            ),
            ("User={{ user }}\n", "", ":31: warning: `chat.service` runs as root"),
            ("User={{ user }}", "User {{ user }}", ":32: systemd ignores the line `User chat`"),
            ("--port {{ port }}", "--port {{ prot }}", ":33: the template uses `prot`"),
            (
                "name = \"chat.service\"",
                "name = \"chat.service\"\ndrop_in = true",
                ":30: `chat.service` drops into a unit of no package",
            ),
            (
                "name = \"chat\"\n[backup]\npaths = [\"/var/lib/chat\"]\nquiesce = [\"chat.service\"]\n",
                "name = \"a b\"\n[backup]\n",
                ":39: `a b` is no name for PostgreSQL",
            ),
            (
                "engine = \"postgresql\"\nname = \"chat\"",
                "engine = \"sqlite\"\nname = \"/srv/chat/chat.db\"",
                ":39: warning: no path of `[backup]` holds the database's folder; add `/srv/chat` to",
            ),
            (
                "quiesce = [\"chat.service\"]",
                "period_hours = 0",
                ":42: the backup runs every 0 hours",
            ),
            (
                "quiesce = [\"chat.service\"]",
                "keep = { daily = 0, weekly = 0, monthly = 0, yearly = 0 }",
                ":42: no backup is kept",
            ),
            ("name = \"answers\"", "name = \"Answers!\"", ":44: `Answers!` is no name of a check"),
            (
                "{{ port }}/\"",
                "8080/\"",
                ":45: warning: the port 8080 is that of the setting `port`",
            ),
            ("{{ port }}/\"", "99999/\"", ":45: `127.0.0.1:99999` has no port from 1 to 65535"),
            (
                "{{ port }}/\"",
                "{{ prot }}/\"",
                ":45: the template uses `prot`, which no setting is",
            ),
            (
                "127.0.0.1:{{ port }}",
                "example.org",
                ":45: warning: `example.org` is not the host itself",
            ),
            ("http = ", "tcp = ", ":45: `http://127.0.0.1:8080/` is no `address:port`"),
            (
                "http = \"http://127.0.0.1:{{ port }}/\"",
                "status = 200",
                ":43: the check `answers` asks nothing",
            ),
            (
                "checks = [\"answers\"]",
                "checks = [\"answer\"]",
                ":47: the recipe has no check `answer`; did you mean `answers`?",
            ),
        ] {
            let said = changed(from, to);
            let about = said.lines().filter(|line| line.contains(expected)).count();
            if expected.is_empty() {
                assert_eq!(said, "", "{to}");
            } else {
                assert_eq!(about, 1, "{to}: {said}");
            }
        }
    }

    #[test]
    fn a_database_without_backup_and_a_service_without_checks_are_warned_of() {
        let cut = GOOD.split("[backup]").next().expect("a part");
        let said = said(&folder(cut));
        assert!(
            said.contains(":37: warning: the database is in no backup; add `[backup]`"),
            "{said}"
        );
        assert!(said.contains(":1: warning: nothing asks whether the service works"), "{said}");
    }

    #[test]
    fn what_nothing_uses_is_told_by_its_name() {
        let mut folder = folder(GOOD);
        folder.files.insert("old.conf".to_owned(), Vec::new());
        folder.files.insert("chat.conf~".to_owned(), Vec::new());
        folder.files.insert("chat.conf".to_owned(), b"port {{ port }}\r\n\n{{ wrong }}".to_vec());
        let said = said(&folder);
        for expected in [
            "old.conf: warning: nothing in recipe.toml uses this file; ",
            "chat.conf~: warning: an editor or a system left this file behind; ",
            "recipe.toml:21: warning: `chat.conf` has line ends of Windows; ",
            "chat.conf:3: the template uses `wrong`, which no setting is; ",
        ] {
            assert!(said.contains(expected), "{expected}\n{said}");
        }
    }

    #[test]
    fn a_lock_must_be_there_be_whole_and_have_the_version() {
        let base = "name = \"pub\"\nsummary = \"a\"\nversion = \"1.0\"\n[source]\n";
        let npm = format!(
            "{base}npm = \"ssb\"\nlock = \"package-lock.json\"\n[[checks]]\nname = \"a\"\nunit = \"a.service\"\n"
        );
        let with = |text: &str, name: &str, lock: &str| {
            let mut folder = folder(text);
            folder.files.retain(|name, _| name == FILE);
            folder.files.insert(name.to_owned(), lock.as_bytes().to_owned());
            said(&folder)
        };
        let lock = |version: &str| {
            format!(
                r#"{{"lockfileVersion":3,"packages":{{"node_modules/ssb":{{"version":"{version}"}}}}}}"#
            )
        };
        assert_eq!(with(&npm, "package-lock.json", &lock("1.0")), "");
        for (name, text, expected) in [
            ("x", lock("1.0"), ":6: the recipe's folder has no file `package-lock.json`"),
            ("package-lock.json", "{".to_owned(), ":6: `package-lock.json` is no JSON"),
            (
                "package-lock.json",
                "{}".to_owned(),
                ":6: `package-lock.json` is no package-lock.json of version 2",
            ),
            (
                "package-lock.json",
                lock("2.0"),
                ":3: the version is `1.0`, but `package-lock.json` has ssb 2.0",
            ),
        ] {
            let said = with(&npm, name, &text);
            assert!(said.contains(expected), "{expected}\n{said}");
        }
        let pypi = npm
            .replace("npm = \"ssb\"", "pypi = \"matrix-synapse\"\npython = \"3.11\"")
            .replace("package-lock.json", "lock.txt");
        let good = "# made\nMatrix_Synapse[postgres]==1.0 \\\n  --hash=sha256:ab\nsix==2 --hash=sha256:cd\n";
        assert_eq!(with(&pypi, "lock.txt", good), "");
        let said = with(&pypi, "lock.txt", &good.replace("--hash=sha256:cd", ""));
        assert!(said.contains(":7: `lock.txt` pins `six` without a hash"), "{said}");
        let said = with(&pypi, "lock.txt", "six==2 --hash=sha256:cd\n");
        assert!(
            said.contains(":7: `lock.txt` does not pin the package `matrix-synapse`"),
            "{said}"
        );
    }
}
