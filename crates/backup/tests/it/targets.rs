//! Real servers on loopback: OpenSSH's sftp and an S3 server, with restic beside stead.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use backup::denial::Denial;
use backup::error::Error;
use backup::password::Password;
use backup::progress::Silent;
use backup::reach::{Reach, S3Credentials};
use backup::repository::{Pruning, Repository};
use backup::snapshot::Depth;
use backup::target::sftp::Sftp;
use backup::target::store::{Kind, Store};
use bytes::Bytes;
use model::backup::target::Target;

use crate::place::{Place, noise, skipped, text};
use crate::tree;

/// A server that ends with its owner.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Server {
    /// Starts it, and waits until it says on stderr that it listens.
    fn start(command: &mut Command, listens: &str) -> Self {
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut server = Self(child.spawn().expect("it runs"));
        let mut told = BufReader::new(server.0.stderr.take().expect("piped"));
        let mut said = String::new();
        while !said.contains(listens) {
            assert_ne!(told.read_line(&mut said).expect("text"), 0, "it ended: {said}");
        }
        // What else it says must not fill the pipe.
        thread::spawn(move || told.read_to_end(&mut Vec::new()));
        server
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("bound").port()
}

fn run(command: &mut Command) {
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Debian's sshd with a key and a configuration of its own; gives what `ssh` needs to know.
fn sshd(folder: &Path) -> (Server, Vec<String>) {
    let path = |name: &str| folder.join(name);
    for name in ["host", "user"] {
        run(Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(path(name)));
    }
    let port = free_port();
    let config = format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {0}/host\nAuthorizedKeysFile {0}/user.pub\n\
         PidFile none\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n\
         PermitRootLogin prohibit-password\nSubsystem sftp internal-sftp\n",
        folder.display()
    );
    fs::write(path("sshd_config"), config).expect("written");
    let key = fs::read_to_string(path("host.pub")).expect("made");
    fs::write(path("known"), format!("[127.0.0.1]:{port} {key}")).expect("written");
    let client = format!(
        "Host vault\nHostName 127.0.0.1\nPort {port}\nIdentityFile {0}/user\nIdentitiesOnly yes\n\
         UserKnownHostsFile {0}/known\nGlobalKnownHostsFile none\n",
        folder.display()
    );
    fs::write(path("ssh_config"), client).expect("written");
    fs::create_dir_all("/run/sshd").expect("root");
    let mut sshd = Command::new("/usr/sbin/sshd");
    let server =
        Server::start(sshd.args(["-D", "-e", "-f"]).arg(path("sshd_config")), "listening on");
    (server, vec!["-F".to_owned(), text(&path("ssh_config"))])
}

#[test]
fn a_repository_over_sftp_is_restics_too() {
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/sbin/sshd").exists() {
        return skipped("backup over SFTP: it needs root and openssh-server");
    }
    let place = Place::new();
    tree::grow(&place.data());
    let there = place.folder.path().join("there");
    fs::create_dir(&there).expect("made");
    let (server, options) = sshd(place.folder.path());
    let open = || -> Arc<dyn Store> {
        Arc::new(Sftp::open("vault", &text(&there), "chat", options.clone()).expect("a host"))
    };
    let missing = Repository::open_in(open(), &place.password).expect_err("none yet");
    assert!(matches!(missing, Error::NoRepository { .. }), "{missing}");
    let repository = Repository::found_in(open(), &place.password).expect("founded");
    let twice = Repository::found_in(open(), &place.password).expect_err("there is one");
    assert!(matches!(twice, Error::Exists { .. }), "{twice}");
    let saved = place.save(&repository);
    assert_eq!(repository.check(Depth::All, &Silent).expect("checked"), []);
    let again = place.save(&repository);
    assert_eq!(again.unchanged, again.files);
    let into = place.folder.path().join("restored");
    assert_eq!(repository.restore(&saved.id, &into, &Silent).expect("restored").faults, [""; 0]);
    let there_again = into.join(place.data().strip_prefix("/").expect("absolute"));
    assert_eq!(tree::seen(&there_again), tree::seen(&place.data()));

    // restic on the same folder, without the network between.
    let folder = text(&there.join("chat"));
    let checked = crate::place::restic(&folder, &place.password, &["check", "--read-data"]);
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));

    // A config is never written over, and a piece beyond the end is named.
    let store = open();
    let over =
        store.write(Kind::Config, "", &[Bytes::from_static(b"x")]).expect_err("there is one");
    assert!(matches!(over, Error::Exists { .. }), "{over}");
    let beyond = store.read_part(Kind::Snapshot, saved.id.as_str(), 0, 1 << 20).expect_err("short");
    assert!(matches!(beyond, Error::Damaged { .. }), "{beyond}");

    drop(server);
    let gone = Repository::open_in(open(), &place.password).expect_err("nobody is there");
    let Error::Unreachable { source, .. } = &gone else { panic!("{gone}") };
    assert!(source.to_string().contains("Connection refused"), "{source}");
}

