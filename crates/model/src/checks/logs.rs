//! Checks on logs: what is new, and what comes ten times as often.

use std::collections::BTreeMap;

use crate::check::Check;
use crate::facts::logs::{Digest, Novelty, Template, priority};
use crate::folder::BASELINE;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::template;
use crate::text::{counted, printable};
use crate::verdict::{Finding, Verdict};

pub(super) const CHECKS: &[Check] = &[
    Check {
        name: "log-novelty",
        title: "no kind of warning or error appears in the journal that was never there before",
        asks: "The journal is folded to templates: lines of one service's output, or of one \
            program, that differ only in numbers, addresses, names in quotes and the like are one. \
            A template of priority warning or worse that was never seen before is told once, in \
            the run that meets it. Lines below warning are in the digest and give no verdict; nor \
            do the kernel's warnings of the first five minutes after a start, which tell of the \
            hardware and change with every kernel. Its errors do.\n\
            warn: a new template.\n\
            fail: a new template of priority critical or worse.\n\
            unknown: the first run, which only learns; or the journal cannot be read, or only in \
            part.",
        commands: &[
            "journalctl -p warning --since '1 hour ago'",
            "journalctl -p warning -o verbose --since '1 hour ago' -u UNIT",
            "stead logs digest",
        ],
        mend: "Read the lines around the new one (journalctl -u UNIT --since …) and mend what they \
            tell of. Nothing needs to be silenced: the next run knows the template.",
        judge: novelty,
    },
    Check {
        name: "log-rate",
        title: "no kind of message comes ten times as often as usual",
        asks: "For each template the lines within an hour are compared with its mean over past \
            hours, by the journal's own times and counting only hours that had lines.\n\
            warn: an hour has at least 30 lines, ten times the mean and three times the busiest \
            hour of late, whatever the priority; told once, and again only after it has calmed.\n\
            unknown: there are not yet six hours to compare with, or the journal cannot be read.",
        commands: &[
            "journalctl -q -u UNIT --since '1 hour ago' | wc -l",
            "journalctl -q -u UNIT --since '2 hours ago' --until '1 hour ago' | wc -l",
            "stead logs digest",
        ],
        mend: "See what the unit is so busy with (journalctl -u UNIT --since '1 hour ago'): a loop \
            of restarts, a scan from outside, a client gone wild. If the new rate is right, \
            nothing needs doing: it becomes the usual one.",
        judge: rate,
    },
];

/// How many templates a finding names, and how much of each.
const NAMED: usize = 3;
const SHOWN: usize = 140;

