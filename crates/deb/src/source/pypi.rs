//! `pypi`: the wheels of a lock, laid out as a virtual environment for Debian's own Python.
//!
//! Leaves out building: what has no wheel for the machine is an error that names ways out.

mod index;
mod marker;
mod requirements;
mod wheel;

use std::fs;

use model::layout::{Content, Fetched, Payload};
use model::text::printable;

use crate::fetch::address::shown;
use crate::source::error::Error;
use crate::source::order::Order;
use crate::source::pattern::wanted;
use crate::source::pypi::index::Listed;
use crate::source::pypi::marker::{Environment, holds};
use crate::source::pypi::requirements::{Requirement, normalised};
use crate::source::pypi::wheel::{Target, Wheel, machine};
use crate::source::tree::Tree;
use crate::source::unpack::{Selection, unpack};

/// An index page is smaller than this, in bytes.
const PAGE: u64 = 64 << 20;
/// JSON first, HTML from indexes that have nothing else.
const ACCEPT: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.1";
/// An `entry_points.txt` or a script of a wheel is smaller than this, in bytes.
const TEXT: u64 = 4 << 20;

/// Brings all packages of the lock.
pub fn bring(order: &Order<'_>, package: &str, file: &str, python: &str) -> Result<Payload, Error> {
    let minor = python.strip_prefix("3.").and_then(|minor| minor.parse::<u32>().ok());
    let minor = minor.ok_or_else(|| {
        order.wrong(format!("`python = \"{}\"` is no version as `3.11`", printable(python, 20)))
    })?;
    let requirements = requirements::parse(order.text(file)?).map_err(|fault| Error::Lock {
        file: file.to_owned(),
        line: fault.line,
        why: fault.why,
    })?;
    let machine = machine(order.architecture);
    let environment = Environment { python, machine: machine.unwrap_or_default() };
    let mut chosen = Vec::new();
    for requirement in &requirements {
        let holds =
            requirement.marker.as_deref().map_or(Some(true), |marker| holds(marker, environment));
        match holds {
            Some(true) => chosen.push(requirement),
            Some(false) => {}
            None => {
                let why = "its condition after `;` cannot be read".to_owned();
                return Err(Error::Lock { file: file.to_owned(), line: requirement.line, why });
            }
        }
    }
    let blame = |why: String| Error::LockedPackage {
        file: file.to_owned(),
        package: printable(package, 100),
        why,
    };
    match chosen.iter().find(|one| one.name == normalised(package)) {
        None => return Err(blame("it is not there".to_owned())),
        Some(one) if one.version != order.recipe.version => {
            return Err(blame(format!(
                "it is {}, and the recipe says {}",
                one.version, order.recipe.version
            )));
        }
        Some(_) => {}
    }
    let into = order.into();
    let target = Target { minor, machine };
    let mut environment =
        Virtual { order, file, into: &into, python, tree: order.tree()?, fetched: Vec::new() };
    for requirement in chosen {
        environment.package(requirement, target)?;
    }
    environment.frame()?;
    let depends = vec![format!("python3 (>= 3.{minor})"), format!("python3 (<< 3.{}~)", minor + 1)];
    let fetched = environment.fetched;
    Ok(Payload { files: environment.tree.into_files(&into), fetched, depends })
}

/// A virtual environment in the making.
struct Virtual<'a> {
    order: &'a Order<'a>,
    file: &'a str,
    into: &'a str,
    python: &'a str,
    tree: Tree,
    fetched: Vec<Fetched>,
}

