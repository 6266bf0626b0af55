//! A suite: fetching and verifying its InRelease and its indexes.
//!
//! Leaves out what the indexes say (`offer`).

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};
use model::text::printable;

use crate::fetch::Cache;
use crate::fetch::address::shown;
use crate::fetch::digest::Digest;
use crate::fetch::error::Error as FetchError;
use crate::progress::Progress;
use crate::upstream::error::Error;
use crate::upstream::keep::write_whole;
use crate::upstream::keyring::Keyring;
use crate::upstream::release::{Listed, Release};
use crate::upstream::unpack::ENDS;

/// The longest InRelease that is taken, in bytes; Debian's are below 1 MB.
const LONGEST_RELEASE: u64 = 32 << 20;
/// The longest index that is taken, compressed, in bytes.
const LONGEST_INDEX: u64 = 1 << 30;
/// How often InRelease is read anew when the mirror moves under us.
const READINGS: u32 = 3;
/// A clock that is behind the mirror by less is not spoken of.
const SKEW: SignedDuration = SignedDuration::from_hours(1);

/// A suite of a repository, and whom to believe about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// `http://deb.debian.org/debian`, or `file:///srv/mirror`; the folder that holds `dists`.
    pub base: String,
    pub suite: String,
    pub components: Vec<String>,
    /// Which indexes are read.
    pub architectures: Vec<String>,
    pub keyring: Keyring,
}

/// A suite whose signature was verified, with the indexes that were asked for.
#[derive(Clone, Debug)]
pub struct Verified {
    pub upstream: Upstream,
    pub release: Release,
    /// InRelease as it was fetched, so that others may verify it again.
    pub signed: Vec<u8>,
    pub indexes: Vec<IndexFile>,
    /// What a person should know: an older mirror than before, a clock that is behind.
    pub warnings: Vec<String>,
}

/// A package index, fetched and verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexFile {
    pub component: String,
    pub architecture: String,
    /// As InRelease lists it: `main/binary-arm64/Packages.xz`.
    pub listed: String,
    pub digest: Digest,
    /// Where it lies in the cache, compressed.
    pub path: PathBuf,
}

impl Upstream {
    /// What it is called: `http://deb.debian.org/debian bookworm`.
    pub fn title(&self) -> String {
        format!("{} {}", shown(&self.base), printable(&self.suite, 100))
    }

    fn url(&self, path: &str) -> String {
        format!("{}/{path}", self.base.trim_end_matches('/'))
    }

    fn in_suite(&self, path: &str) -> String {
        self.url(&format!("dists/{}/{path}", self.suite))
    }

    /// Fetches and verifies InRelease and the indexes; what the cache holds already is not fetched
    /// again. When the mirror changes in between, it begins anew, three times at most.
    pub fn refresh(
        &self,
        cache: &Cache,
        now: Timestamp,
        progress: &dyn Progress,
    ) -> Result<Verified, Error> {
        let mut reading = 1;
        loop {
            let (release, signed, warnings) = self.release(cache, now)?;
            match self.indexes(&release, cache, progress) {
                Ok(indexes) => {
                    let upstream = self.clone();
                    return Ok(Verified { upstream, release, signed, indexes, warnings });
                }
                Err(error) if moved(&error) && reading < READINGS => {
                    progress.step(&format!("{} is changing: reading it anew", self.title()));
                    reading += 1;
                }
                Err(error) => return Err(error),
            }
        }
    }

    fn release(
        &self,
        cache: &Cache,
        now: Timestamp,
    ) -> Result<(Release, Vec<u8>, Vec<String>), Error> {
        let url = self.in_suite("InRelease");
        let signed = cache.get(&url, LONGEST_RELEASE)?;
        let text = self.keyring.verify(&shown(&url), &signed)?;
        let release = Release::parse(&text)
            .map_err(|source| Error::Release { url: shown(&url), source: Box::new(source) })?;
        if !release.is(&self.suite) {
            let (expected, found) = (printable(&self.suite, 100), release.names());
            return Err(Error::WrongSuite { url: shown(&url), expected, found });
        }
        let mut warnings = Vec::new();
        match release.valid_until {
            Some(until) if until < now && cache.is_offline() => warnings.push(format!(
                "`{}` was valid until {until}: newer versions may exist",
                shown(&url)
            )),
            Some(until) if until < now => {
                return Err(Error::Expired { url: shown(&url), until: until.to_string() });
            }
            _ => {}
        }
        if release.date.duration_since(now) > SKEW {
            warnings.push(format!(
                "`{}` is of {}, which is in the future: this machine's clock is behind",
                shown(&url),
                release.date
            ));
        }
        if let Some(before) = self.remember(cache, release.date)? {
            warnings.push(format!(
                "`{}` is of {}, and was of {before} when it was read before: the mirror went back",
                shown(&url),
                release.date
            ));
        }
        Ok((release, signed, warnings))
    }

