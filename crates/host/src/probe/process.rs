//! Questions that another program answers: a shell, systemctl, psql.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use model::recipe::question::Answer;
use model::text::printable;
use rustix::process::{Pid, Signal, geteuid, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::probe::connection::MOST;
use crate::probe::way::Way;

/// How long to read on after a program ended whose children still hold its output open.
const GRACE: Duration = Duration::from_millis(200);

/// What a program left.
struct Left {
    status: ExitStatus,
    stdout: String,
    stderr: String,
}

pub(super) async fn command(way: &Way, line: &str, limit: Duration) -> Answer {
    match run(way, "sh", &["-c", line], limit).await {
        Ok(left) => Answer::Ended { code: left.status.code(), output: left.stdout + &left.stderr },
        Err(answer) => answer,
    }
}

pub(super) async fn unit(way: &Way, unit: &str, limit: Duration) -> Answer {
    // Not `is-active`, which has one exit code for a failed unit and for no systemd at all.
    let words = ["show", "--property=LoadState,ActiveState,SubState", "--", unit];
    let left = match run(way, "systemctl", &words, limit).await {
        Ok(left) if left.status.success() => left,
        Ok(left) => return Answer::Unasked(format!("systemctl: {}", shown(&left.stderr))),
        Err(answer) => return answer,
    };
    let value = |key: &str| {
        let line = left.stdout.lines().find_map(|line| line.strip_prefix(key));
        line.and_then(|rest| rest.strip_prefix('=')).unwrap_or_default().to_owned()
    };
    let sub = match value("LoadState").as_str() {
        "loaded" => value("SubState"),
        load => load.to_owned(),
    };
    match value("ActiveState") {
        empty if empty.is_empty() => Answer::Unasked("systemctl says nothing of it".to_owned()),
        active => Answer::Unit { active, sub },
    }
}

pub(super) async fn query(
    way: &Way,
    database: &str,
    role: &str,
    sql: &str,
    limit: Duration,
) -> Answer {
    let psql =
        ["psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "--no-password", "-d", database, "-c", sql];
    // Over the local socket PostgreSQL takes a system user for the role of the same name.
    let words = [&["-u", role, "--"][..], &psql].concat();
    let asked = match geteuid().is_root() {
        true => run(way, "runuser", &words, limit).await,
        false => run(way, "psql", &psql[1..], limit).await,
    };
    match asked {
        Ok(left) if left.status.success() => {
            let first = left.stdout.lines().next().unwrap_or_default();
            Answer::Value(first.split('|').next().unwrap_or_default().to_owned())
        }
        // runuser: there is no such user, or no psql.
        Ok(left) if matches!(left.status.code(), Some(126 | 127)) => {
            Answer::Unasked(format!("psql could not be run: {}", shown(&left.stderr)))
        }
        Ok(left) if left.stderr.contains("runuser:") => Answer::Unasked(shown(&left.stderr)),
        Ok(left) => Answer::Refused(shown(&left.stderr)),
        Err(answer) => answer,
    }
}

/// Runs a program to its end; a refusal if that takes too long.
async fn run(way: &Way, program: &str, words: &[&str], limit: Duration) -> Result<Left, Answer> {
    let spawned = Command::from(way.command(program))
        .args(words)
        .current_dir("/")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn();
    let mut child =
        spawned.map_err(|error| Answer::Unasked(format!("cannot run {program}: {error}")))?;
    let group = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let ended = timeout(limit, finish(&mut child)).await;
    // Also what it left in the background: a check starts nothing that stays.
    if let Some(group) = group {
        // Nobody may be left in it.
        let _gone = kill_process_group(group, Signal::KILL);
    }
    match ended {
        Ok(Ok(left)) => Ok(left),
        Ok(Err(error)) => Err(Answer::Unasked(format!("cannot wait for {program}: {error}"))),
        Err(_) => {
            let _reaped = child.wait().await;
            Err(Answer::Refused(format!("no answer in {} s", limit.as_secs())))
        }
    }
}

async fn finish(child: &mut Child) -> std::io::Result<Left> {
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let mut stdout = Vec::new();
    let mut stderr = Vec::new();
    let status = {
        let read = async { tokio::join!(drain(out, &mut stdout), drain(err, &mut stderr)) };
        tokio::pin!(read);
        tokio::select! {
            _ = &mut read => child.wait().await?,
            status = child.wait() => {
                let _all = timeout(GRACE, &mut read).await;
                status?
            }
        }
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Left { status, stdout: text(&stdout), stderr: text(&stderr) })
}

/// Reads to the end and keeps the start, so that the program never waits for a reader.
async fn drain(from: Option<impl AsyncRead + Unpin>, kept: &mut Vec<u8>) {
    let Some(mut from) = from else { return };
    let mut piece = vec![0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut piece).await {
        let room = MOST.saturating_sub(kept.len()).min(count);
        kept.extend_from_slice(&piece[..room]);
        // A pipe that is always full never waits, and what never waits never times out.
        tokio::task::yield_now().await;
    }
}

fn shown(text: &str) -> String {
    match text.trim() {
        "" => "it says nothing".to_owned(),
        text => printable(text, 300),
    }
}
