//! The rule on pressure.

use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::Finding;

/// Percent of the last 300 s in which every task waited for memory.
const MEMORY_WARN: f64 = 5.0;
const MEMORY_FAIL: f64 = 20.0;
/// Percent of the last 300 s in which every task waited for the disk.
const IO_WARN: f64 = 40.0;
/// Percent of the last 300 s in which some task waited for a processor.
const CPU_WARN: f64 = 95.0;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let pressure = match &scene.facts.memory.pressure {
        Seen::Seen(pressure) => pressure,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let (memory, io, cpu) =
        (pressure.memory.full.avg300, pressure.io.full.avg300, pressure.cpu.some.avg300);
    let mut findings = Vec::new();
    if memory >= MEMORY_WARN {
        let evidence =
            format!("in {memory:.0} % of the last 5 minutes every task waited for memory");
        let finding = if memory >= MEMORY_FAIL {
            Finding::fail("memory", evidence)
        } else {
            Finding::warn("memory", evidence)
        };
        findings.push(finding.fix("systemd-cgtop -m; bound or stop what takes most"));
    }
    if io >= IO_WARN {
        let evidence = format!("in {io:.0} % of the last 5 minutes every task waited for a disk");
        findings.push(
            Finding::warn("io", evidence).fix("systemd-cgtop -i; IOWeight=10 for what can wait"),
        );
    }
    if cpu >= CPU_WARN {
        let evidence =
            format!("in {cpu:.0} % of the last 5 minutes some task waited for a processor");
        findings.push(
            Finding::warn("cpu", evidence).fix("systemd-cgtop -c; CPUWeight=10 for what can wait"),
        );
    }
    if pressure.shared
        && let Some(worst) = findings.first()
    {
        let evidence = format!(
            "{}; that is the whole machine that this container runs on, and whether this container is the cause cannot be seen",
            worst.evidence
        );
        return vec![Finding::unknown("host", evidence)];
    }
    if findings.is_empty() {
        findings.push(Finding::pass(
            "host",
            format!("over 5 minutes every task waited {memory:.1} % for memory and {io:.1} % for disks; some task waited {cpu:.1} % for a processor"),
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::memory::pressure::{Averages, Pressure, Stall};
    use crate::reading::History;
    use crate::verdict::Verdict;

    fn verdict(memory: f64, io: f64, cpu: f64) -> Verdict {
        judged(memory, io, cpu, false)
    }

    fn judged(memory: f64, io: f64, cpu: f64, shared: bool) -> Verdict {
        let stall = |percent| {
            let averages = Averages { avg300: percent, ..Averages::default() };
            Stall { some: averages, full: averages }
        };
        let mut facts = Facts::default();
        facts.memory.pressure =
            Seen::Seen(Pressure { shared, cpu: stall(cpu), memory: stall(memory), io: stall(io) });
        let scene = Scene {
            facts: &facts,
            history: &History::default(),
            plan: None,
            now: Timestamp::UNIX_EPOCH,
        };
        judge(&scene).iter().map(|finding| finding.verdict).max().unwrap()
    }

    #[test]
    fn standing_still_is_told_from_being_busy() {
        assert_eq!(verdict(0.0, 0.0, 0.0), Verdict::Pass);
        assert_eq!(verdict(1.0, 20.0, 80.0), Verdict::Pass);
        assert_eq!(verdict(6.0, 0.0, 0.0), Verdict::Warn);
        assert_eq!(verdict(25.0, 0.0, 0.0), Verdict::Fail);
        assert_eq!(verdict(0.0, 50.0, 0.0), Verdict::Warn);
        assert_eq!(verdict(0.0, 0.0, 99.0), Verdict::Warn);
    }

    #[test]
    fn a_container_is_not_blamed_for_its_neighbours() {
        assert_eq!(judged(25.0, 0.0, 0.0, true), Verdict::Unknown);
        assert_eq!(judged(1.0, 0.0, 0.0, true), Verdict::Pass);
    }
}
