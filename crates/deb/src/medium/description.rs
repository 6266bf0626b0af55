//! What a medium says about itself: `medium.json` for programs, `medium.list` for the `install`
//! script, `README.txt` for people.
//!
//! Leaves out its packages' contents and the signature.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// `medium.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Description {
    /// The form of this file: 1.
    pub format: u32,
    /// Also the least that a target's clock is set to.
    pub made: Timestamp,
    /// The program, as `stead 0.1.0`.
    pub by: String,
    /// The signing key's fingerprint, 40 hexadecimal digits.
    pub key: String,
    /// Whether recommended packages were brought as well.
    pub recommends: bool,
    /// One for each release and architecture.
    pub offers: Vec<Offer>,
    /// Where Debian's packages came from.
    pub sources: Vec<Origin>,
    /// Every package, by path.
    pub packages: Vec<Pooled>,
}

/// What there is for one release on one architecture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offer {
    pub release: String,
    pub architecture: String,
    /// The packages that were asked for, `stead` first if it is there.
    pub services: Vec<Service>,
    /// How many packages these need, themselves included.
    pub packages: usize,
    /// Their size, in bytes.
    pub bytes: u64,
    pub judge: Judge,
}

/// A package that was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    pub name: String,
    pub version: String,
}

/// Who found that the packages suffice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Judge {
    /// Real apt, with the medium as its only source.
    Apt,
    /// stead's own closure alone: there was no apt.
    Stead,
}

/// A suite of another repository, as it was when the medium was made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    pub url: String,
    pub suite: String,
    /// The `Date` of its signed Release, as it stands there.
    pub date: String,
}

/// A package of the pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pooled {
    pub package: String,
    pub version: String,
    pub architecture: String,
    /// Relative to the medium.
    pub path: String,
    pub sha256: String,
    pub bytes: u64,
    /// A URL; `built here` for what stead built.
    pub from: String,
}

impl Description {
    /// `medium.list`: lines of words, for a script without a JSON reader.
    pub fn list(&self) -> String {
        let mut text = format!(
            "date {} {}\nrecommends {}\n",
            self.made.as_second(),
            self.date(),
            self.recommends
        );
        for offer in &self.offers {
            text.push_str(&format!("offer {} {}", offer.release, offer.architecture));
            for service in &offer.services {
                text.push(' ');
                text.push_str(&service.name);
            }
            text.push('\n');
        }
        text
    }

    /// `README.txt`.
    pub fn readme(&self, key_sum: &str) -> String {
        let mut offers = String::new();
        for offer in &self.offers {
            let names: Vec<String> = offer
                .services
                .iter()
                .map(|service| format!("{} {}", service.name, service.version))
                .collect();
            offers.push_str(&format!(
                "  {} on {}: {}\n",
                offer.release,
                offer.architecture,
                names.join(", ")
            ));
        }
        let release = self.offers.first().map_or("bookworm", |offer| &offer.release);
        let service = self.offers.first().and_then(|offer| offer.services.last());
        let service = service.map_or("stead", |service| &service.name);
        format!(
            "Services for Debian machines without a network. Made {} by {}.\n\
             \n\
             {offers}\
             \n\
             INSTALL, as root, on any of these machines:\n\
             \n\
             \x20 sh /media/.../install --list\n\
             \x20 sh /media/.../install\n\
             \n\
             Without that script, plain apt can use the medium (its path must have no blanks):\n\
             \n\
             \x20 echo 'deb [signed-by=/media/.../key.gpg] file:/media/.../debian {release} main' \
             >/etc/apt/sources.list.d/medium.list\n\
             \x20 apt update && apt install {service}\n\
             \n\
             Debian's armhf is for ARMv7 and later: not for a Raspberry Pi 1 or Zero.\n\
             \n\
             IS IT WHOLE?\n\
             \n\
             \x20 stead medium verify /media/...      on a machine that you trust\n\
             \x20 sha256sum -c --quiet SHA256SUMS     against damage, not against malice\n\
             \n\
             SHA256SUMS lists every file, and SHA256SUMS.sig is its signature by key.gpg. The\n\
             install script and apt check all they use against these. They cannot notice that the\n\
             whole medium was exchanged, with another script and another key. The SHA-256 of the\n\
             key is, and should be compared with what the maker told you:\n\
             \n\
             \x20 {key_sum}\n\
             \n\
             `sh install --key {}...` (all 64 digits) refuses another one.\n\
             \n\
             WHAT IS HERE\n\
             \n\
             \x20 install       the script; read it before you run it\n\
             \x20 debian/       a Debian repository: signed index and packages\n\
             \x20 recipes/      from which the services were built\n\
             \x20 docs/         guides\n\
             \x20 plan.bundle   the stead's plan, if it was made in one: `git clone plan.bundle`\n\
             \x20 medium.json   every package and where it came from\n",
            self.date(),
            self.by,
            key_sum.get(..8).unwrap_or(key_sum),
        )
    }

    fn date(&self) -> String {
        self.made.to_zoned(TimeZone::UTC).strftime("%Y-%m-%d %H:%M UTC").to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Description {
        let service = |name: &str| Service { name: name.to_owned(), version: "1-1".to_owned() };
        Description {
            format: 1,
            made: Timestamp::from_second(1_795_214_561).unwrap(),
            by: "stead 0.1.0".to_owned(),
            key: "00".repeat(20),
            recommends: false,
            offers: vec![Offer {
                release: "trixie".to_owned(),
                architecture: "arm64".to_owned(),
                services: vec![service("stead"), service("babeld")],
                packages: 7,
                bytes: 1000,
                judge: Judge::Apt,
            }],
            sources: Vec::new(),
            packages: Vec::new(),
        }
    }

    #[test]
    fn the_script_is_told_the_date_and_what_there_is_in_lines() {
        assert_eq!(
            sample().list(),
            "date 1795214561 2026-11-20 22:42 UTC\nrecommends false\n\
             offer trixie arm64 stead babeld\n"
        );
    }

    #[test]
    fn the_readme_names_apts_two_lines_and_the_key() {
        let text = sample().readme(&"ab".repeat(32));
        assert!(
            text.contains("deb [signed-by=/media/.../key.gpg] file:/media/.../debian trixie main")
        );
        assert!(text.contains("apt update && apt install babeld"));
        assert!(text.contains(&"ab".repeat(32)));
    }

    #[test]
    fn json_is_read_as_it_was_written() {
        let text = serde_json::to_string(&sample()).unwrap();
        assert_eq!(serde_json::from_str::<Description>(&text).unwrap(), sample());
    }
}
