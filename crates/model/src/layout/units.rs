//! What becomes of systemd units, own and others', at installation, upgrade and removal.
//!
//! Leaves out the units' texts.
//!
//! The order and the meaning of the calls are those which deb-systemd-helper(1p) and
//! deb-systemd-invoke(1p) document.

use crate::layout::entries::UNITS;
use crate::layout::package::{Content, Entry, Role, UnitActs};
use crate::layout::quote::call;
use crate::layout::steps::{Stage, Steps};
use crate::recipe::unit::{OnUpgrade, Unit};

/// Adds the steps of all units and says what becomes of each.
pub fn add(steps: &mut Steps<'_>, entries: &[Entry]) -> Vec<UnitActs> {
    let package = &steps.read.recipe.package;
    let mut all = Vec::new();
    for (at, unit) in steps.read.recipe.units.iter().enumerate() {
        let key = format!("units[{at}]");
        if let Some(wrong) = wrong_unit(&unit.name) {
            steps.fault(&format!("{key}.name"), &wrong);
        } else {
            all.push((own(steps, unit, &key, entries), key));
        }
    }
    let others = [
        (&package.holds, "holds", Role::Held),
        (&package.restarts, "restarts", Role::Restarted),
        (&package.reloads, "reloads", Role::Reloaded),
    ];
    for (names, list, role) in others {
        for (at, name) in names.iter().enumerate() {
            let key = format!("package.{list}[{at}]");
            if let Some(wrong) = wrong_unit(name) {
                steps.fault(&key, &wrong);
                continue;
            }
            let acts = UnitActs {
                name: name.clone(),
                role,
                enabled: false,
                started: false,
                upgrade: match role {
                    Role::Reloaded => OnUpgrade::Reload,
                    Role::Restarted => OnUpgrade::Restart,
                    _ => OnUpgrade::Nothing,
                },
                from: steps.origin(&key),
            };
            all.push((acts, key));
        }
    }
    // What a service listens on or waits for is there before it, what triggers it after it.
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|at| rank(&all[*at].0.name));
    for at in &order {
        let (acts, key) = &all[*at];
        begin(steps, acts, key);
    }
    let own = all.iter().filter(|(acts, _)| acts.role == Role::Own && !acts.name.contains("@."));
    let own: Vec<&str> = own.map(|(acts, _)| acts.name.as_str()).collect();
    if !own.is_empty() {
        let why = "units that an other version had and this one has not, end";
        steps.add(Stage::Enable, &call("retire_units", own), why, "units");
    }
    for at in order.iter().rev() {
        let (acts, key) = &all[*at];
        end(steps, acts, key);
    }
    all.into_iter().map(|(acts, _)| acts).collect()
}

/// What becomes of a `[[units]]` entry.
fn own(steps: &Steps<'_>, unit: &Unit, key: &str, entries: &[Entry]) -> UnitActs {
    let path = format!("{UNITS}/{}", unit.name);
    let text = entries.iter().find(|entry| entry.path == path).map(|entry| &entry.content);
    let install = matches!(text, Some(Content::Text(text)) if has_install(text));
    let template = unit.name.contains("@.");
    let usable = !unit.drop_in && !template;
    let enabled = usable && unit.enable && install;
    UnitActs {
        name: unit.name.clone(),
        role: if unit.drop_in { Role::DropIn } else { Role::Own },
        enabled,
        // What should start at boot and cannot be enabled is started by something else.
        started: usable && unit.start && (enabled || !unit.enable),
        upgrade: unit.on_upgrade,
        from: steps.origin(key),
    }
}

