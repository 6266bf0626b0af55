//! `postgres-long-query` and `postgres-idle-in-transaction`: nobody keeps a transaction for hours.

use crate::check::Check;
use crate::checks::postgres::each::{self, Answer};
use crate::facts::postgres::{Server, Session};
use crate::scene::Scene;
use crate::text::{counted, span};
use crate::verdict::{Finding, Verdict};

pub(super) const LONG: Check = Check {
    name: "postgres-long-query",
    title: "no query or transaction of PostgreSQL's clients runs for long",
    asks: "Whether a client's transaction (or query, if it has none) is older than 5 minutes \
        (warn) or 30 minutes (fail); the host's plan may say otherwise under [postgres], as \
        `query_warn_seconds` and `query_fail_seconds`. Long transactions keep old rows from being \
        cleaned up, and what they locked from others. pg_dump is never worse than a warning. \
        Sessions idle in a transaction have a check of their own.\n\
        unknown: the server cannot be asked, or does not show others' sessions to this user. \
        Queries are shown with their literals masked.",
    commands: &["sudo -u postgres psql -c \"SELECT pid, usename, datname, state, now() - \
         coalesce(xact_start, query_start) AS age, left(query, 80) FROM pg_stat_activity WHERE \
         backend_type = 'client backend' AND state <> 'idle' ORDER BY age DESC\""],
    mend: "Find out who runs it (pid, application_name). `SELECT pg_cancel_backend(PID)` ends the \
        query, `SELECT pg_terminate_backend(PID)` the session with its transaction. Against the \
        next one: `ALTER ROLE name SET statement_timeout = '10min'`.",
    judge: long,
};

pub(super) const IDLE: Check = Check {
    name: "postgres-idle-in-transaction",
    title: "no client leaves a PostgreSQL transaction open and idle",
    asks: "Whether a client has done nothing within an open transaction for more than 5 minutes; \
        the host's plan may say otherwise as `idle_in_transaction_seconds` under [postgres]. Such \
        a session holds its locks, and keeps VACUUM from cleaning every table, while nothing \
        happens.\n\
        fail: there is one.\n\
        unknown: the server cannot be asked, or does not show others' sessions to this user.",
    commands: &[
        "sudo -u postgres psql -c \"SELECT pid, usename, datname, now() - state_change AS idle, \
         left(query, 80) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'\"",
    ],
    mend: "`SELECT pg_terminate_backend(PID)` ends the session and rolls its transaction back. \
        Against the next one: `ALTER ROLE name SET idle_in_transaction_session_timeout = '5min'`, \
        and a client that ends what it begins.",
    judge: idle,
};

/// The most findings of one cluster.
const MOST: usize = 20;

fn long(scene: &Scene<'_>) -> Vec<Finding> {
    let limits = each::limits(scene);
    each::cluster(scene, |cluster, server| {
        let clients = clients(server)?;
        let busy = || clients.iter().filter(|session| session.busy());
        let findings = busy()
            .filter_map(|session| {
                let dump = matches!(session.application.as_str(), "pg_dump" | "pg_dumpall");
                let verdict = if session.age_seconds >= u64::from(limits.query_fail_seconds) {
                    if dump { Verdict::Warn } else { Verdict::Fail }
                } else if session.age_seconds >= u64::from(limits.query_warn_seconds) && !dump {
                    Verdict::Warn
                } else {
                    return None;
                };
                let subject = format!("{} pid {}", cluster.name, session.pid);
                let evidence =
                    format!("for {}: {}", span(session.age_seconds), each::described(session));
                let finding = if verdict == Verdict::Fail {
                    Finding::fail(subject, evidence)
                } else {
                    Finding::warn(subject, evidence)
                };
                Some(finding.fix(format!(
                    "`SELECT pg_cancel_backend({})` ends the query, if nobody waits for it",
                    session.pid
                )))
            })
            .take(MOST)
            .collect();
        let oldest = busy().map(|session| session.age_seconds).max();
        let figures = match oldest {
            Some(seconds) => {
                format!(
                    "{} at work, the oldest for {}",
                    counted(busy().count(), "client"),
                    span(seconds)
                )
            }
            None => "no client at work".to_owned(),
        };
        Ok(Answer { findings, figures })
    })
}

