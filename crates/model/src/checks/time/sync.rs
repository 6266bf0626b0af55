//! Whether the clock is kept right by something.

use crate::check::Check;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::span;
use crate::verdict::Finding;

pub(super) const CHECK: Check = Check {
    name: "time-sync",
    title: "the clock is synchronised",
    asks: "Asks whether the kernel holds its clock for synchronised, and which program sets it. A \
           clock that nobody sets drifts by a second or two a day: sign-in codes stop working, \
           certificates seem expired or not yet valid, and logs of two machines cannot be put \
           side by side.\n\
           fail: not synchronised, and no program that sets clocks runs.\n\
           warn: one \
           runs, but has not synchronised yet (no network, or its servers do not answer).\n\
           unknown: it could not be asked; inside a container the clock belongs to the machine \
           that runs it, and is to be checked there.\n\
           pass: synchronised.",
    commands: &[
        "timedatectl show -p NTPSynchronized -p NTP",
        "timedatectl timesync-status   # where systemd-timesyncd runs",
        "chronyc tracking              # where chrony runs",
    ],
    mend: "`apt install systemd-timesyncd` (or chrony) and `timedatectl set-ntp true`. If it runs \
           and does not synchronise: `journalctl -u systemd-timesyncd` names the servers tried; \
           UDP port 123 to them must be open. Without internet, let one machine with a good clock \
           serve the others (chrony: `local stratum 10`, `allow`).",
    judge,
};

/// What systemd-detect-virt(1) names containers; every other word is a machine of its own.
fn container(kind: &str) -> bool {
    matches!(
        kind,
        "openvz"
            | "lxc"
            | "lxc-libvirt"
            | "systemd-nspawn"
            | "docker"
            | "podman"
            | "rkt"
            | "wsl"
            | "proot"
            | "pouch"
            | "container-other"
    )
}

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let clock = &scene.facts.clock;
    let services = match clock.services.as_slice() {
        [] => None,
        names => Some(names.join(" and ")),
    };
    let container =
        scene.facts.machine.virtualisation.seen().filter(|kind| container(kind)).map(|kind| {
            format!(
                "this is a container ({kind}): its clock belongs to the machine that runs it, and \
                 must be checked there"
            )
        });
    let source = &clock.source;
    vec![match (&clock.synchronised, container, services) {
        (Seen::Seen(true), _, Some(services)) => {
            Finding::pass("clock", format!("synchronised ({source}); {services} runs"))
        }
        (Seen::Seen(true), _, None) => Finding::pass(
            "clock",
            format!("synchronised ({source}); no program that sets it was found among those here"),
        ),
        // In a container the kernel's answer is withheld and looks like a no.
        (_, Some(container), None) => Finding::unknown("clock", container),
        (Seen::Seen(false), Some(container), Some(services)) => Finding::unknown(
            "clock",
            format!("{services} runs here but has not synchronised; {container}"),
        ),
        (Seen::Unseen(reason), Some(container), Some(_)) => {
            Finding::unknown("clock", format!("{reason}; {container}"))
        }
        (Seen::Seen(false), None, Some(services)) => Finding::warn(
            "clock",
            format!(
                "not synchronised ({source}), though {services} runs; the machine has been up for {}",
                span(scene.facts.machine.uptime_seconds)
            ),
        )
        .fix("`timedatectl timesync-status` or `chronyc sources` shows the servers it tried"),
        (Seen::Seen(false), None, None) => Finding::fail(
            "clock",
            format!("not synchronised ({source}), and no program that sets clocks runs"),
        )
        .fix("apt install systemd-timesyncd && timedatectl set-ntp true"),
        (Seen::Unseen(reason), None, Some(services)) => {
            Finding::unknown("clock", format!("{services} runs, but {reason}"))
        }
        (Seen::Unseen(reason), None, None) => Finding::unknown("clock", reason),
    }]
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::facts::Facts;
    use crate::facts::clock::Clock;
    use crate::reading::History;
    use crate::verdict::Verdict;

    fn judged(synchronised: Seen<bool>, kind: &str, services: &[&str]) -> Verdict {
        let mut facts = Facts {
            clock: Clock {
                synchronised,
                services: services.iter().map(|&name| name.to_owned()).collect(),
                ..Clock::default()
            },
            ..Facts::default()
        };
        facts.machine.virtualisation = Seen::Seen(kind.to_owned());
        let (history, now) = (History::default(), Timestamp::UNIX_EPOCH);
        CHECK.findings(&Scene { facts: &facts, history: &history, plan: None, now })[0].verdict
    }

    #[test]
    fn a_clock_that_nothing_sets_fails_on_a_machine_and_is_unknown_in_a_container() {
        for (synchronised, kind, services, verdict) in [
            (Seen::Seen(true), "kvm", &["chronyd"][..], Verdict::Pass),
            (Seen::Seen(true), "lxc", &[], Verdict::Pass),
            (Seen::Seen(false), "none", &[], Verdict::Fail),
            (Seen::Seen(false), "kvm", &["chronyd"], Verdict::Warn),
            (Seen::Seen(false), "systemd-nspawn", &[], Verdict::Unknown),
            (Seen::Seen(false), "lxc", &["chronyd"], Verdict::Unknown),
            (Seen::unseen("no bus"), "kvm", &["chronyd"], Verdict::Unknown),
            (Seen::unseen("no bus"), "docker", &[], Verdict::Unknown),
        ] {
            assert_eq!(
                judged(synchronised.clone(), kind, services),
                verdict,
                "{synchronised:?} {kind} {services:?}"
            );
        }
    }
}