impl Virtual<'_> {
    fn package(&mut self, requirement: &Requirement, target: Target<'_>) -> Result<(), Error> {
        let listed = self.choose(requirement, target)?;
        let path = self.order.cache.fetch(&listed.url, &listed.digest, self.order.progress)?;
        let bytes = fs::metadata(&path).map_err(Error::work(&path))?.len();
        let digest = listed.digest.to_string();
        self.fetched.push(Fetched { from: shown(&listed.url), digest, bytes });
        self.unpack(&listed, &path)
    }

    /// The wheel that fits best, among those that the lock admits.
    fn choose(&self, requirement: &Requirement, target: Target<'_>) -> Result<Listed, Error> {
        let page = format!("{}/{}/", self.order.cache.registries().pypi, requirement.name);
        let cache = self.order.cache;
        let read = |answer: &[u8]| {
            let package = requirement.name.clone();
            index::parse(answer, &page)
                .map_err(|why| Error::Index { package, why: printable(&why, 200) })
        };
        let admitted = |all: Vec<Listed>| -> Vec<Listed> {
            all.into_iter().filter(|one| requirement.hashes.contains(&one.digest)).collect()
        };
        // A page that lists all that the lock names cannot be bettered by a newer one.
        let known = cache.last_answer(&page, ACCEPT, PAGE)?.and_then(|answer| read(&answer).ok());
        let known = known.map(admitted).filter(|known| known.len() >= requirement.hashes.len());
        let listed = match known {
            Some(known) => known,
            None => {
                self.order.progress.step(&format!("asking for the wheels of {}", requirement.name));
                admitted(read(&cache.get_as(&page, ACCEPT, PAGE)?)?)
            }
        };
        let best = listed.iter().filter_map(|one| {
            let wheel = Wheel::parse(&one.file)?;
            let is_it = wheel.name == requirement.name;
            Some((wheel.fit(target).filter(|_| is_it)?, one))
        });
        if let Some((_, best)) = best.max_by(|a, b| (a.0, &b.1.file).cmp(&(b.0, &a.1.file))) {
            return Ok(best.clone());
        }
        let pinned = format!("{}=={}", requirement.name, requirement.version);
        let way = match listed.iter().any(|one| one.file.ends_with(".whl")) {
            _ if listed.is_empty() => "the index has no file with one of its hashes".to_owned(),
            true => format!(
                "lock another version, leave {} out of `architectures`, or take Debian's package by `depends`",
                self.order.architecture
            ),
            false => format!(
                "it only has its source: `pip wheel {pinned}` makes a wheel to serve from an index of one's own, \
                 or take Debian's package by `depends`"
            ),
        };
        Err(Error::NoWheel {
            package: pinned,
            python: self.python.to_owned(),
            architecture: self.order.architecture.to_owned(),
            file: self.file.to_owned(),
            way,
        })
    }

    fn site(&self) -> String {
        format!("lib/python{}/site-packages", self.python)
    }

    /// Puts a wheel's parts where an installer would.
    fn unpack(&mut self, listed: &Listed, path: &std::path::Path) -> Result<(), Error> {
        let name = printable(&listed.file, 200);
        let mut wheel = Tree::new(
            &self.order.work.join("wheels").join(listed.digest.hexadecimal()),
            Default::default(),
        )?;
        unpack(&name, path, &mut wheel, &Selection::default())?;
        let site = self.site();
        let source = &self.order.recipe.source;
        let mut points = Vec::new();
        let paths: Vec<String> = wheel.items.keys().cloned().collect();
        for path in paths {
            let Some(mut item) = wheel.items.remove(&path) else { continue };
            let (top, rest) = path.split_once('/').unwrap_or((path.as_str(), ""));
            let mut place = format!("{site}/{path}");
            if top.ends_with(".data") {
                let (kind, rest) = rest.split_once('/').unwrap_or((rest, ""));
                place = match kind {
                    "purelib" | "platlib" => format!("{site}/{rest}"),
                    "scripts" => format!("bin/{rest}"),
                    "data" => rest.to_owned(),
                    "headers" => format!("include/site/python{}/{rest}", self.python),
                    _ => {
                        return Err(crate::source::tree::entry(
                            &name,
                            path.as_bytes(),
                            "which no installer knows",
                        ));
                    }
                };
                if kind == "scripts" {
                    item.executable = true;
                    if let Some(text) = self.for_this_python(&item.content)? {
                        item.content = Content::Text(text);
                    }
                }
            } else if top.ends_with(".dist-info") && rest == "entry_points.txt" {
                points = read(&item.content, TEXT)?;
            } else if path.ends_with(".pyc") {
                continue;
            }
            if place.ends_with(".dist-info/RECORD")
                || !wanted(&place, &source.include, &source.exclude)
            {
                // The record names places as they were before.
                continue;
            }
            if self.tree.items.contains_key(&place) {
                // Packages that share a namespace bring the same file: no fault if it is the same.
                let same =
                    self.tree.items.get(&place).map(|there| same(&there.content, &item.content));
                if same.transpose()? == Some(true) {
                    continue;
                }
                return Err(crate::source::tree::entry(
                    &name,
                    place.as_bytes(),
                    "which another wheel brought",
                ));
            }
            self.tree.adopt(&name, &place, item)?;
        }
        for (program, module, function) in scripts(&String::from_utf8_lossy(&points)) {
            let text = format!(
                "#!{}/bin/python3\nimport sys\n\nfrom {module} import {function}\n\n\
                 if __name__ == \"__main__\":\n    sys.exit({function}())\n",
                self.into
            );
            let place = format!("bin/{program}");
            if wanted(&place, &source.include, &source.exclude) {
                self.tree.add_text(&place, text, true)?;
            }
        }
        Ok(())
    }

    /// A script with this environment's Python in its first line, if it asks for any.
    fn for_this_python(&self, content: &Content) -> Result<Option<Vec<u8>>, Error> {
        let bytes = read(content, TEXT)?;
        let Some(rest) = bytes.strip_prefix(b"#!python") else { return Ok(None) };
        let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
        let first = format!("#!{}/bin/python3", self.into);
        Ok(Some([first.as_bytes(), &rest[end..]].concat()))
    }

    /// What makes it an environment: its configuration, and links to Debian's Python.
    fn frame(&mut self) -> Result<(), Error> {
        let python = self.python;
        let configuration =
            format!("home = /usr/bin\ninclude-system-site-packages = true\nversion = {python}\n");
        self.tree.add_text("pyvenv.cfg", configuration, false)?;
        let outside = |target: String| crate::source::tree::Item {
            content: Content::Link(target),
            executable: false,
        };
        for (name, target) in [
            (format!("bin/python{python}"), format!("/usr/bin/python{python}")),
            ("bin/python3".to_owned(), format!("python{python}")),
            ("bin/python".to_owned(), "python3".to_owned()),
        ] {
            self.tree.adopt("stead", &name, outside(target))?;
        }
        Ok(())
    }
}

