//! Says what a package will do before it does anything: every file, user, unit, script and command,
//! each with the line of the recipe that it comes from.
//!
//! Leaves out the terminal: lines are as long as what they say.

use serde::Serialize;

use crate::layout::package::{
    Act, Content, Fetched, Layout, Made, MadeKind, Origin, Payload, Role, UnitActs, When,
    provenance_path, recipe_path,
};
use crate::recipe::lines::FILE;
use crate::recipe::reading::Read;
use crate::recipe::source::Kind;
use crate::recipe::unit::OnUpgrade;
use crate::text::{bytes, counted, printable};

/// More files than this from one line of the recipe are told by folder.
const MANY: usize = 12;
/// The longest text of one place, in characters.
const LONGEST: usize = 400;

/// What a package will hold and do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Explanation {
    pub package: String,
    pub version: String,
    pub architecture: String,
    pub summary: String,
    pub source: Source,
    /// The control file's relations.
    pub relations: Vec<Relation>,
    pub files: Vec<File>,
    /// What is made beside the files, kept by removal and deleted by purge.
    pub made: Vec<Made>,
    pub units: Vec<UnitActs>,
    pub acts: Vec<Act>,
    pub scripts: Vec<Script>,
}

/// Where the service's own files come from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Source {
    /// In words, with addresses.
    pub from: Vec<String>,
    /// What was fetched; nothing if `looked` is false.
    pub fetched: Vec<Fetched>,
    /// Whether the source's own files are among the files told.
    pub looked: bool,
    pub line: Origin,
}

/// A field of the control file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Relation {
    pub field: String,
    pub packages: String,
}

/// A file, link or folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct File {
    pub path: String,
    pub kind: FileKind,
    /// A link's target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Octal.
    pub mode: String,
    pub owner: String,
    pub group: String,
    /// In bytes; missing where only the build knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Whether a hand edit outlives upgrades and removal.
    pub conffile: bool,
    pub from: Origin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum FileKind {
    File,
    Link,
    Folder,
}

/// A maintainer script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Script {
    pub name: String,
    pub text: String,
}

impl Explanation {
    /// Explains a layout; `payload` is missing if nothing was fetched for it.
    pub fn of(read: &Read, layout: &Layout, payload: Option<&Payload>) -> Self {
        let line = |key: &str| Origin { file: FILE.to_owned(), line: read.lines.of(key) };
        let mut files: Vec<File> = layout.entries.iter().map(file).collect();
        let provenance = provenance_path(&layout.package);
        if !files.iter().any(|file| file.path == provenance) {
            files.push(File {
                path: provenance,
                kind: FileKind::File,
                to: None,
                mode: "0644".to_owned(),
                owner: "root".to_owned(),
                group: "root".to_owned(),
                size: None,
                conffile: false,
                from: line("name"),
            });
        }
        files.sort_by(|one, other| one.path.cmp(&other.path));
        let relation = |(field, value): &(String, String)| {
            let fields =
                ["Pre-Depends", "Depends", "Recommends", "Suggests", "Conflicts", "Breaks"];
            let more = ["Replaces", "Provides"];
            let is = fields.contains(&field.as_str()) || more.contains(&field.as_str());
            is.then(|| Relation { field: field.clone(), packages: value.clone() })
        };
        let script =
            |(name, text): &(String, String)| Script { name: name.clone(), text: text.clone() };
        Self {
            package: layout.package.clone(),
            version: layout.version.clone(),
            architecture: layout.architecture.clone(),
            summary: read.recipe.summary.clone(),
            source: Source {
                from: source(read, &layout.architecture),
                fetched: payload.map(|payload| payload.fetched.clone()).unwrap_or_default(),
                looked: payload.is_some(),
                line: line("source"),
            },
            relations: layout.control.iter().filter_map(relation).collect(),
            files,
            made: layout.made.clone(),
            units: layout.units.clone(),
            acts: layout.acts.clone(),
            scripts: layout.scripts.iter().map(script).collect(),
        }
    }

