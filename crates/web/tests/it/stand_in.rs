//! A stead of thirty hosts that exists in memory only.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use api::answer::{Answer, Asking};
use api::backup::proof::{Drilled, Missing, Proof, Readers, Saved};
use api::facts::logs::{self, Novelty, Template};
use api::facts::machine::Machine;
use api::facts::units::Units;
use api::facts::units::timer::{Timer, Triggered, Wanting};
use api::host_name::HostName;
use api::reading::{Meter, Reading, Window};
use api::refusal::Refusal;
use api::reply::Reply;
use api::report::Counts;
use api::request::Request;
use api::seen::Seen;
use api::verdict::{Finding, Verdict};
use api::view::changes::{Change, Changes, What};
use api::view::digest::Digest;
use api::view::history::History;
use api::view::host::{Host, Latest};
use api::view::metrics::{HostMetrics, Metrics};
use api::view::overview::{Line, Overview};
use api::view::run::Run;
use api::view::standing::Standing;
use api::view::timers::Timers;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

/// Answers as a node would, with the same answers every time.
pub struct StandIn {
    pub changed: watch::Sender<u64>,
    at: Timestamp,
    hosts: Vec<HostName>,
    /// Put into every text there is.
    poison: String,
    well: AtomicBool,
}

impl StandIn {
    pub fn new(hosts: usize) -> Self {
        Self::poisoned(hosts, "")
    }

    pub fn poisoned(hosts: usize, poison: &str) -> Self {
        let names = ["runko", "bramble", "aava", "kivi", "lampi", "otso", "tuuli", "vesi"];
        let name = |n: usize| match names.get(n) {
            Some(name) => HostName::nearest(name),
            None => HostName::nearest(&format!("pi-{n:02}")),
        };
        Self {
            changed: watch::Sender::new(1),
            at: "2026-11-20T19:32:10Z".parse().expect("a time"),
            hosts: (0..hosts).map(name).collect(),
            poison: poison.to_owned(),
            well: AtomicBool::new(false),
        }
    }

    /// From now on nothing is wrong anywhere.
    pub fn heal(&self) {
        self.well.store(true, Ordering::Relaxed);
        self.changed.send_modify(|number| *number += 1);
    }

    fn ago(&self, minutes: i64) -> Timestamp {
        self.at - SignedDuration::from_mins(minutes)
    }

    fn tainted(&self, text: &str) -> String {
        format!("{text}{}", self.poison)
    }

    fn place(&self, host: &HostName) -> Result<usize, Refusal> {
        let place = self.hosts.iter().position(|name| name == host);
        place.ok_or_else(|| Refusal::Absent(format!("host `{host}`")))
    }

    /// The first hosts are sick, one is silent, one was never heard of; the others are well.
    fn standings(&self, place: usize) -> Vec<Standing> {
        let mut findings = Vec::new();
        if place == 0 {
            findings.push((
                Finding::fail(
                    "synapse-backup.timer",
                    "enabled and installed, but WantedBy= names no target that a boot reaches: \
                     it has not fired in 41 days",
                )
                .fix("systemctl edit synapse-backup.timer   # [Install] WantedBy=timers.target"),
                "timer-wiring",
                60 * 24 * 41,
            ));
            findings.push((
                Finding::fail(
                    "tcp 0.0.0.0:5432 postgres",
                    "PostgreSQL (pid 812, cluster 15/main) accepts connections from every network",
                )
                .fix("echo \"listen_addresses = 'localhost'\" > /etc/postgresql/15/main/conf.d/listen.conf"),
                "database-exposed",
                95,
            ));
        }
        if place < 5 {
            findings.push((
                Finding::warn(
                    "synapse.service",
                    "memory grows by 41.3 MiB an hour over 52 h (Theil–Sen, r 0.97); at this rate \
                     the machine's 2.0 GiB are used up in 29 h",
                )
                .fix("systemctl restart synapse.service"),
                "memory-growth",
                60 * 7,
            ));
            findings.push((
                Finding::warn("/", "81 % used, 3.9 GiB left; full in 6 days at today's rate")
                    .fix("journalctl --vacuum-size=500M"),
                "disk-space",
                60 * 30,
            ));
        }
        if place < 7 {
            findings.push((
                Finding::unknown("backups", "no backup is declared in hosts/runko.toml"),
                "backup-evidence",
                60 * 24 * 3,
            ));
        }
        for n in 0..18 {
            findings.push((
                Finding::pass("host", format!("{} of them, all as they should be", 14 + n)),
                "well",
                60 * 24 * 9,
            ));
        }
        if self.well.load(Ordering::Relaxed) {
            findings.retain(|(finding, ..)| finding.verdict == Verdict::Pass);
        }
        let known: Vec<&str> = api::checks::all().map(|check| check.name).collect();
        findings
            .into_iter()
            .enumerate()
            .map(|(n, (mut finding, name, minutes))| {
                finding.name = match known.get(n) {
                    Some(known) if name == "well" => (*known).to_owned(),
                    _ => self.tainted(name),
                };
                finding.subject += &self.poison;
                finding.evidence += &self.poison;
                finding.fix = finding.fix.map(|fix| fix + &self.poison);
                Standing { finding, since: Some(self.ago(minutes)) }
            })
            .collect()
    }