/// The console scripts of an `entry_points.txt`: program, module, function. What is no plain name
/// is left out, since it would become code.
fn scripts(text: &str) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim) {
        if let Some(section) = line.strip_prefix('[') {
            inside = section.trim_end_matches(']').trim() == "console_scripts";
            continue;
        }
        let Some((program, point)) =
            line.split_once('=').filter(|_| inside && !line.starts_with('#'))
        else {
            continue;
        };
        let point = point.split('[').next().unwrap_or(point);
        let Some((module, function)) = point.split_once(':') else { continue };
        let (program, module, function) = (program.trim(), module.trim(), function.trim());
        let word = |text: &str| {
            !text.is_empty()
                && !text.starts_with(|c: char| c.is_ascii_digit())
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        };
        let sound = !program.is_empty()
            && !program.starts_with(['.', '-'])
            && program.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if sound && module.split('.').all(word) && word(function) {
            found.push((program.to_owned(), module.to_owned(), function.to_owned()));
        }
    }
    found
}

fn read(content: &Content, limit: u64) -> Result<Vec<u8>, Error> {
    use std::io::Read;
    match content {
        Content::Text(text) => Ok(text.clone()),
        Content::Copy { from, .. } => {
            let mut bytes = Vec::new();
            let file =
                fs::File::open(from).and_then(|file| file.take(limit).read_to_end(&mut bytes));
            file.map_err(Error::work(from))?;
            Ok(bytes)
        }
        Content::Link(_) | Content::Folder => Ok(Vec::new()),
    }
}

/// Whether two files hold the same; only small ones are compared.
fn same(a: &Content, b: &Content) -> Result<bool, Error> {
    Ok(match (a, b) {
        (Content::Copy { size: a_size, .. }, Content::Copy { size: b_size, .. }) => {
            a_size == b_size && *a_size < TEXT && read(a, TEXT)? == read(b, TEXT)?
        }
        _ => a == b,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entry_points_become_programs_unless_they_are_code() {
        let text = "[console_scripts]\nrun = a.b:main\nmore=a:main [extra]\n# c = d:e\nbad = os;x:y\n../x = a:b\n\
                    deep = a:b.c\n[gui_scripts]\ng = h:i\n";
        let found = scripts(text);
        let names: Vec<&str> = found.iter().map(|(program, ..)| program.as_str()).collect();
        assert_eq!(names, ["run", "more"]);
        assert_eq!(found[0], ("run".to_owned(), "a.b".to_owned(), "main".to_owned()));
    }
}
