//! The cache of what was fetched: pinned by its sum, fetched once, verified each time.
//!
//! Leaves out what is inside, and where the sums come from.

pub mod address;
mod client;
pub mod digest;
pub mod error;
mod partial;
pub mod registries;

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::fetch::address::{Address, shown};
use crate::fetch::client::{Client, Refusal};
use crate::fetch::digest::Digest;
use crate::fetch::error::Error;
use crate::fetch::partial::{Goal, Partial};
use crate::fetch::registries::Registries;
use crate::progress::Progress;

/// The most that one fetched file may have, in bytes, unless the caller says less.
const LARGEST: u64 = 8 << 30;
/// How often something is tried.
const ATTEMPTS: u32 = 5;
/// Before the second attempt; doubled before each further one.
const PAUSE: Duration = Duration::from_millis(500);

/// A folder that holds what was fetched, by its sum: `sha256/…`, `sha512/…`.
///
/// Beside these it has `partial/` for what is under way, and `answers/` for the last answer of
/// each address that nothing pins. All of it may be deleted at any time. Several processes may
/// use one cache: each file is fetched by one of them, and appears at once and whole.
#[derive(Debug)]
pub struct Cache {
    folder: PathBuf,
    client: Client,
    offline: bool,
    attempts: u32,
    pause: Duration,
    registries: Registries,
}