#[test]
fn a_host_that_ssh_would_take_for_an_option_is_refused() {
    for host in ["-oProxyCommand=touch /tmp/x", "", "a b"] {
        assert!(Sftp::open(host, "/srv", "chat", Vec::new()).is_err(), "{host}");
    }
}

fn moto() -> Option<PathBuf> {
    std::env::var_os("STEAD_MOTO").map(PathBuf::from).filter(|program| program.exists())
}

#[test]
fn a_repository_in_a_bucket_is_restics_too() {
    let Some(moto) = moto() else {
        return skipped("backup into a bucket: it needs moto, which scripts/test fetches");
    };
    let port = free_port();
    let mut command = Command::new(moto);
    let server =
        Server::start(command.args(["-H", "127.0.0.1", "-p", &port.to_string()]), "Running on");
    let endpoint = format!("http://127.0.0.1:{port}");
    let credentials =
        S3Credentials { access_key: "somebody".to_owned(), secret_key: "whispered".to_owned() };
    let place = Place::new();
    tree::grow(&place.data());
    let target = Target::S3 {
        endpoint: endpoint.clone(),
        bucket: "vault".to_owned(),
        prefix: "our/stead".to_owned(),
        region: "us-east-1".to_owned(),
    };
    let password = Password::new("between us");
    let reach = Reach {
        target: &target,
        service: "chat",
        password: &password,
        credentials: Some(&credentials),
    };
    let bare = Repository::open(&Reach { credentials: None, ..reach }).expect_err("who are you");
    assert!(matches!(bare, Error::NoCredentials { .. }), "{bare}");
    let none = Repository::found(&reach).expect_err("no bucket yet");
    assert!(matches!(none, Error::Denied { denial: Denial::Bucket, .. }), "{none}");
    ureq::put(format!("{endpoint}/vault")).send_empty().expect("a bucket");
    let missing = Repository::open(&reach).expect_err("none yet");
    assert!(matches!(missing, Error::NoRepository { .. }), "{missing}");

    let repository = Repository::found(&reach).expect("founded");
    assert!(matches!(Repository::found(&reach).expect_err("one is there"), Error::Exists { .. }));
    let first = repository.save(&place.take(), &Silent).expect("saved");
    fs::write(place.data().join("more"), noise(3 << 20, 99)).expect("written");
    let second = repository.save(&place.take(), &Silent).expect("saved");
    assert_eq!(repository.check(Depth::All, &Silent).expect("checked"), []);
    let into = place.folder.path().join("restored");
    let restored = repository.restore(&second.id, &into, &Silent).expect("restored");
    assert_eq!(restored.faults, [""; 0]);
    let there = into.join(place.data().strip_prefix("/").expect("absolute"));
    assert_eq!(tree::seen(&there), tree::seen(&place.data()));
    let pruning = Pruning::open(&reach).expect("opened");
    assert_eq!(pruning.prune(&[first.id], &Silent).expect("pruned").snapshots, 1);

    let output = Command::new("restic")
        .args(["--no-cache", "-r", &format!("s3:{endpoint}/vault/our/stead/chat")])
        .args(["check", "--read-data"])
        .env("RESTIC_PASSWORD", password.reveal())
        .env("AWS_ACCESS_KEY_ID", &credentials.access_key)
        .env("AWS_SECRET_ACCESS_KEY", &credentials.secret_key)
        .output()
        .expect("restic runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    // More than one page of a listing.
    let store = backup::target::reach(&reach).expect("reached");
    for count in 0..1100 {
        store.write(Kind::Lock, &format!("{count:064x}"), &[Bytes::new()]).expect("written");
    }
    assert_eq!(store.list(Kind::Lock).expect("listed").len(), 1100);

    drop(server);
    let gone = Repository::open(&reach).expect_err("nobody is there");
    assert!(matches!(gone, Error::Unreachable { .. }), "{gone}");
    assert!(!format!("{gone:?}").contains("whispered"), "no secret in an error");
}

/// An authority of this test's own, and a certificate of it for 127.0.0.1.
fn certified(folder: &Path) {
    let openssl = |words: &str| {
        run(Command::new("openssl").args(words.split(' ')).current_dir(folder));
    };
    fs::write(folder.join("names"), "subjectAltName=IP:127.0.0.1\n").expect("written");
    openssl("req -x509 -newkey rsa:2048 -nodes -days 2 -keyout ca.key -out ca.crt -subj /CN=ours");
    openssl("req -newkey rsa:2048 -nodes -keyout it.key -out it.csr -subj /CN=127.0.0.1");
    openssl(
        "x509 -req -days 2 -in it.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names -out it.crt",
    );
}

const TRUSTED: &str = "STEAD_TEST_HTTPS";

fn by_https(endpoint: &str, act: impl FnOnce(&Reach<'_>)) {
    let target = Target::S3 {
        endpoint: endpoint.to_owned(),
        bucket: "vault".to_owned(),
        prefix: String::new(),
        region: "us-east-1".to_owned(),
    };
    let password = Password::new("between us");
    let credentials =
        S3Credentials { access_key: "somebody".to_owned(), secret_key: "whispered".to_owned() };
    let credentials = Some(&credentials);
    act(&Reach { target: &target, service: "chat", password: &password, credentials });
}

/// Not a test: what the next one runs, with the authority in its environment.
#[test]
fn helper_that_trusts() {
    let Ok(endpoint) = std::env::var(TRUSTED) else { return };
    by_https(&endpoint, |reach| {
        let none = Repository::open(reach).expect_err("no bucket yet");
        assert!(matches!(&none, Error::Denied { denial: Denial::Bucket, .. }), "{none}");
        // restic makes buckets, and a repository of its own at the top.
        let mut restic = Command::new("restic");
        restic.args(["--no-cache", "-r", &format!("s3:{endpoint}/vault"), "init", "--cacert"]);
        restic.arg(std::env::var_os("SSL_CERT_FILE").expect("given"));
        restic.env("RESTIC_PASSWORD", "theirs");
        restic.env("AWS_ACCESS_KEY_ID", "somebody").env("AWS_SECRET_ACCESS_KEY", "whispered");
        run(&mut restic);
        let repository = Repository::found(reach).expect("founded");
        let place = Place::new();
        tree::grow(&place.data());
        repository.save(&place.take(), &Silent).expect("saved");
        assert_eq!(repository.check(Depth::All, &Silent).expect("checked"), []);
    });
}

#[test]
fn a_bucket_over_https_is_trusted_by_an_authority_of_ones_own_and_by_no_other() {
    let Some(moto) = moto() else {
        return skipped("backup over HTTPS: it needs moto, which scripts/test fetches");
    };
    let folder = tempfile::tempdir().expect("a folder");
    certified(folder.path());
    let port = free_port();
    let mut command = Command::new(moto);
    command.args(["-H", "127.0.0.1", "-p", &port.to_string(), "-s"]);
    command.arg("-c").arg(folder.path().join("it.crt"));
    command.arg("-k").arg(folder.path().join("it.key"));
    let _server = Server::start(&mut command, "Running on");
    let endpoint = format!("https://127.0.0.1:{port}");
    by_https(&endpoint, |reach| {
        let refused = Repository::open(reach).expect_err("nobody vouches for it");
        assert!(
            matches!(&refused, Error::Denied { denial: Denial::Untrusted(_), .. }),
            "{refused:?}"
        );
        assert!(refused.hint().is_some_and(|hint| hint.contains("update-ca-certificates")));
    });
    let trusting = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "targets::helper_that_trusts"])
        .env(TRUSTED, &endpoint)
        .env("SSL_CERT_FILE", folder.path().join("ca.crt"))
        .output()
        .expect("it runs");
    assert!(trusting.status.success(), "{}", String::from_utf8_lossy(&trusting.stdout));
}