    fn line(&self, place: usize) -> Line {
        let standings = self.standings(place);
        let well = self.well.load(Ordering::Relaxed);
        let never = place == 8 && !well && self.hosts.len() > 8;
        let worst = standings.iter().filter(|s| s.finding.verdict != Verdict::Pass);
        Line {
            host: self.hosts[place].clone(),
            tier: Some(self.tainted(if place < 3 { "production" } else { "staging" })),
            system: if never {
                String::new()
            } else {
                self.tainted("Debian GNU/Linux 12 (bookworm)")
            },
            seen: (!never).then(|| self.ago(if place == 7 { 60 * 26 } else { 1 })),
            stale: place == 7 && !well,
            counts: if never {
                Counts::default()
            } else {
                Counts::of(standings.iter().map(|standing| &standing.finding))
            },
            worst: if never { Vec::new() } else { worst.take(Line::WORST).cloned().collect() },
        }
    }

    fn overview(&self) -> Overview {
        let mut overview = Overview {
            stead: self.tainted("Kesämaa"),
            at: self.at,
            this: self.hosts.first().cloned(),
            hosts: (0..self.hosts.len()).map(|place| self.line(place)).collect(),
        };
        overview.sort();
        overview
    }

    fn meters(&self) -> Vec<Meter> {
        let mut meters = vec![
            Meter::new("filesystem_avail_bytes", "/"),
            Meter::new("memory_available_bytes", "host"),
            Meter::new("pressure_memory_full_ratio", "host"),
            Meter::new("units_failed", "host"),
        ];
        meters.extend((0..40).map(|n| {
            Meter::new("unit_memory_bytes", self.tainted(&format!("worker-{n:02}.service")))
        }));
        meters
    }

    fn windows(&self, meter: &Meter, minutes: i64) -> Vec<Window> {
        let seed = meter.subject.len() as f64 + meter.series.len() as f64;
        let scale = if meter.series.ends_with("bytes") { 3e8 } else { 0.4 };
        (0..288)
            .map(|n| {
                let x = n as f64;
                let epoch = u64::from(meter.subject.ends_with("service") && n > 190);
                let climb = if epoch == 1 { x - 190.0 } else { x };
                let mean = exact(scale * (0.5 + climb / 240.0 + 0.06 * (x / 9.0 + seed).sin()));
                let spread = exact(scale * 0.03);
                Window {
                    at: self.ago((288 - n) * minutes / 288),
                    epoch,
                    count: 5,
                    min: mean - spread,
                    max: mean + spread,
                    mean,
                }
            })
            .collect()
    }

    fn run(&self, minutes: i64) -> Run {
        let counts = Counts { pass: 18, warn: 2, fail: 2, unknown: 1 };
        Run { at: self.ago(minutes), what: self.tainted("check"), counts, milliseconds: 412 }
    }

    fn host(&self, host: &HostName) -> Result<Host, Refusal> {
        let place = self.place(host)?;
        let machine = Machine {
            hostname: self.tainted(host.as_str()),
            system: self.tainted("Debian GNU/Linux 12 (bookworm)"),
            kernel: "6.1.0-28-amd64".to_owned(),
            architecture: "x86_64".to_owned(),
            processors: 2,
            memory_bytes: 2 << 30,
            uptime_seconds: 987_654,
            virtualisation: Seen::Seen("kvm".to_owned()),
            privileged: place != 1,
            systemd: true,
            ..Machine::default()
        };
        let facts: BTreeMap<String, String> = (0..60)
            .map(|n| (format!("package.lib{n:02}"), self.tainted(&format!("1.{n}.0-1+deb12u1"))))
            .collect();
        let latest = |meter: Meter| {
            let window = *self.windows(&meter, 1_440).last().expect("windows");
            Latest { meter, window }
        };
        Ok(Host {
            at: self.at,
            line: self.line(place),
            machine: Seen::Seen(machine),
            standings: self.standings(place),
            facts,
            runs: (0..20).map(|n| self.run(n * 5 + 1)).collect(),
            meters: self.meters().into_iter().map(latest).collect(),
            proofs: vec![self.proof()],
        })
    }