/// The steps that bring a unit up, or change it.
fn begin(steps: &mut Steps<'_>, acts: &UnitActs, key: &str) {
    let name = &*acts.name;
    let instances = instances(name);
    if acts.role == Role::Own
        && !steps.read.recipe.package.watches.is_empty()
        && let Some(action) = follow(acts.upgrade)
    {
        let why = "takes up what another package brought for it, if it runs";
        steps.add(Stage::Changed, &call("unit", [action, &instances]), why, key);
    }
    match acts.role {
        Role::Held => {
            let why = "rests as long as this package is installed";
            steps.add(Stage::Quiet, &call("hold_unit", [name]), why, key);
        }
        Role::DropIn | Role::Restarted | Role::Reloaded => {
            if let Some(action) = follow(acts.upgrade) {
                let why = "takes up what this package adds, if it runs";
                steps.add(Stage::Others, &call("unit", [action, name]), why, key);
            }
        }
        Role::Own if name.contains("@.") => {
            if let Some(action) = follow(acts.upgrade) {
                let why = "instances that run take up the new version";
                steps.add(Stage::StartAgain, &call("unit", [action, &instances]), why, key);
            }
        }
        Role::Own => begin_own(steps, acts, key),
    }
}

fn begin_own(steps: &mut Steps<'_>, acts: &UnitActs, key: &str) {
    let name = &*acts.name;
    if acts.enabled {
        let why = "starts at boot, unless an admin disabled it";
        steps.add(Stage::Enable, &call("enable_unit", [name]), why, key);
    } else {
        let why = "stays disabled, unless an admin enabled it";
        steps.add(Stage::Enable, &call("know_unit", [name]), why, key);
    }
    if !steps.read.recipe.upgrade.steps.is_empty() && acts.started {
        let why = "rests while the upgrade's steps run";
        steps.add(Stage::StopForSteps, &call("unit", ["stop", name]), why, key);
    }
    if !acts.started {
        if let Some(action) = follow(acts.upgrade) {
            let why = "takes up the new version, if it runs";
            steps.add(Stage::StartAgain, &call("unit", [action, name]), why, key);
        }
        return;
    }
    // `start` and `restart` of deb-systemd-invoke leave alone what is disabled and does not run.
    let first = if acts.enabled { "start" } else { "reload-or-restart" };
    steps.add(Stage::StartFirst, &call("unit", [first, name]), "starts", key);
    steps.add(Stage::Recover, &call("unit", ["start", name]), "runs again", key);
    match acts.upgrade {
        OnUpgrade::Restart | OnUpgrade::StopStart => {
            let why = "runs the new version";
            steps.add(Stage::StartAgain, &call("unit", ["restart", name]), why, key);
        }
        OnUpgrade::Reload => {
            let why = "takes up the new version";
            let command = call("unit", ["try-reload-or-restart", name]);
            steps.add(Stage::StartAgain, &command, why, key);
            let why = "starts, if it does not run";
            steps.add(Stage::StartAgain, &call("unit", ["start", name]), why, key);
        }
        OnUpgrade::Nothing => {
            let why = "starts, if it does not run";
            steps.add(Stage::StartAgain, &call("unit", ["start", name]), why, key);
        }
    }
}

/// The steps that bring a unit down, or back to what it was.
fn end(steps: &mut Steps<'_>, acts: &UnitActs, key: &str) {
    let name = &*acts.name;
    match acts.role {
        Role::Held => {
            let why = "runs again, if it did before this package came";
            steps.add(Stage::AfterRemovalOthers, &call("release_unit", [name]), why, key);
        }
        Role::DropIn | Role::Restarted | Role::Reloaded => {
            if let Some(action) = follow(acts.upgrade) {
                let why = "goes on without what this package added, if it runs";
                steps.add(Stage::AfterRemovalOthers, &call("unit", [action, name]), why, key);
            }
        }
        Role::Own => {
            let instances = instances(name);
            if acts.upgrade == OnUpgrade::StopStart {
                let why = "rests until the new version is there";
                steps.add(Stage::BeforeUpgrade, &call("unit", ["stop", &instances]), why, key);
            }
            let why = "ends, with all its processes";
            steps.add(Stage::BeforeRemoval, &call("stop_unit", [&*instances]), why, key);
            if !name.contains("@.") {
                let command = call("deb-systemd-helper", ["purge", name]);
                steps.add(Stage::Purge, &command, "forgets whether it was enabled", key);
            }
            if name.ends_with(".timer") {
                let why = "forgets when it last ran";
                steps.add(Stage::Purge, &call("drop_stamp", [name]), why, key);
            }
        }
    }
}

