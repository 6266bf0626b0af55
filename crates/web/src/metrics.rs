//! `/metrics`: the newest numbers in OpenMetrics text, named as node_exporter names them where
//! the meaning is the same.
//!
//! Leaves out history: whoever scrapes keeps their own. Every sample has the label `host`.

mod catalogue;
mod machine;
mod proofs;
mod sheet;

use std::collections::BTreeMap;

use api::verdict::Verdict;
use api::view::metrics::{HostMetrics, Metrics};

use crate::metrics::catalogue::name;
use crate::metrics::sheet::Sheet;

/// The content type, as OpenMetrics 1.0.0 (RFC draft, section "Text format") has it.
pub(crate) const KIND: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// How many findings of one host are told one by one: a bound on what a scraper must keep.
const FINDINGS: usize = 200;

pub(crate) fn encoded(view: &Metrics) -> String {
    let mut sheet = Sheet::default();
    sheet.info(
        "stead_build",
        "The version of the program that answers",
        &[("version", &view.version)],
    );
    for host in &view.hosts {
        findings(&mut sheet, host);
        proofs::put(&mut sheet, host.host.as_str(), &host.proofs);
        let at = host.last_run.as_ref().map(|run| run.at);
        if let Some(facts) = &host.facts {
            machine::put(&mut sheet, host.host.as_str(), facts, at);
        }
        let covered = |series: &str| host.facts.is_some() && machine::COVERED.contains(&series);
        for reading in host.readings.iter().filter(|reading| !covered(&reading.meter.series)) {
            let meter = &reading.meter;
            let name = name(&meter.series);
            let labels = [("host", host.host.as_str()), (name.label, &*meter.subject)];
            let labels = if meter.subject == "host" { &labels[..1] } else { &labels[..] };
            sheet.put(&name.family, &name.help, name.counter, labels, reading.value);
        }
    }
    sheet.encoded()
}

fn findings(sheet: &mut Sheet, metrics: &HostMetrics) {
    let host = metrics.host.as_str();
    let mut counts = BTreeMap::<(&str, Verdict), f64>::new();
    for finding in &metrics.findings {
        *counts.entry((&finding.name, finding.verdict)).or_default() += 1.0;
    }
    for ((check, verdict), count) in counts {
        let labels = [("host", host), ("check", check), ("verdict", verdict.word())];
        sheet.gauge("stead_check_findings", "Findings of a check with a verdict", &labels, count);
    }
    let sick = metrics.findings.iter().filter(|finding| finding.verdict != Verdict::Pass);
    for finding in sick.take(FINDINGS) {
        let labels = [
            ("host", host),
            ("check", &finding.name),
            ("subject", &finding.subject),
            ("verdict", finding.verdict.word()),
        ];
        sheet.gauge("stead_finding", "A finding that is not a pass; always 1", &labels, 1.0);
    }
    if let Some(run) = &metrics.last_run {
        let labels = [("host", host)];
        let at = run.at.as_millisecond() as f64 / 1000.0;
        let took = run.milliseconds as f64 / 1000.0;
        sheet.gauge(
            "stead_last_run_timestamp_seconds",
            "When the checks last ran, by the host's own clock",
            &labels,
            at,
        );
        sheet.gauge("stead_last_run_duration_seconds", "How long the last run took", &labels, took);
    }
}
