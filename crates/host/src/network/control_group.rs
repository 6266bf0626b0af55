//! Unit and container of a process, from `/proc/PID/cgroup`.
//!
//! The format is cgroups(7)'s; the names are those that systemd, Docker, Podman, containerd and
//! LXC give. Leaves out asking any of them.

use model::text::printable;

/// The longest name that is kept, in characters.
const LONGEST: usize = 120;

/// How many digits of a container's id are shown, as `docker ps` does.
const DIGITS: usize = 12;

/// The systemd unit: the innermost service or scope.
pub(crate) fn unit(text: &str) -> Option<String> {
    path(text)?
        .rsplit('/')
        .find(|part| part.ends_with(".service") || part.ends_with(".scope"))
        .map(|part| printable(part, LONGEST))
}

/// What a person would call the container that the process is in, else its unit.
pub(crate) fn container(text: &str) -> Option<String> {
    let path = path(text)?;
    let parts: Vec<&str> = path.split('/').collect();
    let name = parts.iter().enumerate().rev().find_map(|(at, part)| {
        let parent = at.checked_sub(1).and_then(|at| parts.get(at)).copied().unwrap_or("");
        engine(part, parent)
    });
    let machine = || {
        parts.iter().find_map(|part| {
            part.strip_prefix("systemd-nspawn@")
                .and_then(|rest| rest.strip_suffix(".service"))
                .or_else(|| part.strip_prefix("machine-").and_then(|r| r.strip_suffix(".scope")))
                .map(|name| format!("machine {name}"))
        })
    };
    name.or_else(machine).map(|name| printable(&name, LONGEST)).or_else(|| unit(text))
}

/// A container engine's own part of the path.
fn engine(part: &str, parent: &str) -> Option<String> {
    const SCOPES: [(&str, &str); 4] = [
        ("docker-", "docker"),
        ("libpod-", "podman"),
        ("cri-containerd-", "containerd"),
        ("crio-", "cri-o"),
    ];
    let short = |id: &str| id.chars().take(DIGITS).collect::<String>();
    let is_id = |id: &str| id.len() >= DIGITS && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if let Some(name) = part.strip_prefix("lxc.payload.") {
        return Some(format!("lxc {name}"));
    }
    if parent == "lxc" {
        return Some(format!("lxc {part}"));
    }
    if parent == "docker" && is_id(part) {
        return Some(format!("docker {}", short(part)));
    }
    SCOPES.iter().find_map(|(prefix, name)| {
        let id = part.strip_prefix(prefix)?.strip_suffix(".scope")?;
        is_id(id).then(|| format!("{name} {}", short(id)))
    })
}

/// The path in the unified hierarchy, else in systemd's own.
fn path(text: &str) -> Option<&str> {
    let of = |head: &str| {
        text.lines().find_map(|line| {
            let (_, rest) = line.split_once(':')?;
            let (controllers, path) = rest.split_once(':')?;
            (controllers == head && path != "/").then_some(path)
        })
    };
    of("").or_else(|| of("name=systemd"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_innermost_unit_is_the_processs() {
        let named = |text: &str| unit(text);
        assert_eq!(named("0::/system.slice/nginx.service\n").as_deref(), Some("nginx.service"));
        assert_eq!(
            named("0::/user.slice/user-0.slice/user@0.service/app.slice/a.service").as_deref(),
            Some("a.service")
        );
        assert_eq!(
            named("9:name=systemd:/system.slice/x.service\n0::/\n").as_deref(),
            Some("x.service")
        );
        assert_eq!(named("0::/\n"), None);
        assert_eq!(named("rubbish"), None);
    }

    #[test]
    fn containers_have_names_that_people_know() {
        let id = "0123456789abcdef".repeat(4);
        for (path, wanted) in [
            (format!("/system.slice/docker-{id}.scope"), "docker 0123456789ab"),
            (format!("/docker/{id}"), "docker 0123456789ab"),
            (format!("/machine.slice/libpod-{id}.scope/container"), "podman 0123456789ab"),
            ("/lxc.payload.web/init.scope".to_owned(), "lxc web"),
            ("/machine.slice/systemd-nspawn@a.service/payload/init.scope".to_owned(), "machine a"),
            ("/machine.slice/machine-b.scope/payload".to_owned(), "machine b"),
            ("/system.slice/private.service".to_owned(), "private.service"),
        ] {
            assert_eq!(container(&format!("0::{path}\n")).as_deref(), Some(wanted), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_text_does_harm(text in any::<String>()) {
            let _ = (unit(&text), container(&text));
        }
    }
}
