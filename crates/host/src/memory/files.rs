//! Small files of the kernel and the numbers in them.

use std::fs;
use std::path::Path;

/// The text of a file; empty if it is gone or may not be read.
pub(crate) fn text(path: &Path) -> String {
    fs::read(path).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
}

/// The number that a file holds; `None` for `max` and what is no number.
pub(crate) fn number(path: &Path) -> Option<u64> {
    text(path).trim().parse().ok()
}

/// The number after a key in lines of `key number`.
pub(crate) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (name, rest) = line.split_once([' ', ':'])?;
        if name != key {
            return None;
        }
        rest.split_ascii_whitespace().next()?.parse().ok()
    })
}

pub(crate) fn boot_id() -> String {
    text(Path::new("/proc/sys/kernel/random/boot_id")).trim().to_owned()
}

/// Seconds since the boot.
pub(crate) fn uptime() -> u64 {
    let text = text(Path::new("/proc/uptime"));
    text.split('.').next().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_whole_words() {
        let text = "total_cache 7\ncache 5\noom_kill 2\nbad x\nMemTotal:    16 kB\n";
        assert_eq!(keyed(text, "cache"), Some(5));
        assert_eq!(keyed(text, "MemTotal"), Some(16));
        assert_eq!(keyed(text, "bad"), None);
        assert_eq!(keyed(text, "oom"), None);
        assert_eq!(keyed("\u{0}\n\n :", "cache"), None);
    }
}
