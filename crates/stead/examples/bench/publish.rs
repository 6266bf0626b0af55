//! Publishing packages: stead beside apt-ftparchive, reprepro, aptly and dpkg-scanpackages.
//!
//! Leaves out signing for the peers, which stead does in each run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::gauge::{Run, median, once};
use crate::{cache, plain};

/// How often what is soon done is measured.
const RUNS: usize = 5;
/// dpkg-scanpackages takes minutes beyond.
const SCANNED: usize = 1_000;

/// Measures repositories of these sizes and prints a table of each.
pub fn run(sizes: &[usize]) -> anyhow::Result<()> {
    let stead = crate::stead()?;
    for &size in sizes {
        let debs = debs(size)?;
        let work = tempfile::tempdir_in(cache()?)?;
        let bench = Bench { stead: stead.clone(), debs, size, work: work.path().to_owned() };
        bench.measure()?;
    }
    Ok(())
}

/// So many packages, made once, outside of the tree.
fn debs(size: usize) -> anyhow::Result<PathBuf> {
    let folder = cache()?.join(format!("debs-{size}"));
    if folder.join("made").exists() {
        return Ok(folder);
    }
    eprintln!("making {size} packages in {}", folder.display());
    fs::create_dir_all(folder.join("pool"))?;
    fs::create_dir_all(folder.join("more"))?;
    for number in 0..size {
        write(&folder.join("pool"), &format!("pkg-{number:05}"))?;
    }
    for number in 0..RUNS {
        let name = format!("more-{number}");
        let bytes = plain::simple(&name, "1.2.3-1", "amd64", &[&format!("/usr/bin/{name}")]);
        fs::write(folder.join(format!("more/{name}_1.2.3-1_amd64.deb")), bytes)?;
    }
    fs::write(folder.join("made"), "")?;
    Ok(folder)
}

fn write(folder: &Path, name: &str) -> anyhow::Result<()> {
    let files = ["bin", "lib/systemd/system", "share/doc", "share/man/man1"];
    let files: Vec<String> = files.iter().map(|place| format!("/usr/{place}/{name}")).collect();
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let fields = [
        ("Package", name),
        ("Version", "1.2.3-1"),
        ("Architecture", "amd64"),
        ("Maintainer", "A Community <packages@example.org>"),
        ("Installed-Size", "123"),
        ("Depends", "libc6 (>= 2.34), libssl3 (>= 3.0.0), init-system-helpers (>= 1.51)"),
        ("Section", "net"),
        ("Priority", "optional"),
        ("Homepage", "https://example.org/a-package-of-the-community"),
        ("Description", "a package of a community, described in a line\n more of it\n and more"),
    ];
    fs::write(folder.join(format!("{name}_1.2.3-1_amd64.deb")), plain::package(&fields, &files))?;
    Ok(())
}

struct Bench {
    stead: PathBuf,
    debs: PathBuf,
    size: usize,
    work: PathBuf,
}