fn idle(scene: &Scene<'_>) -> Vec<Finding> {
    let limits = each::limits(scene);
    each::cluster(scene, |cluster, server| {
        let clients = clients(server)?;
        let idle = || clients.iter().filter(|session| session.idle_in_transaction());
        let findings = idle()
            .filter(|session| {
                session.state_seconds >= u64::from(limits.idle_in_transaction_seconds)
            })
            .map(|session| {
                let blocks = sessions_behind(server, session.pid);
                let behind = if blocks == 0 {
                    String::new()
                } else {
                    format!("; {blocks} sessions wait for it")
                };
                Finding::fail(
                    format!("{} pid {}", cluster.name, session.pid),
                    format!(
                        "idle for {} in a transaction of {}{behind}: {}",
                        span(session.state_seconds),
                        span(session.age_seconds),
                        each::described(session)
                    ),
                )
                .fix(format!(
                    "`SELECT pg_terminate_backend({})` ends it and rolls its transaction back",
                    session.pid
                ))
            })
            .take(MOST)
            .collect();
        let figures = match idle().map(|session| session.state_seconds).max() {
            Some(seconds) => format!(
                "{} idle in a transaction, the longest for {}",
                counted(idle().count(), "client"),
                span(seconds)
            ),
            None => "no client is idle in a transaction".to_owned(),
        };
        Ok(Answer { findings, figures })
    })
}

fn clients(server: &Server) -> Result<Vec<&Session>, String> {
    Ok(each::seen(&server.sessions)?.iter().filter(|session| session.client()).collect())
}

/// How many sessions wait for this one.
fn sessions_behind(server: &Server, pid: i32) -> usize {
    let sessions = server.sessions.seen().map_or(&[][..], Vec::as_slice);
    sessions.iter().filter(|session| session.blocked_by.contains(&pid)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::postgres::sample;
    use crate::seen::Seen;

    fn server(sessions: Vec<Session>) -> Server {
        Server { sessions: Seen::Seen(sessions), ..Server::default() }
    }

    fn verdict(judge: fn(&Scene<'_>) -> Vec<Finding>, session: Session) -> Verdict {
        sample::judged(judge, server(vec![session]))[0].verdict
    }

    #[test]
    fn age_decides_on_a_query() {
        let aged = |seconds| sample::session(7, "active", seconds, 1);
        assert_eq!(verdict(LONG.judge, aged(299)), Verdict::Pass);
        assert_eq!(verdict(LONG.judge, aged(300)), Verdict::Warn);
        assert_eq!(verdict(LONG.judge, aged(44 * 60)), Verdict::Fail);
    }

    #[test]
    fn a_dump_is_no_failure_and_a_walsender_no_client() {
        let mut dump = sample::session(7, "active", 3600, 1);
        dump.application = "pg_dump".to_owned();
        assert_eq!(verdict(LONG.judge, dump.clone()), Verdict::Warn);
        dump.age_seconds = 600;
        assert_eq!(verdict(LONG.judge, dump), Verdict::Pass);
        let mut sender = sample::session(8, "active", 90_000, 1);
        sender.kind = "walsender".to_owned();
        assert_eq!(verdict(LONG.judge, sender), Verdict::Pass);
    }

    #[test]
    fn six_idle_minutes_in_a_transaction_fail_and_name_who_waits() {
        let mut waiting = sample::session(8, "active", 10, 10);
        waiting.blocked_by = vec![7];
        let holder = sample::session(7, "idle in transaction", 400, 360);
        let found = sample::judged(IDLE.judge, server(vec![holder, waiting]));
        assert_eq!((found.len(), found[0].verdict), (1, Verdict::Fail));
        assert_eq!(found[0].subject, "15/main pid 7");
        assert!(found[0].evidence.contains("idle for 6 min"), "{}", found[0].evidence);
        assert!(found[0].evidence.contains("1 sessions wait"), "{}", found[0].evidence);
        let aborted = sample::session(7, "idle in transaction (aborted)", 400, 360);
        assert_eq!(verdict(IDLE.judge, aborted), Verdict::Fail);
        let short = sample::session(7, "idle in transaction", 400, 200);
        assert_eq!(verdict(IDLE.judge, short.clone()), Verdict::Pass);
        assert_eq!(verdict(LONG.judge, short), Verdict::Pass, "the other check's business");
    }

    #[test]
    fn the_plan_may_set_other_limits() {
        let session = sample::session(7, "idle in transaction", 5, 5);
        let found = sample::judged_under(IDLE.judge, server(vec![session]), |limits| {
            limits.idle_in_transaction_seconds = 3;
        });
        assert_eq!(found[0].verdict, Verdict::Fail);
    }

    #[test]
    fn sessions_that_are_not_shown_are_unknown() {
        let server = Server { sessions: Seen::unseen("not a member"), ..Server::default() };
        assert_eq!(sample::judged(LONG.judge, server.clone())[0].verdict, Verdict::Unknown);
        assert_eq!(sample::judged(IDLE.judge, server)[0].verdict, Verdict::Unknown);
    }

    #[test]
    fn without_postgresql_there_is_nothing_to_ask() {
        let found = sample::judged_all(LONG.judge, Seen::Seen(Vec::new()));
        assert_eq!(found[0].verdict, Verdict::Pass);
        let found = sample::judged_all(LONG.judge, Seen::unseen("no permission"));
        assert_eq!(found[0].verdict, Verdict::Unknown);
    }
}