impl Cache {
    /// `$STEAD_CACHE/fetched`, else `$XDG_CACHE_HOME/stead/fetched`, else
    /// `~/.cache/stead/fetched`, else below `/var/cache`.
    pub fn default_folder() -> PathBuf {
        let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
        if let Some(folder) = variable("STEAD_CACHE") {
            return folder.join("fetched");
        }
        let base =
            variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|h| h.join(".cache")));
        base.unwrap_or_else(|| PathBuf::from("/var/cache")).join("stead/fetched")
    }

    /// Opens the cache, and makes its folders if they are missing.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, Error> {
        let folder = std::path::absolute(folder.into())
            .map_err(|source| Error::Cache { path: PathBuf::new(), source })?;
        for part in ["sha256", "sha512", "partial", "answers"] {
            let path = folder.join(part);
            fs::create_dir_all(&path).map_err(|source| Error::Cache { path, source })?;
        }
        let (client, registries) = (Client::default(), Registries::of_environment());
        Ok(Self { folder, client, offline: false, attempts: ATTEMPTS, pause: PAUSE, registries })
    }

    /// Whether only what the cache holds is given (and `file:` addresses).
    #[must_use]
    pub fn offline(mut self, offline: bool) -> Self {
        self.offline = offline;
        self
    }

    /// How often something is tried, and how long the first pause is.
    #[must_use]
    pub fn patience(mut self, attempts: u32, pause: Duration) -> Self {
        self.attempts = attempts.max(1);
        self.pause = pause;
        self
    }

    /// Asks these registries instead of those of the environment.
    #[must_use]
    pub fn with_registries(mut self, registries: Registries) -> Self {
        self.registries = registries;
        self
    }

    /// The registries that are asked.
    pub fn registries(&self) -> &Registries {
        &self.registries
    }

    /// Where it lies.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether nothing is fetched.
    pub fn is_offline(&self) -> bool {
        self.offline
    }

    /// The path of the file with this sum, if it is there; its sum is not verified again.
    pub fn find(&self, digest: &Digest) -> Option<PathBuf> {
        Some(self.place(digest)).filter(|path| path.is_file())
    }

    /// Gives the file with this sum, from the cache or else from `url`; its sum is verified
    /// either way.
    pub fn fetch(
        &self,
        url: &str,
        digest: &Digest,
        progress: &dyn Progress,
    ) -> Result<PathBuf, Error> {
        self.fetch_at_most(url, digest, LARGEST, progress)
    }

    /// As [`Cache::fetch`], refusing what is larger than `limit` bytes.
    pub fn fetch_at_most(
        &self,
        url: &str,
        digest: &Digest,
        limit: u64,
        progress: &dyn Progress,
    ) -> Result<PathBuf, Error> {
        let place = self.place(digest);
        if self.holds(&place, digest)? {
            return Ok(place);
        }
        let address = Address::parse(url).ok_or_else(|| Error::Address { url: shown(url) })?;
        if self.offline && matches!(address, Address::Web(_)) {
            let cache = self.folder.clone();
            return Err(Error::Offline { url: shown(url), digest: Box::new(*digest), cache });
        }
        let name = format!("{}-{}", digest.kind(), digest.hexadecimal());
        let partial = Partial::open(self.folder.join("partial").join(name))?;
        // Another process may have brought it while this one waited.
        if self.holds(&place, digest)? {
            partial.forget()?;
            return Ok(place);
        }
        progress.step(&format!("fetching {}", shown(url)));
        let goal = Goal { url, digest, limit, progress };
        match address {
            Address::Disk(path) => copy(&path, &partial, &goal)?,
            Address::Web(url) => self.download(&url, &partial, &goal)?,
        }
        partial.become_file(&place)?;
        Ok(place)
    }

    /// Gives what lies at an address now, at most `limit` bytes, and keeps it as the last answer;
    /// without fetching, gives the last answer.
    pub fn get(&self, url: &str, limit: u64) -> Result<Vec<u8>, Error> {
        self.get_as(url, "*/*", limit)
    }

    /// As [`Cache::get`], saying which kinds of answer are understood.
    pub fn get_as(&self, url: &str, accept: &str, limit: u64) -> Result<Vec<u8>, Error> {
        let address = Address::parse(url).ok_or_else(|| Error::Address { url: shown(url) })?;
        let answer = match address {
            Address::Disk(path) => {
                let file = File::open(&path);
                return file
                    .and_then(|file| capped(file, limit))
                    .map_err(|source| Error::Read { path, source })?
                    .ok_or_else(|| Error::TooLarge { url: shown(url), limit });
            }
            Address::Web(_) if self.offline => {
                let cache = self.folder.clone();
                let none = || Error::OfflineAnswer { url: shown(url), cache };
                return self.last_answer(url, accept, limit)?.ok_or_else(none);
            }
            Address::Web(url) => self.patiently(|attempts| {
                let answer = match self.client.ask(&url, 0, accept) {
                    Ok(answer) => answer,
                    Err(Refusal::Passing(error)) => {
                        return Ok(Err(Refusal::Passing(error).error(&url, attempts)));
                    }
                    Err(refusal) => return Err(refusal.error(&url, attempts)),
                };
                match capped(answer.body, limit) {
                    Ok(Some(bytes)) => Ok(Ok(bytes)),
                    Ok(None) => Err(Error::TooLarge { url: shown(&url), limit }),
                    Err(error) => {
                        let source = Box::new(ureq::Error::Io(error));
                        Ok(Err(Error::Transfer { url: shown(&url), attempts, source }))
                    }
                }
            })?,
        };
        self.keep_answer(url, accept, &answer)?;
        Ok(answer)
    }

    /// The answer that [`Cache::get_as`] gave last for this address, if it is still there.
    pub fn last_answer(
        &self,
        url: &str,
        accept: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, Error> {
        let path = self.answer(url, accept);
        match File::open(&path).and_then(|file| capped(file, limit)) {
            Ok(answer) => Ok(answer),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Cache { path, source }),
        }
    }

    fn keep_answer(&self, url: &str, accept: &str, answer: &[u8]) -> Result<(), Error> {
        let path = self.answer(url, accept);
        let kept =
            tempfile::NamedTempFile::new_in(self.folder.join("partial")).and_then(|mut file| {
                file.write_all(answer)?;
                file.persist(&path).map_err(|error| error.error)
            });
        kept.map(drop).map_err(|source| Error::Cache { path, source })
    }

    fn answer(&self, url: &str, accept: &str) -> PathBuf {
        let key = Digest::Sha256([0; 32]).of_same_kind(format!("{accept}\n{url}").as_bytes());
        self.folder.join("answers").join(key.hexadecimal())
    }

    fn place(&self, digest: &Digest) -> PathBuf {
        self.folder.join(digest.kind()).join(digest.hexadecimal())
    }

    /// Whether the cache has the file, whole; one that rotted is thrown away.
    fn holds(&self, place: &Path, digest: &Digest) -> Result<bool, Error> {
        let failed = |source| Error::Cache { path: place.to_owned(), source };
        let mut file = match File::open(place) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(error)),
        };
        if digest.of_same_kind_read(&mut file).map_err(failed)? == *digest {
            return Ok(true);
        }
        fs::remove_file(place).map_err(failed)?;
        Ok(false)
    }

    /// Tries until it is done, fails for good, or patience is at its end.
    fn patiently<T>(
        &self,
        mut attempt: impl FnMut(u32) -> Result<Result<T, Error>, Error>,
    ) -> Result<T, Error> {
        let mut pause = self.pause;
        for count in 1.. {
            match attempt(count)? {
                Ok(done) => return Ok(done),
                Err(error) if count >= self.attempts => return Err(error),
                Err(_) => thread::sleep(pause),
            }
            pause *= 2;
        }
        unreachable!("the number of attempts is finite")
    }

    /// Fills the partial file from a web server, from where an earlier attempt ended.
    fn download(&self, url: &str, partial: &Partial, goal: &Goal<'_>) -> Result<(), Error> {
        let mut fresh = false;
        loop {
            let resumed = !fresh && partial.length()? > 0;
            if fresh {
                partial.truncate()?;
            }
            self.patiently(|attempts| self.piece(url, attempts, partial, goal))?;
            match partial.verify(goal) {
                Ok(()) => return Ok(()),
                // What an earlier run left may have been of another file.
                Err(Error::WrongSum { .. }) if resumed => fresh = true,
                Err(error) => {
                    partial.truncate()?;
                    return Err(error);
                }
            }
        }
    }

    /// One request, appended to what is there.
    fn piece(
        &self,
        url: &str,
        attempts: u32,
        partial: &Partial,
        goal: &Goal<'_>,
    ) -> Result<Result<(), Error>, Error> {
        let here = partial.length()?;
        let mut answer = match self.client.ask(url, here, "*/*") {
            Ok(answer) => answer,
            // All of it is here already, or it is of another file: the sum tells.
            Err(Refusal::BeyondTheEnd) => return Ok(Ok(())),
            Err(Refusal::Passing(error)) => {
                return Ok(Err(Refusal::Passing(error).error(url, attempts)));
            }
            Err(refusal) => return Err(refusal.error(url, attempts)),
        };
        if answer.start > here {
            let (got, expected) = (here, answer.start);
            return Ok(Err(Error::Short { url: shown(url), got, expected, attempts }));
        }
        if answer.total.is_some_and(|total| total > goal.limit) {
            partial.truncate()?;
            return Err(Error::TooLarge { url: shown(url), limit: goal.limit });
        }
        let mut at = answer.start;
        let mut file = &partial.file;
        let write = |source| Error::Cache { path: partial.path.clone(), source };
        file.set_len(at).and_then(|()| file.seek(SeekFrom::Start(at))).map_err(write)?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = match answer.body.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    let source = Box::new(ureq::Error::Io(error));
                    return Ok(Err(Error::Transfer { url: shown(url), attempts, source }));
                }
            };
            at += read as u64;
            if at > goal.limit {
                partial.truncate()?;
                return Err(Error::TooLarge { url: shown(url), limit: goal.limit });
            }
            file.write_all(&buffer[..read]).map_err(write)?;
            goal.progress.bytes(at, answer.total);
        }
        match answer.total {
            Some(expected) if at < expected => {
                Ok(Err(Error::Short { url: shown(url), got: at, expected, attempts }))
            }
            _ => Ok(Ok(())),
        }
    }
}

/// Fills the partial file from this machine's disk.
fn copy(path: &Path, partial: &Partial, goal: &Goal<'_>) -> Result<(), Error> {
    let read = |source| Error::Read { path: path.to_owned(), source };
    let from = File::open(path).map_err(read)?;
    let total = from.metadata().map_err(read)?.len();
    if total > goal.limit {
        return Err(Error::TooLarge { url: shown(goal.url), limit: goal.limit });
    }
    partial.truncate()?;
    let mut file = &partial.file;
    let copied = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| io::copy(&mut from.take(goal.limit), &mut file))
        .map_err(|source| Error::Cache { path: partial.path.clone(), source })?;
    goal.progress.bytes(copied, Some(total));
    let verified = partial.verify(goal);
    if verified.is_err() {
        partial.truncate()?;
    }
    verified
}

/// Reads all, or nothing if it is more than `limit` bytes.
fn capped(from: impl Read, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}
