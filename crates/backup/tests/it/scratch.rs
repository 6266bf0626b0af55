//! A PostgreSQL cluster of a test's own: in a temporary folder, on a Unix socket only, with peer
//! authentication, gone with the test.
//!
//! Leaves out a machine without root, where nobody can be another user.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use backup::postgres::cluster::{Cluster, User};

/// The role and system user that owns the databases.
pub const OWNER: &str = "nobody";

pub struct Scratch {
    pub folder: tempfile::TempDir,
    bin: PathBuf,
}

/// The newest of Debian's.
pub fn bin() -> PathBuf {
    let mut all: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .expect("the package postgresql is installed: scripts/test does it")
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin")))
        })
        .collect();
    all.sort();
    all.pop().expect("the package postgresql is installed").1
}

/// Programs that stand in for PostgreSQL's, made of one line of shell each; `$real` is the folder
/// of the real ones.
pub fn stand_ins(folder: &Path, pg_dump: &str) -> PathBuf {
    let real = bin();
    let write = |name: &str, line: &str| {
        let path = folder.join(name);
        let real = real.display();
        let version = format!("case \"$*\" in *--version*) exec {real}/{name} \"$@\";; esac");
        fs::write(&path, format!("#!/bin/sh\n{version}\nreal={real}\n{line}\n"))
            .expect("a test may do this");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("a test may do this");
    };
    write("pg_dump", pg_dump);
    write("pg_restore", "exec $real/pg_restore \"$@\"");
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).expect("a test may do this");
    folder.to_owned()
}

pub fn user(name: &str) -> User {
    let text = fs::read_to_string("/etc/passwd").expect("a test may do this");
    let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).expect(name);
    let mut parts = line.split(':').skip(2).map(|part| part.parse().expect("a test may do this"));
    User {
        uid: parts.next().expect("a test may do this"),
        gid: parts.next().expect("a test may do this"),
    }
}

/// Says on this run's list of skips that a test did not run.
pub fn rootless(test: &str) -> bool {
    if rustix::process::geteuid().is_root() {
        return false;
    }
    eprintln!("SKIPPED: {test} needs root");
    assert!(std::env::var("CI").is_err(), "{test} needs root, and nothing is skipped in CI");
    if let Ok(list) = std::env::var("STEAD_SKIPPED") {
        use std::io::Write;
        let file = fs::OpenOptions::new().append(true).create(true).open(list);
        let _ = file.and_then(|mut file| writeln!(file, "backup: {test} needs root"));
    }
    true
}

impl Scratch {
    pub fn start() -> Self {
        let folder =
            tempfile::Builder::new().prefix("pg").tempdir_in("/tmp").expect("a test may do this");
        let this = Self { folder, bin: bin() };
        let User { uid, gid } = user("postgres");
        std::os::unix::fs::chown(this.folder.path(), Some(uid), Some(gid))
            .expect("a test may do this");
        // The owner's connections come by here, too.
        fs::set_permissions(this.folder.path(), fs::Permissions::from_mode(0o755))
            .expect("a test may do this");
        let data = this.data();
        this.run("initdb", &["-D", &data, "-A", "peer", "-E", "UTF8", "--locale=C.UTF-8", "-N"]);
        let options = format!(
            "-F -c listen_addresses= -c unix_socket_directories={} -c lo_compat_privileges=off",
            this.folder.path().display()
        );
        let log = this.folder.path().join("log").display().to_string();
        this.run("pg_ctl", &["-D", &data, "-w", "-l", &log, "-o", &options, "start"]);
        this.sql("postgres", &format!("CREATE ROLE {OWNER} LOGIN"));
        this
    }

    fn data(&self) -> String {
        self.folder.path().join("data").display().to_string()
    }

    fn run(&self, program: &str, words: &[&str]) {
        let User { uid, gid } = user("postgres");
        let status = Command::new(self.bin.join(program))
            .args(words)
            .uid(uid)
            .gid(gid)
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status()
            .expect("a test may do this");
        assert!(status.success(), "{program} {words:?}: {status}");
    }

    /// Runs SQL as the superuser.
    pub fn sql(&self, database: &str, sql: &str) -> String {
        self.psql("postgres", database, sql)
    }

    /// Runs SQL as a role that is a system user.
    pub fn psql(&self, role: &str, database: &str, sql: &str) -> String {
        let User { uid, gid } = user(role);
        let input = self.folder.path().join(format!("{role}.sql"));
        fs::write(&input, sql).expect("a test may do this");
        let left = Command::new(self.bin.join("psql"))
            .args(["-XAtq", "-v", "ON_ERROR_STOP=1", "-f"])
            .arg(&input)
            .arg("-h")
            .arg(self.folder.path())
            .args(["-U", role, "-d"])
            .arg(format!("dbname='{}'", database.replace('\\', "\\\\").replace('\'', "\\'")))
            .uid(uid)
            .gid(gid)
            .current_dir("/")
            .output()
            .expect("a test may do this");
        assert!(left.status.success(), "{sql}: {}", String::from_utf8_lossy(&left.stderr));
        String::from_utf8_lossy(&left.stdout).trim().to_owned()
    }

    pub fn reach(&self, role: &str) -> Cluster {
        Cluster {
            socket: self.folder.path().to_owned(),
            port: 5432,
            role: role.to_owned(),
            user: Some(user(role)),
            tools: None,
        }
    }

    /// As the owner, with these tools instead of PostgreSQL's own.
    pub fn with_tools(&self, tools: &Path) -> Cluster {
        Cluster { tools: Some(tools.to_owned()), ..self.reach(OWNER) }
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let User { uid, gid } = user("postgres");
        let _ = Command::new(self.bin.join("pg_ctl"))
            .args(["-D", &self.data(), "-m", "immediate", "-w", "stop"])
            .uid(uid)
            .gid(gid)
            .current_dir("/")
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
    }
}
