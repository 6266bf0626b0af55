//! Runs a rule over each cluster, with one answer for those that could not be asked.
//!
//! Leaves out what is asked.

use crate::facts::postgres::{Cluster, Server, Session};
use crate::plan::host::PostgresLimits;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::verdict::Finding;

/// What a rule says of one server.
pub(super) struct Answer {
    /// What is not well.
    pub(super) findings: Vec<Finding>,
    /// What was counted, for the evidence of a pass.
    pub(super) figures: String,
}

/// The findings of a rule over all clusters: one pass for all that are well.
pub(super) fn cluster(
    scene: &Scene<'_>,
    rule: impl Fn(&Cluster, &Server) -> Result<Answer, String>,
) -> Vec<Finding> {
    let clusters = match &scene.facts.postgres.clusters {
        Seen::Seen(clusters) => clusters,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    if clusters.is_empty() {
        return vec![Finding::pass(
            "host",
            "no PostgreSQL runs here: no socket, process or cluster",
        )];
    }
    let mut findings = Vec::new();
    let mut figures = Vec::new();
    for cluster in clusters {
        let answer = match &cluster.server {
            Seen::Seen(server) => rule(cluster, server),
            Seen::Unseen(reason) => Err(reason.clone()),
        };
        match answer {
            Ok(answer) if answer.findings.is_empty() => {
                figures.push(format!("{}: {}", cluster.name, answer.figures));
            }
            Ok(answer) => findings.extend(answer.findings),
            Err(reason) => findings.push(Finding::unknown(&cluster.name, reason)),
        }
    }
    if findings.is_empty() {
        findings.push(Finding::pass("host", figures.join("; ")));
    }
    findings
}

/// The plan's limits, or the usual ones.
pub(super) fn limits(scene: &Scene<'_>) -> PostgresLimits {
    scene.plan.map_or(PostgresLimits::USUAL, |plan| plan.postgres)
}

/// The fact, or why it is not known.
pub(super) fn seen<T>(fact: &Seen<T>) -> Result<&T, String> {
    match fact {
        Seen::Seen(value) => Ok(value),
        Seen::Unseen(reason) => Err(reason.clone()),
    }
}

/// A session as evidence names it.
pub(super) fn described(session: &Session) -> String {
    let application = if session.application.is_empty() {
        String::new()
    } else {
        format!(" ({})", session.application)
    };
    let query = if session.query.is_empty() { "none to see" } else { &session.query };
    format!(
        "pid {}{application}, {} on {}, {}, query: {query}",
        session.pid, session.user, session.database, session.state
    )
}
