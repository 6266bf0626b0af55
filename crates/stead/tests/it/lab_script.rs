//! The package and the standalone script of one recipe, each on a machine of its own: the same
//! files, users, units and databases, through install, hand edit, upgrade, downgrade, removal,
//! return and purge.
//!
//! Leaves out the cookbook's recipes, whose lives are lived in their own tests.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use deb::provenance::Provenance;
use deb::{archive, recipe_folder, script_payload, source};
use lab::{Fleet, Machine};
use model::layout::script::render;
use model::layout::{Content, Entry, Layout, Origin, lay_out};
use model::recipe::definition::Recipe;
use model::recipe::values::Values;
use tempfile::TempDir;

const PACKAGES: [&str; 3] = ["git", "nginx-light", "postgresql"];

const RECIPE: &str = r##"name = "demo"
summary = "A service with a bit of everything"
version = "VERSION"
[source]
files = "tree"
[package]
overlays = "nginx-common"
user = "demo"
groups = ["ssl-cert"]
holds = ["nginx.service"]
conffiles = ["/usr/lib/demo/etc/words"]
directories = [{ path = "/var/lib/demo" }, { path = "/var/lib/demo/inner", mode = "0755" }]
[settings.port]
type = "port"
default = 8099
help = "Where it listens."
[settings.token]
secret = true
generate = true
help = "Signs sessions."
[[files]]
path = "/etc/demo/demo.conf"
content = "# {{ name }} {{ version }}\nport {{ port }}"
group = "demo"
mode = "0640"
[[files]]
path = "/etc/demo/more/other.conf"
content = "version {{ version }}\n"
[[files]]
path = "/etc/demo/current"
link = "demo.conf"
[[files]]
path = "/usr/share/nginx/html/index.html"
content = "<p>demo</p>\n"
diverts = true
[[files]]
path = "/usr/share/demo/state"
content = "0\n"
owner = "demo"
group = "demo"
mode = "0600"
[[units]]
name = "demo.service"
content = """
[Service]
User=demo
ExecStart=/usr/lib/demo/run
KillMode=process
[Install]
WantedBy=multi-user.target
"""
[[units]]
name = "demo-tick.service"
content = "[Service]\nType=oneshot\nExecStart=/bin/true\n"
[[units]]
name = "demo-tick.timer"
content = "[Timer]\nOnCalendar=daily\nPersistent=yes\n[Install]\nWantedBy=timers.target\n"
[database]
engine = "postgresql"
name = "demo"
extensions = ["pg_trgm"]
[upgrade]
steps = ["touch /var/lib/demo/migrated-to-{{ version }}"]
"##;

/// Leaves a child behind that only the end of the whole unit ends.
const RUN: &str = "#!/bin/sh\nsleep 100001 &\nexec sleep 100002\n";

/// Builds a version of the recipe both ways.
fn make(work: &Path, version: &str) -> Result<(PathBuf, PathBuf)> {
    let place = work.join(format!("demo-{version}"));
    fs::create_dir_all(place.join("tree/etc"))?;
    fs::write(place.join("recipe.toml"), RECIPE.replace("VERSION", version))?;
    fs::write(place.join("tree/run"), RUN)?;
    fs::write(place.join("tree/data"), [b"\0\xff\n", version.as_bytes()].concat())?;
    fs::write(place.join(format!("tree/only {version}").replace(' ', "-")), "x\n")?;
    fs::write(place.join("tree/etc/words"), b"\xffword\n")?;
    let folder = recipe_folder::read(&place)?;
    let read = Recipe::parse(&folder).map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let values = Values::resolve(&read.recipe, &BTreeMap::new())
        .map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let cache = deb::fetch::Cache::open(work.join("cache"))?;
    let silent = deb::progress::Silent;
    let below = work.join("work");
    let payload = source::bring(&read.recipe, &folder, "all", &cache, &below, &silent)?;
    let mut layout = lay_out(&read, &folder, &values, &payload, "all")
        .map_err(|faults| anyhow::anyhow!("{faults:?}"))?;
    let provenance = Provenance::of(&layout, "demo", &folder, BTreeMap::new(), Vec::new());
    let package = work.join(format!("demo_{version}.deb"));
    archive::write(&layout, &provenance, &package)?;
    add(&mut layout, &provenance);
    let script = render(&layout);
    ensure!(!script.archive.is_empty(), "the data should be in the archive");
    let path = work.join(format!("demo_{version}.sh"));
    fs::write(&path, script.text + &script_payload::lines(&script.archive)?)?;
    Ok((package, path))
}