/// How a unit that runs takes up something new.
fn follow(upgrade: OnUpgrade) -> Option<&'static str> {
    match upgrade {
        OnUpgrade::Restart | OnUpgrade::StopStart => Some("try-restart"),
        OnUpgrade::Reload => Some("try-reload-or-restart"),
        OnUpgrade::Nothing => None,
    }
}

/// The unit, or for a template the pattern of its instances.
fn instances(name: &str) -> String {
    name.replace("@.", "@*.")
}

fn rank(name: &str) -> u8 {
    match name.rsplit('.').next() {
        Some("mount" | "automount" | "swap" | "slice") => 0,
        Some("socket") => 1,
        Some("service") => 2,
        Some("target") => 3,
        _ => 4,
    }
}

/// Whether a unit's text says how it is enabled.
fn has_install(text: &[u8]) -> bool {
    String::from_utf8_lossy(text).lines().any(|line| line.trim() == "[Install]")
}

/// Why a text is no unit's name.
fn wrong_unit(name: &str) -> Option<String> {
    let ends = [
        ".service",
        ".socket",
        ".timer",
        ".path",
        ".target",
        ".mount",
        ".automount",
        ".swap",
        ".slice",
    ];
    let plain = |c: char| c.is_ascii_alphanumeric() || ":-_.@".contains(c);
    let good = name.len() <= 200
        && name.chars().all(plain)
        && !name.starts_with('.')
        && !name.starts_with('-')
        && ends.iter().any(|end| name.len() > end.len() && name.ends_with(end));
    (!good).then(|| format!("`{name}` is no unit's name with its suffix, as `{name}.service`"))
}

#[cfg(test)]
mod tests {
    use crate::layout::fixture::lay;

    const OVERLAY: &str = "name = \"mesh\"\nsummary = \"A mesh\"\nversion = \"1\"\n[source]\n\
        debian = \"babeld\"\n[package]\narchitectures = [\"amd64\"]\noverlays = \"babeld\"\nholds = [\"babeld.service\"]\n\
        watches = [\"/usr/sbin/babeld\"]\n[[units]]\nname = \"mesh.service\"\ncontent = \"\"\"\n\
        [Service]\nExecStart=/usr/sbin/babeld\n[Install]\nWantedBy=multi-user.target\n\"\"\"\n";

    fn script(recipe: &str, name: &str) -> String {
        let scripts = lay(recipe).expect("good").scripts;
        scripts.into_iter().find(|(one, _)| one == name).map(|(_, text)| text).expect("a script")
    }

    #[test]
    fn a_held_unit_comes_back_as_it_was() {
        let (postinst, postrm) = (script(OVERLAY, "postinst"), script(OVERLAY, "postrm"));
        assert!(postinst.contains("\n\thold_unit babeld.service\n"), "{postinst}");
        assert!(postrm.contains("\n\trelease_unit babeld.service\n"), "{postrm}");
        assert!(postrm.contains("\n\tforget\n"), "{postrm}");
    }

    #[test]
    fn a_new_program_of_another_package_restarts_the_units_that_run_it() {
        assert_eq!(lay(OVERLAY).expect("good").watches, ["/usr/sbin/babeld"]);
        let postinst = script(OVERLAY, "postinst");
        let arm = postinst.split("\ntriggered)\n").nth(1).expect("an arm for triggers");
        let arm = arm.split(";;").next().expect("its end");
        assert!(arm.contains("unit try-restart mesh.service"), "{arm}");
        let without = OVERLAY.replace("watches = [\"/usr/sbin/babeld\"]\n", "");
        assert!(!script(&without, "postinst").contains("\ntriggered)"));
        let wrong = OVERLAY.replace("\"/usr/sbin/babeld\"]", "\"sbin/babeld\"]");
        assert!(lay(&wrong).is_err());
    }
}
