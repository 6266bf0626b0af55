//! The limits of the journal, as journald.conf(5) and its drop-ins set them.
//!
//! Leaves out what the journal takes now.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;

/// The settings that bound the journal; `None` where the default holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    pub(crate) system_max_use: Option<u64>,
    pub(crate) system_keep_free: Option<u64>,
    pub(crate) runtime_max_use: Option<u64>,
    pub(crate) runtime_keep_free: Option<u64>,
    /// In seconds.
    pub(crate) max_retention: Option<u64>,
}

/// The folders of systemd's configuration, the strongest first.
const FOLDERS: [&str; 4] =
    ["etc/systemd", "run/systemd", "usr/local/lib/systemd", "usr/lib/systemd"];

impl Settings {
    /// Reads the configuration below `root`: the strongest main file, then the drop-ins of all
    /// folders by name, of which a stronger folder's hides a weaker one's of the same name.
    pub(crate) fn read(root: &Path) -> Self {
        let mut settings = Self::default();
        let main = FOLDERS
            .iter()
            .find_map(|folder| fs::read(root.join(folder).join("journald.conf")).ok());
        settings.take(&main.unwrap_or_default());
        let mut drop_ins = BTreeMap::<OsString, _>::new();
        for folder in FOLDERS {
            let folder = root.join(folder).join("journald.conf.d");
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                if entry.path().extension().is_some_and(|extension| extension == "conf") {
                    drop_ins.entry(entry.file_name()).or_insert_with(|| entry.path());
                }
            }
        }
        for path in drop_ins.into_values() {
            settings.take(&fs::read(path).unwrap_or_default());
        }
        settings
    }

    /// Takes over what one file sets; an empty value means the default again.
    fn take(&mut self, text: &[u8]) {
        let text = String::from_utf8_lossy(text);
        let mut ours = false;
        for line in text.lines().map(str::trim) {
            if line.starts_with('[') {
                ours = line == "[Journal]";
            }
            let Some((key, value)) = line.split_once('=').filter(|_| ours) else { continue };
            let value = value.trim();
            match key.trim() {
                "SystemMaxUse" => set(&mut self.system_max_use, value, size),
                "SystemKeepFree" => set(&mut self.system_keep_free, value, size),
                "RuntimeMaxUse" => set(&mut self.runtime_max_use, value, size),
                "RuntimeKeepFree" => set(&mut self.runtime_keep_free, value, size),
                "MaxRetentionSec" => set(&mut self.max_retention, value, seconds),
                _ => {}
            }
        }
    }
}

/// A value that does not parse is ignored, as systemd does.
fn set(field: &mut Option<u64>, value: &str, parse: fn(&str) -> Option<u64>) {
    if value.is_empty() {
        *field = None;
    } else if let Some(number) = parse(value) {
        *field = Some(number);
    }
}

/// A size in bytes: a number with a suffix to the base 1024.
fn size(text: &str) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, suffix) = text.split_at(split);
    let shift = match suffix.trim().trim_end_matches("iB") {
        "" | "B" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        "T" => 40,
        "P" => 50,
        "E" => 60,
        _ => return None,
    };
    let number: f64 = number.parse().ok()?;
    Some((number * (1u64 << shift) as f64) as u64)
}

/// A time span in whole seconds, as systemd.time(7) writes it: `2week`, `1month 3d`, `3600`.
/// Zero is no limit.
fn seconds(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    while !rest.is_empty() {
        let split = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..split].parse().ok()?;
        rest = rest[split..].trim_start();
        let split = rest
            .find(|c: char| c.is_ascii_digit() || c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        total += number
            * match &rest[..split] {
                "" | "s" | "sec" | "second" | "seconds" => 1.0,
                "m" | "min" | "minute" | "minutes" => 60.0,
                "h" | "hr" | "hour" | "hours" => 3_600.0,
                "d" | "day" | "days" => 86_400.0,
                "w" | "week" | "weeks" => 604_800.0,
                "M" | "month" | "months" => 2_629_800.0,
                "y" | "year" | "years" => 31_557_600.0,
                "ms" | "msec" => 0.001,
                "us" | "usec" | "µs" => 0.000_001,
                _ => return None,
            };
        rest = rest[split..].trim_start();
    }
    Some(total as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_spans_are_read() {
        assert_eq!(size("500M"), Some(500 << 20));
        assert_eq!(size("1.5G"), Some(3 << 29));
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(size("10%"), None);
        assert_eq!(size("1..5G"), None);
        assert_eq!(seconds("2week"), Some(1_209_600));
        assert_eq!(seconds("1d 12h"), Some(129_600));
        assert_eq!(seconds("3600"), Some(3_600));
        assert_eq!(seconds("soon"), None);
        assert_eq!(seconds("0"), Some(0));
    }

    #[test]
    fn a_stronger_folder_hides_a_weaker_drop_in_and_later_names_win() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("usr/lib/systemd/journald.conf", "[Journal]\nSystemMaxUse=9G\n");
        write(
            "etc/systemd/journald.conf",
            "[Journal]\n#SystemMaxUse=\nSystemMaxUse=1G\n[Other]\nSystemKeepFree=1\n",
        );
        write("usr/lib/systemd/journald.conf.d/50-a.conf", "[Journal]\nSystemMaxUse=7G\n");
        write("etc/systemd/journald.conf.d/50-a.conf", "[Journal]\nSystemMaxUse=200M\n");
        write("run/systemd/journald.conf.d/60-b.conf", "[Journal]\nMaxRetentionSec=1d\n");
        write("run/systemd/journald.conf.d/70-c.txt", "[Journal]\nMaxRetentionSec=9d\n");
        let settings = Settings::read(root.path());
        assert_eq!(settings.system_max_use, Some(200 << 20));
        assert_eq!(settings.max_retention, Some(86_400));
        assert_eq!(settings.system_keep_free, None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_harm(bytes: Vec<u8>, text: String) {
            Settings::default().take(&bytes);
            size(&text);
            seconds(&text);
        }
    }
}
