//! A package that was built lives on a booted machine: an upgrade keeps the edit, whence answers,
//! purge leaves nothing.
//!
//! Leaves out the cookbook's recipes, which have their own tests.

use std::path::Path;

const RECIPE: &str = r#"name = "greeter"
summary = "Greets once a minute"
version = "1.0"
[source]
files = "bin"
into = "/usr/bin"
[package]
user = "greeter"
directories = [{ path = "/var/lib/greeter" }]
[settings.greeting]
default = "Hello"
help = "What it says."
[[files]]
path = "/etc/greeter.conf"
content = "GREETING={{ greeting | shell }}\n"
mode = "0640"
group = "greeter"
[[units]]
name = "greeter.service"
content = """
[Service]
User=greeter
ExecStart=/usr/bin/greeter
[Install]
WantedBy=multi-user.target
"""
"#;

const PROGRAM: &str = "#!/bin/sh\nset -eu\n. /etc/greeter.conf\n\
                       while :; do echo \"$GREETING\" >>/var/lib/greeter/said; sleep 60; done\n";

/// Everything that an installation could leave: files, users, units, links.
const STATE: &str = "find /etc /usr /var/lib /var/log -xdev \
    -not -path '/var/lib/dpkg*' -not -path '/var/lib/apt*' -not -path '/var/log/*' \
    -not -path '/var/lib/systemd*' -not -path '/etc/*-' -not -path '/var/cache*' | sort; \
    getent passwd | cut -d: -f1 | sort";

#[test]
fn lab_a_built_package_lives_and_leaves_nothing() -> anyhow::Result<()> {
    let Some(fleet) = lab::Fleet::new("build")? else { return Ok(()) };
    let packages = ["git", "nginx-light", "postgresql"];
    let machine = fleet.machine("runko").packages(&packages).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.must("mkdir -p /root/greeter/bin")?;
    machine.write("/root/greeter/recipe.toml", RECIPE)?;
    machine.write("/root/greeter/bin/greeter", PROGRAM)?;
    machine.must("cd && export HOME=/root && stead build ./greeter --out packages")?;
    machine.must("cd && export HOME=/root && stead lint --strict packages/*.deb")?;
    let before = machine.must(STATE)?;

    let apt = "export DEBIAN_FRONTEND=noninteractive; apt-get -qq -o Dpkg::Options::=--force-confdef \
               -o Dpkg::Options::=--force-confold";
    machine.must(&format!("{apt} install /root/packages/greeter_1.0-1_all.deb 2>&1"))?;
    assert_eq!(
        machine.must("systemctl is-active greeter; systemctl is-enabled greeter")?.trim(),
        "active\nenabled"
    );
    assert_eq!(
        machine.must("stat -c '%U %G %a' /etc/greeter.conf /usr/bin/greeter")?.trim(),
        "root greeter 640\nroot root 755"
    );
    assert_eq!(
        machine.must("dpkg-query -W -f '${Conffiles}' greeter | awk '{print $1}'")?.trim(),
        "/etc/greeter.conf"
    );
    assert_eq!(machine.must("dpkg -V greeter")?.trim(), "");
    let first = machine.must("systemctl show -p MainPID greeter")?;

    let told = machine.must("stead whence /etc/greeter.conf")?;
    assert!(told.contains("line      recipe.toml:13\n"), "{told}");
    let told = machine.must("stead whence --json greeter")?;
    let told: serde_json::Value = serde_json::from_str(&told)?;
    assert_eq!(told["settings"]["greeting"], "Hello");
    let sum = machine.must(
        "cd /usr/share/stead/recipes/greeter && \
         LC_ALL=C sha256sum $(find * -type f | LC_ALL=C sort) | sha256sum | cut -d' ' -f1",
    )?;
    assert_eq!(told["recipe"]["sha256"], sum.trim(), "the recipe inside is the one it was made of");
    let refused = machine.sh("stead whence /usr/bin/dpkg")?;
    assert!(refused.stderr.contains("`dpkg` was not made by stead"), "{}", refused.stderr);

    machine.must("sed -i s/Hello/Moi/ /etc/greeter.conf")?;
    machine.must("cd && sed -i 's/^version = .*/version = \"1.1\"/; s/default = .*/default = \"Hei\"/' greeter/recipe.toml && export HOME=/root && stead build ./greeter --out packages")?;
    machine.must(&format!("{apt} install /root/packages/greeter_1.1-1_all.deb 2>&1"))?;
    assert_eq!(machine.must("cat /etc/greeter.conf")?.trim(), "GREETING='Moi'", "the edit is kept");
    assert_eq!(machine.must("systemctl is-active greeter")?.trim(), "active");
    assert_ne!(machine.must("systemctl show -p MainPID greeter")?, first, "it was restarted");

    machine.must(&format!("{apt} remove greeter 2>&1"))?;
    assert_eq!(machine.sh("systemctl is-active greeter")?.stdout.trim(), "inactive");
    machine.must("test -e /etc/greeter.conf && test -s /var/lib/greeter/said")?;
    machine.must(&format!("{apt} purge greeter 2>&1"))?;
    let after = machine.must(STATE)?;
    assert_eq!(after, before, "purge leaves what was there before");
    Ok(())
}
