//! Checks on packages: restarts that are due, security updates, dpkg's state, files.

mod audit;
mod collisions;
mod held;
mod reboot;
mod security;
mod stale;
mod verify;

use crate::check::Check;

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "reboot-pending",
        title: "no restart of the machine is due",
        asks: "Has a package asked for a restart, or is a newer kernel installed than the one that \
            runs? Until then the old kernel, with its known holes, goes on. In a container the \
            kernel belongs to the machine around it, and only the packages' flag counts.\n\
            warn: a restart is due.\n\
            fail: it has been due for 30 days or more.",
        commands: &[
            "ls -l /run/reboot-required; cat /run/reboot-required.pkgs",
            "uname -rv; ls /boot/vmlinuz-*",
        ],
        mend: "Announce it, then `systemctl reboot`.",
        judge: reboot::judge,
    },
    Check {
        name: "stale-libraries",
        title: "no process runs a program or library that was replaced",
        asks: "After an upgrade, a process goes on with the old program and libraries, and their \
            holes, until it is restarted. Which processes execute from a file that is deleted on \
            disk?\n\
            warn: any, one answer a unit.\n\
            unknown: some processes may not be looked into (that needs root).",
        commands: &["grep -lE 'r.xp.* /.*[(]deleted[)]' /proc/[0-9]*/maps", "needrestart -r l"],
        mend: "`systemctl restart UNIT`; for a session, log out and in; for systemd itself \
               `systemctl daemon-reexec`; for dbus and the like, restart the machine.",
        judge: stale::judge,
    },
    Check {
        name: "security-updates",
        title: "no security update waits",
        asks: "Does a package list of a security archive have a newer version of an installed \
            package?\n\
            warn: one waits.\n\
            fail: one has waited 7 days or more under this observer's eyes: automatic updates do \
            not work.\n\
            unknown: there are no lists, no security archive among them, they cannot be read, or \
            they are older than 7 days.",
        commands: &["apt-get update", "apt list --upgradable 2>/dev/null | grep -e -security"],
        mend: "`apt-get update && apt-get upgrade`; so that it happens by itself: \
               `apt-get install unattended-upgrades`.",
        judge: security::judge,
    },
    Check {
        name: "dpkg-audit",
        title: "every package is wholly installed",
        asks: "Is a package half installed, unpacked but not configured, waiting for triggers or \
            in need of reinstallation, or was dpkg stopped in the middle? apt then refuses further \
            work, security updates included.\n\
            fail: any.\n\
            unknown: dpkg is at work just now, or there is none.",
        commands: &["dpkg --audit", "ls /var/lib/dpkg/updates"],
        mend: "`dpkg --configure -a`, then `apt-get --fix-broken install`; for a package that \
               needs it `apt-get install --reinstall PACKAGE`.",
        judge: audit::judge,
    },
    Check {
        name: "dpkg-verify",
        title: "packaged files are as they were shipped",
        asks: "Does each packaged file still have the checksum that it was shipped with? If not, \
            somebody patched it by hand (the next upgrade undoes that), an installer wrote over \
            it, the disk is dying, or an intruder was here. Conffiles may be changed and are not \
            looked at; files that dpkg's path-exclude rules leave out, and absent documentation, \
            are no fault.\n\
            fail: a file is changed or missing, one answer a package.\n\
            unknown: not all packages have been compared yet, or dpkg is at work.",
        commands: &["dpkg --verify   # lines with a `c` are conffiles, which may be changed"],
        mend: "See what is in the file first (it may be somebody's fix), then \
               `apt-get install --reinstall PACKAGE`. A wanted change belongs into a drop-in, a \
               diversion (`dpkg-divert`) or an overlay package.",
        judge: verify::judge,
    },
    Check {
        name: "packages-held",
        title: "no package is kept from being upgraded",
        asks: "Is a package on hold, or bound to a version in apt's preferences? It gets no \
            security updates.\n\
            warn: any, one answer a package.\n\
            fail: a security update waits for it.",
        commands: &["apt-mark showhold", "grep -r . /etc/apt/preferences /etc/apt/preferences.d"],
        mend: "Once the reason is gone: `apt-mark unhold PACKAGE`, or remove the entry from \
               /etc/apt/preferences.d.",
        judge: held::judge,
    },
    Check {
        name: "file-collisions",
        title: "no two packages claim the same file",
        asks: "Do two packages own the same path, without one replacing the other and without a \
            diversion? Somebody forced an installation; the next upgrade of either may break the \
            other.\n\
            fail: any, one answer a pair of packages.",
        commands: &["dpkg -S PATH", "grep -l PATH /var/lib/dpkg/info/*.list"],
        mend: "Remove one of the two, or reinstall the one that should own the file: \
               `apt-get install --reinstall PACKAGE`.",
        judge: collisions::judge,
    },
];
