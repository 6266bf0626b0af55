//! The cookbook's own sources, brought for each machine from the real registries.
//!
//! Leaves out installing them, which `stead`'s lab tests do. What is fetched stays in
//! the user's cache, so that only the first run needs a network.

use std::fs;
use std::time::Instant;

use deb::fetch::Cache;
use deb::progress::Silent;
use deb::source::bring;
use model::cookbook;
use model::layout::{Content, Payload};
use model::recipe::definition::Recipe;

/// ELF's `e_machine` of a Debian architecture.
fn machine(architecture: &str) -> u16 {
    match architecture {
        "amd64" => 62,
        "arm64" => 183,
        "armhf" => 40,
        other => panic!("{other}"),
    }
}

fn brought(name: &str, architecture: &str) -> Payload {
    let folder = cookbook::folder(name).expect("a recipe of the cookbook");
    let text = String::from_utf8(folder.files["recipe.toml"].clone()).expect("text");
    let recipe: Recipe = toml::from_str(&text).expect("a recipe");
    let work = tempfile::tempdir().expect("a folder");
    let cache = Cache::open(Cache::default_folder()).expect("a cache");
    let began = Instant::now();
    let payload = bring(&recipe, &folder, architecture, &cache, work.path(), &Silent);
    let payload = payload.unwrap_or_else(|error| panic!("{name} for {architecture}: {error}"));
    let mut bytes = 0;
    let mut programs = 0;
    for file in &payload.files {
        let Content::Copy { from, size } = &file.content else { continue };
        bytes += size;
        let start = fs::read(from).expect("brought");
        if start.starts_with(b"\x7fELF") {
            let found = u16::from_le_bytes([start[18], start[19]]);
            assert_eq!(found, machine(architecture), "{} is of another machine", file.path);
            programs += 1;
        }
    }
    assert!(programs > 0, "{name} has native parts");
    println!(
        "{name} {architecture}: {} files, {:.1} MB, {programs} native, {} fetched of {:.1} MB, {:.1} s",
        payload.files.len(),
        bytes as f64 / 1e6,
        payload.fetched.len(),
        payload.fetched.iter().map(|one| one.bytes).sum::<u64>() as f64 / 1e6,
        began.elapsed().as_secs_f64()
    );
    payload
}

#[test]
fn the_pub_has_its_binaries_for_both_machines() {
    for architecture in ["amd64", "arm64"] {
        let payload = brought("ssb-pub", architecture);
        let natives = |name: &str| {
            payload
                .files
                .iter()
                .filter(|file| file.path.contains(name) && file.path.ends_with(".node"))
                .count()
        };
        assert_eq!((natives("/sodium-native/"), natives("/leveldown/")), (1, 1));
        assert!(payload.files.iter().any(|file| file.path == "/usr/lib/ssb-pub/bin/ssb-server"));
    }
}

#[test]
fn synapse_has_its_wheels_for_both_machines() {
    for architecture in ["amd64", "arm64"] {
        let payload = brought("synapse", architecture);
        assert!(payload.files.iter().any(|file| file.path.ends_with("/synapse/app/homeserver.py")));
        assert!(payload.files.iter().all(|file| !file.path.ends_with(".pyc")));
    }
}
