//! The cache against servers that fail, lie and stop in the middle.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::Duration;

use deb::fetch::Cache;
use deb::fetch::digest::Digest;
use deb::fetch::error::Error;
use deb::progress::Silent;

use crate::web::Web;

fn sum(bytes: &[u8]) -> Digest {
    Digest::Sha256([0; 32]).of_same_kind(bytes)
}

fn cache(folder: &Path) -> Cache {
    Cache::open(folder).expect("a cache").patience(4, Duration::ZERO)
}

fn long() -> Vec<u8> {
    (0..300_000_u32).flat_map(u32::to_le_bytes).collect()
}

fn partials(folder: &Path) -> usize {
    fs::read_dir(folder.join("partial")).expect("a folder").count()
}

#[test]
fn a_file_is_fetched_once_and_then_from_the_cache_alone() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", &long())]);
    let digest = sum(&long());
    let path = cache(folder.path()).fetch(&web.url("/a"), &digest, &Silent).unwrap();
    assert_eq!(fs::read(&path).unwrap(), long());
    assert_eq!(path, folder.path().join("sha256").join(digest.hexadecimal()));
    let again = cache(folder.path()).offline(true);
    assert_eq!(again.fetch(&web.url("/a"), &digest, &Silent).unwrap(), path);
    assert_eq!(web.asked(), [("/a".to_owned(), 0)]);
    assert_eq!(partials(folder.path()), 0);
}

#[test]
fn a_broken_transfer_goes_on_where_it_broke() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", &long())]);
    web.shop.lock().unwrap().cuts = vec![200_000, 500_000];
    cache(folder.path()).fetch(&web.url("/a"), &sum(&long()), &Silent).unwrap();
    let starts: Vec<u64> = web.asked().iter().map(|(_, from)| *from).collect();
    assert_eq!(starts, [0, 500_000, 700_000]);
}

#[test]
fn a_later_run_goes_on_where_an_earlier_one_gave_up() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", &long())]);
    web.shop.lock().unwrap().cuts = vec![1000];
    let once = cache(folder.path()).patience(1, Duration::ZERO);
    let error = once.fetch(&web.url("/a"), &sum(&long()), &Silent).unwrap_err();
    assert!(matches!(error, Error::Transfer { .. } | Error::Short { .. }), "{error:?}");
    once.fetch(&web.url("/a"), &sum(&long()), &Silent).unwrap();
    assert_eq!(web.asked()[1], ("/a".to_owned(), 1000));
}

#[test]
fn a_server_without_ranges_sends_all_again() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", &long())]);
    {
        let mut shop = web.shop.lock().unwrap();
        shop.cuts = vec![1000];
        shop.no_ranges = true;
    }
    let path = cache(folder.path()).fetch(&web.url("/a"), &sum(&long()), &Silent).unwrap();
    assert_eq!(fs::read(path).unwrap(), long());
}

#[test]
fn what_is_left_of_another_file_is_thrown_away() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", &long())]);
    let digest = sum(&long());
    for left in [&b"of something else"[..], &vec![7; long().len() + 9]] {
        let cache = cache(folder.path());
        let name = format!("partial/sha256-{}", digest.hexadecimal());
        fs::write(folder.path().join(name), left).unwrap();
        let path = cache.fetch(&web.url("/a"), &digest, &Silent).unwrap();
        assert_eq!(fs::read(&path).unwrap(), long());
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn a_busy_server_is_asked_again_and_a_missing_file_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", b"x")]);
    web.shop.lock().unwrap().failing = 3;
    cache(folder.path()).fetch(&web.url("/a"), &sum(b"x"), &Silent).unwrap();
    assert_eq!(web.asked().len(), 4);
    web.shop.lock().unwrap().failing = 99;
    let error = cache(folder.path()).fetch(&web.url("/b"), &sum(b"y"), &Silent).unwrap_err();
    assert!(matches!(error, Error::Status { status: 503, .. }));
    assert_eq!(web.asked().len(), 8);
    web.shop.lock().unwrap().failing = 0;
    let error = cache(folder.path()).fetch(&web.url("/b"), &sum(b"y"), &Silent).unwrap_err();
    assert_eq!(error.to_string(), format!("`{}` answers with status 404", web.url("/b")));
    assert_eq!(web.asked().len(), 9);
}