fn novelty(scene: &Scene<'_>) -> Vec<Finding> {
    let digest = match &scene.facts.logs {
        Seen::Seen(digest) => digest,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut findings = limits(digest);
    if digest.learning {
        findings.push(Finding::unknown("host", learned(digest)));
        return findings;
    }
    let fresh = digest.templates.iter().filter(|t| t.novelty == Novelty::New);
    for (source, templates) in by_source(fresh.filter(|t| deserves(t))) {
        let worst = templates.iter().map(|t| t.priority).min().unwrap_or(4);
        let verdict = if worst <= 2 { Verdict::Fail } else { Verdict::Warn };
        let lines: Vec<String> = templates
            .iter()
            .take(NAMED)
            .map(|template| {
                let sample = printable(&template.sample, SHOWN);
                format!("{} × {}: {sample}", template.in_run, priority(template.priority))
            })
            .collect();
        let more = more(templates.len());
        let evidence = format!(
            "{} of message: {}{more}",
            counted(templates.len(), "new kind"),
            lines.join("; ")
        );
        findings.push(finding(verdict, source, &evidence));
    }
    if findings.is_empty() {
        let quiet = match digest.new {
            0 => "none new".to_owned(),
            new if digest
                .templates
                .iter()
                .any(|t| t.novelty == Novelty::New && t.priority <= 4) =>
            {
                format!("{new} new, none worse than what a kernel warns of when it starts")
            }
            new => format!("{new} new, none a warning or worse"),
        };
        findings.push(Finding::pass("host", format!("{}: {quiet}", read(digest))));
    }
    findings
}

/// Whether a new template is worth a verdict. A kernel that starts warns of what it found: quirks
/// of the firmware, flaws of the processor, options it was not given. A healthy machine does so
/// too, in other words after each change of kernel, and nothing is wrong that was not wrong
/// before. Its errors may be a disk that fails, and are told.
const fn deserves(template: &Template) -> bool {
    template.priority <= 3 || (template.priority == 4 && !template.starting)
}

fn rate(scene: &Scene<'_>) -> Vec<Finding> {
    let digest = match &scene.facts.logs {
        Seen::Seen(digest) => digest,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut findings = limits(digest);
    if digest.learning {
        findings.push(Finding::unknown("host", learned(digest)));
        return findings;
    }
    let bursts = digest.templates.iter().filter(|t| matches!(t.novelty, Novelty::Burst { .. }));
    for (source, templates) in by_source(bursts) {
        let lines: Vec<String> =
            templates.iter().take(NAMED).filter_map(|template| burst(template)).collect();
        let evidence = format!("{}{}", lines.join("; "), more(templates.len()));
        findings.push(finding(Verdict::Warn, source, &evidence));
    }
    if findings.is_empty() {
        findings.push(if digest.hours <= BASELINE {
            let hours = digest.hours;
            let reason = format!(
                "the journal was followed for {hours} of the {BASELINE} hours that rates are \
                 compared with"
            );
            Finding::unknown("host", reason)
        } else {
            let hours = digest.hours;
            Finding::pass(
                "host",
                format!("{}: none ten times as often as over the last {hours} hours", read(digest)),
            )
        });
    }
    findings
}

/// What stands in the way of a pass.
fn limits(digest: &Digest) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(reason) = &digest.limited {
        findings.push(
            Finding::unknown("journal", reason)
                .fix("run stead as root, or: usermod -aG systemd-journal USER"),
        );
    }
    if let (false, Some(seconds)) = (digest.learning, digest.behind_seconds) {
        let span = crate::text::span(seconds);
        let reason =
            format!("the last {span} of the journal are not read yet; the next run goes on");
        findings.push(Finding::unknown("journal", reason));
    }
    findings
}

fn learned(digest: &Digest) -> String {
    let since = digest.read_from.map_or_else(|| "the start".to_owned(), |at| at.to_string());
    let behind = digest.behind_seconds.map_or_else(String::new, |seconds| {
        format!("; {} are still to be read", crate::text::span(seconds))
    });
    format!(
        "learned {} from {} since {since}{behind}; the next run compares with them",
        counted(digest.known, "template"),
        counted(digest.lines_in_all, "line")
    )
}

fn read(digest: &Digest) -> String {
    let (lines, kinds) = (counted(digest.lines, "line"), counted(digest.known, "kind"));
    format!("{lines} read, {kinds} of message known")
}

fn burst(template: &Template) -> Option<String> {
    let Novelty::Burst { hour, count, before } = &template.novelty else { return None };
    let sample = printable(&template.sample, SHOWN);
    Some(format!("{count} lines in the hour from {hour}, {before:.1} an hour before: {sample}"))
}

fn more(count: usize) -> String {
    if count > NAMED { format!("; and {} more", count - NAMED) } else { String::new() }
}

fn finding(verdict: Verdict, source: &str, evidence: &str) -> Finding {
    let finding = match verdict {
        Verdict::Fail => Finding::fail(source, evidence),
        _ => Finding::warn(source, evidence),
    };
    finding.fix(if source == "kernel" {
        "journalctl -k --since '1 hour ago'".to_owned()
    } else if template::is_unit(source) && !source.contains(' ') {
        format!("journalctl --since '1 hour ago' -u {}", quoted(&source.replace("<n>", "*")))
    } else if source.contains("<n>") || matches!(source, "audit" | "unknown") {
        // There is no pattern for programs.
        "journalctl --since '1 hour ago'".to_owned()
    } else {
        let name = source.strip_prefix("program ").unwrap_or(source);
        format!("journalctl --since '1 hour ago' -t {}", quoted(name))
    })
}

/// Safe to paste into a shell: a program's name is whatever the program says.
fn quoted(source: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'@');
    if source.bytes().all(plain) {
        source.to_owned()
    } else {
        format!("'{}'", source.replace('\'', "'\\''"))
    }
}

