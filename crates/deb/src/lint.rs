//! Judges any .deb by what its maintainer scripts do: the faults that packages of groups were
//! seen to have, and some that lie near.
//!
//! Leaves out style and policy, which is lintian's. It reads scripts as text and runs nothing: what
//! it cannot follow it does not judge.

mod config;
mod facts;
mod finding;
mod guard;
mod hidden;
mod leftover;
mod scope;
mod service;
mod shell;
mod token;
mod walk;

use std::path::Path;

pub use crate::lint::finding::{Finding, Rule};

use crate::archive;
use crate::lint::facts::Facts;

/// Judges a package; no findings mean that nothing was found wrong.
///
/// # Errors
/// If the file is no package.
pub fn lint(path: &Path) -> Result<Vec<Finding>, archive::Error> {
    Ok(judge(&Facts::of(path)?))
}

fn judge(facts: &Facts) -> Vec<Finding> {
    let rules = [config::findings, service::findings, leftover::findings, hidden::findings];
    let mut findings: Vec<Finding> = rules.iter().flat_map(|rule| rule(facts)).collect();
    findings.sort();
    findings.dedup();
    findings
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::process::Command;

    use super::*;

    const UNIT: &str =
        "[Service]\nExecStart=/usr/bin/chat\n[Install]\nWantedBy=multi-user.target\n";

    /// Packs what others pack by hand: files by path, `DEBIAN/…` being the control files.
    fn findings(files: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a folder");
        let tree = folder.path().join("tree");
        let control = "Package: chat\nVersion: 1\nArchitecture: amd64\nMaintainer: x <x@y>\n\
                       Description: talks\n";
        for (path, text) in files.iter().chain(&[("DEBIAN/control", control)]) {
            let path = tree.join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            fs::write(&path, text).expect("written");
            let mode = if text.starts_with("#!") { 0o755 } else { 0o644 };
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("set");
        }
        let package = folder.path().join("chat.deb");
        let done = Command::new("dpkg-deb")
            .args(["--root-owner-group", "-b"])
            .args([&tree, &package])
            .output()
            .expect("dpkg-deb");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let line = |line: Option<u32>| line.map_or(String::new(), |line| format!(":{line}"));
        lint(&package)
            .expect("a package")
            .into_iter()
            .map(|found| format!("{}{} {}", found.file, line(found.line), found.rule.name()))
            .collect()
    }

    /// As the group's babeld was: the script echoes the configuration, starts the service, and
    /// nothing ever stops it.
    #[test]
    fn the_four_faults_of_a_package_made_by_hand_are_found() {
        let postinst = "#!/bin/sh\n\
            set -e\n\
            CONF=/etc/chat.conf\n\
            useradd --system chat\n\
            mkdir -p /var/lib/chat\n\
            cat > $CONF <<EOF\n\
            port = 1\n\
            EOF\n\
            systemctl enable chat\n\
            systemctl start chat\n";
        assert_eq!(
            findings(&[
                ("lib/systemd/system/chat.service", UNIT),
                ("usr/bin/chat", "#!/bin/sh\n"),
                ("DEBIAN/postinst", postinst),
            ]),
            [
                "postinst:4 user-left",
                "postinst:5 data-left",
                "postinst:6 config-written",
                "postinst:9 enable-link-left",
                "postinst:10 not-restarted",
                "postinst:10 not-stopped",
            ]
        );
    }

    /// As the group's pub was.
    #[test]
    fn disabling_on_upgrade_and_hiding_failures_are_found() {
        let prerm = "#!/bin/sh\nset -e\nsystemctl stop chat\nsystemctl disable chat\n";
        let postinst = "#!/bin/sh\nset -e\nsystemctl enable --now chat\n\
                        npm publish >/dev/null 2>&1 || true\n";
        assert_eq!(
            findings(&[
                ("lib/systemd/system/chat.service", UNIT),
                ("etc/chat/config", "{}"),
                ("DEBIAN/prerm", prerm),
                ("DEBIAN/postinst", postinst),
            ]),
            [
                "/etc/chat/config no-conffile",
                "postinst:4 failure-hidden",
                "prerm:4 disabled-on-upgrade"
            ]
        );
        assert_eq!(
            findings(&[("DEBIAN/postinst", "#!/bin/sh\nchown root /usr/bin/chat\n")]),
            ["postinst:1 failure-hidden"]
        );
    }

    #[test]
    fn a_service_without_any_script_is_never_restarted_nor_stopped() {
        let alone = [("lib/systemd/system/chat.service", UNIT)];
        assert_eq!(
            findings(&alone),
            [
                "/lib/systemd/system/chat.service not-restarted",
                "/lib/systemd/system/chat.service not-stopped"
            ]
        );
        let state = UNIT.replace("[Install]", "Type=oneshot\nStateDirectory=chat\n[Install]");
        assert_eq!(
            findings(&[("lib/systemd/system/chat.service", &state)]),
            ["/lib/systemd/system/chat.service data-left"]
        );
    }

    #[test]
    fn a_careful_script_has_no_faults() {
        let postinst = "#!/bin/sh\nset -e\n\
            if [ \"$1\" = configure ]; then\n\
            getent passwd chat >/dev/null || adduser --system --group --home /var/lib/chat chat\n\
            install -d -o chat /var/lib/chat\n\
            if [ ! -e /etc/chat.conf ]; then echo port=1 > /etc/chat.conf; fi\n\
            deb-systemd-helper enable chat.service >/dev/null || true\n\
            if [ -n \"$2\" ]; then act=restart; else act=start; fi\n\
            deb-systemd-invoke $act chat.service >/dev/null || true\n\
            fi\n";
        let prerm =
            "#!/bin/sh\nset -e\n[ \"$1\" != remove ] || deb-systemd-invoke stop chat.service\n";
        let postrm = "#!/bin/sh\nset -e\ncase \"$1\" in purge)\n\
            rm -rf /var/lib/chat /etc/chat.conf\ndeluser chat || true\n\
            deb-systemd-helper purge chat.service ;; esac\n";
        let none: [&str; 0] = [];
        assert_eq!(
            findings(&[
                ("lib/systemd/system/chat.service", UNIT),
                ("DEBIAN/postinst", postinst),
                ("DEBIAN/prerm", prerm),
                ("DEBIAN/postrm", postrm),
            ]),
            none
        );
    }

    #[test]
    fn a_program_for_another_machine_is_found_and_firmware_is_none() {
        // 32 bits, little-endian, i386.
        let beginning = "\x7fELF\x01\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x03\0\x01";
        let program = beginning.to_owned() + &"\0".repeat(43);
        assert_eq!(
            findings(&[("usr/bin/chat", &program), ("usr/lib/firmware/chat", &program)]),
            ["/usr/bin/chat wrong-architecture"]
        );
    }
}
