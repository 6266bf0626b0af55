//! Numbers in the unit that their series' name ends with.

use api::text::{bytes, span};

/// A value of a series, with its unit: OpenMetrics names end with it.
pub(crate) fn figure(series: &str, value: f64) -> String {
    let unit = series.strip_suffix("_total").unwrap_or(series).rsplit('_').next().unwrap_or("");
    match unit {
        _ if !value.is_finite() => "none".to_owned(),
        "bytes" if value >= 0.0 => bytes(value as u64),
        "bytes" => format!("−{}", bytes(-value as u64)),
        "seconds" if value >= 60.0 => span(value as u64),
        "seconds" => format!("{} s", plain(value)),
        "ratio" => format!("{} %", plain(value * 100.0)),
        "percent" => format!("{} %", plain(value)),
        _ => plain(value),
    }
}

/// The series whose names say too little to a newcomer.
const TITLES: [(&str, &str); 11] = [
    ("filesystem_avail_bytes", "free space"),
    ("filesystem_used_bytes", "used space"),
    ("filesystem_size_bytes", "size of filesystem"),
    ("filesystem_inodes_avail", "free inodes"),
    ("filesystem_inodes_used", "used inodes"),
    ("journal_bytes", "journal size"),
    ("memory_available_bytes", "available memory"),
    ("swap_used_bytes", "swap in use"),
    ("pressure_cpu_some_ratio", "waiting for CPU"),
    ("pressure_memory_full_ratio", "stalled on memory"),
    ("pressure_io_full_ratio", "stalled on disk"),
];

/// What a series is called on a page: `unit_memory_bytes` is `unit memory`.
pub(crate) fn title(series: &str) -> String {
    if let Some((_, words)) = TITLES.iter().find(|(known, _)| *known == series) {
        return (*words).to_owned();
    }
    let name = series.strip_suffix("_total").unwrap_or(series);
    let name = ["_bytes", "_seconds", "_ratio", "_percent"]
        .iter()
        .find_map(|unit| name.strip_suffix(unit))
        .unwrap_or(name);
    name.replace('_', " ")
}

/// At most three figures after a small whole, none after a large one.
fn plain(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 || size == 0.0 => 0,
        size if size >= 10.0 => 1,
        size if size >= 0.01 => 2,
        _ => 4,
    };
    let text = format!("{value:.digits$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_tells_the_unit() {
        for (series, value, text) in [
            ("unit_memory_bytes", 1536.0, "1.5 KiB"),
            ("growth_bytes", -2048.0, "−2.0 KiB"),
            ("uptime_seconds", 90_000.0, "1 d 1 h"),
            ("delay_seconds", 0.25, "0.25 s"),
            ("pressure_ratio", 0.126, "12.6 %"),
            ("units_failed", 3.0, "3"),
            ("load", f64::NAN, "none"),
        ] {
            assert_eq!(figure(series, value), text);
        }
        assert_eq!(title("unit_memory_bytes"), "unit memory");
    }
}
