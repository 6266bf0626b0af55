//! What rules ask of a package: scripts as commands, units, and what its files are.
//!
//! Leaves out judging.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};
use std::path::Path;

use crate::archive::{self, Deb, Item, Kind};
use crate::elf::{self, Machine};
use crate::lint::shell;
use crate::lint::walk::{self, Run};

/// Units and scripts are no longer, in bytes.
const LONGEST_TEXT: u64 = 1 << 20;
/// ARM programs are read whole; larger ones are judged by their beginning.
const LARGEST_PROGRAM: u64 = 64 << 20;

#[derive(Debug)]
pub struct Facts {
    pub deb: Deb,
    /// The commands of each maintainer script that is shell.
    pub scripts: BTreeMap<&'static str, Script>,
    /// systemd units by name.
    pub units: BTreeMap<String, Unit>,
    /// Names of scripts in `/etc/init.d`.
    pub init_scripts: BTreeSet<String>,
    /// ELF files that the package may not hold.
    pub foreign: Vec<(String, Machine)>,
}

#[derive(Debug)]
pub struct Script {
    pub runs: Vec<Run>,
    /// It ends at the first failure.
    pub strict: bool,
}

/// A unit file: its keys without their sections.
#[derive(Clone, Debug, Default)]
pub struct Unit {
    pub path: String,
    pub keys: BTreeMap<String, Vec<String>>,
}

impl Unit {
    /// The last value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.keys.get(key).and_then(|values| values.last()).map(String::as_str)
    }

    /// The words of all values of a key.
    pub fn words(&self, key: &str) -> impl Iterator<Item = &str> {
        self.keys.get(key).into_iter().flatten().flat_map(|value| value.split_whitespace())
    }

    fn read(path: &str, text: &str) -> Self {
        let mut keys: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let text = text.replace("\\\n", " ");
        for line in text.lines().map(str::trim) {
            if line.starts_with(['#', ';', '[']) {
                continue;
            }
            if let Some((key, value)) = line.split_once('=') {
                keys.entry(key.trim().to_owned()).or_default().push(value.trim().to_owned());
            }
        }
        Self { path: path.to_owned(), keys }
    }
}

impl Facts {
    /// Reads a package once, from its beginning to its end.
    pub fn of(path: &Path) -> Result<Self, archive::Error> {
        let mut units = BTreeMap::new();
        let mut init_scripts = BTreeSet::new();
        let mut machines = Vec::new();
        let deb = archive::visit(path, &mut |item, content| {
            if item.kind != Kind::File {
                return Ok(());
            }
            if let Some(name) = unit_name(&item.path) {
                let unit = Unit::read(&item.path, &text(content)?);
                units.insert(name.to_owned(), unit);
            } else if let Some(name) = item.path.strip_prefix("/etc/init.d/") {
                init_scripts.insert(name.to_owned());
            } else if let Some(machine) = machine(item, content)? {
                machines.push((item.path.clone(), machine));
            }
            Ok(())
        })?;
        Ok(Self::new(deb, units, init_scripts, machines))
    }

    fn new(
        deb: Deb,
        units: BTreeMap<String, Unit>,
        init_scripts: BTreeSet<String>,
        machines: Vec<(String, Machine)>,
    ) -> Self {
        let architecture = deb.field("Architecture").to_owned();
        let foreign = machines
            .into_iter()
            .filter(|(path, machine)| !machine.fits(&architecture) && !is_data(path))
            .collect();
        let scripts = ["config", "preinst", "postinst", "prerm", "postrm"]
            .into_iter()
            .filter_map(|name| Some((name, Script::read(&deb.script(name)?)?)))
            .collect();
        Self { deb, scripts, units, init_scripts, foreign }
    }

    /// The commands of a script; none if it is missing.
    pub fn runs(&self, script: &str) -> &[Run] {
        self.scripts.get(script).map_or(&[], |script| &script.runs)
    }

    /// All that runs when dpkg calls the script with these arguments.
    pub fn when<'a>(
        &'a self,
        script: &'static str,
        arguments: &'a [&'a str],
    ) -> impl Iterator<Item = &'a Run> {
        self.runs(script).iter().filter(move |run| run.may_run(arguments))
    }
}

impl Script {
    /// `None` if it is no script for the shell.
    fn read(text: &str) -> Option<Self> {
        let first = text.lines().next()?.strip_prefix("#!")?.trim();
        let mut words = first.split_whitespace();
        let shell = words.next()?.rsplit('/').next()?;
        let shell = if shell == "env" { words.next()? } else { shell };
        if !matches!(shell, "sh" | "bash" | "dash" | "ash") {
            return None;
        }
        let runs = walk::runs(&shell::parse(text));
        let option =
            |word: &str| word.starts_with('-') && !word.starts_with("--") && word.contains('e');
        let strict = words.any(option)
            || runs.iter().any(|run| {
                run.program() == "set"
                    && (run.words[1..].iter().any(|word| option(word))
                        || run.words.iter().any(|word| word == "errexit"))
            });
        Some(Self { runs, strict })
    }
}

fn unit_name(path: &str) -> Option<&str> {
    let name = ["/lib/systemd/system/", "/usr/lib/systemd/system/", "/etc/systemd/system/"]
        .iter()
        .find_map(|folder| path.strip_prefix(folder))?;
    (!name.contains('/') && name.contains('.')).then_some(name)
}

fn text(content: &mut dyn Read) -> io::Result<String> {
    let mut bytes = Vec::new();
    content.take(LONGEST_TEXT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn machine(item: &Item, content: &mut dyn Read) -> io::Result<Option<Machine>> {
    let mut bytes = Vec::new();
    content.take(elf::HEADER as u64).read_to_end(&mut bytes)?;
    if !bytes.starts_with(elf::MAGIC) {
        return Ok(None);
    }
    if matches!(elf::machine(bytes.as_slice()), Some(Machine::Arm(_)))
        && item.size <= LARGEST_PROGRAM
    {
        content.read_to_end(&mut bytes)?;
    }
    Ok(elf::machine(bytes.as_slice()))
}

/// Programs for other machines that lie here are data to this one.
fn is_data(path: &str) -> bool {
    const FOLDERS: [&str; 8] = [
        "/lib/firmware/",
        "/usr/lib/firmware/",
        "/usr/share/",
        "/usr/lib/debug/",
        "/usr/lib/grub/",
        "/usr/lib/syslinux/",
        "/usr/lib32/",
        "/usr/libx32/",
    ];
    let cross = |part: &str| part.split('-').count() >= 3 && part.contains("linux");
    FOLDERS.iter().any(|folder| path.starts_with(folder))
        || path.strip_prefix("/usr/").and_then(|rest| rest.split('/').next()).is_some_and(cross)
}
