//! `stead recipe` as a newcomer meets it: begins one, breaks it in every way, is told how to mend.
//!
//! Leaves out building, and what is run on booted machines.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use serde_json::Value;

use crate::program::Home;

/// A home with the recipe `hello` in its working folder.
fn with_hello() -> (Home, PathBuf) {
    let home = Home::new();
    assert_eq!(home.expect(&[0], &["recipe", "new", "hello"]), "hello\n");
    let recipe = home.path().join("hello/recipe.toml");
    (home, recipe)
}

/// What is printed and said of `hello` by a lint that ends with this code.
fn lint(home: &Home, code: i32) -> String {
    let output = home.run(&["recipe", "lint", "hello"]);
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    text.into_owned()
}

#[test]
fn a_new_recipe_has_no_faults_and_is_never_overwritten() {
    let (home, recipe) = with_hello();
    assert!(lint(&home, 0).contains("0 faults, 0 warnings in 1 recipe"));
    let before = fs::read(&recipe).expect("written");
    home.expect(&[1], &["recipe", "new", "hello"]);
    home.expect(&[1], &["recipe", "new", "hello", "--debian", "nginx"]);
    assert_eq!(fs::read(&recipe).expect("written"), before);
    home.expect(&[1], &["recipe", "new", "Bad_Name"]);
    home.expect(&[2], &["recipe", "new", "x1", "--npm", "y"]);
    let printed = home.expect(&[0], &["recipe", "new", "other", "--dry-run"]);
    assert!(printed.contains("==> other/recipe.toml <=="), "{printed}");
    let there: Vec<_> = fs::read_dir(home.path()).expect("read").flatten().collect();
    assert_eq!(there.len(), 1, "{there:?}");
}

#[test]
fn every_slip_of_a_newcomer_is_told_with_its_line() {
    let (home, recipe) = with_hello();
    let good = fs::read_to_string(&recipe).expect("written");
    for (from, to, expected) in [
        ("user = ", "usr = ", "unknown key `usr` in `[package]`; did you mean `user`?"),
        ("[[units]]", "[[unit]]", "unknown key `unit`; did you mean `units`?"),
        ("\"1.0\"", "1.0", "`version` takes a text in quotes, here is a number with a point"),
        ("\"1.0\"", "“1.0”", "here stands no value; a text stands in quotes"),
        ("default = 8080", "default = \"many\"", "the default of `port` takes a port, 1 to 65535"),
        ("content = \"\"\"", "content = \"", "close it; a text of several lines stands between"),
        ("{{ port }}\nRes", "{{ prot }}\nRes", "the template uses `prot`, which no setting is"),
        ("files = \"files\"", "files = \"fils\"", "has no folder `fils` with files"),
    ] {
        assert!(good.contains(from), "{from}");
        let changed = good.replacen(from, to, 1);
        let at = good.find(from).expect("there");
        let line = good[..at].lines().count().max(1);
        fs::write(&recipe, changed).expect("written");
        let said = lint(&home, 1);
        let told = said.lines().find(|line| line.contains(expected));
        let told = told.unwrap_or_else(|| panic!("{expected}\n{said}"));
        let number = told.split(':').nth(1).and_then(|number| number.parse::<usize>().ok());
        let number = number.unwrap_or_else(|| panic!("{told}"));
        assert!(number.abs_diff(line) <= 1, "{told}: the change was about line {line}");
    }
}

#[test]
fn line_ends_and_marks_of_windows_change_nothing() {
    let (home, recipe) = with_hello();
    let good = fs::read_to_string(&recipe).expect("written");
    for text in
        [good.replace('\n', "\r\n"), format!("\u{feff}{good}"), good.replace(" = ", "\t=\t")]
    {
        fs::write(&recipe, text).expect("written");
        lint(&home, 0);
    }
}

#[test]
fn what_is_no_recipe_is_refused_in_words() {
    let (home, recipe) = with_hello();
    for (bytes, expected) in [
        (Vec::new(), "hello/recipe.toml:1: `name` is missing"),
        (vec![0xff, 0xfe, 0, 1], "hello/recipe.toml:1: this is no UTF-8 text"),
        (vec![0; 64], "hello/recipe.toml:1: "),
        (vec![b'#'; 300_000], "it is larger than 256.0 KiB"),
        (format!("x = {}", "[".repeat(100_000)).into_bytes(), "hello/recipe.toml:1: "),
    ] {
        fs::write(&recipe, bytes).expect("written");
        let said = lint(&home, 1);
        assert!(said.contains(expected), "{expected}\n{said}");
    }
    let large = fs::File::create(&recipe).expect("made");
    large.set_len(1 << 30).expect("sparse");
    assert!(lint(&home, 1).contains("`hello/recipe.toml` has 1.0 GiB"));
    fs::remove_file(&recipe).expect("gone");
    assert!(lint(&home, 1).contains("the folder `hello` has no recipe.toml"));
    symlink(".", home.path().join("hello/loop")).expect("made");
    fs::write(&recipe, "").expect("written");
    assert!(lint(&home, 1).contains("`hello/loop` is a symbolic link"));
    let output = home.run(&["recipe", "show", "node-exportr"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("did you mean `node-exporter`?"), "{said}");
}

#[test]
fn recipes_are_listed_and_read_by_machines_too() {
    let (home, _) = with_hello();
    let json = |arguments: &[&str]| -> Value {
        serde_json::from_str(&home.expect(&[0], arguments)).expect("JSON")
    };
    let listed = json(&["recipe", "list", "--json"]);
    let listed = listed.as_array().expect("a list");
    assert!(listed.iter().all(|one| one["from"] == "cookbook" && one["faults"] == 0));
    let shown = json(&["recipe", "show", "hello", "--json", "--set", "port=81"]);
    assert_eq!(shown["recipe"]["name"], "hello");
    assert_eq!(shown["values"]["port"], 81);
    assert_eq!(shown["place"], "hello");
    assert_eq!(json(&["recipe", "schema"])["title"], "Recipe");
    assert_eq!(json(&["recipe", "lint", "--json", "hello"]), Value::Array(Vec::new()));
    let output = home.run(&["recipe", "show", "hello", "--set", "prot=81"]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("`prot` is not known; did you mean `port`?"), "{said}");
}