    /// The explanation as a page. Many files of one line are told by folder unless `all`;
    /// `scripts` adds the maintainer scripts, whole.
    pub fn text(&self, all: bool, scripts: bool) -> String {
        let mut page = Page::default();
        let (package, version, architecture) = (&self.package, &self.version, &self.architecture);
        let summary = printable(&self.summary, LONGEST);
        page.text = format!("{package} {version} for {architecture}: {summary}\n");
        self.source_part(&mut page);
        self.files_part(&mut page, all);
        self.made_part(&mut page);
        self.units_part(&mut page);
        for (when, title) in [
            (When::Install, "Installation: after the files are unpacked, unless preinst is named"),
            (When::Upgrade, "Upgrade, and installation over what a removal left"),
            (When::Remove, "Removal: conffiles and data stay"),
            (When::Purge, "Purge: conffiles go, and"),
        ] {
            self.acts_part(&mut page, when, title);
        }
        if scripts {
            for script in &self.scripts {
                page.text += &format!("\n==> {} <==\n{}", script.name, script.text);
            }
        } else {
            let names: Vec<&str> = self.scripts.iter().map(|it| it.name.as_str()).collect();
            let list = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
            page.text += &format!("\nMaintainer scripts: {list}");
            page.text += if names.is_empty() { "\n" } else { "; --scripts prints them whole\n" };
        }
        page.text
    }

    fn source_part(&self, page: &mut Page) {
        let title = if self.source.looked { "Source" } else { "Source, not fetched yet" };
        let line = &self.source.line;
        let rows = self.source.from.iter().map(|from| row([from], line)).collect();
        page.part(title, rows);
        let fetched =
            self.source.fetched.iter().map(|one| {
                row([&*format!("{} {} {}", one.from, bytes(one.bytes), one.digest)], line)
            });
        page.part("Fetched", fetched.collect());
        let relations = self.relations.iter().map(|one| {
            let field = format!("{}:", one.field);
            vec![field, printable(&one.packages, LONGEST)]
        });
        page.part("Relations to other packages", relations.collect());
    }

    fn files_part(&self, page: &mut Page, all: bool) {
        let recipe = format!("{}/", recipe_path(&self.package));
        let mut rows: Vec<Vec<String>> = Vec::new();
        let mut folded: Vec<(String, &Origin, usize, u64)> = Vec::new();
        for file in &self.files {
            let of_recipe = file.path.starts_with(&recipe);
            let many = self.files.iter().filter(|other| other.from == file.from).count() > MANY;
            if all || file.conffile || !(many || of_recipe) {
                rows.push(self.file_row(file));
                continue;
            }
            let folder = if of_recipe { recipe.clone() } else { shallow(&file.path) };
            let size = file.size.unwrap_or(0);
            match folded
                .iter_mut()
                .find(|(path, from, ..)| *path == folder && (of_recipe || **from == file.from))
            {
                Some((_, _, count, sum)) => {
                    *count += 1;
                    *sum += size;
                }
                None => folded.push((folder, &file.from, 1, size)),
            }
        }
        for (folder, from, count, size) in folded {
            let said = format!("{}, {}", counted(count, "file"), bytes(size));
            rows.push(row([&*folder, "", "root:root", &said], from));
        }
        rows.sort();
        page.part("Files", rows);
    }

    fn file_row(&self, file: &File) -> Vec<String> {
        let what = match (file.kind, &file.to, file.conffile) {
            (FileKind::Link, Some(to), _) => format!("link to {to}"),
            (FileKind::Folder, ..) => "folder".to_owned(),
            (_, _, true) => "conffile: a hand edit stays".to_owned(),
            _ if file.path == provenance_path(&self.package) => {
                "where the package comes from, for `stead whence`".to_owned()
            }
            _ => String::new(),
        };
        let mode = if file.kind == FileKind::Link { "" } else { &file.mode };
        row([&*file.path, mode, &format!("{}:{}", file.owner, file.group), &what], &file.from)
    }

    fn made_part(&self, page: &mut Page) {
        let rows = self.made.iter().map(|made| {
            let kind = match made.kind {
                MadeKind::User => "system user",
                MadeKind::Directory => "directory",
                MadeKind::Secret => "secret",
                MadeKind::Database => "PostgreSQL database",
            };
            let owner = match (&made.owner, &made.group) {
                (Some(owner), Some(group)) => format!("{owner}:{group}"),
                (Some(owner), None) => format!("of the role {owner}"),
                _ => String::new(),
            };
            let mode = made.mode.as_deref().unwrap_or("");
            row([kind, &made.name, mode, &owner], &made.from)
        });
        page.part("Made if missing, kept by removal, deleted by purge", rows.collect());
    }

