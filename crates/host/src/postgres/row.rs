//! Rows that a server sent, as texts, and the facts in them.
//!
//! Leaves out the questions: each function here names the columns that it expects.

use std::str::FromStr;

use model::facts::postgres::{Collation, Rule, Session, Table};
use model::text::printable;

use crate::postgres::mask::mask;

/// The longest name that is kept, in characters.
const LONGEST: usize = 120;

/// A row's columns; `None` is NULL.
pub(super) struct Row(pub(super) Vec<Option<String>>);

impl Row {
    /// The column as it was sent, empty for NULL; not fit to be shown.
    pub(super) fn raw(&self, column: usize) -> &str {
        self.0.get(column).and_then(Option::as_deref).unwrap_or("")
    }

    /// The column made printable, empty for NULL.
    pub(super) fn text(&self, column: usize) -> String {
        printable(self.raw(column), LONGEST)
    }

    pub(super) fn some(&self, column: usize) -> Option<String> {
        let value = self.0.get(column).and_then(Option::as_deref)?;
        Some(printable(value, LONGEST))
    }

    pub(super) fn number<T: FromStr>(&self, column: usize) -> Option<T> {
        self.raw(column).parse().ok()
    }

    /// Whole seconds; a clock that was set back makes no age negative.
    fn seconds(&self, column: usize) -> Option<u64> {
        self.number::<i64>(column).map(|seconds| seconds.max(0).unsigned_abs())
    }

    pub(super) fn truth(&self, column: usize) -> bool {
        self.raw(column) == "t"
    }
}

/// Line, type, databases, users, address, netmask, method, error.
pub(super) fn rule(row: &Row) -> Rule {
    Rule {
        line: row.number(0).unwrap_or(0),
        kind: row.text(1),
        databases: row.text(2),
        users: row.text(3),
        address: row.some(4),
        netmask: row.some(5),
        method: row.text(6),
        error: row.some(7),
    }
}

/// Pid, kind, database, user, application, state, age, time in state, wait, query, blockers.
pub(super) fn session(row: &Row) -> Option<Session> {
    Some(Session {
        pid: row.number(0)?,
        kind: row.text(1),
        database: row.text(2),
        user: row.text(3),
        application: row.text(4),
        state: row.text(5),
        age_seconds: row.seconds(6).unwrap_or(0),
        state_seconds: row.seconds(7).unwrap_or(0),
        waiting_seconds: row.seconds(8),
        query: mask(row.raw(9)),
        blocked_by: pids(row.raw(10)),
    })
}

/// `5,7,5`: a parallel query's leader may be named more than once.
fn pids(text: &str) -> Vec<i32> {
    let mut pids: Vec<i32> = text.split(',').filter_map(|pid| pid.parse().ok()).collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// Name, recorded version, actual version.
pub(super) fn collation(row: &Row) -> Collation {
    Collation { name: row.text(0), recorded: row.text(1), actual: row.text(2) }
}

/// Name, bytes.
pub(super) fn table(row: &Row, estimated: bool) -> Option<Table> {
    Some(Table { name: row.text(0), bytes: row.number(1)?, estimated })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(columns: &[&str]) -> Row {
        let null = |text: &&str| (*text != "NULL").then(|| (*text).to_owned());
        Row(columns.iter().map(null).collect())
    }

    #[test]
    fn a_session_is_read_without_its_literals() {
        let session = session(&row(&[
            "71",
            "client backend",
            "app",
            "web",
            "a\u{1b}b",
            "active",
            "400",
            "-3",
            "NULL",
            "SELECT 'secret'",
            "5,7,5",
        ]))
        .unwrap();
        assert_eq!(session.application, "a\\u{1b}b");
        assert_eq!((session.age_seconds, session.state_seconds), (400, 0));
        assert_eq!(session.waiting_seconds, None);
        assert_eq!(session.query, "SELECT ?");
        assert_eq!(session.blocked_by, [5, 7]);
    }

    #[test]
    fn short_and_strange_rows_do_no_harm() {
        assert_eq!(session(&row(&[])), None);
        assert_eq!(table(&row(&["t", "NULL"]), false), None);
        assert_eq!(rule(&row(&["x"])), Rule::default());
    }
}
