//! What of this host a sealed machine does not get to see, and which units it never starts.
//!
//! Leaves out mounting: these are lists, made from what the host has.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Folders that hold somebody's data or secrets, whatever service runs here.
///
/// A folder of this list is there and empty, with its owner and mode.
const EMPTIED: [&str; 20] = [
    "/etc/letsencrypt",
    "/etc/postgresql",
    "/etc/ssh",
    "/etc/wireguard",
    "/home",
    "/media",
    "/mnt",
    "/root",
    "/srv",
    "/var/backups",
    "/var/cache/apt",
    "/var/lib/mysql",
    "/var/lib/postgresql",
    "/var/lib/private",
    "/var/lib/redis",
    "/var/lib/stead",
    "/var/mail",
    "/var/spool",
    "/var/tmp",
    "/var/www",
];

/// What looks after a real machine, or would speak to others, or waits for a network.
const MASKED: [&str; 30] = [
    "NetworkManager-wait-online.service",
    "NetworkManager.service",
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "atd.service",
    "chrony.service",
    "cron.service",
    "cronie.service",
    "dhcpcd.service",
    "dma.service",
    "dovecot.service",
    "exim4.service",
    "ifup@.service",
    "networking.service",
    "ntpsec.service",
    "opensmtpd.service",
    "postfix.service",
    "postfix@-.service",
    "rsyslog.service",
    "sendmail.service",
    "ssh.service",
    "ssh.socket",
    "sshd.service",
    "systemd-networkd-wait-online.service",
    "systemd-networkd.service",
    "systemd-networkd.socket",
    "systemd-resolved.service",
    "systemd-timesyncd.service",
    "unattended-upgrades.service",
    "wpa_supplicant.service",
];

/// Where an administrator's links of units stand.
const UNITS: &str = "etc/systemd/system";

/// The folders of a host that are shown empty, sorted; what lies below another one is left out.
pub(crate) fn emptied(more: &[PathBuf]) -> Vec<PathBuf> {
    let own = EMPTIED.iter().map(PathBuf::from);
    let all: BTreeSet<PathBuf> = own.chain(more.iter().cloned()).collect();
    all.iter()
        .filter(|path| !all.iter().any(|other| other != *path && path.starts_with(other)))
        .cloned()
        .collect()
}

/// The units that are masked inside: those that nobody wants in a copy, every timer that is
/// enabled here, and every other enabled unit that no unit of the service, as it is `inside`, names.
pub(crate) fn masked(root: &Path, inside: &Path, units: &[String]) -> Vec<String> {
    let texts: String = units.iter().map(|unit| text_of(inside, unit)).collect();
    let needed = |unit: &str| {
        let stem = unit.rsplit_once('.').map_or(unit, |(stem, _)| stem);
        units.iter().any(|own| own == unit)
            || unit.starts_with("postgresql")
            || unit.starts_with("dbus")
            || texts
                .split(|c: char| c.is_whitespace() || c == '=')
                .any(|word| word == unit || word == format!("{stem}.service"))
    };
    let enabled =
        enabled(root).into_iter().filter(|unit| unit.ends_with(".timer") || !needed(unit));
    let fixed = MASKED.iter().map(|&unit| unit.to_owned()).filter(|unit| !units.contains(unit));
    let all: BTreeSet<String> = fixed.chain(enabled).collect();
    all.into_iter().collect()
}

/// The folders of links that make units start: without them only what systemd itself brings is.
pub(crate) fn wants(root: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(root.join(UNITS)) else { return Vec::new() };
    let names = entries.flatten().map(|entry| entry.file_name());
    let links = names.filter(|name| {
        let name = name.to_string_lossy();
        name.ends_with(".wants") || name.ends_with(".requires")
    });
    links.map(|name| Path::new("/").join(UNITS).join(name)).collect()
}

fn enabled(root: &Path) -> BTreeSet<String> {
    let inside = |folder: PathBuf| {
        let below = folder.strip_prefix("/").map(|below| root.join(below)).unwrap_or(folder);
        let entries = fs::read_dir(below).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect::<Vec<_>>()
    };
    wants(root).into_iter().flat_map(inside).collect()
}

fn text_of(root: &Path, unit: &str) -> String {
    ["etc/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"]
        .iter()
        .filter_map(|folder| fs::read_to_string(root.join(folder).join(unit)).ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_starts_nothing_that_its_service_does_not_name() {
        let root = tempfile::tempdir().expect("a folder");
        let units = root.path().join(UNITS);
        let wants = units.join("multi-user.target.wants");
        fs::create_dir_all(&wants).expect("made");
        fs::create_dir_all(units.join("timers.target.wants")).expect("made");
        for unit in ["chat.service", "redis-server.service", "nginx.service", "postgresql.service"]
        {
            fs::write(wants.join(unit), "").expect("written");
        }
        fs::write(units.join("timers.target.wants/chat.timer"), "").expect("written");
        fs::write(units.join("chat.service"), "[Unit]\nAfter=redis-server.service\n")
            .expect("written");
        let masked = masked(root.path(), root.path(), &["chat.service".to_owned()]);
        let has = |unit: &str| masked.iter().any(|one| one == unit);
        assert!(has("nginx.service") && has("chat.timer") && has("postfix.service"));
        assert!(!has("chat.service") && !has("redis-server.service"));
        assert!(!has("postgresql.service"), "the disposable cluster is of this unit");
        assert_eq!(super::wants(root.path()).len(), 2);
    }

    #[test]
    fn what_lies_in_an_emptied_folder_is_not_emptied_again() {
        let more = ["/var/lib/chat".into(), "/var/lib/chat/media".into(), "/root/x".into()];
        let emptied = emptied(&more);
        assert!(emptied.contains(&PathBuf::from("/var/lib/chat")));
        assert!(!emptied.contains(&PathBuf::from("/var/lib/chat/media")));
        assert!(!emptied.contains(&PathBuf::from("/root/x")));
    }
}