    fn units_part(&self, page: &mut Page) {
        let rows = self.units.iter().map(|unit| {
            let said = match unit.role {
                Role::Own => format!("{}; upgrade: {}", begins(unit), on_upgrade(unit.upgrade)),
                Role::DropIn => {
                    format!("another package's, gets a drop-in; {}", on_upgrade(unit.upgrade))
                }
                Role::Held => "another package's, kept stopped until removal".to_owned(),
                Role::Restarted => "another package's, restarted if it runs".to_owned(),
                Role::Reloaded => "another package's, reloaded if it runs".to_owned(),
            };
            row([&*unit.name, &*said], &unit.from)
        });
        page.part("Units", rows.collect());
    }

    fn acts_part(&self, page: &mut Page, when: When, title: &str) {
        let acts = self.acts.iter().filter(|act| act.when == when);
        let rows = acts.map(|act| row([&act.script, &act.command, &act.why], &act.from));
        page.part(title, rows.collect());
    }
}

/// Parts of aligned columns.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn part(&mut self, title: &str, rows: Vec<Vec<String>>) {
        if rows.is_empty() {
            return;
        }
        self.text += &format!("\n{title}\n");
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let cells = rows.iter().filter_map(|row| row.get(column));
                // One long cell pushes only its own row.
                cells.map(|cell| cell.chars().count()).filter(|width| *width <= 60).max()
            })
            .map(Option::unwrap_or_default)
            .collect();
        for row in rows {
            let cells = row.iter().zip(&widths).filter(|(_, width)| **width > 0 || row.len() < 3);
            let line: String =
                cells.map(|(cell, width)| format!("  {cell:width$}", width = *width)).collect();
            self.text += line.trim_end();
            self.text.push('\n');
        }
    }
}

/// The cells of a row and, last, where it comes from.
fn row<const N: usize>(cells: [impl AsRef<str>; N], from: &Origin) -> Vec<String> {
    let mut row: Vec<String> = cells.iter().map(|cell| printable(cell.as_ref(), LONGEST)).collect();
    row.push(format!("{}:{}", printable(&from.file, LONGEST), from.line));
    row
}

fn file(entry: &crate::layout::package::Entry) -> File {
    let (kind, to, size) = match &entry.content {
        Content::Text(text) => (FileKind::File, None, Some(text.len() as u64)),
        Content::Copy { size, .. } => (FileKind::File, None, Some(*size)),
        Content::Link(to) => (FileKind::Link, Some(to.clone()), None),
        Content::Folder => (FileKind::Folder, None, None),
    };
    File {
        path: entry.path.clone(),
        kind,
        to,
        mode: format!("{:04o}", entry.mode),
        owner: entry.owner.clone(),
        group: entry.group.clone(),
        size,
        conffile: entry.conffile,
        from: entry.from.clone(),
    }
}

/// The folder by which a path is told among many: three names deep at most.
fn shallow(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let depth = (parts.len() - 1).min(3);
    format!("/{}/", parts[..depth].join("/"))
}

/// Where the files of the source come from.
fn source(read: &Read, architecture: &str) -> Vec<String> {
    let source = &read.recipe.source;
    let into = read.recipe.into_path();
    match source.kind() {
        Ok(Kind::Debian { package }) => {
            vec![format!("the Debian package {package}, which apt installs beside this one")]
        }
        Ok(Kind::Url { url, sha256 }) => vec![format!("{url} sha256:{sha256}, into {into}")],
        Ok(Kind::UrlPerArchitecture { urls }) => match urls.get(architecture) {
            Some(one) => vec![format!("{} sha256:{}, into {into}", one.url, one.sha256)],
            None => vec![format!("nothing for {architecture}")],
        },
        Ok(Kind::Npm { package, lock }) => {
            vec![format!("{package} of the npm registry, all packages as in {lock}, into {into}")]
        }
        Ok(Kind::Pypi { package, lock, python }) => vec![format!(
            "{package} of the Python index for Python {python}, all packages as in {lock}, into \
             {into}"
        )],
        Ok(Kind::Git { repository, commit }) => {
            vec![format!("git+{repository}@{commit}, into {into}")]
        }
        Ok(Kind::Files { folder }) => vec![format!("the recipe's own folder {folder}")],
        Err(error) => vec![error.to_string()],
    }
}

fn begins(unit: &UnitActs) -> &'static str {
    match (unit.enabled, unit.started) {
        (true, true) => "starts at installation and at boot",
        (true, false) => "starts at boot",
        (false, true) => "starts at installation",
        (false, false) => "starts when something asks for it",
    }
}

