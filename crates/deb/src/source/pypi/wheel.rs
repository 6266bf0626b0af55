//! Names of wheels, and which of them fits a machine best.
//!
//! Leaves out what is in them. The format:
//! <https://packaging.python.org/en/latest/specifications/binary-distribution-format/> and
//! `platform-compatibility-tags` beside it.

use crate::source::pypi::requirements::normalised;

/// The C library of Debian bookworm, 2.36: newer wheels do not run there.
const GLIBC: u32 = 36;

/// What a wheel's name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel<'a> {
    pub name: String,
    pub version: &'a str,
    build: u64,
    pythons: Vec<&'a str>,
    abis: Vec<&'a str>,
    platforms: Vec<&'a str>,
}

/// What a wheel has to run on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The minor version of Python 3.
    pub minor: u32,
    /// As `x86_64`; none for what has to run everywhere.
    pub machine: Option<&'a str>,
}

impl<'a> Wheel<'a> {
    /// Reads `name-version(-build)?-python-abi-platform.whl`.
    pub fn parse(file: &'a str) -> Option<Self> {
        let parts: Vec<&str> = file.strip_suffix(".whl")?.split('-').collect();
        let (name, version, build, tags) = match parts[..] {
            [name, version, python, abi, platform] => (name, version, "", [python, abi, platform]),
            [name, version, build, python, abi, platform] => {
                (name, version, build, [python, abi, platform])
            }
            _ => return None,
        };
        let digits = build.find(|c: char| !c.is_ascii_digit()).unwrap_or(build.len());
        let [pythons, abis, platforms] = tags.map(|tag| tag.split('.').collect());
        let build = build[..digits].parse().unwrap_or(0);
        Some(Self { name: normalised(name), version, build, pythons, abis, platforms })
    }

    /// How well it fits, more being better; none if it does not.
    pub fn fit(&self, target: Target<'_>) -> Option<(u32, u32, u64)> {
        let mut best = None;
        for python in &self.pythons {
            for abi in &self.abis {
                for platform in &self.platforms {
                    let one = tag(python, abi, platform, target);
                    best = best.max(one.map(|(kind, glibc)| (kind, glibc, self.build)));
                }
            }
        }
        best
    }
}

/// The kind's rank (made for this Python, for the stable ABI, for any), and the platform's.
fn tag(python: &str, abi: &str, platform: &str, target: Target<'_>) -> Option<(u32, u32)> {
    let platform = match platform {
        "any" => 0,
        platform => 1 + glibc(platform, target.machine?)?,
    };
    let of = |prefix: &str| python.strip_prefix(prefix)?.strip_prefix('3')?.parse::<u32>().ok();
    let kind = match (of("cp"), abi) {
        (Some(minor), "abi3") if minor <= target.minor && platform > 0 => 1000 + minor,
        (Some(minor), abi)
            if minor == target.minor && (abi == "none" || abi == format!("cp3{minor}")) =>
        {
            2000
        }
        (_, "none") => match (python, of("py")) {
            ("py3", _) => 100,
            (_, Some(minor)) if minor <= target.minor => 200 + minor,
            _ => return None,
        },
        _ => return None,
    };
    Some((kind, platform))
}

/// The minor version of glibc 2 that a Linux wheel of the machine needs.
fn glibc(platform: &str, machine: &str) -> Option<u32> {
    let rest = platform.strip_suffix(machine)?.strip_suffix('_')?;
    let minor = match rest {
        "linux" => 0,
        "manylinux1" => 5,
        "manylinux2010" => 12,
        "manylinux2014" => 17,
        rest => rest.strip_prefix("manylinux_2_")?.parse().ok()?,
    };
    (minor <= GLIBC).then_some(minor)
}

/// What Python calls a Debian architecture.
pub fn machine(architecture: &str) -> Option<&'static str> {
    Some(match architecture {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        "armhf" => "armv7l",
        "i386" => "i686",
        "riscv64" => "riscv64",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen<'a>(files: &[&'a str], machine: Option<&str>) -> Option<&'a str> {
        let target = Target { minor: 11, machine };
        let fits = files.iter().filter_map(|file| Some((Wheel::parse(file)?.fit(target)?, *file)));
        fits.max().map(|(_, file)| file)
    }

    #[test]
    fn the_wheel_of_the_machine_and_python_is_chosen() {
        let files = [
            "a-1-py3-none-any.whl",
            "a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
            "a-1-cp311-cp311-manylinux_2_28_x86_64.whl",
            "a-1-cp311-cp311-manylinux_2_38_x86_64.whl",
            "a-1-cp311-cp311-musllinux_1_2_x86_64.whl",
            "a-1-cp312-cp312-manylinux_2_17_x86_64.whl",
            "a-1-cp39-abi3-manylinux_2_17_aarch64.whl",
            "a-1-cp310-abi3-manylinux_2_17_aarch64.whl",
            "a-1-cp313-abi3-manylinux_2_17_aarch64.whl",
            "a-1-cp311-cp311-macosx_11_0_arm64.whl",
            "a-1-pp311-pypy311_pp73-manylinux_2_17_x86_64.whl",
            "a-1-cp311-cp311t-manylinux_2_28_x86_64.whl",
        ];
        assert_eq!(chosen(&files, Some("x86_64")), Some(files[2]));
        assert_eq!(chosen(&files, Some("aarch64")), Some(files[7]));
        assert_eq!(chosen(&files, Some("armv7l")), Some(files[0]));
        assert_eq!(chosen(&files, None), Some(files[0]));
        assert_eq!(chosen(&files[1..], Some("armv7l")), None);
        assert_eq!(chosen(&["b-1-py2.py3-none-any.whl"], None), Some("b-1-py2.py3-none-any.whl"));
        assert_eq!(chosen(&["b-1-py2-none-any.whl"], None), None);
    }

    #[test]
    fn a_higher_build_wins_among_equals() {
        let files = ["a-1-2-py3-none-any.whl", "a-1-10x-py3-none-any.whl", "a-1-py3-none-any.whl"];
        assert_eq!(chosen(&files, None), Some(files[1]));
    }

    #[test]
    fn other_names_are_no_wheels() {
        for file in ["a-1.tar.gz", "a.whl", "a-1-2-3-4-5-6.whl", ""] {
            assert_eq!(Wheel::parse(file), None, "{file}");
        }
    }
}
