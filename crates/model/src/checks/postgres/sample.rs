//! Servers for the rules' tests.

use jiff::Timestamp;

use crate::facts::Facts;
use crate::facts::postgres::{Cluster, Postgres, Server, Session};
use crate::plan::host::{HostPlan, PostgresLimits};
use crate::reading::History;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::Finding;

/// A client's session.
pub(super) fn session(pid: i32, state: &str, age_seconds: u64, state_seconds: u64) -> Session {
    Session {
        pid,
        kind: "client backend".to_owned(),
        database: "app".to_owned(),
        user: "web".to_owned(),
        application: "web".to_owned(),
        state: state.to_owned(),
        age_seconds,
        state_seconds,
        waiting_seconds: None,
        query: "SELECT ? FROM t".to_owned(),
        blocked_by: Vec::new(),
    }
}

/// What a rule says of one server, `15/main`, under the usual limits.
pub(super) fn judged(judge: fn(&Scene<'_>) -> Vec<Finding>, server: Server) -> Vec<Finding> {
    judged_under(judge, server, |_| {})
}

/// As [`judged`], with limits from a plan.
pub(super) fn judged_under(
    judge: fn(&Scene<'_>) -> Vec<Finding>,
    server: Server,
    change: impl FnOnce(&mut PostgresLimits),
) -> Vec<Finding> {
    let cluster = Cluster {
        name: "15/main".to_owned(),
        socket: "/run/postgresql/.s.PGSQL.5432".to_owned(),
        container: false,
        server: Seen::Seen(server),
    };
    let mut plan = HostPlan::new("a".to_owned().try_into().unwrap());
    change(&mut plan.postgres);
    run(judge, Seen::Seen(vec![cluster]), Some(&plan))
}

/// What a rule says of these clusters.
pub(super) fn judged_all(
    judge: fn(&Scene<'_>) -> Vec<Finding>,
    clusters: Seen<Vec<Cluster>>,
) -> Vec<Finding> {
    run(judge, clusters, None)
}

fn run(
    judge: fn(&Scene<'_>) -> Vec<Finding>,
    clusters: Seen<Vec<Cluster>>,
    plan: Option<&HostPlan>,
) -> Vec<Finding> {
    let facts = Facts { postgres: Postgres { clusters }, ..Facts::default() };
    let history = History::default();
    judge(&Scene { facts: &facts, history: &history, plan, now: Timestamp::UNIX_EPOCH })
}
