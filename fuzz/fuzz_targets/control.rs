//! Any bytes are a control file, which is then read back as it was written, or are refused.
#![no_main]

use deb::control;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(paragraphs) = control::parse(bytes) else { return };
    for paragraph in paragraphs {
        let _ = control::validate(&paragraph);
        let written = paragraph.to_string();
        let again = control::parse_one(written.as_bytes()).expect("what was written is read");
        assert_eq!(again.to_string(), written);
        for field in &paragraph.fields {
            let _ = deb::relation::parse(&field.value);
        }
    }
});