#[test]
fn a_wrong_sum_names_the_address_and_both_sums_and_keeps_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", b"forged")]);
    let url = web.url("/a");
    let error = cache(folder.path()).fetch(&url, &sum(b"real"), &Silent).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "`{url}` is not what was pinned: expected {}, got {}",
            sum(b"real"),
            sum(b"forged")
        )
    );
    assert_eq!(fs::read_dir(folder.path().join("sha256")).unwrap().count(), 0);
}

#[test]
fn what_rotted_in_the_cache_is_fetched_anew() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", b"real")]);
    let path = cache(folder.path()).fetch(&web.url("/a"), &sum(b"real"), &Silent).unwrap();
    fs::write(&path, b"rotten").unwrap();
    cache(folder.path()).fetch(&web.url("/a"), &sum(b"real"), &Silent).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"real");
}

#[test]
fn what_is_too_large_is_refused_before_it_fills_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", &long())]);
    let cache = cache(folder.path());
    let error = cache.fetch_at_most(&web.url("/a"), &sum(&long()), 1000, &Silent).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 1000, .. }));
    assert!(matches!(cache.get(&web.url("/a"), 1000), Err(Error::TooLarge { .. })));
    let file = folder.path().join("big");
    fs::write(&file, long()).unwrap();
    let url = format!("file://{}", file.display());
    let error = cache.fetch_at_most(&url, &sum(&long()), 1000, &Silent).unwrap_err();
    assert!(matches!(error, Error::TooLarge { limit: 1000, .. }));
}

#[test]
fn without_fetching_the_error_names_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let cache = cache(folder.path()).offline(true);
    let error = cache.fetch("https://example.org/a", &sum(b"a"), &Silent).unwrap_err().to_string();
    assert!(error.starts_with("`https://example.org/a` (sha256:ca978"), "{error}");
    let error = cache.get("https://example.org/a", 9).unwrap_err().to_string();
    assert!(error.starts_with("no earlier answer of `https://example.org/a`"), "{error}");
}

#[test]
fn the_last_answer_serves_when_fetching_is_off() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", b"now")]);
    assert_eq!(cache(folder.path()).get(&web.url("/a"), 9).unwrap(), b"now");
    assert_eq!(cache(folder.path()).offline(true).get(&web.url("/a"), 9).unwrap(), b"now");
    assert_eq!(web.asked().len(), 1);
}

#[test]
fn a_file_on_disk_is_pinned_like_any_other() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a file");
    fs::write(&file, b"here").unwrap();
    let url = format!("file://{}", file.display()).replace(' ', "%20");
    let cache = cache(&folder.path().join("cache")).offline(true);
    let path = cache.fetch(&url, &sum(b"here"), &Silent).unwrap();
    assert_eq!(fs::read(path).unwrap(), b"here");
    assert!(matches!(cache.fetch(&url, &sum(b"there"), &Silent), Err(Error::WrongSum { .. })));
    assert_eq!(cache.get(&url, 9).unwrap(), b"here");
}

#[test]
fn several_at_once_fetch_a_file_once() {
    let folder = tempfile::tempdir().unwrap();
    let web = Web::open(&[("/a", &long())]);
    let digest = sum(&long());
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let path = cache(folder.path()).fetch(&web.url("/a"), &digest, &Silent).unwrap();
                assert_eq!(fs::read(path).unwrap(), long());
            });
        }
    });
    assert_eq!(web.asked().len(), 1);
    assert_eq!(partials(folder.path()), 0);
}
