//! `stead medium verify`.

use deb::medium::image;
use deb::medium::verify::{Fault, verify};
use jiff::tz::TimeZone;
use model::text::{bytes, printable};

use crate::medium::arguments::Verify;
use crate::output;
use crate::step_bar::StepBar;

pub fn run(arguments: &Verify) -> anyhow::Result<u8> {
    let steps = StepBar::new();
    let unpacked = tempfile::tempdir()?;
    let place = if arguments.path.is_file() {
        image::read(&arguments.path, unpacked.path())?;
        unpacked.path()
    } else {
        &arguments.path
    };
    let found = verify(place, arguments.key.as_deref(), &steps)?;
    drop(steps);
    let code = u8::from(!found.is_whole());
    if arguments.json.json {
        output::json(&found)?;
        return Ok(code);
    }
    let mut text = String::new();
    for bad in &found.bad {
        let what = match bad.fault {
            Fault::Changed => "changed",
            Fault::Missing => "missing",
            Fault::Strange => "not of the medium",
            Fault::Unreadable => "unreadable",
        };
        let reason = bad.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
        text.push_str(&format!("{what}: {}{reason}\n", printable(&bad.path, 300)));
    }
    if found.is_whole() {
        text.push_str(&format!(
            "The medium is whole: {} files, {}, made {}.\n",
            found.files,
            bytes(found.bytes),
            found.made.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC"),
        ));
    }
    text.push_str(&format!("Its key has the SHA-256 {}", found.key_sha256));
    text.push_str(if found.key_trusted {
        ", as it should.\n"
    } else {
        ":\ncompare it with what was shown when the medium was made, or give it with --key.\n"
    });
    output::print(&text)?;
    Ok(code)
}