fn on_upgrade(upgrade: OnUpgrade) -> &'static str {
    match upgrade {
        OnUpgrade::StopStart => "stopped before, started after",
        OnUpgrade::Restart => "restarted",
        OnUpgrade::Reload => "reloaded",
        OnUpgrade::Nothing => "left running",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::fixture::{read, rich};

    #[test]
    fn the_rich_recipe_is_explained_with_every_line() {
        let explanation = Explanation::of(&read(), &rich(), None);
        insta::assert_snapshot!(explanation.text(false, false), @r#"
        chat 1.2-3 for amd64: Chat for the neighbourhood

        Source, not fetched yet
          the recipe's own folder tree  recipe.toml:10

        Relations to other packages
          Pre-Depends:  babeld
          Depends:      nginx (>= 1.18), python3 (>= 3.11), passwd, postgresql

        Files
          /etc/babeld.conf                                                  root:root  link to /etc/chat/babeld.conf                     recipe.toml:46
          /etc/chat                                                   0755  root:root  folder                                            recipe.toml:26
          /etc/chat/babeld.conf                                       0644  root:root  conffile: a hand edit stays                       recipe.toml:50
          /etc/chat/chat.conf                                         0640  root:chat  conffile: a hand edit stays                       recipe.toml:41
          /etc/chat/words                                             0644  root:root  conffile: a hand edit stays                       recipe.toml:10
          /srv/pub                                                    0755  root:root  folder                                            recipe.toml:24
          /usr/bin/chat                                                     root:root  link to ../lib/chat/chat                          recipe.toml:10
          /usr/lib/chat/chat                                          0755  root:root                                                    recipe.toml:10
          /usr/lib/chat/data (1)                                      0644  root:root                                                    recipe.toml:10
          /usr/lib/systemd/system/babeld.service.d/held-by-chat.conf  0644  root:root                                                    recipe.toml:18
          /usr/lib/systemd/system/chat-purge.service                  0644  root:root                                                    recipe.toml:69
          /usr/lib/systemd/system/chat-purge.timer                    0644  root:root                                                    recipe.toml:72
          /usr/lib/systemd/system/chat-worker@.service                0644  root:root                                                    recipe.toml:75
          /usr/lib/systemd/system/chat.service                        0644  root:root                                                    recipe.toml:65
          /usr/lib/systemd/system/nginx.service.d/chat.conf           0644  root:root                                                    recipe.toml:78
          /usr/share/chat/state                                       0644  chat:chat                                                    recipe.toml:60
          /usr/share/chat/web/css/a.css                               0644  root:root                                                    recipe.toml:53
          /usr/share/chat/web/index.html                              0644  root:root                                                    recipe.toml:53
          /usr/share/stead/packages/chat.json                         0644  root:root  where the package comes from, for `stead whence`  recipe.toml:1
          /usr/share/stead/recipes/chat/                                    root:root  5 files, 2.0 KiB                                  chat.conf:1

        Made if missing, kept by removal, deleted by purge
          system user          chat                                             recipe.toml:16
          directory            /srv/pub/chat            2775  root:chat         recipe.toml:24
          directory            /var/lib/chat            0750  chat:chat         recipe.toml:22
          directory            /var/lib/chat/media      0755  chat:chat         recipe.toml:23
          secret               /etc/chat/secrets/mail   0640  root:chat         recipe.toml:34
          secret               /etc/chat/secrets/token  0640  root:chat         recipe.toml:30
          PostgreSQL database  chat                           of the role chat  recipe.toml:82

        Units
          chat.service          starts at installation and at boot; upgrade: stopped before, started after  recipe.toml:65
          chat-purge.service    starts when something asks for it; upgrade: restarted   recipe.toml:69
          chat-purge.timer      starts at installation and at boot; upgrade: restarted  recipe.toml:72
          chat-worker@.service  starts when something asks for it; upgrade: restarted   recipe.toml:75
          nginx.service         another package's, gets a drop-in; restarted            recipe.toml:78
          babeld.service        another package's, kept stopped until removal           recipe.toml:18
          nginx.service         another package's, reloaded if it runs                  recipe.toml:19

        Installation: after the files are unpacked, unless preinst is named
          preinst   divert /etc/babeld.conf                                    the vanilla file moves to /etc/babeld.conf.distrib (dpkg-divert)  recipe.toml:46
          postinst  make_user chat /var/lib/chat 'Chat for the neighbourhood'  the system user chat and its group, if there are none (useradd)  recipe.toml:16
          postinst  join_group chat ssl-cert                                   chat joins the group ssl-cert (usermod)                    recipe.toml:17
          postinst  make_directory /srv/pub/chat root chat 2775                a directory for the service's data                         recipe.toml:24
          postinst  make_directory /var/lib/chat chat chat 0750                a directory for the service's data                         recipe.toml:22
          postinst  make_inner_directory /var/lib/chat/media chat chat 0755    a directory for the service's data                         recipe.toml:23
          postinst  give_conffile root chat /etc/chat/chat.conf                belongs to root:chat (chown)                               recipe.toml:41
          postinst  give chat chat 0644 /usr/share/chat/state                  belongs to chat:chat (chown)                               recipe.toml:60
          postinst  make_secret_folder /etc/chat/secrets chat                  where secrets lie                                          recipe.toml:26
          postinst  want_secret /etc/chat/secrets/mail chat                    a secret that somebody brings; says so if it is missing    recipe.toml:34
          postinst  make_secret /etc/chat/secrets/token chat                   32 random bytes, if it is not there (/dev/urandom)         recipe.toml:30
          postinst  undivert_others /etc/babeld.conf                           files come back that an other version moved and this one does not  recipe.toml:41
          postinst  make_database chat chat C pg_trgm                          a PostgreSQL role without password and its database, if there are none  recipe.toml:82
          postinst  enable_unit chat.service                                   starts at boot, unless an admin disabled it                recipe.toml:65
          postinst  know_unit chat-purge.service                               stays disabled, unless an admin enabled it                 recipe.toml:69
          postinst  enable_unit chat-purge.timer                               starts at boot, unless an admin disabled it                recipe.toml:72
          postinst  retire_units chat.service chat-purge.service chat-purge.timer  units that an other version had and this one has not, end  recipe.toml:65
          postinst  hold_unit babeld.service                                   rests as long as this package is installed                 recipe.toml:18
          postinst  unit start chat.service                                    starts                                                     recipe.toml:65
          postinst  unit start chat-purge.timer                                starts                                                     recipe.toml:72
          postinst  unit try-restart nginx.service                             takes up what this package adds, if it runs                recipe.toml:78
          postinst  unit try-reload-or-restart nginx.service                   takes up what this package adds, if it runs                recipe.toml:19

        Upgrade, and installation over what a removal left
          prerm     unit stop chat.service                                     rests until the new version is there                       recipe.toml:65
          preinst   divert /etc/babeld.conf                                    the vanilla file moves to /etc/babeld.conf.distrib (dpkg-divert)  recipe.toml:46
          postinst  make_user chat /var/lib/chat 'Chat for the neighbourhood'  the system user chat and its group, if there are none (useradd)  recipe.toml:16
          postinst  join_group chat ssl-cert                                   chat joins the group ssl-cert (usermod)                    recipe.toml:17
          postinst  make_directory /srv/pub/chat root chat 2775                a directory for the service's data                         recipe.toml:24
          postinst  make_directory /var/lib/chat chat chat 0750                a directory for the service's data                         recipe.toml:22
          postinst  make_inner_directory /var/lib/chat/media chat chat 0755    a directory for the service's data                         recipe.toml:23
          postinst  give_conffile root chat /etc/chat/chat.conf                belongs to root:chat (chown)                               recipe.toml:41
          postinst  give chat chat 0644 /usr/share/chat/state                  belongs to chat:chat (chown)                               recipe.toml:60
          postinst  make_secret_folder /etc/chat/secrets chat                  where secrets lie                                          recipe.toml:26
          postinst  want_secret /etc/chat/secrets/mail chat                    a secret that somebody brings; says so if it is missing    recipe.toml:34
          postinst  make_secret /etc/chat/secrets/token chat                   32 random bytes, if it is not there (/dev/urandom)         recipe.toml:30
          postinst  undivert_others /etc/babeld.conf                           files come back that an other version moved and this one does not  recipe.toml:41
          postinst  make_database chat chat C pg_trgm                          a PostgreSQL role without password and its database, if there are none  recipe.toml:82
          postinst  enable_unit chat.service                                   starts at boot, unless an admin disabled it                recipe.toml:65
          postinst  know_unit chat-purge.service                               stays disabled, unless an admin enabled it                 recipe.toml:69
          postinst  enable_unit chat-purge.timer                               starts at boot, unless an admin disabled it                recipe.toml:72
          postinst  retire_units chat.service chat-purge.service chat-purge.timer  units that an other version had and this one has not, end  recipe.toml:65
          postinst  unit stop chat.service                                     rests while the upgrade's steps run                        recipe.toml:65
          postinst  unit stop chat-purge.timer                                 rests while the upgrade's steps run                        recipe.toml:72
          postinst  step chat /var/lib/chat '/usr/lib/chat/migrate --port 8008 '\''a b'\'''  a step of the upgrade, as chat                             recipe.toml:87
          postinst  hold_unit babeld.service                                   rests as long as this package is installed                 recipe.toml:18
          postinst  unit restart chat.service                                  runs the new version                                       recipe.toml:65
          postinst  unit try-restart chat-purge.service                        takes up the new version, if it runs                       recipe.toml:69
          postinst  unit try-restart 'chat-worker@*.service'                   instances that run take up the new version                 recipe.toml:75
          postinst  unit restart chat-purge.timer                              runs the new version                                       recipe.toml:72
          postinst  unit try-restart nginx.service                             takes up what this package adds, if it runs                recipe.toml:78
          postinst  unit try-reload-or-restart nginx.service                   takes up what this package adds, if it runs                recipe.toml:19

        Removal: conffiles and data stay
          prerm   stop_unit chat-purge.timer                ends, with all its processes                         recipe.toml:72
          prerm   stop_unit 'chat-worker@*.service'         ends, with all its processes                         recipe.toml:75
          prerm   stop_unit chat-purge.service              ends, with all its processes                         recipe.toml:69
          prerm   stop_unit chat.service                    ends, with all its processes                         recipe.toml:65
          postrm  undivert /etc/babeld.conf                 the vanilla file comes back (dpkg-divert)            recipe.toml:46
          postrm  unit try-reload-or-restart nginx.service  goes on without what this package added, if it runs  recipe.toml:19
          postrm  release_unit babeld.service               runs again, if it did before this package came       recipe.toml:18
          postrm  unit try-restart nginx.service            goes on without what this package added, if it runs  recipe.toml:78

        Purge: conffiles go, and
          postrm  drop_folder /srv/pub/chat                    the service's data, with all that is in it            recipe.toml:24
          postrm  drop_folder /var/lib/chat                    the service's data, with all that is in it            recipe.toml:22
          postrm  drop_folder /etc/chat/secrets                the secrets                                           recipe.toml:26
          postrm  drop_empty_folder /etc/chat                  where they lay                                        recipe.toml:26
          postrm  deb-systemd-helper purge chat-purge.timer    forgets whether it was enabled                        recipe.toml:72
          postrm  drop_stamp chat-purge.timer                  forgets when it last ran                              recipe.toml:72
          postrm  deb-systemd-helper purge chat-purge.service  forgets whether it was enabled                        recipe.toml:69
          postrm  deb-systemd-helper purge chat.service        forgets whether it was enabled                        recipe.toml:65
          postrm  drop_database chat chat                      the database and the role, if this package made them  recipe.toml:82
          postrm  drop_user chat                               the user and its group, if this package made them and no other uses them  recipe.toml:16
          postrm  forget                                       the note of what this package made                    recipe.toml:1

        Maintainer scripts: preinst, postinst, prerm, postrm; --scripts prints them whole
        "#);
        assert!(explanation.text(false, true).contains("\n==> postinst <==\n#!/bin/sh\n"));
    }

    #[test]
    fn many_files_of_one_line_are_told_by_folder_unless_all_are_asked_for() {
        let mut layout = rich();
        let like = layout.entries.iter().find(|entry| entry.path == "/usr/lib/chat/chat").cloned();
        let like = like.expect("the payload");
        layout.entries.extend((0..40).map(|n| {
            let path = format!("/usr/lib/chat/lib/{}/{n}", n % 3);
            crate::layout::package::Entry { path, ..like.clone() }
        }));
        let explanation = Explanation::of(&read(), &layout, Some(&Payload::default()));
        let told = |all: bool| {
            let text = explanation.text(all, false);
            text.lines().filter(|line| line.contains("/usr/lib/chat/")).count()
        };
        assert_eq!((told(false), told(true)), (2, 43));
        assert!(explanation.text(false, false).contains("42 files"));
    }
}