fn by_source<'a>(
    templates: impl Iterator<Item = &'a Template>,
) -> BTreeMap<&'a str, Vec<&'a Template>> {
    let mut sources: BTreeMap<&str, Vec<&Template>> = BTreeMap::new();
    for template in templates {
        sources.entry(&template.source).or_default().push(template);
    }
    sources
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::folder::{Folder, Line};
    use crate::reading::History;

    fn judge(rule: fn(&Scene<'_>) -> Vec<Finding>, logs: Seen<Digest>) -> Vec<Finding> {
        let facts = Facts { logs, ..Facts::default() };
        let history = History::default();
        rule(&Scene { facts: &facts, history: &history, plan: None, now: Timestamp::UNIX_EPOCH })
    }

    fn digest(lines: &[(&str, u8, &str)]) -> Digest {
        let mut folder = Folder::default();
        folder.begin();
        folder.reached_end();
        for (source, priority, text) in lines {
            folder.fold(&Line {
                at: 0,
                source,
                unit: "",
                program: "",
                priority: *priority,
                message_id: None,
                starting: false,
                text: text.as_bytes(),
            });
        }
        folder.digest()
    }

    #[test]
    fn a_new_error_warns_and_a_new_critical_fails() {
        let findings = judge(
            novelty,
            Seen::Seen(digest(&[
                ("a.service", 3, "cannot open 7"),
                ("a.service", 4, "low on space"),
                ("b.service", 2, "all is lost"),
                ("c.service", 6, "good morning"),
            ])),
        );
        let seen: Vec<_> =
            findings.iter().map(|f| (f.verdict, &f.subject[..], &f.evidence[..])).collect();
        assert_eq!(
            seen,
            [
                (
                    Verdict::Warn,
                    "a.service",
                    "2 new kinds of message: 1 × err: cannot open 7; 1 × warning: low on space"
                ),
                (Verdict::Fail, "b.service", "1 new kind of message: 1 × crit: all is lost"),
            ]
        );
        assert_eq!(
            findings[0].fix.as_deref(),
            Some("journalctl --since '1 hour ago' -u a.service")
        );
    }

    #[test]
    fn what_is_new_below_warning_passes() {
        let findings = judge(novelty, Seen::Seen(digest(&[("c.service", 5, "good morning")])));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].verdict, Verdict::Pass);
        assert_eq!(
            findings[0].evidence,
            "1 line read, 1 kind of message known: 1 new, none a warning or worse"
        );
    }

    #[test]
    fn a_burst_warns_whatever_the_priority() {
        let mut digest = digest(&[("c.service", 6, "good morning")]);
        digest.hours = 30;
        digest.templates[0].novelty =
            Novelty::Burst { hour: Timestamp::UNIX_EPOCH, count: 412, before: 3.25 };
        let findings = judge(rate, Seen::Seen(digest));
        assert_eq!(findings[0].verdict, Verdict::Warn);
        assert_eq!(
            findings[0].evidence,
            "412 lines in the hour from 1970-01-01T00:00:00Z, 3.2 an hour before: good morning"
        );
    }

    #[test]
    fn what_cannot_be_judged_is_unknown() {
        let learning = Digest { learning: true, ..Digest::default() };
        let partly = Digest {
            hours: 30,
            limited: Some("2 of 3 files are closed".to_owned()),
            ..Digest::default()
        };
        let behind = Digest { hours: 30, behind_seconds: Some(60), ..Digest::default() };
        for rule in [novelty, rate] {
            for logs in [
                Seen::unseen("no journal"),
                Seen::Seen(learning.clone()),
                Seen::Seen(partly.clone()),
                Seen::Seen(behind.clone()),
            ] {
                let findings = judge(rule, logs);
                assert!(findings.iter().any(|f| f.verdict == Verdict::Unknown), "{findings:?}");
            }
        }
        let young = judge(rate, Seen::Seen(Digest { hours: 3, ..Digest::default() }));
        assert_eq!(young[0].verdict, Verdict::Unknown);
    }

    #[test]
    fn a_programs_name_cannot_break_out_of_the_fix() {
        let findings = judge(novelty, Seen::Seen(digest(&[("x';reboot;'", 3, "boo")])));
        assert_eq!(
            findings[0].fix.as_deref(),
            Some("journalctl --since '1 hour ago' -t 'x'\\'';reboot;'\\'''")
        );
    }

    /// What the kernel of a healthy machine says below info when it starts.
    const START: [(u8, &str); 11] = [
        (4, "MDS CPU bug present and SMT on, data leak possible."),
        (4, "MMIO Stale Data CPU bug present and SMT on, data leak possible."),
        (4, " #2 #3"),
        (4, "ENERGY_PERF_BIAS: Set to 'normal', was 'performance'"),
        (4, "pmd_set_huge: Cannot satisfy [mem 0xf8000000-0xf8200000] with a huge-page mapping"),
        (4, "i8042: PNP: PS/2 appears to have AUX port disabled, if this is incorrect please boot"),
        (4, "device-mapper: core: CONFIG_IMA_DISABLE_HTABLE is disabled."),
        (4, "ACPI Warning: SystemIO range 0x0000000000000428 conflicts with OpRegion"),
        (4, "usb: port power management may be unreliable"),
        (5, "random: crng init done"),
        (4, "systemd-journald[212]: File /var/log/journal/x/system.journal corrupted, replacing."),
    ];

    /// One run over kernel lines after learning saw none.
    fn started(lines: &[(u8, &str)], starting: bool) -> Vec<Finding> {
        let mut folder = Folder::default();
        folder.begin();
        folder.reached_end();
        folder.begin();
        for (priority, text) in lines {
            folder.fold(&Line {
                at: 0,
                source: "kernel",
                unit: "",
                program: "kernel",
                priority: *priority,
                message_id: None,
                starting,
                text: text.as_bytes(),
            });
        }
        judge(novelty, Seen::Seen(folder.digest()))
    }

    #[test]
    fn the_first_start_of_a_healthy_machine_raises_no_alarm() {
        let findings = started(&START, true);
        assert_eq!(findings.len(), 1, "{findings:?}");
        assert_eq!(findings[0].verdict, Verdict::Pass);
        assert!(
            findings[0].evidence.contains("none worse than what a kernel warns of"),
            "{findings:?}"
        );
    }

    #[test]
    fn an_error_of_a_starting_kernel_and_a_later_warning_are_told() {
        let disk = [(3, "ata1.00: failed command: READ FPDMA QUEUED")];
        assert_eq!(started(&[&START[..], &disk].concat(), true)[0].verdict, Verdict::Warn);
        let table = [(4, "nf_conntrack: nf_conntrack: table full, dropping packet")];
        assert_eq!(started(&table, false)[0].verdict, Verdict::Warn);
    }

    #[test]
    fn the_fix_asks_for_what_the_source_is() {
        for (source, fix) in [
            ("kernel", "journalctl -k --since '1 hour ago'"),
            ("run-<n>.service", "journalctl --since '1 hour ago' -u 'run-*.service'"),
            ("chatd", "journalctl --since '1 hour ago' -t chatd"),
            (
                "org.gnome.Shell.desktop",
                "journalctl --since '1 hour ago' -t org.gnome.Shell.desktop",
            ),
            ("program kernel", "journalctl --since '1 hour ago' -t kernel"),
            ("job-<n>", "journalctl --since '1 hour ago'"),
        ] {
            assert_eq!(finding(Verdict::Warn, source, "").fix.as_deref(), Some(fix));
        }
    }
}
