//! Samples put together by family and written by `prometheus-client`.

use std::collections::BTreeMap;
use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use crate::show::words::shown;

/// One sample's labels.
type Labels = Vec<(String, String)>;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Gauge,
    Counter,
    Info,
    Unknown,
}

#[derive(Debug)]
struct Family {
    kind: Kind,
    help: String,
    /// By labels, so that no two samples have the same, which a scraper would refuse.
    samples: BTreeMap<Labels, f64>,
}

/// All samples of one answer.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    families: BTreeMap<String, Family>,
}

impl Sheet {
    pub(crate) fn gauge(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.sample(Kind::Gauge, name, help, labels, value);
    }

    /// A family of labels with no value of its own; `name` lacks the `_info`.
    pub(crate) fn info(&mut self, name: &str, help: &str, labels: &[(&str, &str)]) {
        self.sample(Kind::Info, name, help, labels, 1.0);
    }

    /// A counter whose established name lacks the `_total` that OpenMetrics asks for.
    pub(crate) fn untyped(&mut self, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        self.sample(Kind::Unknown, name, help, labels, value);
    }

    /// A gauge, or a counter whose `name` lacks the `_total`.
    pub(crate) fn put(
        &mut self,
        name: &str,
        help: &str,
        counter: bool,
        labels: &[(&str, &str)],
        value: f64,
    ) {
        let kind = if counter { Kind::Counter } else { Kind::Gauge };
        self.sample(kind, name, help, labels, value);
    }

    /// Label values come from outside: they are made harmless here.
    fn sample(&mut self, kind: Kind, name: &str, help: &str, labels: &[(&str, &str)], value: f64) {
        let family = self.families.entry(name.to_owned()).or_insert_with(|| Family {
            kind,
            help: help.to_owned(),
            samples: BTreeMap::new(),
        });
        if family.kind == kind {
            let own = |(name, value): &(&str, &str)| ((*name).to_owned(), shown(value));
            family.samples.insert(labels.iter().map(own).collect(), value);
        }
    }

    pub(crate) fn encoded(self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self));
        let mut page = String::new();
        text::encode(&mut page, &registry).expect("a String takes all text");
        page
    }
}

impl Collector for Sheet {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        for (name, family) in &self.families {
            let kind = match family.kind {
                Kind::Gauge => MetricType::Gauge,
                Kind::Counter => MetricType::Counter,
                Kind::Info => MetricType::Info,
                Kind::Unknown => MetricType::Unknown,
            };
            let mut encoder = encoder.encode_descriptor(name, &family.help, None, kind)?;
            for (labels, value) in &family.samples {
                if family.kind == Kind::Info {
                    encoder.encode_info(labels)?;
                    continue;
                }
                let mut encoder = encoder.encode_family(labels)?;
                match family.kind {
                    Kind::Counter => {
                        encoder.encode_counter::<Labels, f64, f64>(value, None)?;
                    }
                    _ => encoder.encode_gauge(value)?,
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_and_no_sample_stands_twice() {
        let mut sheet = Sheet::default();
        sheet.info("stead_build", "The version", &[("version", "1")]);
        sheet.gauge("a_bytes", "Size", &[("path", "/a\"b\\c\nd")], 1.5);
        sheet.gauge("a_bytes", "Size", &[("path", "/a\"b\\c\nd")], 2.0);
        sheet.put("b_seconds", "Waiting", true, &[("host", "a")], 3.0);
        insta::assert_snapshot!(sheet.encoded(), @r#"
        # HELP a_bytes Size
        # TYPE a_bytes gauge
        a_bytes{path="/a\"b\\c\\nd"} 2.0
        # HELP b_seconds Waiting
        # TYPE b_seconds counter
        b_seconds_total{host="a"} 3.0
        # HELP stead_build The version
        # TYPE stead_build info
        stead_build_info{version="1"} 1
        # EOF
        "#);
    }
}