fn add(layout: &mut Layout, provenance: &Provenance) {
    layout.entries.push(Entry {
        path: provenance.path(),
        content: Content::Text(provenance.json()),
        mode: 0o644,
        owner: "root".to_owned(),
        group: "root".to_owned(),
        conffile: false,
        from: Origin { file: "recipe.toml".to_owned(), line: 1 },
    });
}

/// Every path with its type, mode, owner, content and target; left out is what the kernel, dpkg,
/// the journal and PostgreSQL's own data change on their own.
fn listing(machine: &Machine) -> Result<BTreeSet<String>> {
    let pruned = [
        "/proc",
        "/sys",
        "/run",
        "/dev",
        "/tmp",
        "/root",
        "/var/log",
        "/var/cache",
        "/var/tmp",
        "/var/lib/dpkg",
        "/var/lib/apt",
        "/var/lib/postgresql",
        "/var/lib/systemd/catalog",
        "/var/lib/systemd/random-seed",
        "/usr/local/bin",
    ];
    let prune = pruned.map(|path| format!("-path {path}")).join(" -o ");
    let text = machine.must(&format!(
        "find / -xdev \\( {prune} \\) -prune -o -printf '%y %m %u:%g %p %l\\n'; \
         find / -xdev \\( {prune} \\) -prune -o -type f -exec sha256sum {{}} +"
    ))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// A machine on which the recipe is installed one of two ways.
struct Way {
    machine: Machine,
    by_script: bool,
    before: BTreeSet<String>,
}

impl Way {
    fn boot(
        fleet: &Fleet,
        name: &str,
        by_script: bool,
        made: &[(PathBuf, PathBuf)],
    ) -> Result<Self> {
        let machine = fleet.machine(name).packages(&PACKAGES).no_network().boot()?;
        for (number, (package, script)) in made.iter().enumerate() {
            machine.push(package, &format!("/root/{}.deb", number + 1))?;
            machine.push(script, &format!("/root/{}.sh", number + 1))?;
        }
        machine.must("systemctl is-active nginx postgresql")?;
        let before = listing(&machine)?;
        Ok(Self { machine, by_script, before })
    }

    fn install(&self, number: u32) -> Result<String> {
        let line = if self.by_script {
            format!("sh /root/{number}.sh install 2>&1")
        } else {
            format!(
                "DEBIAN_FRONTEND=noninteractive apt-get install --yes --allow-downgrades \
                 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
                 /root/{number}.deb 2>&1"
            )
        };
        self.run(&line)
    }

    fn go(&self, action: &str) -> Result<String> {
        self.run(&if self.by_script {
            format!("sh /root/1.sh {action} 2>&1")
        } else {
            format!("DEBIAN_FRONTEND=noninteractive apt-get {action} --yes demo 2>&1")
        })
    }

    fn run(&self, line: &str) -> Result<String> {
        let output = self.machine.sh(line)?;
        ensure!(output.success(), "{}: {line}: {}", self.machine.name(), output.stdout);
        Ok(output.stdout)
    }

    /// What differs from the machine before: `+` is new, `-` is gone.
    fn changes(&self) -> Result<BTreeSet<String>> {
        let now = listing(&self.machine)?;
        let come = now.difference(&self.before).map(|line| format!("+ {line}"));
        let gone = self.before.difference(&now).map(|line| format!("- {line}"));
        let own = |line: &String| {
            let state = ["/var/lib/stead/script", "/var/lib/systemd/timers"];
            // What useradd saves of the files before it.
            let saved = ["/etc/passwd-", "/etc/group-", "/etc/shadow-", "/etc/gshadow-"];
            let more = ["/etc/subuid-", "/etc/subgid-", "/etc/.pwd.lock"];
            let of = |path: &&str| line.contains(&format!(" {path}"));
            !(state.iter().any(of) || saved.iter().any(of) || more.iter().any(of))
        };
        Ok(come.chain(gone).filter(own).collect())
    }

    /// Units and users, as a person would ask for them.
    fn state(&self) -> Result<String> {
        self.machine.must(
            "for unit in demo.service demo-tick.timer demo-tick.service nginx.service; do \
             echo $unit $(systemctl is-enabled $unit 2>/dev/null) $(systemctl is-active $unit); \
             done; id demo 2>/dev/null || echo no user; \
             getent passwd demo || echo no passwd; \
             cd /; runuser -u postgres -- psql -XAtc \"select datname, \
             pg_get_userbyid(datdba), datcollate from pg_database where datname = 'demo'\" ; \
             [ ! -f /etc/demo/secrets/token ] || wc -c </etc/demo/secrets/token",
        )
    }
}

/// Both ways have changed the machine in the same way.
fn same(ways: &[Way; 2], when: &str) -> Result<()> {
    let [package, script] = [ways[0].changes()?, ways[1].changes()?];
    // Random on each.
    let plain = |lines: BTreeSet<String>| -> BTreeSet<String> {
        let secret = "/etc/demo/secrets/token";
        lines
            .into_iter()
            .map(|line| {
                let sum = line.ends_with(&format!("  {secret}"));
                if sum { secret.to_owned() } else { line }
            })
            .collect()
    };
    let [package, script] = [plain(package), plain(script)];
    let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
        one.difference(other).cloned().collect::<Vec<_>>().join("\n")
    };
    ensure!(
        package == script,
        "{when}: the package alone:\n{}\nthe script alone:\n{}",
        only(&package, &script),
        only(&script, &package)
    );
    let [package, script] = [ways[0].state()?, ways[1].state()?];
    ensure!(package == script, "{when}: the package:\n{package}\nthe script:\n{script}");
    Ok(())
}