    fn proof(&self) -> Proof {
        let saved = |target: &str, verdict, last| Saved {
            target: self.tainted(target),
            place: self.tainted("/mnt/backup/chat"),
            verdict,
            evidence: self.tainted("read back 2 h ago"),
            last,
            snapshot: None,
            files: Some(12_345),
            bytes: Some(750_000_000),
            rows: Some(100_000),
            next: None,
        };
        Proof {
            service: self.tainted("chat"),
            host: "runko".to_owned(),
            at: self.at,
            verdict: Verdict::Unknown,
            backups: vec![
                saved("disk", Verdict::Pass, Some(self.at)),
                saved("offsite", Verdict::Unknown, None),
            ],
            drill: Drilled {
                next: None,
                by: None,
                verdict: Verdict::Pass,
                evidence: self.tainted("restored in 4.2 s"),
                passed: Some(self.at),
                target: None,
                host: None,
                restore_milliseconds: Some(4_200),
            },
            readers: Readers {
                verdict: Verdict::Pass,
                evidence: String::new(),
                able: vec![self.tainted("al"), self.tainted("el")],
                unable: Vec::new(),
            },
            restore: Some(self.tainted("what the restore of today replaced is kept")),
            missing: vec![Missing {
                verdict: Verdict::Unknown,
                what: self.tainted("offsite: permission denied"),
                fix: self.tainted("`stead backup now chat --target offsite`"),
            }],
        }
    }

    fn changes(&self, host: Option<&HostName>, limit: u32) -> Changes {
        let verdict = |before, after| What::Verdict {
            check: self.tainted("disk-space"),
            subject: self.tainted("/var"),
            before,
            after,
            evidence: self.tainted("81 % used, 3.9 GiB left"),
            fix: None,
        };
        let fact = |before: Option<&str>, after: Option<&str>| What::Fact {
            key: self.tainted("machine.kernel"),
            before: before.map(|text| self.tainted(text)),
            after: after.map(|text| self.tainted(text)),
        };
        let kinds = [
            verdict(Some(Verdict::Pass), Some(Verdict::Warn)),
            fact(Some("6.1.0-27-amd64"), Some("6.1.0-28-amd64")),
            verdict(None, Some(Verdict::Fail)),
            verdict(Some(Verdict::Unknown), None),
            fact(None, Some("6.1.0-27-amd64")),
        ];
        let mut changes: Vec<Change> = (0..limit.min(40) as usize)
            .map(|n| Change {
                at: self.ago(n as i64 * 95),
                host: host.unwrap_or(&self.hosts[n % self.hosts.len()]).clone(),
                what: kinds[n % kinds.len()].clone(),
            })
            .collect();
        // The first look at a machine.
        changes.extend((0..300).map(|_| Change {
            at: self.ago(40 * 95),
            host: host.unwrap_or(&self.hosts[0]).clone(),
            what: fact(None, Some("1.2-3")),
        }));
        Changes { at: self.at, changes }
    }

    fn metrics(&self) -> Metrics {
        let hosts = self
            .hosts
            .iter()
            .enumerate()
            .map(|(place, host)| HostMetrics {
                host: host.clone(),
                facts: None,
                readings: self
                    .meters()
                    .into_iter()
                    .map(|meter| Reading { meter, epoch: 0, value: 1.5 })
                    .collect(),
                findings: self.standings(place).into_iter().map(|s| s.finding).collect(),
                last_run: Some(self.run(1)),
                proofs: if place == 0 { vec![self.proof()] } else { Vec::new() },
            })
            .collect();
        Metrics { at: self.at, version: self.tainted("0.1.0"), hosts }
    }

