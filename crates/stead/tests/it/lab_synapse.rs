//! Matrix Synapse of the cookbook, two real releases of it, on a booted Debian with PostgreSQL.
//!
//! Its wheels are fetched on this machine, once; the machine of the lab reaches nobody.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use lab::{Fleet, Image, Machine};
use serde_json::Value;

use crate::lifecycle::{Life, Removed, Upgraded, install};
use crate::releases::{newer, older};

/// The set of packages that most machines of these tests share.
const SET: [&str; 3] = ["git", "nginx-light", "postgresql"];
/// Python compiles all of it at the first start.
const SOON: Duration = Duration::from_secs(300);
const SETTINGS: [&str; 1] = ["server_name=chat.example"];
const API: &str = "http://127.0.0.1:8008/_matrix/client/v3";

/// Asks the client API; `token` is empty for who is not logged in.
fn ask(machine: &Machine, method: &str, path: &str, token: &str, body: &str) -> Result<Value> {
    machine.write("/srv/body", body)?;
    let said = machine.must(&format!(
        "python3 - <<'END'\n\
         import urllib.request, urllib.error\n\
         body = open('/srv/body', 'rb').read() or None\n\
         ask = urllib.request.Request('{API}{path}', data=body, method='{method}')\n\
         if '{token}': ask.add_header('Authorization', 'Bearer {token}')\n\
         try: print(urllib.request.urlopen(ask, timeout=60).read().decode())\n\
         except urllib.error.HTTPError as error: print(error.read().decode())\n\
         END\n"
    ))?;
    serde_json::from_str(&said).with_context(|| format!("{method} {path}: {said}"))
}

fn login(machine: &Machine) -> Result<String> {
    let body = r#"{"type": "m.login.password", "password": "correct horse",
        "identifier": {"type": "m.id.user", "user": "anna"}}"#;
    let said = ask(machine, "POST", "/login", "", body)?;
    let token = said["access_token"].as_str();
    Ok(token.with_context(|| format!("login: {said}"))?.to_owned())
}

/// What Anna wrote, as she reads it now.
fn messages(machine: &Machine, room: &str) -> Result<String> {
    let token = login(machine)?;
    let path = format!("/rooms/{room}/messages?dir=b&limit=20");
    Ok(ask(machine, "GET", &path, &token, "")?.to_string())
}

fn say(machine: &Machine, room: &str, id: &str, text: &str) -> Result<()> {
    let token = login(machine)?;
    let path = format!("/rooms/{room}/send/m.room.message/{id}");
    let body = serde_json::json!({"msgtype": "m.text", "body": text}).to_string();
    let said = ask(machine, "PUT", &path, &token, &body)?;
    ensure!(said["event_id"].is_string(), "say: {said}");
    Ok(())
}

#[test]
fn lab_synapse_keeps_users_rooms_and_edits_through_its_releases() -> Result<()> {
    let Some(fleet) = Fleet::new("synapse")? else { return Ok(()) };
    let folder = tempfile::tempdir()?;
    let newer = newer("synapse", &SETTINGS)?;
    let older = older("synapse", "1.161.0", "requirements.txt", &SETTINGS, folder.path())?;
    let debian = Image::with(&SET)?.download(&["python3-psycopg2", "python3"])?;
    let machine = fleet.machine("a").packages(&SET).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    // Thousands of small files, each of which dpkg would wait for the disk.
    machine.write("/etc/dpkg/dpkg.cfg.d/lab", "force-unsafe-io\n")?;
    let debian: Vec<&Path> = debian.iter().map(PathBuf::as_path).collect();
    install(&machine, &debian)?;

    Life {
        package: "synapse",
        older: &older,
        newer: &newer,
        conffile: "/etc/synapse/homeserver.yaml",
        edit: "max_avatar_size: 3M",
        unit: "synapse.service",
        upgraded: Upgraded::Restarted,
        removed: Removed::Stopped,
        // PostgreSQL's own files, and what the reboot makes anew.
        stays: &["/var/lib/postgresql/", "/var/tmp/systemd-private-"],
    }
    .live(&machine, |machine, moment| {
        machine.until("python3 -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:8008/health')\"", SOON)?;
        if moment == "installed" {
            // The door is closed, and no secret is in the package or in the configuration.
            let register = ask(machine, "POST", "/register", "", r#"{"username": "eve", "password": "x"}"#)?;
            ensure!(register["errcode"] == "M_FORBIDDEN", "registration: {register}");
            let modes = machine.must(
                "stat -c '%a %U:%G' /etc/synapse/secrets/* /var/lib/synapse/signing.key | sort -u",
            )?;
            ensure!(modes == "600 synapse:synapse\n640 root:synapse\n", "modes: {modes}");
            machine.must("! grep -rqFf /etc/synapse/secrets/registration /etc/synapse/*.yaml /usr/share/stead")?;
            machine.write("/srv/password", "correct horse\n")?;
            machine.must("chmod 644 /srv/password && chmod 755 /srv && synapse-user --user anna --no-admin --password-file /srv/password")?;
            let token = login(machine)?;
            let room = ask(machine, "POST", "/createRoom", &token, r#"{"name": "Garden"}"#)?;
            let room = room["room_id"].as_str().context("a room")?.to_owned();
            machine.write("/srv/room", &room)?;
            machine.must("cp -p /var/lib/synapse/signing.key /srv/signing.key")?;
            say(machine, &room, "1", "first words")?;
        }
        let room = String::from_utf8(machine.read("/srv/room")?)?;
        let read = messages(machine, &room)?;
        ensure!(read.contains("first words"), "{moment}: {read}");
        machine.must("cmp /srv/signing.key /var/lib/synapse/signing.key")?;
        if moment == "upgraded" {
            say(machine, &room, "2", "after the upgrade")?;
            machine.stop()?;
            machine.start()?;
            machine.until("systemctl is-active synapse.service", SOON)?;
            machine.until("python3 -c \"import urllib.request as u; u.urlopen('http://127.0.0.1:8008/health')\"", SOON)?;
            ensure!(messages(machine, &room)?.contains("after the upgrade"), "lost in a reboot");
            let open = machine.must("ss -Htln | awk '{ print $4 }' | grep ':8008$'")?;
            ensure!(open == "127.0.0.1:8008\n", "it listens beyond loopback: {open}");
        }
        if moment == "downgraded" {
            ensure!(messages(machine, &room)?.contains("after the upgrade"), "lost in the downgrade");
        }
        Ok(())
    })?;
    let left = machine.must("runuser -u postgres -- psql -XAtc \"SELECT datname FROM pg_database WHERE datname = 'synapse' UNION SELECT rolname FROM pg_roles WHERE rolname = 'synapse'\"")?;
    ensure!(left.is_empty(), "left in PostgreSQL after purge: {left}");
    Ok(())
}
