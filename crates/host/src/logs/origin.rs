//! Decides where a journal entry comes from, so that it does not depend on a race.
//!
//! Leaves out masking names that count instances, which is the model's.
//!
//! journald learns a sender's unit and command (`_SYSTEMD_UNIT`, `_COMM`) by looking into /proc
//! when the line arrives. A sender that is short-lived may be gone by then, and the fields are
//! missing: of two identical commands one has a unit and the other has none. What never depends on
//! it is what the sender says (`SYSLOG_IDENTIFIER`), the transport, and the unit of a system
//! service's standard output, which the service manager itself tells when it opens the stream.
//! An identifier is what any program may say of itself, so a line is never filed under it as if
//! it were the kernel or a unit.

use std::borrow::Cow;

use crate::logs::export::Entry;

/// The kind of the message that a program dumped core (systemd's sd-messages.h).
const COREDUMP: &str = "fc2e22bc6ee647b6b90729ab34a250b1";
/// Services that run other people's commands: their output is not the service's.
const HOSTS: [&[u8]; 3] = [b"cron.service", b"anacron.service", b"atd.service"];
/// Ends of unit names (systemd.unit(5)).
const KINDS: [&[u8]; 11] = [
    b".service",
    b".socket",
    b".device",
    b".mount",
    b".automount",
    b".swap",
    b".target",
    b".path",
    b".timer",
    b".slice",
    b".scope",
];

/// Where an entry comes from.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Origin<'a> {
    /// Under which name its lines are folded: a unit, a program, `kernel` or `audit`.
    pub source: Cow<'a, str>,
    /// The unit that journald saw, which may be missing; empty if it did.
    pub unit: Cow<'a, str>,
    /// The program by its own word, or else by its command; empty if neither is known.
    pub program: Cow<'a, str>,
    /// The kind of message, where the sender says so.
    pub message_id: Option<&'a str>,
}

pub(crate) fn origin(entry: &Entry) -> Origin<'_> {
    let id = std::str::from_utf8(&entry.message_id).ok().filter(|id| id.len() == 32);
    let said = first([&entry.container, &entry.identifier]);
    let program = said.or(first([&entry.command]));
    // The service manager is never gone, and it says which unit it speaks of.
    let manager = entry.unit == b"init.scope" && !entry.about.is_empty();
    let unit = match () {
        () if manager => &entry.about,
        () if !entry.user_unit.is_empty() => &entry.user_unit,
        () => &entry.unit,
    };
    let dump = id == Some(COREDUMP) && !entry.dumped.is_empty();
    let source = match &entry.transport[..] {
        // What services write to /dev/kmsg early in a boot bears their own name.
        b"kernel" => said.map_or(Cow::Borrowed("kernel"), |name| match name {
            b"kernel" => Cow::Borrowed("kernel"),
            name => claimed(name),
        }),
        b"audit" => Cow::Borrowed("audit"),
        _ if dump && is_own(&entry.dumped) => text(&entry.dumped),
        _ if dump => claimed(first([&entry.dumped_command]).unwrap_or(&entry.dumped)),
        _ if manager => text(&entry.about),
        b"stdout" if is_own(&entry.unit) => text(&entry.unit),
        _ => match program {
            Some(name) => claimed(name),
            None if entry.unit.is_empty() => Cow::Borrowed("unknown"),
            None => text(&entry.unit),
        },
    };
    Origin {
        source,
        unit: text(unit),
        program: text(program.unwrap_or_default()),
        // A dump's kind is the same whatever program dumped: its text says which.
        message_id: id.filter(|_| !dump),
    }
}

/// Whether what such a unit prints is its own: a service of the system, not a session, not a
/// user's service manager with all that it runs.
fn is_own(unit: &[u8]) -> bool {
    unit.ends_with(b".service") && !unit.starts_with(b"user@") && !HOSTS.contains(&unit)
}

/// A name that its bearer chose, kept apart from names that mean something else.
fn claimed(name: &[u8]) -> Cow<'_, str> {
    let pretends =
        matches!(name, b"kernel" | b"audit") || KINDS.iter().any(|kind| name.ends_with(kind));
    let name = text(name);
    if pretends { Cow::Owned(format!("program {name}")) } else { name }
}

fn first<const N: usize>(names: [&Vec<u8>; N]) -> Option<&[u8]> {
    names.into_iter().find(|name| !name.is_empty()).map(|name| &name[..])
}

fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(transport: &str, unit: &str, identifier: &str) -> Entry {
        Entry {
            transport: transport.into(),
            unit: unit.into(),
            identifier: identifier.into(),
            ..Entry::default()
        }
    }

    #[test]
    fn the_source_is_what_never_depends_on_a_race() {
        for (what, transport, unit, identifier, source) in [
            ("a service's output", "stdout", "nginx.service", "nginx", "nginx.service"),
            (
                "an instance",
                "stdout",
                "postgresql@15-main.service",
                "postgres",
                "postgresql@15-main.service",
            ),
            ("logger in a session", "syslog", "session-3.scope", "chatd", "chatd"),
            ("logger, gone", "syslog", "", "chatd", "chatd"),
            ("logger in a service", "syslog", "nightly.service", "chatd", "chatd"),
            ("logger --journald, gone", "journal", "", "chatd", "chatd"),
            ("sshd before the session", "syslog", "ssh.service", "sshd", "sshd"),
            ("sshd in the session", "syslog", "session-3.scope", "sshd", "sshd"),
            ("cron itself", "syslog", "cron.service", "CRON", "CRON"),
            ("cron's session", "syslog", "session-9.scope", "CRON", "CRON"),
            ("systemd-cat in a cron job", "stdout", "cron.service", "backup", "backup"),
            ("systemd-cat in a cron job, gone", "stdout", "", "backup", "backup"),
            ("sudo", "syslog", "session-3.scope", "sudo", "sudo"),
            ("sudo in a service", "syslog", "deploy.service", "sudo", "sudo"),
            ("dockerd", "stdout", "docker.service", "dockerd", "docker.service"),
            ("a service of a user", "stdout", "user@1000.service", "syncthing", "syncthing"),
            ("gnome", "stdout", "user@1000.service", "gnome-shell", "gnome-shell"),
            ("gnome, gone", "stdout", "", "gnome-shell", "gnome-shell"),
            ("a user's manager", "journal", "user@1000.service", "systemd", "systemd"),
            ("the manager of no unit", "journal", "init.scope", "systemd", "systemd"),
            ("logind", "journal", "systemd-logind.service", "systemd-logind", "systemd-logind"),
            (
                "journald",
                "driver",
                "systemd-journald.service",
                "systemd-journald",
                "systemd-journald",
            ),
            ("the kernel", "kernel", "", "kernel", "kernel"),
            ("the kernel, nameless", "kernel", "", "", "kernel"),
            ("the manager by kmsg", "kernel", "", "systemd", "systemd"),
            ("audit", "audit", "", "audit", "audit"),
            ("one who plays the kernel", "syslog", "session-3.scope", "kernel", "program kernel"),
            ("one who plays a unit", "journal", "", "ssh.service", "program ssh.service"),
            ("nothing but a unit", "journal", "odd.service", "", "odd.service"),
            ("nothing", "", "", "", "unknown"),
        ] {
            assert_eq!(origin(&entry(transport, unit, identifier)).source, source, "{what}");
        }
    }

    #[test]
    fn the_command_stands_in_for_a_missing_name() {
        let line = Entry { command: b"python3".to_vec(), ..entry("syslog", "a.service", "") };
        assert_eq!((&*origin(&line).source, &*origin(&line).program), ("python3", "python3"));
    }

    #[test]
    fn a_container_has_its_name_and_not_its_number() {
        let line = Entry {
            container: b"matrix".to_vec(),
            ..entry("journal", "docker.service", "3f2a9b1c0d4e")
        };
        let origin = origin(&line);
        assert_eq!((&*origin.source, &*origin.unit), ("matrix", "docker.service"));
    }

    #[test]
    fn the_unit_and_the_program_are_told_where_they_are_known() {
        let line = entry("syslog", "ssh.service", "sshd");
        assert_eq!((&*origin(&line).unit, &*origin(&line).program), ("ssh.service", "sshd"));
        let line = Entry {
            user_unit: b"syncthing.service".to_vec(),
            ..entry("stdout", "user@1000.service", "syncthing")
        };
        assert_eq!(origin(&line).unit, "syncthing.service");
    }

    #[test]
    fn only_the_service_manager_speaks_of_other_units() {
        let mut line = Entry { about: b"good.service".to_vec(), ..entry("journal", "", "evil") };
        assert_eq!(origin(&line).source, "evil");
        line.unit = b"init.scope".to_vec();
        assert_eq!(origin(&line).source, "good.service");
    }

    #[test]
    fn a_dump_belongs_to_the_service_or_to_the_program() {
        let mut line = Entry {
            message_id: COREDUMP.into(),
            dumped: b"chat.service".to_vec(),
            dumped_command: b"chatd".to_vec(),
            ..entry("journal", "systemd-coredump@0.service", "systemd-coredump")
        };
        assert_eq!((&*origin(&line).source, origin(&line).message_id), ("chat.service", None));
        line.dumped = b"session-3.scope".to_vec();
        assert_eq!(origin(&line).source, "chatd");
    }
}