    fn units(&self) -> Units {
        let timer = |name: &str, calendar: &str, wanted: Option<&str>, last| Timer {
            name: self.tainted(&format!("{name}.timer")),
            load: "loaded".to_owned(),
            active: if wanted.is_some() { "active" } else { "inactive" }.to_owned(),
            sub: self.tainted(if wanted.is_some() { "waiting" } else { "dead" }),
            file_state: if wanted.is_some() { "enabled" } else { "static" }.to_owned(),
            calendar: vec![self.tainted(calendar)],
            wanted_by: wanted
                .map(|unit| Wanting { unit: self.tainted(unit), ..Wanting::default() })
                .into_iter()
                .collect(),
            last: Some(self.ago(last)),
            next: wanted.map(|_| self.ago(-last)),
            service: Triggered {
                name: self.tainted(&format!("{name}.service")),
                ..Triggered::default()
            },
            ..Timer::default()
        };
        let target = Some("timers.target");
        Units {
            state: "running".to_owned(),
            timers: vec![
                timer("apt-daily", "*-*-* 6,18:00:00", target, 95),
                timer("e2scrub_all", "Sun *-*-* 03:10:00", target, 60 * 24 * 5),
                timer("fstrim", "weekly", target, 60 * 24 * 4),
                timer("logrotate", "daily", target, 60 * 19),
                timer("synapse-backup", "*-*-* 02:30:00", None, 60 * 24 * 41),
                timer("systemd-tmpfiles-clean", "daily", target, 60 * 8),
            ],
            ..Units::default()
        }
    }

    fn digest(&self) -> logs::Digest {
        let template = |source: &str, priority, text: &str, count, novelty| Template {
            source: self.tainted(source),
            unit: String::new(),
            program: String::new(),
            text: self.tainted(text),
            sample: self.tainted(&text.replace("<n>", "48213").replace("<ip>", "203.0.113.9")),
            priority,
            count,
            in_run: count / 7,
            first: self.ago(60 * 24 * 3),
            last: self.ago(count as i64 % 50),
            per_hour: exact(count as f64 / 72.0),
            starting: false,
            novelty,
        };
        let burst = Novelty::Burst { hour: self.ago(55), count: 4_120, before: 12.5 };
        let templates = vec![
            template(
                "postgresql",
                3,
                "could not receive data from client: Connection reset by peer",
                18,
                Novelty::New,
            ),
            template(
                "ssh.service",
                6,
                "Failed password for invalid user <word> from <ip> port <n> ssh2",
                9_204,
                burst,
            ),
            template(
                "kernel",
                4,
                "TCP: request_sock_TCP: Possible SYN flooding on port <n>",
                3,
                Novelty::Known,
            ),
            template(
                "cron.service",
                6,
                "(root) CMD (cd / && run-parts --report /etc/cron.hourly)",
                72,
                Novelty::Known,
            ),
            template(
                "session-<n>.scope",
                6,
                "pam_unix(sshd:session): session opened for user <word>",
                411,
                Novelty::Known,
            ),
        ];
        logs::Digest {
            read_from: Some(self.ago(60 * 24 * 3)),
            read_until: Some(self.at),
            lines: 1_388,
            lines_in_all: 9_708,
            hours: 72,
            notes: vec![self.tainted("2 lines were longer than 64 KiB and were cut")],
            known: 212,
            new: 1,
            bursts: 1,
            templates,
            ..logs::Digest::default()
        }
    }

    fn reply(&self, request: Request) -> Result<Reply, Refusal> {
        match request {
            Request::Overview => Ok(self.overview().into()),
            Request::Host { host } => Ok(self.host(&host)?.into()),
            Request::History { host, meter, span } => {
                self.place(&host)?;
                let windows = self.windows(&meter, span.seconds() / 60);
                Ok(History { at: self.at, host, meter, span, windows }.into())
            }
            Request::Changes { host, limit } => Ok(self.changes(host.as_ref(), limit).into()),
            Request::Metrics => Ok(self.metrics().into()),
            Request::Digest { host } => {
                self.place(&host)?;
                let digest = match host.as_str() {
                    "pi-09" => Seen::unseen(self.tainted("no journal was found")),
                    _ => Seen::Seen(self.digest()),
                };
                Ok(Digest { at: self.at, host, seen: Some(self.at), digest }.into())
            }
            Request::Timers { host } => {
                self.place(&host)?;
                let units = match host.as_str() {
                    "pi-09" => Seen::unseen(self.tainted("process 1 is not systemd")),
                    _ => Seen::Seen(self.units()),
                };
                let mut standings = self.standings(0);
                standings.truncate(1);
                Ok(Timers { at: self.at, host, seen: Some(self.at), units, standings }.into())
            }
            Request::Link | Request::Status => Err(Refusal::Bad("not on a page".to_owned())),
        }
    }
}

/// A number near by that JSON keeps to the last bit.
fn exact(value: f64) -> f64 {
    if value > 1000.0 { value.round() } else { (value * 1024.0).round() / 1024.0 }
}

impl Answer for StandIn {
    fn ask(&self, request: Request) -> Asking<'_> {
        Box::pin(async move { self.reply(request) })
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }
}
