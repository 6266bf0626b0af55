//! A repository of somebody else's, on loopback, as it should be and as it should not.

use std::path::PathBuf;
use std::time::Duration;

use deb::closure::{Options, closure};
use deb::fetch::Cache;
use deb::progress::Silent;
use deb::signing::Key;
use deb::sum::sha256;
use deb::upstream::{Keyring, Offer, Upstream, Verified};
use jiff::Timestamp;
use tempfile::TempDir;

use crate::debian::{has, note};
use crate::web::Web;

const INDEX: &str = "/dists/stable/main/binary-arm64/Packages.gz";
const RELEASE: &str = "/dists/stable/InRelease";

/// A mirror, its key, and a cache to fetch into.
struct Mirror {
    web: Web,
    folder: TempDir,
    key: Key,
    by_hash: bool,
}

impl Mirror {
    fn open(by_hash: bool) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = Key::generate(&folder.path().join("key"), "Mirror").expect("a key");
        let certificate = key.certificate().expect("a certificate");
        std::fs::write(folder.path().join("mirror.asc"), certificate).expect("written");
        let mirror = Self { web: Web::open(&[]), folder, key, by_hash };
        mirror.publish("1", "2026-11-01T00:00:00Z", "");
        mirror
    }

    /// Publishes one package, signed at this time.
    fn publish(&self, version: &str, date: &str, more: &str) {
        let deb = format!("a package of version {version}");
        let index = format!(
            "Package: hello\nVersion: {version}\nArchitecture: arm64\nFilename: pool/hello.deb\n\
             Size: {}\nSHA256: {}\n",
            deb.len(),
            sha256(deb.as_bytes())
        );
        let index = gz(index.as_bytes());
        let date: Timestamp = date.parse().expect("a date");
        let text = format!(
            "Suite: stable\nCodename: trixie\nDate: {}\nAcquire-By-Hash: {}\n\
             Architectures: amd64 arm64\nComponents: main\n{more}SHA256:\n {} {} {}\n",
            jiff::fmt::rfc2822::to_string(&date.to_zoned(jiff::tz::TimeZone::UTC)).expect("a date"),
            if self.by_hash { "yes" } else { "no" },
            sha256(&index),
            index.len(),
            INDEX.trim_start_matches("/dists/stable/"),
        );
        let signed = self.key.cleartext(&text, date).expect("signed");
        self.put(INDEX, &index);
        let by_hash = format!("/dists/stable/main/binary-arm64/by-hash/SHA256/{}", sha256(&index));
        self.put(&by_hash, &index);
        self.put("/pool/hello.deb", deb.as_bytes());
        self.put(RELEASE, signed.as_bytes());
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        self.web.shop.lock().expect("shop").files.insert(path.to_owned(), bytes.to_vec());
    }

    fn get(&self, path: &str) -> Vec<u8> {
        self.web.shop.lock().expect("shop").files[path].clone()
    }

    fn cache(&self) -> Cache {
        let cache = Cache::open(self.folder.path().join("cache")).expect("a cache");
        cache.patience(2, Duration::from_millis(1))
    }

    fn upstream(&self) -> Upstream {
        Upstream {
            base: self.web.url(""),
            suite: "stable".to_owned(),
            components: vec!["main".to_owned()],
            architectures: vec!["arm64".to_owned()],
            keyring: Keyring::Files(vec![self.folder.path().join("mirror.asc")]),
        }
    }

    fn refresh(&self, upstream: &Upstream) -> Result<Verified, String> {
        let now = "2026-11-02T00:00:00Z".parse().expect("a time");
        upstream.refresh(&self.cache(), now, &Silent).map_err(|error| {
            let said = model::text::with_causes(&error);
            let folder = self.folder.path().display().to_string();
            said.replace(&self.web.url(""), "URL").replace(&folder, "FOLDER")
        })
    }

    fn fault(&self, upstream: &Upstream) -> String {
        self.refresh(upstream).map(|_| ()).expect_err("a fault")
    }
}

fn gz(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, bytes).expect("packed");
    packer.finish().expect("packed")
}