#[test]
fn lab_the_script_leaves_the_same_machine_as_the_package() -> Result<()> {
    let Some(fleet) = Fleet::new("script")? else { return Ok(()) };
    let work = TempDir::new()?;
    let made = [make(work.path(), "1.0")?, make(work.path(), "2.0")?];
    let ways =
        [Way::boot(&fleet, "package", false, &made)?, Way::boot(&fleet, "script", true, &made)?];

    for way in &ways {
        way.install(1)?;
    }
    let state = ways[0].state()?;
    for expected in [
        "demo.service enabled active",
        "demo-tick.timer enabled active",
        "demo-tick.service static inactive",
        "nginx.service enabled inactive",
        "demo|demo|C",
        "(ssl-cert)",
        ":/var/lib/demo:/usr/sbin/nologin",
        "\n64\n",
    ] {
        ensure!(state.contains(expected), "no `{expected}` after installation:\n{state}");
    }
    same(&ways, "after installation")?;
    let changes = ways[0].changes()?;
    for expected in [
        "+ f 640 root:demo /etc/demo/demo.conf ",
        "+ f 600 demo:demo /usr/share/demo/state ",
        "+ f 640 root:demo /etc/demo/secrets/token ",
        "+ d 750 demo:demo /var/lib/demo ",
        "+ d 755 demo:demo /var/lib/demo/inner ",
        "+ f 755 root:root /usr/lib/demo/run ",
        "+ f 644 root:root /usr/share/nginx/html/index.html.distrib ",
        "+ f 644 root:root /usr/share/stead/packages/demo.json ",
    ] {
        let found = changes.iter().any(|line| line.starts_with(expected));
        ensure!(found, "no `{expected}`: {changes:#?}");
    }

    for way in &ways {
        way.run("echo edited >>/etc/demo/demo.conf; rm /usr/lib/demo/etc/words")?;
        let pid = way.run("systemctl show -P MainPID demo")?;
        way.install(2)?;
        way.run("grep -q edited /etc/demo/demo.conf && [ -f /etc/demo/demo.conf.dpkg-dist ]")?;
        way.run("grep -q 2.0 /etc/demo/more/other.conf && [ ! -e /usr/lib/demo/etc/words ]")?;
        way.run("[ ! -e /usr/lib/demo/only-1.0 ] && [ -e /usr/lib/demo/only-2.0 ]")?;
        way.run("[ \"$(stat -c %U /var/lib/demo/migrated-to-2.0)\" = demo ]")?;
        ensure!(way.run("systemctl show -P MainPID demo")? != pid, "the old process runs on");
    }
    same(&ways, "after the upgrade")?;

    for way in &ways {
        way.install(1)?;
        way.run("grep -q edited /etc/demo/demo.conf && systemctl is-active demo")?;
        way.run("[ ! -e /var/lib/demo/migrated-to-1.0 ]")?;
    }
    same(&ways, "after the downgrade")?;

    for way in &ways {
        way.run("systemctl disable demo-tick.timer 2>/dev/null")?;
        way.go("remove")?;
        way.run("! pgrep -u demo && [ -f /etc/demo/demo.conf ] && [ -d /var/lib/demo/inner ]")?;
        way.run("[ ! -e /usr/lib/demo/run ] && systemctl is-active nginx")?;
        way.run("[ ! -e /usr/share/nginx/html/index.html.distrib ]")?;
    }
    same(&ways, "after removal")?;

    for way in &ways {
        way.install(2)?;
        way.run("grep -q edited /etc/demo/demo.conf && systemctl is-active demo")?;
        way.run("[ \"$(systemctl is-enabled demo-tick.timer)\" = disabled ]")?;
    }
    same(&ways, "after the return")?;

    for way in &ways {
        way.go("purge")?;
        let left = way.changes()?;
        let name = way.machine.name();
        ensure!(left.is_empty(), "{name}: purge leaves: {left:#?}");
        let state = way.state()?;
        ensure!(state.contains("no user\nno passwd"), "{name}: {state}");
        ensure!(!state.contains("demo|demo"), "{name}: the database stays: {state}");
        ensure!(state.contains("nginx.service enabled active"), "{name}: {state}");
        way.run("! find / -xdev -path /proc -prune -o -nouser -print | grep .")?;
    }
    Ok(())
}

