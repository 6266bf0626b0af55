//! The real apt as judge of small repositories.

use std::fs;
use std::path::Path;

use deb::oracle::{Answer, Oracle, Question, Shelf};
use deb::signing::Key;
use deb::sum::sha256;
use jiff::Timestamp;

use crate::debian::note;

fn shelf(folder: &Path, key: &Key, packages: &[(&str, &str)]) -> Shelf {
    let mut index = String::new();
    for (name, more) in packages {
        index += &format!(
            "Package: {name}\nVersion: 1\nArchitecture: armhf\nMaintainer: A <a@example.org>\n\
             Filename: pool/{name}.deb\nSize: 1\nSHA256: {}\n{more}\n",
            sha256(name.as_bytes())
        );
    }
    let suite = folder.join("dists/stable");
    fs::create_dir_all(suite.join("main/binary-armhf")).expect("a folder");
    fs::write(suite.join("main/binary-armhf/Packages"), &index).expect("written");
    let now = Timestamp::now();
    let date = jiff::fmt::rfc2822::to_string(&now.to_zoned(jiff::tz::TimeZone::UTC));
    let release = format!(
        "Suite: stable\nCodename: stable\nDate: {}\nArchitectures: armhf\nComponents: main\n\
         SHA256:\n {} {} main/binary-armhf/Packages\n",
        date.expect("a date"),
        sha256(index.as_bytes()),
        index.len()
    );
    fs::write(suite.join("InRelease"), key.cleartext(&release, now).expect("signed"))
        .expect("written");
    Shelf {
        folder: folder.to_owned(),
        suite: "stable".to_owned(),
        components: vec!["main".to_owned()],
        keyrings: vec![key.certificate().expect("a certificate").into_bytes()],
        by_hash: true,
    }
}

#[test]
fn apt_plans_refuses_and_verifies() {
    let Some(oracle) = Oracle::find() else {
        return note("apt-get is missing: it was not asked for a plan");
    };
    let folder = tempfile::tempdir().expect("a folder");
    let key = Key::generate(&folder.path().join("key"), "Shelf").expect("a key");
    // A name that would need quoting.
    let place = folder.path().join("a shelf, of mine");
    let packages =
        [("a", "Depends: b\nRecommends: c\n"), ("b", ""), ("c", ""), ("d", "Depends: gone\n")];
    let shelf = [shelf(&place, &key, &packages)];
    let ask = |shelves: &[Shelf], roots: &[&str], recommends| {
        oracle.ask(&Question { shelves, architecture: "armhf", roots, recommends })
    };
    let names = |answer: Answer| match answer {
        Answer::Plan(plan) => {
            let names: Vec<String> =
                plan.iter().map(|it| format!("{}:{}", it.name, it.architecture)).collect();
            names.join(" ")
        }
        Answer::No(why) => format!("no: {why}"),
    };
    assert_eq!(names(ask(&shelf, &["a"], false).expect("an answer")), "b:armhf a:armhf");
    let with = names(ask(&shelf, &["a"], true).expect("an answer"));
    assert!(with.contains("c:armhf"), "{with}");
    let why = names(ask(&shelf, &["d"], false).expect("an answer"));
    assert!(why.starts_with("no: ") && why.contains("d : Depends: gone"), "{why}");
    let other = Key::generate(&folder.path().join("other"), "Other").expect("a key");
    let mut wrong = shelf.to_vec();
    wrong[0].keyrings = vec![other.certificate().expect("a certificate").into_bytes()];
    let said = ask(&wrong, &["a"], false).expect_err("refused").to_string();
    assert!(
        said.starts_with("apt refuses the repository") && said.contains("not signed"),
        "{said}"
    );
    fs::write(place.join("dists/stable/main/binary-armhf/Packages"), "changed").expect("written");
    assert!(ask(&shelf, &["a"], false).is_err());
}
