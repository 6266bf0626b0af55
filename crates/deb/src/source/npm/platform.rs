//! Which npm packages and prebuilt binaries fit a Debian architecture.
//!
//! Leaves out reading locks and archives.

/// What node calls a machine: `process.arch`, and its ARM version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Platform {
    pub cpu: &'static str,
    pub arm: Option<u32>,
}

impl Platform {
    /// Of a Debian architecture; none for `all`, which fits no binary.
    pub fn of(architecture: &str) -> Option<Self> {
        let (cpu, arm) = match architecture {
            "amd64" => ("x64", None),
            "arm64" => ("arm64", Some(8)),
            "armhf" => ("arm", Some(7)),
            "i386" => ("ia32", None),
            "riscv64" => ("riscv64", None),
            _ => return None,
        };
        Some(Self { cpu, arm })
    }
}

/// The ABI numbers of Debian's own nodejs (bookworm's 18, trixie's 20), and the relations that
/// hold a package to them (<https://nodejs.org/en/about/previous-releases>).
pub const ABIS: [(u32, [&str; 2]); 2] =
    [(108, ["nodejs (>= 18)", "nodejs (<< 19~)"]), (115, ["nodejs (>= 20)", "nodejs (<< 21~)"])];

/// Whether a list of npm's `os`, `cpu` or `libc` admits a value: `["linux"]`, `["!win32"]`.
pub fn admits(list: &[String], value: Option<&str>) -> bool {
    let refused = list.iter().filter_map(|one| one.strip_prefix('!')).any(|one| Some(one) == value);
    let mut wanted = list.iter().filter(|one| !one.starts_with('!')).peekable();
    let open = wanted.peek().is_none();
    !refused && (open || wanted.any(|one| one == "any" || Some(one.as_str()) == value))
}

/// How a prebuilt binary fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// With this node alone.
    Abi(u32),
    /// With every node that has N-API.
    Napi,
}

/// Judges a file below `prebuilds/`, as `linux-x64/node.napi.glibc.node`: the names that prebuildify
/// gives (<https://github.com/prebuild/prebuildify>).
pub fn fit(path: &str, platform: Platform) -> Option<Fit> {
    let (folder, file) = path.split_once('/')?;
    let cpus = folder.strip_prefix("linux-")?;
    if !cpus.split('+').any(|cpu| cpu == platform.cpu) {
        return None;
    }
    let mut fit = None;
    let mut words = file.strip_suffix(".node")?.split('.').rev();
    for word in words.by_ref() {
        match word {
            "napi" => fit = Some(Fit::Napi),
            "musl" | "electron" | "node-webkit" => return None,
            "glibc" | "node" => {}
            _ if word.starts_with("abi") => {
                let abi = word[3..].parse().ok()?;
                if !ABIS.iter().any(|(known, _)| *known == abi) {
                    return None;
                }
                fit = fit.or(Some(Fit::Abi(abi)));
            }
            _ if word.starts_with("armv") => {
                let version: u32 = word[4..].parse().ok()?;
                let same_width = platform.arm.is_some_and(|arm| (arm == 8) == (version == 8));
                if !same_width || platform.arm.is_some_and(|arm| version > arm) {
                    return None;
                }
            }
            _ if word.starts_with("uv") => {}
            // The addon's own name, which may hold dots.
            _ => {}
        }
    }
    // A name without `abi` and `napi`, as `sodium-native.node` of later releases, is N-API's.
    Some(fit.unwrap_or(Fit::Napi))
}

/// Of the fitting binaries of one folder, the one that node would take: the most general for the
/// machine, N-API first, then the newest ARM.
pub fn best<'a>(files: &[&'a str], platform: Platform) -> Vec<&'a str> {
    let mut fitting: Vec<(Fit, u32, &str)> = files
        .iter()
        .filter_map(|file| {
            let arm = file.split('.').find_map(|word| word.strip_prefix("armv")?.parse().ok());
            Some((fit(file, platform)?, arm.unwrap_or(0), *file))
        })
        .collect();
    fitting.sort();
    match fitting.last() {
        Some((Fit::Napi, _, file)) => vec![file],
        // One for each node that Debian has.
        Some(_) => fitting.into_iter().map(|(_, _, file)| file).collect(),
        None => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(architecture: &str) -> Platform {
        Platform::of(architecture).unwrap()
    }

    #[test]
    fn each_machine_takes_its_own_binary() {
        let files = [
            "linux-arm/node.napi.armv6.node",
            "linux-arm/node.napi.armv7.node",
            "linux-arm64/node.napi.armv8.node",
            "linux-x64/node.napi.glibc.node",
            "linux-x64/node.napi.musl.node",
            "darwin-x64/node.napi.node",
            "win32-ia32/node.napi.node",
        ];
        assert_eq!(best(&files, of("armhf")), ["linux-arm/node.napi.armv7.node"]);
        assert_eq!(best(&files, of("arm64")), ["linux-arm64/node.napi.armv8.node"]);
        assert_eq!(best(&files, of("amd64")), ["linux-x64/node.napi.glibc.node"]);
        assert!(best(&files, of("i386")).is_empty());
        assert_eq!(fit("linux-arm/node.napi.armv8.node", of("armhf")), None);
        assert_eq!(fit("darwin-x64+arm64/a.node", of("arm64")), None);
        assert_eq!(fit("linux-x64+arm64/a.node", of("arm64")), Some(Fit::Napi));
    }

    #[test]
    fn binaries_of_one_abi_each_are_kept_for_debians_nodes() {
        let files = [
            "linux-x64/node.abi93.node",
            "linux-x64/node.abi108.node",
            "linux-x64/node.abi115.node",
        ];
        assert_eq!(best(&files, of("amd64")), files[1..]);
        assert_eq!(fit("linux-x64/electron.abi108.node", of("amd64")), None);
    }

    #[test]
    fn lists_admit_and_refuse() {
        let list = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        assert!(admits(&[], Some("linux")));
        assert!(admits(&list(&["linux", "darwin"]), Some("linux")));
        assert!(!admits(&list(&["darwin"]), Some("linux")));
        assert!(!admits(&list(&["!linux"]), Some("linux")));
        assert!(admits(&list(&["!win32"]), Some("linux")));
        assert!(!admits(&list(&["x64"]), None));
    }
}
