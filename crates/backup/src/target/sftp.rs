//! A folder on another machine as a target, through the system's own `ssh`: its configuration,
//! its keys, its known hosts.
//!
//! Leaves out passwords: `ssh` is told that nobody is there to type one.

use std::fmt;
use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use openssh_sftp_client::error::SftpErrorKind;
use openssh_sftp_client::{Sftp as Session, SftpOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio::process::{Child, Command};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::error::Error;
use crate::target::patience::{Failure, patiently};
use crate::target::store::{Kind, Store, is_name};

/// For `ssh` to connect and the other side to answer.
const CONNECT: Duration = Duration::from_secs(30);
/// For one operation: a pack on a slow line.
const OPERATION: Duration = Duration::from_secs(30 * 60);

/// What `ssh` says where another attempt says the same.
const LASTING: [&str; 2] = ["Host key verification failed", "Permission denied"];

/// Less than so many bytes free is a full disk: a pack does not fit.
const FULL: u64 = 32 << 20;

/// One service's repository on another machine.
pub struct Sftp {
    host: String,
    target: PathBuf,
    path: PathBuf,
    place: String,
    /// Options for `ssh` before the host; a test has its own configuration.
    options: Vec<String>,
    runtime: Runtime,
    connection: Mutex<Option<Connection>>,
    written: AtomicU64,
}

struct Connection {
    session: Session,
    child: Child,
}

impl fmt::Debug for Sftp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sftp").field("place", &self.place).finish_non_exhaustive()
    }
}

/// What one operation met.
type Met<T> = Result<T, openssh_sftp_client::Error>;

impl Sftp {
    /// `host` is as `ssh` takes it. The folder `path` must be there already, as for a folder.
    pub fn open(
        host: &str,
        path: &str,
        service: &str,
        options: Vec<String>,
    ) -> Result<Self, Error> {
        let place = format!("sftp:{host}:{path}/{service}");
        // Else `ssh` would take it for an option, and options run commands.
        if host.is_empty() || host.starts_with('-') || host.chars().any(char::is_whitespace) {
            return Err(Error::Target { place, reason: "`ssh` knows no such host".to_owned() });
        }
        let runtime =
            Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(
                |error| Error::Target { place: place.clone(), reason: error.to_string() },
            )?;
        let target = PathBuf::from(path);
        Ok(Self {
            host: host.to_owned(),
            path: target.join(service),
            target,
            place,
            options,
            runtime,
            connection: Mutex::new(None),
            written: AtomicU64::new(0),
        })
    }

