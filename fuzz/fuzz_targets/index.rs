//! Any bytes are an index of packages or are refused.
#![no_main]

use deb::index::Index;
use deb::index::compact::compact;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = compact(bytes) else { return };
    let mut index = Index::new("amd64");
    if index.add_compact("fuzz", 500, text).is_err() {
        return;
    }
    for id in index.packages() {
        index.name(id);
        index.version(id);
        index.source(id);
    }
});
