//! Asks the packet filters' own tools which ports are passed on.
//!
//! Leaves out what the rules mean: that is `forward`'s.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use model::facts::network::Published;
use model::seen::Seen;
use model::text::printable_bytes;
use tokio::io::AsyncReadExt;
use tokio::process::Command;

use crate::network::forward;

/// How long a tool may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// The most that is read of its output, in bytes.
const LONGEST: u64 = 16 * 1024 * 1024;

/// The ports that packet filters pass on. A tool that is not installed has set no rules, nor has
/// one for which the kernel has no support.
pub(super) async fn published() -> Seen<Vec<Published>> {
    let tools: Vec<(&str, &[&str])> = [
        ("nft", &["-j", "-t", "list", "ruleset"][..]),
        ("iptables-save", &[][..]),
        ("ip6tables-save", &[][..]),
    ]
    .into_iter()
    .collect();
    if !rustix::process::geteuid().is_root() {
        let any = tools.iter().any(|(tool, _)| path(tool).is_some());
        return if any {
            Seen::unseen("only root may read the packet filter's rules")
        } else {
            Seen::Seen(Vec::new())
        };
    }
    let mut all = Vec::new();
    for (tool, arguments) in tools {
        let Some(path) = path(tool) else { continue };
        match run(&path, arguments).await {
            Ok(output) if tool == "nft" => match forward::nft(&output) {
                Ok(published) => all.extend(published),
                Err(error) => return Seen::unseen(format!("cannot read what nft says: {error}")),
            },
            Ok(output) => all.extend(forward::iptables(&String::from_utf8_lossy(&output))),
            Err(reason) if unsupported(&reason) => {}
            Err(reason) => return Seen::unseen(format!("cannot run {tool}: {reason}")),
        }
    }
    Seen::Seen(all)
}

fn path(tool: &str) -> Option<String> {
    ["/usr/sbin", "/sbin", "/usr/bin"]
        .iter()
        .map(|folder| format!("{folder}/{tool}"))
        .find(|path| Path::new(path).exists())
}

/// Whether the tool says that this kernel has no such filter, and so no rules of it.
fn unsupported(reason: &str) -> bool {
    [
        "Protocol not supported",
        "Operation not supported",
        "do you need to insmod",
        "Table does not exist",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

/// Runs a tool to its end; the error is its own words.
async fn run(path: &str, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let mut child = Command::new(path)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| error.to_string())?;
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err("it has no output".to_owned());
    };
    let work = async {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let (mut stdout, mut stderr) = (stdout.take(LONGEST), stderr.take(4096));
        let (read, _) = tokio::join!(stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
        read.map_err(|error| error.to_string())?;
        if out.len() as u64 == LONGEST {
            return Err(format!("its output is longer than {LONGEST} bytes"));
        }
        let status = child.wait().await.map_err(|error| error.to_string())?;
        if status.success() { Ok(out) } else { Err(printable_bytes(&err, 300)) }
    };
    tokio::time::timeout(PATIENCE, work)
        .await
        .unwrap_or_else(|_| Err(format!("no answer in {} s", PATIENCE.as_secs())))
}
