//! Services: restarted on upgrade, stopped on removal, not disabled in between, no link left.
//!
//! Leaves out whether a unit file itself is good.

use crate::lint::facts::{Facts, Unit};
use crate::lint::finding::{Finding, Rule};
use crate::lint::walk::Run;

/// How dpkg calls the scripts (Debian policy 6.5); the versions only have to be there.
const INSTALL: &[&str] = &["configure", ""];
const UPGRADE: &[&str] = &["configure", "1"];
const PRERM_UPGRADE: &[&str] = &["upgrade", "2"];
const PREINST_UPGRADE: &[&str] = &["upgrade", "1", "2"];
const REMOVE: &[&str] = &["remove"];
const PURGE: &[&str] = &["purge"];

/// What is done to a service: `restart`, `nginx.service`.
struct Act {
    verb: &'static str,
    /// With its suffix; may be a pattern.
    unit: String,
}

pub fn findings(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (name, place) in services(facts) {
        running(facts, &name, &place, &mut findings);
    }
    enabled(facts, &mut findings);
    disabled(facts, &mut findings);
    findings
}

/// Services that go on running, and the file that says so.
fn services(facts: &Facts) -> Vec<(String, String)> {
    let lasting = facts
        .units
        .iter()
        .filter(|(name, unit)| name.ends_with(".service") && !name.contains('@') && lasts(unit))
        .map(|(name, unit)| (name.clone(), unit.path.clone()));
    let only_sysv = facts
        .init_scripts
        .iter()
        .filter(|name| {
            !facts.units.contains_key(&format!("{name}.service"))
                && facts.runs("postinst").iter().any(|run| {
                    acts(run).iter().any(|act| act.verb == "start" && is(&act.unit, name))
                })
        })
        .map(|name| (format!("{name}.service"), format!("/etc/init.d/{name}")));
    lasting.chain(only_sysv).collect()
}

/// Whether the unit is a program that stays until it is told otherwise, and may be told.
fn lasts(unit: &Unit) -> bool {
    let no = |key: &str| unit.get(key).is_some_and(|value| matches!(value, "no" | "false" | "0"));
    let yes = |key: &str| unit.get(key).is_some_and(|value| matches!(value, "yes" | "true" | "1"));
    unit.get("Type") != Some("oneshot")
        // What lies in /etc is a script that does something once.
        && unit.words("ExecStart").next().is_some_and(|program| !program.starts_with("/etc/"))
        // Parts of the boot itself have their own ways.
        && !no("DefaultDependencies")
        && !yes("RefuseManualStop")
        && !yes("RefuseManualStart")
        && unit.words("WantedBy").chain(unit.words("RequiredBy")).next().is_some()
        // It runs for a moment at boot, or follows somebody else's unit.
        && !unit.words("WantedBy").all(|by| !matches!(by, "multi-user.target" | "default.target" | "graphical.target" | "network.target" | "network-online.target" | "basic.target" | "sysinit.target"))
}

fn running(facts: &Facts, name: &str, place: &str, findings: &mut Vec<Finding>) {
    let stem = name.trim_end_matches(".service");
    let does = |run: &Run, verbs: &[&str]| {
        acts(run).iter().any(|act| verbs.contains(&act.verb) && is(&act.unit, stem))
    };
    let line_of = |script: &'static str, verbs: &[&str]| {
        facts.runs(script).iter().find(|run| does(run, verbs)).map(|run| run.line)
    };
    const STARTS: &[&str] = &["start", "restart"];
    const RENEWS: &[&str] = &[
        "restart",
        "try-restart",
        "reload-or-restart",
        "reload-or-try-restart",
        "reload",
        "force-reload",
        "condrestart",
    ];
    const STOPS: &[&str] = &["stop", "disable --now", "kill"];
    let starts = facts.when("postinst", INSTALL).any(|run| does(run, STARTS));
    let enables = line_of("postinst", &["enable", "enable --now", "defaults"]);
    let stops = |script: &'static str, arguments: &[&str]| {
        facts.when(script, arguments).any(|run| does(run, STOPS) || daemon_stop(run, stem))
    };

    let again = facts.when("postinst", UPGRADE).any(|run| does(run, RENEWS));
    let stopped = stops("prerm", PRERM_UPGRADE) || stops("preinst", PREINST_UPGRADE);
    let started = facts.when("postinst", UPGRADE).any(|run| does(run, STARTS));
    let line = line_of("postinst", STARTS).or(enables);
    let file = if line.is_some() { "postinst" } else { place };
    if !(again || stopped && started || stopped && !starts) {
        let (message, hint) = if stopped {
            let message = format!("an upgrade stops `{name}` and does not start it again");
            (message, format!("start it in postinst: `deb-systemd-invoke start '{name}'`"))
        } else {
            let message = format!(
                "an upgrade does not restart `{name}`: the old program goes on running, with its \
                 old faults"
            );
            let hint =
                format!("in postinst, if `$2` is not empty: `deb-systemd-invoke restart '{name}'`");
            (message, hint)
        };
        findings.push(Finding::new(Rule::NotRestarted, file, line, message, hint));
    }
    if !(stops("prerm", REMOVE) || stops("postrm", REMOVE)) {
        let message = format!(
            "removal does not stop `{name}`: it goes on running as a program that is deleted"
        );
        let hint = format!("in prerm, if `$1` is `remove`: `deb-systemd-invoke stop '{name}'`");
        findings.push(Finding::new(Rule::NotStopped, file, line, message, hint));
    }
}

