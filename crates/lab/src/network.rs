//! A fleet's wire: network namespaces joined by a bridge that leads nowhere else.
//! Nothing is set up inside a machine by this: its namespace is ready before it boots.

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::command::{self, Input};

const LIMIT: Duration = Duration::from_secs(20);
const FOLDER: &str = "/run/netns";

/// The address of the bridge: nobody listens there, and it forwards nothing.
const BRIDGE: u8 = 1;

/// The namespace with the bridge.
pub(crate) struct Switch {
    id: String,
}

impl Switch {
    pub(crate) fn new(id: &str) -> Result<Self> {
        let switch = Self { id: id.to_owned() };
        let namespace = name(id);
        ip("", &format!("netns add {namespace}\n"))?;
        ip(
            &namespace,
            &format!(
                "link set lo up\n\
                 link add br0 type bridge\n\
                 addr add {}/24 dev br0\n\
                 link set br0 up\n",
                address(BRIDGE)
            ),
        )?;
        Ok(switch)
    }

    pub(crate) fn namespace(&self) -> PathBuf {
        Path::new(FOLDER).join(name(&self.id))
    }

    /// Makes the namespace of machine number `number` and, if `wired`, its `eth0` on the bridge.
    pub(crate) fn plug(&self, number: u8, wired: bool) -> Result<PathBuf> {
        let (switch, machine) = (name(&self.id), format!("{}-{number}", name(&self.id)));
        ip("", &format!("netns add {machine}\n"))?;
        let mut inside = String::from("link set lo up\n");
        if wired {
            ip(
                &switch,
                &format!(
                    "link add port{number} type veth peer name eth0 netns {machine}\n\
                     link set port{number} master br0\n\
                     link set port{number} up\n"
                ),
            )?;
            let v4 = address(number);
            write!(
                inside,
                "addr add {v4}/24 brd + dev eth0\n\
                 addr add fd83::{number:x}/64 dev eth0 nodad\n\
                 link set eth0 up\n"
            )?;
        }
        ip(&machine, &inside)?;
        Ok(Path::new(FOLDER).join(machine))
    }

    /// Pulls the plug of a machine, or puts it back; the machine sees its carrier go and come.
    pub(crate) fn set_port(&self, number: u8, up: bool) -> Result<()> {
        let state = if up { "up" } else { "down" };
        ip(&name(&self.id), &format!("link set port{number} {state}\n"))
    }

    /// Removes the namespace of one machine; its half of the wire goes with it.
    pub(crate) fn unplug(&self, number: u8) -> Result<()> {
        ip("", &format!("netns del {}-{number}\n", name(&self.id)))
    }
}

/// Removes every namespace of a run.
pub(crate) fn remove(id: &str) -> Result<()> {
    let Ok(entries) = std::fs::read_dir(FOLDER) else { return Ok(()) };
    for entry in entries {
        let found = entry?.file_name().to_string_lossy().into_owned();
        let machine = format!("{}-", name(id));
        if found == name(id) || found.starts_with(&machine) {
            ip("", &format!("netns del {found}\n"))?;
        }
    }
    Ok(())
}

/// The address of machine `number`.
pub(crate) fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 83, 0, number)
}

fn name(id: &str) -> String {
    format!("stead-lab-{id}")
}

fn ip(namespace: &str, lines: &str) -> Result<()> {
    let mut command = Command::new("ip");
    if !namespace.is_empty() {
        command.args(["-n", namespace]);
    }
    command.args(["-batch", "-"]);
    let input = Input::Bytes(lines.as_bytes().to_vec());
    let output = command::run(&mut command, input, LIMIT)?.text();
    ensure!(output.success(), "`ip` refused:\n{lines}{}", output.stderr);
    Ok(())
}
