//! All hosts at a glance, in a few queries however many hosts there are.
//!
//! Leaves out what counts as stale: the reader knows the time.

use std::collections::BTreeMap;

use model::host_name::HostName;
use model::report::Counts;
use p2panda_store::SqliteError;
use p2panda_store::sqlite::SqlitePool;

use crate::record::queries::{StandingRow, host_name, standing, time, verdict};
use crate::record::rows::Summary;

/// One summary for each host with a verdict or a fact, by name.
pub(crate) async fn summaries(
    pool: &SqlitePool,
    most: u32,
    fact: &str,
) -> Result<Vec<Summary>, SqliteError> {
    let rows: Vec<(String, Option<i64>, Option<String>)> = sqlx::query_as(
        "SELECT h.host, \
         (SELECT at FROM stead_runs r WHERE r.host = h.host ORDER BY place DESC LIMIT 1), \
         (SELECT value FROM stead_facts f WHERE f.host = h.host AND f.name = ?) \
         FROM (SELECT host FROM stead_verdicts UNION SELECT host FROM stead_facts) h",
    )
    .bind(fact)
    .fetch_all(pool)
    .await?;
    let mut summaries: BTreeMap<HostName, Summary> = BTreeMap::new();
    for (host, run, fact) in rows {
        let host = host_name(host)?;
        let (counts, worst) = (Counts::default(), Vec::new());
        let summary = Summary { host: host.clone(), counts, worst, run: run.map(time), fact };
        summaries.insert(host, summary);
    }
    let rows: Vec<(String, String, i64)> =
        sqlx::query_as("SELECT host, verdict, COUNT(*) FROM stead_verdicts GROUP BY host, verdict")
            .fetch_all(pool)
            .await?;
    for (host, word, count) in rows {
        if let Some(summary) = summaries.get_mut(&host_name(host)?) {
            *summary.counts.of_mut(verdict(&word)?) = usize::try_from(count).unwrap_or(0);
        }
    }
    let rows: Vec<StandingRow> = sqlx::query_as(
        "WITH ranked AS (SELECT *, ROW_NUMBER() OVER (PARTITION BY host ORDER BY \
         CASE verdict WHEN 'fail' THEN 0 WHEN 'warn' THEN 1 ELSE 2 END, name, subject) AS rank \
         FROM stead_verdicts WHERE verdict <> 'pass') \
         SELECT v.host, v.name, v.subject, v.verdict, v.since, \
         CASE WHEN e.host IS NULL THEN v.evidence ELSE e.evidence END, \
         CASE WHEN e.host IS NULL THEN v.fix ELSE e.fix END \
         FROM ranked v LEFT JOIN stead_evidence e USING (host, name, subject) \
         WHERE v.rank <= ? ORDER BY v.host, v.rank",
    )
    .bind(most)
    .fetch_all(pool)
    .await?;
    for row in rows {
        let standing = standing(row)?;
        if let Some(summary) = summaries.get_mut(&standing.host) {
            summary.worst.push(standing);
        }
    }
    Ok(summaries.into_values().collect())
}
