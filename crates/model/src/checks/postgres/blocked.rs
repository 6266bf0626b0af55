//! `postgres-blocked`: no query waits long for another's lock.

use std::collections::BTreeSet;

use crate::check::Check;
use crate::checks::postgres::each::{self, Answer};
use crate::facts::postgres::Session;
use crate::scene::Scene;
use crate::text::{counted, span};
use crate::verdict::Finding;

pub(super) const BLOCKED: Check = Check {
    name: "postgres-blocked",
    title: "no PostgreSQL query waits long for another's lock",
    asks: "Whether a session has waited for a lock for more than 30 seconds, and who stands at the \
        head of its queue; the host's plan may say otherwise as `blocked_seconds` under \
        [postgres].\n\
        fail: there is one.\n\
        unknown: the server cannot be asked, or does not show others' sessions to this user.",
    commands: &[
        "sudo -u postgres psql -c \"SELECT pid, pg_blocking_pids(pid), now() - query_start AS \
         age, left(query, 80) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0\"",
    ],
    mend: "End the session at the head of the queue: `SELECT pg_terminate_backend(PID)`; its \
        transaction is rolled back. A head of pid 0 is a prepared transaction: see \
        pg_prepared_xacts, then `ROLLBACK PREPARED 'gid'`. Against the next one: set lock_timeout \
        for migrations and idle_in_transaction_session_timeout for applications.",
    judge,
};

/// The most findings of one cluster.
const MOST: usize = 20;

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let limit = u64::from(each::limits(scene).blocked_seconds);
    each::cluster(scene, |cluster, server| {
        let sessions = each::seen(&server.sessions)?;
        let waiting: Vec<&Session> = sessions.iter().filter(|s| !s.blocked_by.is_empty()).collect();
        let findings = waiting
            .iter()
            .filter(|session| session.waiting_seconds.is_some_and(|seconds| seconds >= limit))
            .map(|session| {
                let heads = heads(sessions, session);
                let described: Vec<String> = heads.iter().map(|pid| head(sessions, *pid)).collect();
                let through: Vec<String> = session
                    .blocked_by
                    .iter()
                    .filter(|pid| !heads.contains(*pid))
                    .map(|pid| format!("pid {pid}"))
                    .collect();
                let through = if through.is_empty() {
                    String::new()
                } else {
                    format!(" (by way of {})", through.join(", "))
                };
                let end: Vec<String> = heads
                    .iter()
                    .filter(|pid| **pid != 0)
                    .map(|pid| format!("`SELECT pg_terminate_backend({pid})`"))
                    .collect();
                let finding = Finding::fail(
                    format!("{} pid {}", cluster.name, session.pid),
                    format!(
                        "has waited {} for {}{through}; it is {}",
                        span(session.waiting_seconds.unwrap_or(0)),
                        described.join(" and "),
                        each::described(session)
                    ),
                );
                if end.is_empty() {
                    finding.fix("see pg_prepared_xacts, then `ROLLBACK PREPARED 'gid'`")
                } else {
                    finding.fix(format!("{}, if nobody needs its work", end.join(" or ")))
                }
            })
            .take(MOST)
            .collect();
        Ok(Answer {
            findings,
            figures: format!("{} waiting for a lock", counted(waiting.len(), "session")),
        })
    })
}

/// Who stands at the head of the queue: those it waits for that wait for nobody. A circle, which
/// the server's deadlock check soon breaks, has all of its members for heads.
fn heads(sessions: &[Session], waiting: &Session) -> BTreeSet<i32> {
    let mut heads = BTreeSet::new();
    let mut met = BTreeSet::new();
    let mut next: Vec<i32> = waiting.blocked_by.clone();
    while let Some(pid) = next.pop() {
        if !met.insert(pid) {
            continue;
        }
        match sessions.iter().find(|session| session.pid == pid) {
            Some(session) if !session.blocked_by.is_empty() => next.extend(&session.blocked_by),
            _ => {
                heads.insert(pid);
            }
        }
    }
    if heads.is_empty() { met } else { heads }
}

fn head(sessions: &[Session], pid: i32) -> String {
    if pid == 0 {
        return "a prepared transaction (pid 0)".to_owned();
    }
    match sessions.iter().find(|session| session.pid == pid) {
        Some(session) => {
            format!("{} (there for {})", each::described(session), span(session.state_seconds))
        }
        None => format!("pid {pid}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::postgres::sample;
    use crate::facts::postgres::Server;
    use crate::seen::Seen;
    use crate::verdict::Verdict;

    fn waiting(pid: i32, seconds: u64, by: &[i32]) -> Session {
        let mut session = sample::session(pid, "active", seconds, seconds);
        session.waiting_seconds = Some(seconds);
        session.blocked_by = by.to_vec();
        session
    }

    fn judged(sessions: Vec<Session>) -> Vec<Finding> {
        let server = Server { sessions: Seen::Seen(sessions), ..Server::default() };
        sample::judged(BLOCKED.judge, server)
    }

    #[test]
    fn the_head_of_the_queue_is_named() {
        let holder = sample::session(5, "idle in transaction", 100, 90);
        let found = judged(vec![holder, waiting(6, 80, &[5]), waiting(7, 40, &[6])]);
        assert_eq!(found.len(), 2);
        assert!(found.iter().all(|f| f.verdict == Verdict::Fail));
        for finding in &found {
            assert!(finding.evidence.contains("for pid 5"), "{}", finding.evidence);
            assert!(finding.evidence.contains("idle in transaction"), "{}", finding.evidence);
            assert!(finding.fix.as_deref().unwrap_or("").contains("pg_terminate_backend(5)"));
        }
        assert!(found[1].evidence.contains("by way of pid 6"), "{}", found[1].evidence);
    }

    #[test]
    fn a_short_wait_passes() {
        let holder = sample::session(5, "active", 100, 90);
        let found = judged(vec![holder, waiting(6, 29, &[5])]);
        assert_eq!((found[0].verdict, found.len()), (Verdict::Pass, 1));
    }

    #[test]
    fn circles_and_prepared_transactions_have_an_end() {
        let found = judged(vec![waiting(5, 40, &[6]), waiting(6, 40, &[5])]);
        assert_eq!(found.len(), 2);
        let found = judged(vec![waiting(6, 40, &[0])]);
        assert!(found[0].evidence.contains("prepared transaction"), "{}", found[0].evidence);
        assert!(found[0].fix.as_deref().unwrap_or("").contains("pg_prepared_xacts"));
    }
}
