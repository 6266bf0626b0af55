//! Any bytes are a .deb or are refused, in little memory; so are the archives inside of one, and
//! programs.
#![no_main]

use std::io::Read;
use std::path::Path;

use deb::archive::{self, ar, tarball};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = archive::visit_reader(bytes, Path::new("fuzz.deb"), &mut |_, content| {
        content.take(4096).read_to_end(&mut Vec::new()).map(drop)
    });
    let _ = tarball::walk(bytes, &mut |_, _| Ok(()));
    let _ = deb::elf::machine(bytes);
    // The checksums of compressed members stop mutations early: wrap the bytes plainly.
    let mut whole = ar::MAGIC.to_vec();
    for (name, content) in
        [("debian-binary", &b"2.0\n"[..]), ("control.tar", bytes), ("data.tar", bytes)]
    {
        let size = content.len() as u64;
        let written = ar::header(&mut whole, name, size, 0);
        written.expect("short");
        whole.extend(content);
        ar::fill(&mut whole, size).expect("memory");
    }
    let _ = archive::visit_reader(whole.as_slice(), Path::new("fuzz.deb"), &mut |_, _| Ok(()));
});
