//! Runs journalctl and hands out the entries that it prints, within a time.

use std::process::Stdio;
use std::time::Duration;

use model::text::printable_bytes;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Command;
use tokio::time::{Instant, timeout, timeout_at};

use crate::logs::export::{Entry, Parser};

/// How long journalctl may take until its first entry: opening many files on a slow disk.
const OPENING: Duration = Duration::from_secs(8);
/// How much is read at once.
const PIECE: usize = 64 * 1024;
/// How much of journalctl's complaints is kept, in bytes.
const COMPLAINT: usize = 400;

/// Where the reading starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// At the newest so many entries.
    Newest(usize),
    /// At the entry with this cursor, or at the one that would follow it if it is gone.
    Cursor(String),
}

/// How the reading ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// At the end of the journal.
    Whole,
    /// The time was up.
    Cut,
    /// journalctl gave up, for this reason.
    Broken(String),
}

/// Reads on from `start` until the journal ends or `budget` is used up; the budget counts from
/// the first piece that arrives, so that each run makes way however slow the disk is.
pub(crate) async fn read(start: &Start, budget: Duration, each: &mut impl FnMut(&Entry)) -> End {
    let mut command = Command::new("journalctl");
    command
        .args(["--quiet", "--no-pager", "--output=export"])
        .arg(match start {
            Start::Newest(count) => format!("--lines={count}"),
            Start::Cursor(cursor) => format!("--cursor={cursor}"),
        })
        .env("LC_ALL", "C")
        .env("SYSTEMD_COLORS", "0")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(error) => return End::Broken(format!("cannot run journalctl: {error}")),
    };
    let (Some(mut out), Some(complaints)) = (child.stdout.take(), child.stderr.take()) else {
        return End::Broken("journalctl has no output".to_owned());
    };
    let complaint = tokio::spawn(complaint(complaints));
    let mut parser = Parser::default();
    let mut piece = vec![0; PIECE];
    let mut deadline = Instant::now() + OPENING;
    let mut first = true;
    let end = loop {
        match timeout_at(deadline, out.read(&mut piece)).await {
            Ok(Ok(0)) => break End::Whole,
            Ok(Ok(count)) => {
                if std::mem::take(&mut first) {
                    deadline = Instant::now() + budget;
                }
                parser.feed(&piece[..count], each);
                // A pipe that is always full never waits, and what never waits never times out.
                if Instant::now() >= deadline {
                    break End::Cut;
                }
            }
            Ok(Err(error)) => break End::Broken(format!("cannot read from journalctl: {error}")),
            Err(_) if first => {
                let seconds = OPENING.as_secs();
                break End::Broken(format!("journalctl printed nothing within {seconds} s"));
            }
            Err(_) => break End::Cut,
        }
    };
    if end != End::Whole {
        // The budget is used up; nothing that journalctl still has to say matters.
        child.start_kill().ok();
        child.wait().await.ok();
        return end;
    }
    match timeout(Duration::from_secs(2), child.wait()).await {
        Ok(Ok(status)) if status.success() => End::Whole,
        Ok(Ok(status)) => {
            let said = complaint.await.unwrap_or_default();
            let said = printable_bytes(said.trim_ascii(), COMPLAINT);
            End::Broken(format!("journalctl ended with {status}: {said}"))
        }
        Ok(Err(error)) => End::Broken(format!("cannot wait for journalctl: {error}")),
        Err(_) => End::Broken("journalctl did not end".to_owned()),
    }
}

/// Reads all complaints, so that journalctl never waits, and keeps the first.
async fn complaint(mut from: impl AsyncRead + Unpin) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut piece = [0; 512];
    while let Ok(count) = from.read(&mut piece).await {
        if count == 0 {
            break;
        }
        let room = COMPLAINT.saturating_sub(kept.len());
        kept.extend_from_slice(&piece[..count.min(room)]);
    }
    kept
}
