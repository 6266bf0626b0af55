//! The functions of which maintainer scripts and the standalone script are made: one text each, so
//! that the two cannot drift apart.
//!
//! Leaves out who calls them, and with what.

/// A function of POSIX sh with the comment above it.
struct Function {
    name: &'static str,
    text: &'static str,
}

macro_rules! functions {
    ($($name:literal),* $(,)?) => {
        [$(Function { name: $name, text: include_str!(concat!("sh/", $name, ".sh")) }),*]
    };
}

/// In the order in which they stand in a script: a function below those that it calls.
const FUNCTIONS: [Function; 39] = functions![
    "say",
    "note",
    "noted",
    "forget",
    "systemd_runs",
    "overridden",
    "end_processes",
    "make_user",
    "join_group",
    "drop_user",
    "make_directory",
    "make_inner_directory",
    "give",
    "give_conffile",
    "make_secret_folder",
    "make_secret",
    "want_secret",
    "drop_folder",
    "drop_empty_folder",
    "as_postgres",
    "cluster_answers",
    "wake_cluster",
    "rest_cluster",
    "make_database",
    "drop_database",
    "divert",
    "undivert",
    "undivert_others",
    "undivert_new",
    "reload_units",
    "unit",
    "stop_unit",
    "hold_unit",
    "release_unit",
    "retire_units",
    "enable_unit",
    "know_unit",
    "step",
    "drop_stamp",
];

/// The texts of the functions that a script calls, and of those that these call.
pub fn library(body: &str) -> String {
    let mut wanted: Vec<bool> = FUNCTIONS.iter().map(|it| calls(body, it.name)).collect();
    // From the last to the first, since each calls only those above it.
    for at in (0..FUNCTIONS.len()).rev().filter(|at| *at > 0) {
        if wanted[at] {
            for below in 0..at {
                wanted[below] |= calls(FUNCTIONS[at].text, FUNCTIONS[below].name);
            }
        }
    }
    let texts = FUNCTIONS.iter().zip(wanted).filter_map(|(it, wanted)| wanted.then_some(it.text));
    texts.collect::<Vec<_>>().join("\n")
}

/// Whether a script names a function in one of its commands; a word too much does no harm.
fn calls(text: &str, name: &str) -> bool {
    text.lines().filter(|line| !line.trim_start().starts_with('#')).any(|line| {
        line.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).any(|word| word == name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_defines_its_name_and_calls_only_those_above_it() {
        for (at, function) in FUNCTIONS.iter().enumerate() {
            assert!(function.text.contains(&format!("\n{}() {{\n", function.name)));
            for later in &FUNCTIONS[at + 1..] {
                let called = function
                    .text
                    .lines()
                    .any(|line| line.trim_start().starts_with(&format!("{} ", later.name)));
                assert!(!called, "{} calls {}", function.name, later.name);
            }
        }
    }

    #[test]
    fn a_script_has_what_it_calls_and_no_more() {
        let library = library("\tdrop_folder /x\n");
        assert!(library.contains("drop_folder() {") && library.contains("say() {"));
        assert!(!library.contains("make_user"));
    }
}