impl Bench {
    fn measure(&self) -> anyhow::Result<()> {
        println!("\n{} packages\n", self.size);
        println!("| work | tool | wall s | CPU s | RSS MB | times stead |");
        println!("|---|---|---|---|---|---|");
        let stead = self.stead.display();
        let debs = self.debs.display();

        let import = self.sh(&format!(
            "{stead} repo init mesh --arch amd64 && {stead} repo add mesh {debs}/pool/*.deb && \
             {stead} repo publish mesh"
        ))?;
        self.fresh("reprepro/conf")?;
        fs::write(
            self.work.join("reprepro/conf/distributions"),
            "Codename: bookworm\nArchitectures: amd64\nComponents: main\n",
        )?;
        let reprepro = "reprepro --basedir reprepro --silent";
        let peers = [
            (
                "reprepro",
                self.peer(
                    "reprepro",
                    &format!("{reprepro} includedeb bookworm {debs}/pool/*.deb"),
                )?,
            ),
            (
                "aptly",
                self.peer(
                    "aptly",
                    &format!(
                        "aptly repo create mesh && \
                aptly repo add mesh {debs}/pool && \
                aptly publish repo -skip-signing -distribution=bookworm mesh"
                    ),
                )?,
            ),
        ];
        table("copy in, publish (gz)", import, &peers);

        let again = format!("rm -rf mesh/cache && {stead} repo publish --rescan mesh");
        let gz = self.several(|_| self.sh(&again))?;
        let index = "apt-ftparchive packages pool > Packages && gzip -kf Packages && \
                     apt-ftparchive contents pool | gzip > Contents-amd64.gz && \
                     apt-ftparchive release . > Release";
        self.fresh("ftp")?;
        self.fresh("scan")?;
        for place in ["ftp", "scan"] {
            ensure!(
                Command::new("cp")
                    .args(["-r"])
                    .arg(self.debs.join("pool"))
                    .arg(self.work.join(place))
                    .status()?
                    .success(),
                "cp failed"
            );
        }
        let ftparchive = self.peer("apt-ftparchive", &format!("cd ftp && {index}"))?;
        let mut peers = vec![("apt-ftparchive", ftparchive)];
        if self.size <= SCANNED {
            let scan = "cd scan && dpkg-scanpackages -m pool > Packages && gzip -kf Packages";
            peers.push(("dpkg-scanpackages", self.peer("dpkg-scanpackages", scan)?));
        }
        table("read a pool anew, publish (gz)", gz, &peers);
        let both =
            self.sh(&format!("rm -rf mesh/cache && {stead} repo publish --rescan --xz mesh"))?;
        table("the same (gz and xz)", both, &[]);

        let more = |number: usize| format!("{debs}/more/more-{number}_1.2.3-1_amd64.deb");
        let one = self.several(|number| {
            self.sh(&format!("exec {stead} repo add --publish mesh {}", more(number)))
        })?;
        let db = "apt-ftparchive --db db packages pool > Packages && gzip -kf Packages && \
                  apt-ftparchive --db db contents pool | gzip > Contents-amd64.gz && \
                  apt-ftparchive release . > Release";
        self.peer("apt-ftparchive", &format!("cd ftp && {db}"))?;
        let peers = [
            (
                "reprepro",
                self.peers("reprepro", |number| {
                    format!("{reprepro} includedeb bookworm {}", more(number))
                })?,
            ),
            (
                "aptly",
                self.peers("aptly", |number| {
                    format!(
                        "aptly repo add mesh {} && \
                         aptly publish update -skip-signing bookworm",
                        more(number)
                    )
                })?,
            ),
            (
                "apt-ftparchive --db",
                self.peers("apt-ftparchive", |number| {
                    format!("cp {} ftp/pool && cd ftp && {db}", more(number))
                })?,
            ),
        ];
        table(&format!("one more in {}", self.size), one, &peers);
        Ok(())
    }

    fn fresh(&self, folder: &str) -> anyhow::Result<()> {
        Ok(fs::create_dir_all(self.work.join(folder))?)
    }

    /// Runs a line of shell in the working folder.
    fn sh(&self, line: &str) -> anyhow::Result<Run> {
        let log = self.work.join("log");
        let line = format!(
            "cd '{}' && export HOME=\"$PWD\" && ( {line} ) >'{}' 2>&1 || {{ touch failed; }}",
            self.work.display(),
            log.display()
        );
        let run = once(&["sh", "-c", &line])?;
        let said = fs::read_to_string(&log).unwrap_or_default();
        ensure!(!self.work.join("failed").exists(), "{line}\n{said}");
        Ok(run)
    }

    /// The same for a peer; `None` if it is not installed.
    fn peer(&self, program: &str, line: &str) -> anyhow::Result<Option<Run>> {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output()?;
        found.status.success().then(|| self.sh(line)).transpose()
    }

    fn peers(&self, program: &str, line: impl Fn(usize) -> String) -> anyhow::Result<Option<Run>> {
        let runs: Vec<Run> = (0..RUNS)
            .map(|number| self.peer(program, &line(number)))
            .collect::<anyhow::Result<Vec<_>>>()?
            .into_iter()
            .flatten()
            .collect();
        if runs.is_empty() { Ok(None) } else { median(runs).map(Some) }
    }

    fn several(&self, run: impl Fn(usize) -> anyhow::Result<Run>) -> anyhow::Result<Run> {
        median((0..RUNS).map(run).collect::<anyhow::Result<_>>()?)
    }
}

fn table(work: &str, stead: Run, peers: &[(&str, Option<Run>)]) {
    let row = |tool: &str, run: Run| {
        println!(
            "| {work} | {tool} | {:.2} | {:.2} | {} | {:.1} |",
            run.wall_seconds,
            run.cpu_seconds,
            run.tree_kib / 1024,
            run.wall_seconds / stead.wall_seconds
        );
    };
    row("stead", stead);
    for (tool, run) in peers {
        match run {
            Some(run) => row(tool, *run),
            None => println!("| {work} | {tool} | not installed | | | |"),
        }
    }
}

/// The number of packages that the command line names.
pub fn sizes(words: &[&str]) -> anyhow::Result<Vec<usize>> {
    if words.is_empty() {
        return Ok(vec![1_000, 10_000]);
    }
    words.iter().map(|word| word.parse().context("a number of packages")).collect()
}