/// A server that refuses everything, in S3's words: moto lets everybody in at any time.
fn refusing(code: &str, status: &str, date: jiff::Timestamp) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("bound"));
    let body = format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code></Error>");
    let date = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&date);
    let answer = format!(
        "HTTP/1.1 {status}\r\nDate: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        date.expect("a date"),
        body.len()
    );
    thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
            while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
    endpoint
}

#[test]
fn what_a_bucket_refuses_is_told_once_with_the_way_out() {
    let now = jiff::Timestamp::now();
    let late = now - jiff::SignedDuration::from_mins(20);
    let cases = [
        ("SignatureDoesNotMatch", now, "the secret key is not the one", "credentials/TARGET"),
        ("InvalidAccessKeyId", now, "it knows no such access key", "credentials/TARGET"),
        ("AccessDenied", now, "this access key may not do that", "below the prefix"),
        ("RequestTimeTooSkewed", late, "this machine's clock is 20 min", "timedatectl"),
        ("AccessDenied", late, "this machine's clock is 20 min", "timedatectl"),
    ];
    for (code, date, said, way) in cases {
        let endpoint = refusing(code, "403 Forbidden", date);
        by_https(&endpoint, |reach| {
            let refused = Repository::open(reach).expect_err(code);
            let text = refused.to_string();
            assert!(text.contains(said), "{code}: {text}");
            assert!(refused.hint().is_some_and(|hint| hint.contains(way)), "{code}");
            assert!(!format!("{refused:?}").contains("whispered"), "no secret in an error");
        });
    }
}