/// Links that were made and that nobody takes away.
fn enabled(facts: &Facts, findings: &mut Vec<Finding>) {
    let takes = |run: &Run, unit: &str| {
        acts(run).iter().any(|act| {
            matches!(act.verb, "disable" | "disable --now" | "purge" | "remove")
                && is(&act.unit, stem(unit))
        }) || (run.program() == "rm"
            && run
                .operands()
                .any(|path| path.starts_with("/etc/systemd/system/") && path.ends_with(unit)))
    };
    for run in facts.runs("postinst") {
        let sysv = run.program() == "update-rc.d";
        for act in acts(run) {
            let enables = matches!(act.verb, "enable" | "enable --now")
                || sysv && matches!(act.verb, "defaults" | "start");
            let gone = facts
                .when("prerm", REMOVE)
                .chain(facts.when("postrm", REMOVE))
                .chain(facts.when("postrm", PURGE))
                .any(|run| takes(run, &act.unit));
            if enables && !gone {
                let stem = stem(&act.unit);
                let (what, hint) = if sysv {
                    (
                        "links in /etc/rc?.d",
                        format!("in postrm, if `$1` is `purge`: `update-rc.d {stem} remove`"),
                    )
                } else {
                    (
                        "the link that starts it at boot",
                        format!(
                            "in postrm, if `$1` is `purge`: `deb-systemd-helper purge '{}'`",
                            act.unit
                        ),
                    )
                };
                let message = format!("`{}` is enabled, and purge leaves {what}", act.unit);
                findings.push(Finding::new(
                    Rule::EnableLinkLeft,
                    "postinst",
                    Some(run.line),
                    message,
                    hint,
                ));
            }
        }
    }
}

fn disabled(facts: &Facts, findings: &mut Vec<Finding>) {
    for run in facts.when("prerm", PRERM_UPGRADE) {
        for act in acts(run) {
            let sysv = run.program() == "update-rc.d" && act.verb == "remove";
            if matches!(act.verb, "disable" | "disable --now") || sysv {
                let message = format!(
                    "prerm disables `{}` on upgrade too: an admin's choice is lost",
                    act.unit
                );
                let hint = "put it into `if [ \"$1\" = remove ]; then … fi`, or leave it to \
                            `deb-systemd-helper purge` in postrm";
                findings.push(Finding::new(
                    Rule::DisabledOnUpgrade,
                    "prerm",
                    Some(run.line),
                    message,
                    hint,
                ));
            }
        }
    }
}

/// `start-stop-daemon --stop … nginx`
fn daemon_stop(run: &Run, stem: &str) -> bool {
    match run.program() {
        "start-stop-daemon" => {
            run.words.iter().any(|word| word == "--stop" || word == "-K")
                && run.words.iter().any(|word| word.contains(stem))
        }
        "pkill" | "killall" => run.words.iter().any(|word| word.contains(stem)),
        _ => false,
    }
}

fn stem(unit: &str) -> &str {
    unit.trim_end_matches(".service")
}

/// Whether a unit of a command is this one; what the script computes may be any.
fn is(unit: &str, stem_of_ours: &str) -> bool {
    let unit = stem(unit);
    match unit.split_once('*') {
        Some((before, after)) => stem_of_ours.starts_with(before) && stem_of_ours.ends_with(after),
        None => unit == stem_of_ours || unit.contains(['$', '`']),
    }
}

/// What a command does to which services.
fn acts(run: &Run) -> Vec<Act> {
    let operands: Vec<&str> = run.operands().collect();
    let now = run.words.iter().any(|word| word == "--now");
    let service = |verb: &'static str, unit: &str| Act { verb, unit: full(unit) };
    match run.program() {
        "systemctl" | "deb-systemd-invoke" | "deb-systemd-helper" => {
            let Some((verb, units)) = operands.split_first() else { return Vec::new() };
            let verbs: &[&'static str] = match (*verb, now) {
                ("enable", true) => &["enable", "start"],
                ("disable", true) => &["disable --now"],
                (verb, _) => &[named(verb)],
            };
            let of = |verb: &'static str| units.iter().map(move |unit| service(verb, unit));
            verbs.iter().flat_map(|verb| of(verb)).collect()
        }
        "invoke-rc.d" | "service" | "rcctl" => match operands.as_slice() {
            [unit, verb, ..] => vec![service(named(verb), unit)],
            _ => Vec::new(),
        },
        "update-rc.d" => match operands.as_slice() {
            [unit, verb, ..] => vec![service(named(verb), unit)],
            _ => Vec::new(),
        },
        name => {
            match (run.words.first().and_then(|w| w.strip_prefix("/etc/init.d/")), operands.first())
            {
                (Some(_), Some(verb)) => vec![service(named(verb), name)],
                _ => Vec::new(),
            }
        }
    }
}

/// The verbs that rules know; others are nothing to them.
fn named(verb: &str) -> &'static str {
    const VERBS: [&str; 17] = [
        "start",
        "stop",
        "restart",
        "try-restart",
        "reload",
        "reload-or-restart",
        "reload-or-try-restart",
        "force-reload",
        "condrestart",
        "enable",
        "disable",
        "disable --now",
        "purge",
        "remove",
        "defaults",
        "kill",
        "mask",
    ];
    VERBS.iter().find(|known| **known == verb).copied().unwrap_or_default()
}

fn full(unit: &str) -> String {
    let suffixes = [".service", ".socket", ".timer", ".path", ".target", ".mount", ".slice"];
    if suffixes.iter().any(|suffix| unit.ends_with(suffix)) {
        unit.to_owned()
    } else {
        format!("{unit}.service")
    }
}