#[test]
fn a_package_is_fetched_only_as_the_signature_vouches_for_it() {
    for by_hash in [true, false] {
        let mirror = Mirror::open(by_hash);
        let suites = [mirror.refresh(&mirror.upstream()).expect("verified")];
        assert_eq!(suites[0].warnings, Vec::<String>::new());
        let cache = mirror.cache();
        let offer = Offer::of(&suites, "arm64", &cache, &Silent).expect("an offer");
        let chosen = closure(&offer.index, &["hello"], Options::default()).expect("a closure");
        let path = offer.package(chosen[0].package, &cache, &Silent).expect("a package");
        assert_eq!(std::fs::read_to_string(path).expect("text"), "a package of version 1");
        // All of it again, and nothing but InRelease is asked for.
        let before = mirror.web.asked().len();
        mirror.refresh(&mirror.upstream()).expect("verified");
        Offer::of(&suites, "arm64", &cache, &Silent).expect("an offer");
        let asked: Vec<String> =
            mirror.web.asked().split_off(before).into_iter().map(|(path, _)| path).collect();
        assert_eq!(asked, [RELEASE]);
    }
}

#[test]
fn a_changed_index_is_refused_and_named() {
    let mirror = Mirror::open(false);
    let mut index = mirror.get(INDEX);
    let last = index.len() - 1;
    index[last] ^= 1;
    mirror.put(INDEX, &index);
    let said = mirror.fault(&mirror.upstream());
    assert!(
        said.starts_with(&format!(
            "`URL{INDEX}` is not what `URL{RELEASE}` lists: expected sha256:"
        )),
        "{said}"
    );
    // InRelease was read anew, in case the mirror was just changing.
    assert_eq!(mirror.web.asked().iter().filter(|(path, _)| path == RELEASE).count(), 3);
}

#[test]
fn an_index_of_another_length_is_refused_and_named() {
    let mirror = Mirror::open(false);
    let mut index = mirror.get(INDEX);
    index.push(0);
    mirror.put(INDEX, &index);
    let said = mirror.fault(&mirror.upstream());
    let expected = format!("expected {} bytes, got more than that", index.len() - 1);
    assert!(said.starts_with(&format!("`URL{INDEX}`")) && said.ends_with(&expected), "{said}");
    index.truncate(20);
    mirror.put(INDEX, &index);
    let said = mirror.fault(&mirror.upstream());
    assert!(said.starts_with(&format!("`URL{INDEX}` is not what")), "{said}");
}

#[test]
fn a_changed_or_cut_inrelease_is_refused_and_named() {
    let mirror = Mirror::open(true);
    let good = mirror.get(RELEASE);
    let changed = String::from_utf8(good.clone()).expect("text").replace("trixie", "trixje");
    mirror.put(RELEASE, changed.as_bytes());
    let named = format!("`URL{RELEASE}` is not signed as its keyring (FOLDER/mirror.asc) asks");
    let said = mirror.fault(&mirror.upstream());
    assert!(said.starts_with(&named), "{said}");
    mirror.put(RELEASE, &good[..good.len() / 2]);
    let said = mirror.fault(&mirror.upstream());
    assert!(said.starts_with(&named), "{said}");
    mirror.put(RELEASE, b"Suite: stable\nSHA256:\n");
    let said = mirror.fault(&mirror.upstream());
    assert!(said.starts_with(&named), "{said}");
}

#[test]
fn a_key_that_is_not_in_the_keyring_is_refused() {
    let mirror = Mirror::open(true);
    let other = Key::generate(&mirror.folder.path().join("other"), "Other").expect("a key");
    let path = mirror.folder.path().join("other.asc");
    std::fs::write(&path, other.certificate().expect("a certificate")).expect("written");
    let mut upstream = mirror.upstream();
    upstream.keyring = Keyring::Files(vec![path.clone()]);
    let said = mirror.fault(&upstream);
    assert!(said.contains("is not signed as its keyring (FOLDER/other.asc) asks"), "{said}");
    // One of several is enough, and a keyring that is missing is named.
    upstream.keyring = Keyring::Files(vec![path, mirror.folder.path().join("mirror.asc")]);
    mirror.refresh(&upstream).expect("verified");
    upstream.keyring = Keyring::Files(vec![PathBuf::from("/nonexistent.gpg")]);
    assert!(mirror.fault(&upstream).starts_with("cannot read the keyring `/nonexistent.gpg`"));
}

