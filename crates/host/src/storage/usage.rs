//! How full filesystems are, without ever waiting on a dead one.
//!
//! Leaves out which filesystems to ask.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use model::facts::storage::{Inodes, Usage};
use model::seen::Seen;

/// How long all filesystems together may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Mount points that were asked and have not answered: they are not asked again meanwhile, so
/// that threads do not pile up.
static WAITING: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// What was found at a mount point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) folder: bool,
    pub(crate) usage: Usage,
}

/// Asks each mount point, in order; those that do not answer in time are unseen.
pub(crate) fn ask(points: &[PathBuf]) -> Vec<Seen<Point>> {
    ask_with(points, PATIENCE, look)
}

fn ask_with(
    points: &[PathBuf],
    patience: Duration,
    look: fn(&Path) -> io::Result<Point>,
) -> Vec<Seen<Point>> {
    let deadline = Instant::now() + patience;
    let mut answers = Vec::with_capacity(points.len());
    let mut asked = None;
    for index in 0..points.len() {
        let receiver = match asked.take() {
            Some(receiver) => receiver,
            None => start(points[index..].to_vec(), look),
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match receiver.recv_timeout(left.max(Duration::from_millis(1))) {
            Ok(Ok(found)) => {
                answers.push(Seen::Seen(found));
                asked = Some(receiver);
            }
            Ok(Err(error)) => {
                answers.push(Seen::unseen(format!("cannot ask it: {error}")));
                asked = Some(receiver);
            }
            Err(_) => answers.push(Seen::unseen("it did not answer in time")),
        }
    }
    answers
}

fn waiting() -> std::sync::MutexGuard<'static, BTreeSet<PathBuf>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Asks the points one after another on one thread, which is left behind if one hangs.
fn start(
    points: Vec<PathBuf>,
    look: fn(&Path) -> io::Result<Point>,
) -> mpsc::Receiver<io::Result<Point>> {
    let (sender, receiver) = mpsc::channel();
    // A thread that cannot be started drops the sender, which reads as "no answer".
    let _ = thread::Builder::new().name("stead-disks".to_owned()).spawn(move || {
        for point in points {
            let answer = if waiting().insert(point.clone()) {
                let answer = look(&point);
                waiting().remove(&point);
                answer
            } else {
                Err(io::Error::other("it was asked earlier and still does not answer"))
            };
            if sender.send(answer).is_err() {
                return;
            }
        }
    });
    receiver
}

fn look(point: &Path) -> io::Result<Point> {
    let stat = rustix::fs::statvfs(point)?;
    let folder = fs::metadata(point)?.is_dir();
    let block = stat.f_frsize;
    let inodes = (stat.f_files > 0).then(|| Inodes {
        used: stat.f_files.saturating_sub(stat.f_ffree),
        available: stat.f_favail,
    });
    Ok(Point {
        folder,
        usage: Usage {
            size_bytes: stat.f_blocks.saturating_mul(block),
            used_bytes: stat.f_blocks.saturating_sub(stat.f_bfree).saturating_mul(block),
            available_bytes: stat.f_bavail.saturating_mul(block),
            inodes,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hangs_on_dead(point: &Path) -> io::Result<Point> {
        if point.ends_with("dead") {
            thread::park_timeout(Duration::from_secs(600));
        }
        look(Path::new("/"))
    }

    #[test]
    fn a_hung_disk_hides_no_other_and_is_not_asked_twice() {
        let points = ["/a", "/hangs/dead", "/b"].map(PathBuf::from);
        let patience = Duration::from_millis(200);
        let answers = ask_with(&points, patience, hangs_on_dead);
        assert!(matches!(&answers[1], Seen::Unseen(reason) if reason.contains("in time")));
        assert!(answers[0].seen().is_some_and(|point| point.folder));
        let again = ask_with(&points, patience, hangs_on_dead);
        assert!(matches!(&again[1], Seen::Unseen(reason) if reason.contains("still")));
        assert!(again[0].seen().is_some() && again[2].seen().is_some());
    }

    #[test]
    fn a_mount_point_that_vanished_is_unseen() {
        let answers = ask(&[PathBuf::from("/nonexistent/mount"), PathBuf::from("/")]);
        assert!(answers[0].seen().is_none());
        assert!(answers[1].seen().is_some());
    }
}
