//! `build`: commands that make files out of an unpacked tree, without network.
//!
//! Leaves out installing compilers, which the error names.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use model::layout::PayloadFile;
use model::text::printable_bytes;

use crate::source::error::Error;
use crate::source::order::Order;
use crate::source::tree::{Tree, entry, normal};

/// When everything was made, as far as a build asks: 2000-01-01.
const EPOCH: &str = "946684800";
/// Lines of a failed command that are shown.
const LINES: usize = 20;

/// The tree's files below the recipe's `into`, or what its `build` commands made of them.
pub fn built(order: &Order<'_>, tree: Tree) -> Result<Vec<PayloadFile>, Error> {
    let commands = &order.recipe.source.build;
    if commands.is_empty() {
        return Ok(tree.into_files(&order.into()));
    }
    let [source, destination, home] =
        ["source", "destination", "home"].map(|name| order.work.join(name));
    for folder in [&source, &destination, &home] {
        fs::create_dir_all(folder).map_err(Error::work(folder))?;
    }
    tree.write_to(&source)?;
    let tools = Tools::of(order.architecture)?;
    for command in commands {
        order.progress.step(&format!("building: {command}"));
        let mut run = Command::new("unshare");
        // Without root, a user namespace of one's own gives the right to a network of one's own.
        run.arg(if rustix::process::geteuid().is_root() { "--net" } else { "--map-root-user" });
        run.args(["--net", "--", "sh", "-ec", "umask 022; eval \"$1\"", "sh", command]);
        run.current_dir(&source).env_clear().stdin(Stdio::null());
        run.env(
            "PATH",
            std::env::var_os("PATH").unwrap_or_else(|| "/usr/sbin:/usr/bin:/sbin:/bin".into()),
        );
        for (name, value) in tools.environment(&source) {
            run.env(name, value);
        }
        run.env("DESTDIR", &destination).env("HOME", &home);
        let output = run.output();
        let output =
            output.map_err(|source| Error::Program { program: "unshare".to_owned(), source })?;
        if !output.status.success() {
            let all = [output.stdout, output.stderr].concat();
            let lines: Vec<String> =
                all.split(|byte| *byte == b'\n').map(|line| printable_bytes(line, 300)).collect();
            return Err(Error::Command {
                command: command.clone(),
                status: output.status.to_string(),
                output: lines[lines.len().saturating_sub(LINES)..].join("\n"),
            });
        }
    }
    let mut made = Tree::new(&order.work.join("made"), crate::source::tree::Limits::default())?;
    collect(&destination, "", &mut made)?;
    if made.items.is_empty() {
        return Err(order.wrong("its build put nothing into `$DESTDIR`".to_owned()));
    }
    Ok(made.into_files("/"))
}

/// Takes what a build left in a folder.
fn collect(folder: &Path, below: &str, made: &mut Tree) -> Result<(), Error> {
    let mut names: Vec<PathBuf> = fs::read_dir(folder)
        .and_then(|entries| entries.map(|one| one.map(|one| one.path())).collect())
        .map_err(Error::work(folder))?;
    names.sort();
    for place in names {
        let file_name = place.file_name().unwrap_or_default().as_encoded_bytes();
        let Some(name) = normal(file_name) else {
            return Err(entry("$DESTDIR", file_name, "a name that is no plain path"));
        };
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let data = fs::symlink_metadata(&place).map_err(Error::work(&place))?;
        if data.is_dir() {
            collect(&place, &path, made)?;
        } else if data.is_symlink() {
            let target = fs::read_link(&place).map_err(Error::work(&place))?;
            made.add_link("$DESTDIR", &path, &target.to_string_lossy())?;
        } else if data.is_file() {
            let mut file = fs::File::open(&place).map_err(Error::work(&place))?;
            let runs = data.permissions().mode() & 0o111 != 0;
            made.add_file("$DESTDIR", &path, runs, &mut file)?;
        } else {
            return Err(entry("$DESTDIR", path.as_bytes(), "which is no file, folder or link"));
        }
    }
    Ok(())
}

/// The compiler of an architecture, and what a build is told of it.
struct Tools {
    architecture: String,
    /// None for `all`, which needs no compiler.
    machine: Option<(&'static str, PathBuf)>,
}

impl Tools {
    fn of(architecture: &str) -> Result<Self, Error> {
        let machine = match gnu_type(architecture) {
            Some(machine) => Some((machine, compiler(architecture, machine)?)),
            None => None,
        };
        Ok(Self { architecture: architecture.to_owned(), machine })
    }

    fn environment(&self, source: &Path) -> Vec<(String, String)> {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let mut all = vec![
            pair("LC_ALL", "C.UTF-8"),
            pair("TZ", "UTC"),
            pair("SOURCE_DATE_EPOCH", EPOCH),
            pair("DEB_HOST_ARCH", &self.architecture),
        ];
        if let Some((machine, compiler)) = &self.machine {
            // The builder's folder must not be in what it built.
            let map = format!("-O2 -ffile-prefix-map={}=.", source.display());
            all.push(pair("DEB_HOST_GNU_TYPE", machine));
            all.push(pair("CC", &compiler.to_string_lossy()));
            all.push(pair("CFLAGS", &map));
        }
        all
    }
}

/// Debian's name of the machine, as its compilers are called.
fn gnu_type(architecture: &str) -> Option<&'static str> {
    Some(match architecture {
        "amd64" => "x86_64-linux-gnu",
        "arm64" => "aarch64-linux-gnu",
        "armhf" => "arm-linux-gnueabihf",
        "i386" => "i686-linux-gnu",
        "riscv64" => "riscv64-linux-gnu",
        _ => return None,
    })
}

/// `aarch64-linux-gnu-gcc` of Debian's cross compilers, or the builder's own `gcc`.
fn compiler(architecture: &str, machine: &str) -> Result<PathBuf, Error> {
    let native = machine.split('-').next() == Some(std::env::consts::ARCH);
    let named = format!("{machine}-gcc");
    let names = if native { vec![named.as_str(), "gcc", "cc"] } else { vec![named.as_str()] };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = names.iter().find_map(|name| {
        std::env::split_paths(&path).map(|folder| folder.join(name)).find(|place| place.is_file())
    });
    found.ok_or_else(|| Error::NoCompiler {
        compiler: if native { "gcc".to_owned() } else { named.clone() },
        architecture: architecture.to_owned(),
        package: if native {
            "gcc".to_owned()
        } else {
            format!("gcc-{}", machine.replace('_', "-"))
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_cross_compiler_is_named_with_its_package() {
        let error = compiler("riscv64", "none-linux-gnu").unwrap_err();
        assert_eq!(
            error.to_string(),
            "no compiler `none-linux-gnu-gcc` for riscv64; `apt install gcc-none-linux-gnu` has it"
        );
    }

    #[test]
    fn what_is_for_all_machines_gets_no_compiler() {
        let environment = Tools::of("all").unwrap().environment(Path::new("/x"));
        assert!(environment.iter().all(|(name, _)| name != "CC"));
    }
}