#[test]
fn a_mirror_that_went_back_is_spoken_of() {
    let mirror = Mirror::open(true);
    mirror.refresh(&mirror.upstream()).expect("verified");
    mirror.publish("0.9", "2026-10-01T00:00:00Z", "");
    let older = mirror.refresh(&mirror.upstream()).expect("verified");
    assert_eq!(older.warnings.len(), 1);
    let said = older.warnings[0].replace(&mirror.web.url(""), "URL");
    assert_eq!(
        said,
        format!(
            "`URL{RELEASE}` is of 2026-10-01T00:00:00Z, and was of 2026-11-01T00:00:00Z when it \
             was read before: the mirror went back"
        )
    );
    mirror.publish("2", "2026-11-03T00:00:00Z", "");
    let newer = mirror.refresh(&mirror.upstream()).expect("verified");
    assert!(newer.warnings[0].contains("this machine's clock is behind"));
}

#[test]
fn what_is_no_longer_valid_is_refused() {
    let mirror = Mirror::open(true);
    let until = "Valid-Until: Sun, 01 Nov 2026 06:00:00 UTC\n";
    mirror.publish("1", "2026-10-31T00:00:00Z", until);
    assert_eq!(
        mirror.fault(&mirror.upstream()),
        format!(
            "`URL{RELEASE}` was valid until 2026-11-01T06:00:00Z: the mirror is stale, or this \
             machine's clock is wrong"
        )
    );
}

#[test]
fn another_suite_or_architecture_is_refused_and_what_is_there_is_named() {
    let mirror = Mirror::open(true);
    let mut upstream = mirror.upstream();
    upstream.architectures = vec!["riscv64".to_owned()];
    assert_eq!(
        mirror.fault(&upstream),
        format!(
            "`URL{RELEASE}` lists no packages of `main` for riscv64; it lists `main` for arm64"
        )
    );
    let signed = mirror.get(RELEASE);
    mirror.put("/dists/testing/InRelease", &signed);
    upstream.suite = "testing".to_owned();
    assert_eq!(
        mirror.fault(&upstream),
        "`URL/dists/testing/InRelease` is another suite: expected testing, it says stable, trixie"
    );
}

#[test]
fn a_changed_package_is_refused_and_named() {
    let mirror = Mirror::open(true);
    let suites = [mirror.refresh(&mirror.upstream()).expect("verified")];
    let cache = mirror.cache();
    let offer = Offer::of(&suites, "arm64", &cache, &Silent).expect("an offer");
    mirror.put("/pool/hello.deb", b"a package of version X");
    let chosen = closure(&offer.index, &["hello"], Options::default()).expect("a closure");
    let error = offer.package(chosen[0].package, &cache, &Silent).expect_err("a fault");
    let said = error.to_string();
    assert!(
        said.contains("/pool/hello.deb` is not what `http://") && said.contains("expected sha256:"),
        "{said}"
    );
}

#[test]
fn what_debian_publishes_is_verified_with_debians_keyring() {
    let keyring = deb::upstream::DEBIAN_KEYRING;
    if !has(keyring) {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(folder.path()).expect("a cache").patience(2, Duration::from_secs(1));
    // The smallest of Debian's suites.
    let upstream = Upstream {
        base: "http://deb.debian.org/debian".to_owned(),
        suite: "bookworm-updates".to_owned(),
        components: vec!["main".to_owned()],
        architectures: vec!["arm64".to_owned(), "armhf".to_owned()],
        keyring: Keyring::Files(vec![PathBuf::from(keyring)]),
    };
    let verified = match upstream.refresh(&cache, Timestamp::now(), &Silent) {
        Ok(verified) => verified,
        Err(deb::upstream::Error::Fetch(error)) => {
            return note(&format!("Debian's archive was not read: {error}"));
        }
        Err(error) => panic!("{}", model::text::with_causes(&error)),
    };
    let suites = [verified];
    for architecture in ["arm64", "armhf"] {
        let offer = Offer::of(&suites, architecture, &cache, &Silent).expect("an offer");
        let tzdata = offer.index.find("tzdata").and_then(|name| offer.index.candidate(name));
        let tzdata = tzdata.expect("tzdata is updated in every stable release");
        let path = offer.package(tzdata, &cache, &Silent).expect("a package");
        assert!(std::fs::metadata(path).expect("a file").len() > 100_000);
    }
}
