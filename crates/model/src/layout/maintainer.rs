//! The maintainer scripts: the frame that dpkg calls, and in it the steps.
//!
//! Leaves out what the steps are. The arguments are those of Debian Policy, chapter 6.

use crate::layout::package::{Act, When, recipe_path};
use crate::layout::shell::library;
use crate::layout::steps::{Stage, Step};

/// The four scripts, those missing that would do nothing.
pub fn scripts(package: &str, version: &str, steps: &[Step]) -> Vec<(String, String)> {
    ["preinst", "postinst", "prerm", "postrm"]
        .into_iter()
        .filter_map(|name| {
            let body = body(name, version, steps)?;
            let library = library(&body);
            let variables = variables(package, &format!("{library}{body}"));
            let parts = [variables, library, body].into_iter().filter(|part| !part.is_empty());
            let text = format!(
                "#!/bin/sh\n# {name} of {package} {version}, made by stead of the recipe in\n\
                 # {}.\nset -e\n\n{}",
                recipe_path(package),
                parts.collect::<Vec<_>>().join("\n"),
            );
            Some((name.to_owned(), text))
        })
        .collect()
}

/// What a script's commands and functions read.
pub fn variables(package: &str, text: &str) -> String {
    let mut variables = String::new();
    if text.contains("$package") {
        variables += &format!("package={package}\n");
    }
    if text.contains("$made") || text.contains("${made") {
        variables += "# What this package made beside its files.\n";
        variables += &format!("made=/var/lib/stead/made/{package}\n");
    }
    variables
}

/// The frame of a whole script, without the functions above it.
pub fn body_of(script: &str) -> &str {
    let start = script.find("\ncase \"$1\" in\n").map_or(0, |at| at + 1);
    &script[start..]
}

/// What a maintainer script does with its arguments; nothing if it would do nothing.
fn body(name: &str, version: &str, steps: &[Step]) -> Option<String> {
    let of = |stage: Stage, depth: usize| -> String {
        let indent = "\t".repeat(depth);
        let mut text = String::new();
        let mut last = "";
        for step in steps.iter().filter(|step| step.stage == stage) {
            if step.why != last {
                text += &format!("{indent}# {}\n", step.why);
                last = &step.why;
            }
            text += &format!("{indent}{}\n", step.command);
        }
        text
    };
    let has_units = steps.iter().any(|step| {
        matches!(step.stage, Stage::Enable | Stage::Quiet | Stage::Others | Stage::BeforeRemoval)
    });
    let reload = if has_units { "\treload_units\n" } else { "" };
    let arms: Vec<(&str, String)> = match name {
        "preinst" => vec![("install | upgrade", of(Stage::BeforeFiles, 1))],
        "postinst" => vec![
            ("configure", configure(version, &of, reload)),
            ("triggered", of(Stage::Changed, 1)),
            ("abort-upgrade | abort-remove | abort-deconfigure", of(Stage::Recover, 1)),
        ],
        "prerm" => {
            vec![("remove", of(Stage::BeforeRemoval, 1)), ("upgrade", of(Stage::BeforeUpgrade, 1))]
        }
        _ => vec![
            ("remove", of(Stage::AfterRemoval, 1) + reload + &of(Stage::AfterRemovalOthers, 1)),
            ("disappear", reload.to_owned()),
            ("abort-install", of(Stage::AbortInstall, 1)),
            ("abort-upgrade", of(Stage::AbortUpgrade, 1)),
            ("purge", of(Stage::Purge, 1)),
        ],
    };
    let arms: String = arms
        .into_iter()
        .filter(|(_, commands)| !commands.is_empty())
        .map(|(pattern, commands)| format!("{pattern})\n{commands}\t;;\n"))
        .collect();
    // Whatever else dpkg may say is no business of this package.
    (!arms.is_empty()).then(|| format!("case \"$1\" in\n{arms}esac\n"))
}

fn configure(version: &str, of: &impl Fn(Stage, usize) -> String, reload: &str) -> String {
    let mut text = of(Stage::Configure, 1) + &of(Stage::Enable, 1) + reload;
    let steps = of(Stage::UpgradeStep, 2);
    if !steps.is_empty() {
        text += &format!(
            "\t# The version counts up; a step that failed comes again.\n\
             \tif [ -n \"$2\" ] && dpkg --compare-versions \"$2\" lt {version}; then\n{}{steps}\tfi\n",
            of(Stage::StopForSteps, 2)
        );
    }
    text += &of(Stage::Quiet, 1);
    let (first, again) = (of(Stage::StartFirst, 2), of(Stage::StartAgain, 2));
    match (first.is_empty(), again.is_empty()) {
        (true, true) => {}
        (false, true) => text += &format!("\tif [ -z \"$2\" ]; then\n{first}\tfi\n"),
        (true, false) => text += &format!("\tif [ -n \"$2\" ]; then\n{again}\tfi\n"),
        (false, false) => {
            text += &format!("\tif [ -z \"$2\" ]; then\n{first}\telse\n{again}\tfi\n");
        }
    }
    text + &of(Stage::Others, 1)
}