    async fn connect(&self) -> Result<Connection, Failure> {
        let mut child = Command::new("ssh")
            .args(&self.options)
            .args(["-o", "BatchMode=yes", "-o", "ServerAliveInterval=15"])
            .args(["-o", "ConnectTimeout=20", "-s", "--", &self.host, "sftp"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                let reason = format!("`ssh` does not run: {error}");
                Failure::Lasting(Error::Target { place: self.place.clone(), reason })
            })?;
        let taken = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(mut stderr)) = taken else {
            unreachable!("all three were asked for");
        };
        match timeout(CONNECT, Session::new(stdin, stdout, SftpOptions::new())).await {
            Ok(Ok(session)) => Ok(Connection { session, child }),
            outcome => {
                let _ = child.start_kill();
                let mut said = Vec::new();
                let reading = stderr.read_to_end(&mut said);
                let _ = timeout(Duration::from_secs(1), reading).await;
                // A banner about changed keys is long; why it ended comes last.
                let said = String::from_utf8_lossy(&said);
                let mut lines: Vec<&str> =
                    said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
                let lines = lines.split_off(lines.len().saturating_sub(3));
                let said = model::text::printable(&lines.join("; "), 500);
                let lasting = LASTING.iter().any(|words| said.contains(words));
                let error = match (outcome, said.is_empty()) {
                    (_, false) => io::Error::other(said),
                    (Ok(Err(error)), true) => io::Error::other(error),
                    _ => io::Error::new(io::ErrorKind::TimedOut, "no answer"),
                };
                if lasting {
                    let (place, source) = (self.place.clone(), Box::new(error));
                    let (attempts, seconds) = (1, 0);
                    let error = Error::Unreachable { place, attempts, seconds, source };
                    return Err(Failure::Lasting(error));
                }
                Err(Failure::Passing(Box::new(error)))
            }
        }
    }

    /// Runs one operation on the present connection, or a new one.
    fn run<T, F>(
        &self,
        what: &'static str,
        object: &str,
        operation: impl Fn(Session) -> F,
    ) -> Result<T, Error>
    where
        F: Future<Output = (Session, Met<T>)>,
    {
        patiently(&self.place, || {
            let mut held = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
            let connection = match held.take() {
                Some(connection) => connection,
                None => self.runtime.block_on(self.connect())?,
            };
            let Connection { session, child } = connection;
            let met = self.runtime.block_on(async { timeout(OPERATION, operation(session)).await });
            match met {
                Ok((session, Ok(done))) => {
                    *held = Some(Connection { session, child });
                    Ok(done)
                }
                Ok((session, Err(openssh_sftp_client::Error::SftpError(kind, message)))) => {
                    *held = Some(Connection { session, child });
                    Err(Failure::Lasting(self.refused(what, object, kind, &message.to_string())))
                }
                // The connection is of no use any longer; `ssh` ends with it.
                Ok((_, Err(error))) => Err(Failure::Passing(Box::new(error))),
                Err(_) => Err(Failure::Passing(Box::new(io::Error::from(io::ErrorKind::TimedOut)))),
            }
        })
    }

    fn refused(&self, what: &'static str, object: &str, kind: SftpErrorKind, said: &str) -> Error {
        let (place, object) = (self.place.clone(), object.to_owned());
        if matches!(kind, SftpErrorKind::NoSuchFile) {
            return Error::Gone { object, place };
        }
        let said = model::text::printable(said, 500);
        let source = format!("the other side says {kind:?}: {said}").into();
        Error::Access { what, object, place, source }
    }

    fn at(&self, kind: Kind, name: &str) -> PathBuf {
        self.path.join(kind.path(name))
    }

    fn make(&self, path: PathBuf) -> Result<(), Error> {
        let object = format!("the folder {}", path.display());
        self.run("make", &object, |session| {
            let path = path.clone();
            async move {
                let mut files = session.fs();
                let made = match files.create_dir(&path).await {
                    // There is no other way to tell that it is there already.
                    Err(error) => files.metadata(&path).await.map(drop).map_err(|_| error),
                    made => made,
                };
                (session, made)
            }
        })
    }

    fn is_there(&self, path: PathBuf) -> Result<bool, Error> {
        let looked = self.run("look at", &path.display().to_string(), |session| {
            let path = path.clone();
            async move {
                let met = session.fs().metadata(&path).await;
                (session, met.map(drop))
            }
        });
        match looked {
            Ok(()) => Ok(true),
            Err(Error::Gone { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn list_folder(&self, path: PathBuf) -> Result<Vec<(String, u64, bool)>, Error> {
        let object = format!("the folder {}", path.display());
        self.run("list", &object, |session| {
            let path = path.clone();
            async move {
                let met = async {
                    let mut entries = Box::pin(session.fs().open_dir(&path).await?.read_dir());
                    let mut found = Vec::new();
                    while let Some(entry) = entries.next().await {
                        let entry = entry?;
                        let name = entry.filename().to_string_lossy().into_owned();
                        let metadata = entry.metadata();
                        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
                        found.push((name, metadata.len().unwrap_or(0), is_folder));
                    }
                    Ok(found)
                }
                .await;
                (session, met)
            }
        })
    }

    fn fetch(&self, kind: Kind, name: &str, range: Option<(u64, u64)>) -> Result<Bytes, Error> {
        let path = self.at(kind, name);
        self.run("read", &kind.object(name), |session| {
            let path = path.clone();
            async move {
                let met = async {
                    let mut file = session.open(&path).await?;
                    let (offset, length) = match range {
                        Some(range) => range,
                        None => (0, file.metadata().await?.len().unwrap_or(0)),
                    };
                    let mut content = BytesMut::new();
                    while (content.len() as u64) < length {
                        let done = content.len() as u64;
                        // Each time anew: a short answer moves the place by what was asked for.
                        file.seek(io::SeekFrom::Start(offset + done)).await?;
                        let left = length - done;
                        let most = u32::try_from(left).unwrap_or(u32::MAX);
                        match file.read(most, BytesMut::new()).await? {
                            Some(piece) => content.extend_from_slice(&piece),
                            None => break,
                        }
                    }
                    file.close().await?;
                    Ok(content.freeze())
                }
                .await;
                (session, met)
            }
        })
    }
}

impl Store for Sftp {
    fn place(&self) -> String {
        self.place.clone()
    }

    fn prepare(&self) -> Result<(), Error> {
        if !self.is_there(self.target.clone())? {
            let place = format!("sftp:{}:{}", self.host, self.target.display());
            return Err(Error::NoTarget { place });
        }
        self.make(self.path.clone())?;
        for kind in Kind::IN_FOLDERS {
            self.make(self.path.join(kind.folder()))?;
        }
        for byte in 0..=255_u8 {
            self.make(self.path.join(format!("data/{byte:02x}")))?;
        }
        Ok(())
    }

    fn is_founded(&self) -> Result<bool, Error> {
        if self.is_there(self.at(Kind::Config, ""))? {
            return Ok(true);
        }
        if self.is_there(self.target.clone())? {
            return Ok(false);
        }
        let place = format!("sftp:{}:{}", self.host, self.target.display());
        Err(Error::NoTarget { place })
    }

    fn list(&self, kind: Kind) -> Result<Vec<(String, u64)>, Error> {
        let folder = self.path.join(kind.folder());
        let mut entries = match kind {
            Kind::Config => Vec::new(),
            _ => self.list_folder(folder.clone())?,
        };
        if kind == Kind::Pack {
            for (name, _, is_folder) in std::mem::take(&mut entries) {
                if is_folder && name.len() == 2 && !name.starts_with('.') {
                    entries.extend(self.list_folder(folder.join(name))?);
                }
            }
        }
        let files = entries.into_iter().filter(|(name, _, _)| is_name(name));
        Ok(files.map(|(name, size, _)| (name, size)).collect())
    }

    fn read(&self, kind: Kind, name: &str) -> Result<Bytes, Error> {
        self.fetch(kind, name, None)
    }

    fn read_part(&self, kind: Kind, name: &str, offset: u64, length: u64) -> Result<Bytes, Error> {
        let piece = self.fetch(kind, name, Some((offset, length)))?;
        if piece.len() as u64 == length {
            return Ok(piece);
        }
        Err(Error::Damaged {
            object: kind.object(name),
            place: self.place.clone(),
            reason: format!("it ends before byte {}", offset + length),
        })
    }

    fn write(&self, kind: Kind, name: &str, content: &[Bytes]) -> Result<(), Error> {
        let object = kind.object(name);
        let place = self.at(kind, name);
        let mut temporary = place.clone().into_os_string();
        let count = self.written.fetch_add(1, Ordering::Relaxed);
        temporary.push(format!("-tmp-{}-{count}", std::process::id()));
        let temporary = PathBuf::from(temporary);
        let written = self.run("write", &object, |session| {
            let (place, temporary, content) = (place.clone(), temporary.clone(), content.to_vec());
            async move {
                let met = put(&session, &temporary, &place, &content).await;
                // Linked or failed, it is not needed; renamed, it is not there.
                let _ = session.fs().remove_file(&temporary).await;
                (session, met)
            }
        });
        match written {
            Ok(false) if kind == Kind::Config => Err(Error::Exists { place: self.place.clone() }),
            Ok(_) => Ok(()),
            Err(error) => Err(self.full(&object).unwrap_or(error)),
        }
    }

    fn remove(&self, kind: Kind, name: &str) -> Result<(), Error> {
        let path = self.at(kind, name);
        let removed = self.run("remove", &kind.object(name), |session| {
            let path = path.clone();
            async move {
                let met = session.fs().remove_file(&path).await;
                (session, met)
            }
        });
        match removed {
            Err(Error::Gone { .. }) => Ok(()),
            removed => removed,
        }
    }
}

impl Sftp {
    /// The protocol has no word for a full disk.
    fn full(&self, object: &str) -> Option<Error> {
        let target = self.target.clone();
        let free = self.run("ask for the room of", object, |session| {
            let target = target.clone();
            async move {
                let met = session.fs().statvfs(&target).await;
                (session, met.map(|free| free.bavail.saturating_mul(free.frsize)))
            }
        });
        (free.ok()? < FULL).then(|| Error::Full {
            place: self.place.clone(),
            object: object.to_owned(),
            source: io::Error::from(io::ErrorKind::StorageFull).into(),
        })
    }
}

/// Temporary name, fsync, a link that never overwrites; says whether it is new.
async fn put(session: &Session, temporary: &Path, place: &Path, content: &[Bytes]) -> Met<bool> {
    let mut file = session.create(temporary).await?;
    for piece in content {
        file.write_all(piece).await?;
    }
    if session.support_fsync() {
        file.sync_all().await?;
    }
    file.close().await?;
    let mut files = session.fs();
    if session.support_hardlink() && files.hard_link(temporary, place).await.is_ok() {
        return Ok(true);
    }
    if files.metadata(place).await.is_ok() {
        return Ok(false);
    }
    files.rename(temporary, place).await.map(|()| true)
}