#[test]
fn lab_a_failing_step_stops_safely_and_can_be_mended() -> Result<()> {
    let Some(fleet) = Fleet::new("mend")? else { return Ok(()) };
    let work = TempDir::new()?;
    let made = [make(work.path(), "1.0")?, make(work.path(), "2.0")?];
    let way = Way::boot(&fleet, "package", false, &made)?;

    // No PostgreSQL: the installation waits, and tells how to go on.
    way.run("systemctl stop postgresql; systemctl mask postgresql 2>/dev/null")?;
    let said = way.machine.sh("dpkg -i /root/1.deb 2>&1")?;
    ensure!(!said.success(), "installed without a database: {}", said.stdout);
    let hint = said.stdout.contains("dpkg --configure -a");
    ensure!(hint, "no way out: {}", said.stdout);
    way.run("[ \"$(systemctl is-active demo)\" != active ]")?;
    way.run("systemctl unmask postgresql 2>/dev/null; systemctl start postgresql")?;
    way.run("dpkg --configure -a 2>&1 && systemctl is-active demo")?;

    // A step that fails leaves the service stopped, and comes again.
    way.run("chmod 0555 /var/lib/demo")?;
    let said = way.machine.sh("dpkg -i /root/2.deb 2>&1")?;
    let told = !said.success() && said.stdout.contains("a step of the upgrade failed");
    ensure!(told, "the step did not fail: {}", said.stdout);
    way.run("[ \"$(systemctl is-active demo)\" != active ]")?;
    way.run("chmod 0750 /var/lib/demo && dpkg --configure -a 2>&1")?;
    way.run("systemctl is-active demo && [ -f /var/lib/demo/migrated-to-2.0 ]")?;

    // dpkg-statoverride is obeyed, what an admin disabled stays so.
    way.run("dpkg-statoverride --update --add root root 0604 /usr/share/demo/state")?;
    way.run("systemctl disable --now demo 2>/dev/null; dpkg -i /root/1.deb 2>&1")?;
    way.run("[ \"$(stat -c '%U %a' /usr/share/demo/state)\" = 'root 604' ]")?;
    way.run("[ \"$(systemctl is-active demo)\" = inactive ]")?;
    way.run("dpkg-statoverride --remove /usr/share/demo/state")?;

    // Purged while PostgreSQL is gone, it says what stays and ends.
    way.run("systemctl stop postgresql; systemctl mask postgresql 2>/dev/null")?;
    let said = way.run("dpkg --purge demo 2>&1")?;
    ensure!(said.contains("dropdb demo"), "the database is not told: {said}");
    way.run("systemctl unmask postgresql 2>/dev/null; systemctl start postgresql")?;

    // A user that was there before stays, and leaves the groups it had joined.
    way.run("useradd --system --user-group demo && dpkg -i /root/1.deb 2>&1")?;
    way.run("dpkg --purge demo 2>&1 && id demo && ! id -nG demo | grep ssl-cert")
        .context("a user of somebody else")?;
    Ok(())
}