    /// Notes the newest date that was seen; gives it if it is newer than this one.
    fn remember(&self, cache: &Cache, date: Timestamp) -> Result<Option<Timestamp>, Error> {
        let folder = cache.folder().join("seen");
        let key = Digest::Sha256([0; 32]).of_same_kind(self.in_suite("InRelease").as_bytes());
        let path = folder.join(key.hexadecimal());
        // A note that is missing or damaged is no note.
        let before = fs::read_to_string(&path).ok().and_then(|text| text.trim().parse().ok());
        if before.is_some_and(|before: Timestamp| before > date) {
            return Ok(before);
        }
        if before != Some(date) {
            write_whole(&folder, &path, format!("{date}\n").as_bytes())?;
        }
        Ok(None)
    }

    fn indexes(
        &self,
        release: &Release,
        cache: &Cache,
        progress: &dyn Progress,
    ) -> Result<Vec<IndexFile>, Error> {
        let mut wanted: Vec<(&str, &str)> = Vec::new();
        for component in &self.components {
            for architecture in &self.architectures {
                wanted.push((component, architecture));
            }
            // Some archives list packages for all architectures apart.
            let apart = !release.all_in_each
                && release.architectures.iter().any(|it| it == "all")
                && listed(release, component, "all").is_some();
            if apart && !self.architectures.iter().any(|it| it == "all") {
                wanted.push((component, "all"));
            }
        }
        let mut indexes = Vec::new();
        for (component, architecture) in wanted {
            let Some((name, file)) = listed(release, component, architecture) else {
                return Err(self.no_index(release, component, architecture));
            };
            let path = self.index(release, &name, file, cache, progress)?;
            indexes.push(IndexFile {
                component: component.to_owned(),
                architecture: architecture.to_owned(),
                listed: name,
                digest: file.digest,
                path,
            });
        }
        Ok(indexes)
    }

    fn index(
        &self,
        release: &Release,
        name: &str,
        file: Listed,
        cache: &Cache,
        progress: &dyn Progress,
    ) -> Result<PathBuf, Error> {
        let url = match name.rsplit_once('/') {
            Some((folder, _)) if release.by_hash => {
                self.in_suite(&format!("{folder}/by-hash/SHA256/{}", file.digest.hexadecimal()))
            }
            _ => self.in_suite(name),
        };
        let differs = |expected: String, got: String| Error::Differs {
            url: self.shown_index(name),
            listing: shown(&self.in_suite("InRelease")),
            expected,
            got,
        };
        let limit = file.size.min(LONGEST_INDEX);
        let fetched = cache.fetch_at_most(&url, &file.digest, limit, progress);
        let path = fetched.map_err(|error| match error {
            FetchError::WrongSum { expected, got, .. } => {
                differs(expected.to_string(), got.to_string())
            }
            FetchError::TooLarge { .. } => {
                differs(format!("{} bytes", file.size), "more than that".to_owned())
            }
            FetchError::Short { got, .. } => {
                differs(format!("{} bytes", file.size), format!("{got} bytes"))
            }
            error => Error::from(error),
        })?;
        let size =
            fs::metadata(&path).map_err(|source| Error::Read { path: path.clone(), source })?.len();
        if size != file.size {
            return Err(differs(format!("{} bytes", file.size), format!("{size} bytes")));
        }
        Ok(path)
    }

    fn shown_index(&self, name: &str) -> String {
        shown(&self.in_suite(name))
    }

    fn no_index(&self, release: &Release, component: &str, architecture: &str) -> Error {
        let mut there: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for path in release.files.keys() {
            let steps: Vec<&str> = path.rsplitn(3, '/').collect();
            if let [file, folder, component] = steps.as_slice()
                && file.starts_with("Packages")
                && let Some(architecture) = folder.strip_prefix("binary-")
            {
                let all = there.entry(component).or_default();
                if !all.contains(&architecture) {
                    all.push(architecture);
                }
            }
        }
        let there: Vec<String> = there
            .iter()
            .map(|(component, all)| format!("`{component}` for {}", all.join(", ")))
            .collect();
        Error::NoIndex {
            url: shown(&self.in_suite("InRelease")),
            component: printable(component, 100),
            architecture: printable(architecture, 100),
            there: if there.is_empty() {
                "it lists no packages at all".to_owned()
            } else {
                printable(&format!("it lists {}", there.join("; ")), 600)
            },
        }
    }
}

/// The index of a component for an architecture, compressed best.
fn listed(release: &Release, component: &str, architecture: &str) -> Option<(String, Listed)> {
    ENDS.iter().find_map(|end| {
        let name = format!("{component}/binary-{architecture}/Packages{end}");
        release.files.get(&name).map(|file| (name.clone(), *file))
    })
}

/// True if another InRelease may mend it.
fn moved(error: &Error) -> bool {
    match error {
        Error::Differs { .. } => true,
        Error::Fetch(error) => matches!(**error, FetchError::Status { status: 404, .. }),
        _ => false,
    }
}
