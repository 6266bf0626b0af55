//! What a series of readings is called in `/metrics`.

/// A family's name, its words, and what its subject's label is called.
#[derive(Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) family: String,
    pub(crate) help: String,
    pub(crate) label: &'static str,
    pub(crate) counter: bool,
}

/// The name of a series: node_exporter's where it has one of the same meaning, else our own.
pub(crate) fn name(series: &str) -> Name {
    KNOWN.iter().find(|known| known.series == series).map_or_else(
        || own(series),
        |known| Name {
            family: known.family.to_owned(),
            help: known.help.to_owned(),
            label: known.label,
            counter: false,
        },
    )
}

struct Known {
    series: &'static str,
    family: &'static str,
    help: &'static str,
    label: &'static str,
}

/// For hosts of which only the readings are known here; node_exporter's names (1.8).
const KNOWN: [Known; 5] = [
    Known {
        series: "filesystem_size_bytes",
        family: "node_filesystem_size_bytes",
        help: "Size in all",
        label: "mountpoint",
    },
    Known {
        series: "filesystem_avail_bytes",
        family: "node_filesystem_avail_bytes",
        help: "Free for ordinary users",
        label: "mountpoint",
    },
    Known {
        series: "filesystem_inodes_avail",
        family: "node_filesystem_files_free",
        help: "Inodes that are free",
        label: "mountpoint",
    },
    Known {
        series: "memory_available_bytes",
        family: "node_memory_MemAvailable_bytes",
        help: "Memory that can be given without swapping",
        label: "subject",
    },
    Known {
        series: "unit_memory_bytes",
        family: "stead_unit_memory_bytes",
        help: "Memory of a unit's processes and page cache, as its control group counts",
        label: "unit",
    },
];

fn own(series: &str) -> Name {
    let clean: String =
        series.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).take(100).collect();
    let counter = clean.ends_with("_total");
    let base = clean.strip_suffix("_total").unwrap_or(&clean);
    Name {
        family: format!("stead_{base}"),
        help: format!("The last reading of {}", base.replace('_', " ")),
        label: "subject",
        counter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_series_gets_a_safe_name() {
        let name = name("odd name{x=\"1\"}\n_total");
        assert_eq!(name.family, "stead_odd_name_x__1___");
        assert!(name.counter);
    }
}
