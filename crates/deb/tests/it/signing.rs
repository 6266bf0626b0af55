//! gpgv (apt 2.6) and sqv (apt 3) accept what we sign; we accept what Debian signs.

use std::fs;
use std::io::Read;
use std::process::Command;

use deb::signing::{Key, verify_cleartext, verify_detached};

use crate::debian::{has, run};

const DEBIAN: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}

#[test]
fn gpgv_and_sqv_accept_our_signatures_and_refuse_changed_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let key = Key::generate(&path("secret"), "mesh packages").unwrap();
    let release = "Origin: mesh\nSHA256:\n 00 1 main/binary-amd64/Packages\n- dash\n";
    fs::write(path("key.gpg"), key.certificate_bytes().unwrap()).unwrap();
    fs::write(path("InRelease"), key.cleartext(release, now()).unwrap()).unwrap();
    fs::write(path("Release"), release).unwrap();
    fs::write(path("Release.gpg"), key.detached(release.as_bytes(), now()).unwrap()).unwrap();
    fs::write(path("changed"), release.replace("mesh", "mash")).unwrap();
    let changed = fs::read_to_string(path("InRelease")).unwrap().replace("mesh", "mash");
    fs::write(path("InChanged"), changed).unwrap();
    let ring = path("key.gpg");
    if has("gpgv") {
        for (good, files) in [
            (true, vec!["InRelease"]),
            (false, vec!["InChanged"]),
            (true, vec!["Release.gpg", "Release"]),
            (false, vec!["Release.gpg", "changed"]),
        ] {
            let mut gpgv = Command::new("gpgv");
            gpgv.arg("--keyring").arg(&ring).args(files.iter().map(|name| path(name)));
            let (done, said) = run(&mut gpgv);
            assert_eq!(done, good, "gpgv {files:?}: {said}");
        }
    }
    // bookworm's sqv knows detached signatures only; apt 3's use of it is tried in the lab.
    if has("sqv") {
        for (good, file) in [(true, "Release"), (false, "changed")] {
            let mut sqv = Command::new("sqv");
            sqv.arg("--keyring").arg(&ring).arg(path("Release.gpg")).arg(path(file));
            let (done, said) = run(&mut sqv);
            assert_eq!(done, good, "sqv {file}: {said}");
        }
    }
}

#[test]
fn what_debian_signed_is_accepted_and_its_text_given() {
    if !has(DEBIAN) || !has("gpgv") {
        return;
    }
    let keyring = fs::read(DEBIAN).unwrap();
    let mut read = 0;
    for (archive, suite) in
        [("debian", "bookworm"), ("debian", "trixie"), ("debian-security", "trixie-security")]
    {
        let url = format!("http://deb.debian.org/{archive}/dists/{suite}");
        let get = |name: &str| {
            let mut body = Vec::new();
            let answer = ureq::get(format!("{url}/{name}")).call();
            answer.ok()?.into_body().into_reader().read_to_end(&mut body).ok()?;
            Some(body)
        };
        let (Some(signed), Some(release), Some(apart)) =
            (get("InRelease"), get("Release"), get("Release.gpg"))
        else {
            has(&format!("/deb.debian.org/{archive}/{suite}"));
            continue;
        };
        let text = verify_cleartext(&keyring, &signed).unwrap();
        assert!(text.starts_with("Origin: Debian\n"), "{suite}: {}", &text[..80]);
        assert!(!text.contains("PGP") && text.contains("\nSHA256:\n "), "{suite}");
        // A mirror may give a file of yesterday's beside one of today's: gpgv is the judge.
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Release"), &release).unwrap();
        fs::write(folder.path().join("Release.gpg"), &apart).unwrap();
        let mut gpgv = Command::new("gpgv");
        gpgv.current_dir(folder.path()).args(["--keyring", DEBIAN, "./Release.gpg", "./Release"]);
        let (good, said) = run(&mut gpgv);
        let ours = verify_detached(&keyring, &release, &apart);
        assert_eq!(ours.is_ok(), good, "{suite}: {ours:?}, but gpgv: {said}");
        let changed = String::from_utf8(signed).unwrap().replacen("Debian", "Debjan", 1);
        assert!(verify_cleartext(&keyring, changed.as_bytes()).is_err());
        let ours = tempfile::tempdir().unwrap();
        let ours = Key::generate(&ours.path().join("key"), "x").unwrap().certificate().unwrap();
        assert!(verify_cleartext(ours.as_bytes(), changed.as_bytes()).is_err());
        read += 1;
    }
    eprintln!("{read} of Debian's signed files were read");
}