/// The maintainer script in which a stage stands.
fn script(stage: Stage) -> &'static str {
    match stage {
        Stage::BeforeFiles => "preinst",
        Stage::Configure
        | Stage::Enable
        | Stage::StopForSteps
        | Stage::UpgradeStep
        | Stage::Quiet
        | Stage::StartFirst
        | Stage::StartAgain
        | Stage::Others
        | Stage::Changed
        | Stage::Recover => "postinst",
        Stage::BeforeUpgrade | Stage::BeforeRemoval => "prerm",
        Stage::AbortInstall
        | Stage::AbortUpgrade
        | Stage::AfterRemoval
        | Stage::AfterRemovalOthers
        | Stage::Purge => "postrm",
    }
}

/// What the steps do when, in the order in which they happen.
pub fn acts(steps: &[Step]) -> Vec<Act> {
    let order = [
        (
            When::Install,
            &[
                Stage::BeforeFiles,
                Stage::Configure,
                Stage::Enable,
                Stage::Quiet,
                Stage::StartFirst,
                Stage::Others,
            ][..],
        ),
        (
            When::Upgrade,
            &[
                Stage::BeforeUpgrade,
                Stage::BeforeFiles,
                Stage::Configure,
                Stage::Enable,
                Stage::StopForSteps,
                Stage::UpgradeStep,
                Stage::Quiet,
                Stage::StartAgain,
                Stage::Others,
                Stage::Changed,
            ],
        ),
        (When::Remove, &[Stage::BeforeRemoval, Stage::AfterRemoval, Stage::AfterRemovalOthers]),
        (When::Purge, &[Stage::Purge]),
    ];
    let mut acts = Vec::new();
    for (when, stages) in order {
        for stage in stages {
            for step in steps.iter().filter(|step| step.stage == *stage) {
                let (command, why, from) =
                    (step.command.clone(), step.why.clone(), step.from.clone());
                let script = script(*stage).to_owned();
                acts.push(Act { when, script, command, why, from });
            }
        }
    }
    acts
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;
    use crate::layout::fixture::{RICH, lay, rich};

    fn frame<'a>(scripts: &'a [(String, String)], name: &str) -> &'a str {
        let script = scripts.iter().find(|(one, _)| one == name);
        body_of(&script.expect("it has such a script").1)
    }

    #[test]
    fn the_rich_recipe_has_these_scripts() {
        let scripts = rich().scripts;
        insta::assert_snapshot!(frame(&scripts, "preinst"), @r#"
        case "$1" in
        install | upgrade)
        	# the vanilla file moves to /etc/babeld.conf.distrib (dpkg-divert)
        	divert /etc/babeld.conf
        	;;
        esac
        "#);
        insta::assert_snapshot!(frame(&scripts, "postinst"), @r#"
        case "$1" in
        configure)
        	# the system user chat and its group, if there are none (useradd)
        	make_user chat /var/lib/chat 'Chat for the neighbourhood'
        	# chat joins the group ssl-cert (usermod)
        	join_group chat ssl-cert
        	# a directory for the service's data
        	make_directory /srv/pub/chat root chat 2775
        	make_directory /var/lib/chat chat chat 0750
        	make_inner_directory /var/lib/chat/media chat chat 0755
        	# belongs to root:chat (chown)
        	give_conffile root chat /etc/chat/chat.conf
        	# belongs to chat:chat (chown)
        	give chat chat 0644 /usr/share/chat/state
        	# where secrets lie
        	make_secret_folder /etc/chat/secrets chat
        	# a secret that somebody brings; says so if it is missing
        	want_secret /etc/chat/secrets/mail chat
        	# 32 random bytes, if it is not there (/dev/urandom)
        	make_secret /etc/chat/secrets/token chat
        	# files come back that an other version moved and this one does not
        	undivert_others /etc/babeld.conf
        	# a PostgreSQL role without password and its database, if there are none
        	make_database chat chat C pg_trgm
        	# starts at boot, unless an admin disabled it
        	enable_unit chat.service
        	# stays disabled, unless an admin enabled it
        	know_unit chat-purge.service
        	# starts at boot, unless an admin disabled it
        	enable_unit chat-purge.timer
        	# units that an other version had and this one has not, end
        	retire_units chat.service chat-purge.service chat-purge.timer
        	reload_units
        	# The version counts up; a step that failed comes again.
        	if [ -n "$2" ] && dpkg --compare-versions "$2" lt 1.2-3; then
        		# rests while the upgrade's steps run
        		unit stop chat.service
        		unit stop chat-purge.timer
        		# a step of the upgrade, as chat
        		step chat /var/lib/chat '/usr/lib/chat/migrate --port 8008 '\''a b'\'''
        	fi
        	# rests as long as this package is installed
        	hold_unit babeld.service
        	if [ -z "$2" ]; then
        		# starts
        		unit start chat.service
        		unit start chat-purge.timer
        	else
        		# runs the new version
        		unit restart chat.service
        		# takes up the new version, if it runs
        		unit try-restart chat-purge.service
        		# instances that run take up the new version
        		unit try-restart 'chat-worker@*.service'
        		# runs the new version
        		unit restart chat-purge.timer
        	fi
        	# takes up what this package adds, if it runs
        	unit try-restart nginx.service
        	unit try-reload-or-restart nginx.service
        	;;
        abort-upgrade | abort-remove | abort-deconfigure)
        	# runs again
        	unit start chat.service
        	unit start chat-purge.timer
        	;;
        esac
        "#);
        insta::assert_snapshot!(frame(&scripts, "prerm"), @r#"
        case "$1" in
        remove)
        	# ends, with all its processes
        	stop_unit chat-purge.timer
        	stop_unit 'chat-worker@*.service'
        	stop_unit chat-purge.service
        	stop_unit chat.service
        	;;
        upgrade)
        	# rests until the new version is there
        	unit stop chat.service
        	;;
        esac
        "#);
        insta::assert_snapshot!(frame(&scripts, "postrm"), @r#"
        case "$1" in
        remove)
        	# the vanilla file comes back (dpkg-divert)
        	undivert /etc/babeld.conf
        	reload_units
        	# goes on without what this package added, if it runs
        	unit try-reload-or-restart nginx.service
        	# runs again, if it did before this package came
        	release_unit babeld.service
        	# goes on without what this package added, if it runs
        	unit try-restart nginx.service
        	;;
        disappear)
        	reload_units
        	;;
        abort-install)
        	# the vanilla file comes back (dpkg-divert)
        	undivert /etc/babeld.conf
        	;;
        abort-upgrade)
        	# the vanilla file comes back (dpkg-divert)
        	undivert_new /etc/babeld.conf
        	;;
        purge)
        	# the service's data, with all that is in it
        	drop_folder /srv/pub/chat
        	drop_folder /var/lib/chat
        	# the secrets
        	drop_folder /etc/chat/secrets
        	# where they lay
        	drop_empty_folder /etc/chat
        	# forgets whether it was enabled
        	deb-systemd-helper purge chat-purge.timer
        	# forgets when it last ran
        	drop_stamp chat-purge.timer
        	# forgets whether it was enabled
        	deb-systemd-helper purge chat-purge.service
        	deb-systemd-helper purge chat.service
        	# the database and the role, if this package made them
        	drop_database chat chat
        	# the user and its group, if this package made them and no other uses them
        	drop_user chat
        	# the note of what this package made
        	forget
        	;;
        esac
        "#);
    }

    #[test]
    fn a_package_of_files_alone_has_no_scripts() {
        let recipe = "name = \"page\"\nsummary = \"A page\"\nversion = \"1\"\n[source]\n\
                      files = \"tree\"\n[package]\narchitectures = [\"amd64\"]\n";
        assert_eq!(lay(recipe).expect("good").scripts, []);
    }

    #[test]
    fn every_script_is_one_that_a_posix_shell_and_shellcheck_accept() {
        let folder = tempfile();
        let quick =
            RICH.replace("stop-start", "nothing").replace("[upgrade]", "[backup]\n[upgrade]");
        for layout in [rich(), lay(&quick).expect("good")] {
            for (name, text) in &layout.scripts {
                let path = folder.join(name);
                std::fs::write(&path, text).expect("written");
                for checker in [&["sh", "-n"][..], &["shellcheck", "-s", "sh", "-S", "warning"]] {
                    let Ok(output) =
                        Command::new(checker[0]).args(&checker[1..]).arg(&path).output()
                    else {
                        eprintln!("SKIPPED: {} is not installed", checker[0]);
                        continue;
                    };
                    let said = String::from_utf8_lossy(&output.stdout);
                    assert!(output.status.success(), "{name}: {checker:?}: {said}");
                }
            }
        }
        std::fs::remove_dir_all(folder).expect("removed");
    }

    fn tempfile() -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("layout-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        path
    }
}