#[test]
fn a_wrong_host_key_a_refused_key_and_a_full_disk_there_are_told() {
    if !rustix::process::geteuid().is_root() || !Path::new("/usr/sbin/sshd").exists() {
        return skipped("backup over SFTP: it needs root and openssh-server");
    }
    let place = Place::new();
    let there = place.folder.path().join("there");
    fs::create_dir(&there).expect("made");
    let (_server, options) = sshd(place.folder.path());
    let open = || -> Result<Repository, Error> {
        let store = Sftp::open("vault", &text(&there), "chat", options.clone()).expect("a host");
        Repository::open_in(Arc::new(store), &place.password)
    };
    let path = |name: &str| place.folder.path().join(name);
    let known = fs::read_to_string(path("known")).expect("written");
    let other = known.split(' ').next().expect("a host").to_owned();
    let theirs = fs::read_to_string(path("user.pub")).expect("made");
    fs::write(path("known"), format!("{other} {theirs}")).expect("written");
    let wrong = open().expect_err("another's host key");
    let told = model::text::with_causes(&wrong);
    assert!(told.contains("Host key verification failed"), "{told}");
    assert!(wrong.hint().is_some(), "{told}");
    fs::write(path("known"), known).expect("written");

    fs::rename(path("user.pub"), path("user.away")).expect("moved");
    let refused = open().expect_err("nobody is let in");
    let told = model::text::with_causes(&refused);
    assert!(told.contains("Permission denied (publickey"), "{told}");
    assert!(refused.hint().is_some(), "{told}");
    fs::rename(path("user.away"), path("user.pub")).expect("moved");

    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", "size=8m", "small"])
        .arg(&there)
        .status()
        .is_ok_and(|status| status.success());
    if !mounted {
        return skipped("backup onto a full disk over SFTP: it needs root, to mount one");
    }
    let store = Sftp::open("vault", &text(&there), "chat", options.clone()).expect("a host");
    let repository = Repository::found_in(Arc::new(store), &place.password).expect("founded");
    fs::write(place.data().join("large"), noise(30 << 20, 2)).expect("written");
    let full = repository.save(&place.take(), &Silent).expect_err("it does not fit");
    let unmounted = Command::new("umount").arg("-l").arg(&there).status();
    assert!(unmounted.is_ok_and(|status| status.success()));
    assert!(matches!(full, Error::Full { .. }), "{full:?}");
    assert!(full.hint().is_some());
}

#[test]
fn a_key_is_for_its_owner_only() {
    let place = Place::new();
    place.found();
    for entry in fs::read_dir(place.repository().join("keys")).expect("keys") {
        let mode = entry.expect("a key").metadata().expect("seen").permissions().mode();
        assert_eq!(mode & 0o077, 0);
    }
}
