//! From a recipe, its settings and what its source brought to a package.
//!
//! Leaves out judging the recipe as a whole, which is its lint's.

use crate::layout::control;
use crate::layout::entries::Entries;
use crate::layout::maintainer;
use crate::layout::package::{Layout, Payload};
use crate::layout::steps::Steps;
use crate::layout::units;
use crate::recipe::fault::Fault;
use crate::recipe::folder::Folder;
use crate::recipe::path;
use crate::recipe::reading::Read;
use crate::recipe::values::Values;

/// Lays a package out for one architecture. The same values give the same package.
///
/// An empty payload is one that was not fetched: what is said of it is left out.
///
/// # Errors
/// All that is wrong: places claimed twice, names and modes that are none, templates that do not
/// render, an architecture that the recipe does not have.
pub fn lay_out(
    read: &Read,
    folder: &Folder,
    values: &Values,
    payload: &Payload,
    architecture: &str,
) -> Result<Layout, Vec<Fault>> {
    let recipe = &read.recipe;
    let version = recipe.package_version();
    let (entries, mut faults) = Entries::of(read, folder, values, payload).finish();
    if let Some(wrong) = wrong_package(&recipe.name) {
        faults.push(read.lines.fault("name", &wrong));
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || ".+-~:".contains(c);
    if !version.starts_with(|c: char| c.is_ascii_digit()) || !version.chars().all(plain) {
        let message = format!("`{}` is no version as Debian has it", recipe.version);
        faults.push(read.lines.fault("version", &message));
    }
    if !recipe.package.architectures.iter().any(|one| one == architecture) {
        let message = format!("it is not built for `{architecture}`");
        let hint = format!("it is for: {}", recipe.package.architectures.join(", "));
        faults.push(read.lines.fault("package.architectures", &message).hint(&hint));
    }
    for (at, path) in recipe.package.watches.iter().enumerate() {
        if let Err(wrong) = path::absolute(path) {
            let key = format!("package.watches[{at}]");
            faults.push(read.lines.fault(&key, &format!("`{path}` {wrong}")));
        }
    }
    let control = control::fields(read, payload, architecture, &mut faults);
    let mut steps = Steps::new(read);
    steps.user();
    steps.directories();
    steps.owners(&entries);
    steps.secrets();
    steps.diversions(values);
    let units = units::add(&mut steps, &entries);
    steps.upgrade(values);
    steps.database();
    steps.end();
    faults.append(&mut steps.faults);
    if faults.iter().any(|fault| !fault.warning) {
        faults.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        faults.dedup();
        return Err(faults);
    }
    Ok(Layout {
        package: recipe.name.clone(),
        scripts: maintainer::scripts(&recipe.name, &version, &steps.steps),
        acts: maintainer::acts(&steps.steps),
        version,
        architecture: architecture.to_owned(),
        control,
        entries,
        made: steps.made,
        units,
        watches: recipe.package.watches.clone(),
    })
}

/// Why a text is no package's name, after Debian Policy 5.6.1.
fn wrong_package(name: &str) -> Option<String> {
    let start = name.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "+-.".contains(c);
    let good = start && (2..=100).contains(&name.len()) && name.chars().all(plain);
    (!good).then(|| {
        format!("`{name}` is no package's name: lower-case letters, digits, `+`, `-`, `.`")
    })
}

#[cfg(test)]
mod tests {
    use crate::layout::fixture::{RICH, lay, rich, said};
    use crate::layout::package::Content;

    fn refused(from: &str, to: &str) -> String {
        assert!(RICH.contains(from), "{from}");
        said(&lay(&RICH.replacen(from, to, 1)).expect_err("faulty"))
    }

    #[test]
    fn each_entry_has_its_mode_owner_and_line() {
        let layout = rich();
        let list: Vec<String> = layout
            .entries
            .iter()
            .map(|entry| {
                let kind = match &entry.content {
                    Content::Folder => "d",
                    Content::Link(_) => "l",
                    _ if entry.conffile => "c",
                    _ => "f",
                };
                let (owner, group, from) = (&entry.owner, &entry.group, &entry.from);
                let (mode, path, line) = (entry.mode, &entry.path, from.line);
                format!("{kind} {mode:04o} {owner}:{group} {path} {}:{line}", from.file)
            })
            .collect();
        insta::assert_snapshot!(list.join("\n"), @r#"
        l 0777 root:root /etc/babeld.conf recipe.toml:46
        d 0755 root:root /etc/chat recipe.toml:26
        c 0644 root:root /etc/chat/babeld.conf recipe.toml:50
        c 0640 root:chat /etc/chat/chat.conf recipe.toml:41
        c 0644 root:root /etc/chat/words recipe.toml:10
        d 0755 root:root /srv/pub recipe.toml:24
        l 0777 root:root /usr/bin/chat recipe.toml:10
        f 0755 root:root /usr/lib/chat/chat recipe.toml:10
        f 0644 root:root /usr/lib/chat/data (1) recipe.toml:10
        f 0644 root:root /usr/lib/systemd/system/babeld.service.d/held-by-chat.conf recipe.toml:18
        f 0644 root:root /usr/lib/systemd/system/chat-purge.service recipe.toml:69
        f 0644 root:root /usr/lib/systemd/system/chat-purge.timer recipe.toml:72
        f 0644 root:root /usr/lib/systemd/system/chat-worker@.service recipe.toml:75
        f 0644 root:root /usr/lib/systemd/system/chat.service recipe.toml:65
        f 0644 root:root /usr/lib/systemd/system/nginx.service.d/chat.conf recipe.toml:78
        f 0644 chat:chat /usr/share/chat/state recipe.toml:60
        f 0644 root:root /usr/share/chat/web/css/a.css recipe.toml:53
        f 0644 root:root /usr/share/chat/web/index.html recipe.toml:53
        f 0644 root:root /usr/share/stead/recipes/chat/chat.conf chat.conf:1
        f 0644 root:root /usr/share/stead/recipes/chat/chat.service chat.service:1
        f 0644 root:root /usr/share/stead/recipes/chat/recipe.toml recipe.toml:1
        f 0644 root:root /usr/share/stead/recipes/chat/web/css/a.css web/css/a.css:1
        f 0644 root:root /usr/share/stead/recipes/chat/web/index.html web/index.html:1
        "#);
    }

    #[test]
    fn control_fields_stand_in_the_order_of_dpkg() {
        let layout = rich();
        let fields: Vec<String> =
            layout.control.iter().map(|(name, value)| format!("{name}: {value}")).collect();
        insta::assert_snapshot!(fields.join("\n"), @r#"
        Package: chat
        Version: 1.2-3
        Architecture: amd64
        Maintainer: whoever built it <root@localhost>
        Pre-Depends: babeld
        Depends: nginx (>= 1.18), python3 (>= 3.11), passwd, postgresql
        Section: net
        Priority: optional
        Homepage: https://chat.example
        Description: Chat for the neighbourhood
         It keeps rooms.
         .
          .It forgets nothing.
        "#);
    }

    #[test]
    fn what_cannot_be_safe_is_refused_with_its_line() {
        let all = [
            refused("path = \"/srv/pub/chat\"", "path = \"/var/lib\""),
            refused("owner = \"root\", group = \"chat\"", "owner = \"Root\""),
            refused("mode = \"0755\" }", "owner = \"www-data\" }"),
            refused("diverts = true", "diverts = true\nconffile = true"),
            refused("/usr/share/chat/state", "/usr/lib/chat/chat"),
            refused("/usr/share/chat/state", "/usr/lib/chat/chat/state"),
            refused("mode = \"0640\"", "mode = \"4750\""),
            refused("path = \"/usr/share/chat/state\"", "path = \"/usr/../state\""),
            refused("name = \"chat-purge.timer\"", "name = \"chat purge\""),
            refused("extensions = [\"pg_trgm\"]", "extensions = [\"x\\\" y\"]"),
            refused("--port {{ port }}", "--port {{ prot }}"),
        ];
        insta::assert_snapshot!(all.join("\n"), @r#"
        recipe.toml:24: `/var/lib` is not the service's alone, and purge would delete it
        recipe.toml:24: `Root` is no name: lower-case letters, digits, `_`, `-`, at most 31, a letter first
        recipe.toml:23: `/var/lib/chat/media` belongs to www-data and lies in a directory of chat, who could lead root elsewhere by a link; make them neighbours, or of one owner
        recipe.toml:46: a file that diverts is no conffile; a conffile outlives removal, so the vanilla file could not come back; put the conffile elsewhere and divert to a link to it
        recipe.toml:46: a link is no conffile
        recipe.toml:60: `/usr/lib/chat/chat` is there already, from line 10 (`source`)
        recipe.toml:10: `/usr/lib/chat/chat/state` lies in `/usr/lib/chat/chat`, which is no folder
        recipe.toml:41: setuid and setgid go with root alone
        recipe.toml:60: `/usr/../state` has a part `.` or `..`
        recipe.toml:72: `/usr/lib/systemd/system/chat purge` takes letters, digits and `._-+@:~=,%` only
        recipe.toml:73: `chat purge` is no unit's name with its suffix, as `chat purge.service`
        recipe.toml:85: `x" y` is no name: lower-case letters, digits, `_`, `-`, at most 31, a letter first
        recipe.toml:87: the template uses `prot`, which no setting is; did you mean `port`?
        "#);
    }

    #[test]
    fn an_architecture_that_the_recipe_lacks_is_refused() {
        let recipe = RICH.replace("[\"amd64\", \"arm64\"]", "[\"arm64\"]");
        let faults = lay(&recipe).expect_err("no amd64");
        assert_eq!(said(&faults), "recipe.toml:13: it is not built for `amd64`; it is for: arm64");
    }
}
