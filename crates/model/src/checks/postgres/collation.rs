//! `postgres-collation`: indexes on text are sorted as the system sorts today.

use crate::check::Check;
use crate::checks::postgres::each::{self, Answer};
use crate::facts::postgres::{Cluster, Database, Server};
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::counted;
use crate::verdict::Finding;

pub(super) const COLLATION: Check = Check {
    name: "postgres-collation",
    title: "PostgreSQL's text indexes are sorted as the system sorts today",
    asks: "Whether the version of a collation that PostgreSQL recorded when indexes were built is \
        still the system's. An upgrade of the C library or of ICU changes how text is sorted; then \
        indexes on text silently miss rows and let duplicates in.\n\
        fail: a database's default collation changed, or one that a column uses.\n\
        pass: all the same; template0, which records none, is left out.\n\
        unknown: the server cannot be asked, or is older than 15 and so does not record the \
        default collation's version.",
    commands: &[
        "sudo -u postgres psql -c 'SELECT datname, datcollversion, \
         pg_database_collation_actual_version(oid) FROM pg_database'",
        "sudo -u postgres psql DATABASE -c 'SELECT collname, collversion, \
         pg_collation_actual_version(oid) FROM pg_collation'",
    ],
    mend: "In each such database, at a quiet hour: `REINDEX DATABASE CONCURRENTLY name;` and then \
        `ALTER DATABASE name REFRESH COLLATION VERSION;`. For a single collation: reindex what \
        uses it, then `ALTER COLLATION \"name\" REFRESH VERSION;`. Unique indexes may turn out to \
        hold duplicates: mend those first.",
    judge,
};

/// The first version that records the default collation's version.
const RECORDS_DEFAULT: u32 = 150_000;

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    each::cluster(scene, |cluster, server| {
        let databases = each::seen(&server.databases)?;
        let mut findings: Vec<Finding> =
            databases.iter().filter_map(|database| drifted(cluster, database)).collect();
        findings.extend(unasked(cluster, server, databases));
        let recorded = databases.iter().filter(|d| d.collation_recorded.is_some()).count();
        let figures = format!(
            "of {}, {recorded} with a recorded collation version (C has none), all still true",
            counted(databases.len(), "database")
        );
        Ok(Answer { findings, figures })
    })
}

fn drifted(cluster: &Cluster, database: &Database) -> Option<Finding> {
    let mut changes = Vec::new();
    let mut fix = Vec::new();
    if let Some(recorded) = &database.collation_recorded
        && database.collation_actual.as_ref() != Some(recorded)
    {
        let actual = database.collation_actual.as_deref().unwrap_or("none");
        changes.push(format!("its indexes were built with version {recorded}, now it is {actual}"));
        fix.push(format!("ALTER DATABASE \"{}\" REFRESH COLLATION VERSION", database.name));
    }
    for collation in database.collations.seen().into_iter().flatten() {
        changes.push(format!(
            "collation {} had version {}, now it is {}",
            collation.name, collation.recorded, collation.actual
        ));
        fix.push(format!("ALTER COLLATION {} REFRESH VERSION", collation.name));
    }
    if changes.is_empty() {
        return None;
    }
    let evidence = format!("{}: indexes on text may miss rows", changes.join("; "));
    let fix =
        format!("`REINDEX DATABASE CONCURRENTLY \"{}\"`, then `{}`", database.name, fix.join("; "));
    Some(Finding::fail(format!("{} {}", cluster.name, database.name), evidence).fix(fix))
}

/// What could not be looked into.
fn unasked(cluster: &Cluster, server: &Server, databases: &[Database]) -> Option<Finding> {
    let mut reasons = server.unread.clone();
    if server.version_number < RECORDS_DEFAULT {
        reasons.push(format!(
            "PostgreSQL {} does not record the version of a database's default collation",
            server.version
        ));
    }
    for database in databases {
        if let Seen::Unseen(reason) = &database.collations {
            reasons.push(format!("{}: {reason}", database.name));
        }
    }
    (!reasons.is_empty()).then(|| {
        Finding::unknown(&cluster.name, reasons.join("; ")).fix(
            "after each upgrade of the C library or of ICU: REINDEX, or `pg_amcheck --all` to see \
             whether indexes are well",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::postgres::sample;
    use crate::facts::postgres::Collation;
    use crate::verdict::Verdict;

    fn database(recorded: Option<&str>, actual: Option<&str>) -> Database {
        Database {
            name: "app".to_owned(),
            collation_recorded: recorded.map(str::to_owned),
            collation_actual: actual.map(str::to_owned),
            collations: Seen::Seen(Vec::new()),
            ..Database::default()
        }
    }

    fn judged(version_number: u32, database: Database) -> Vec<Finding> {
        let databases = Seen::Seen(vec![database]);
        sample::judged(COLLATION.judge, Server { version_number, databases, ..Server::default() })
    }

    #[test]
    fn a_changed_version_fails_and_template0_does_not() {
        for (recorded, actual, wanted) in [
            (Some("2.36"), Some("2.36"), Verdict::Pass),
            (Some("0"), Some("2.36"), Verdict::Fail),
            (Some("2.36"), None, Verdict::Fail),
            (None, Some("2.36"), Verdict::Pass),
            (None, None, Verdict::Pass),
        ] {
            let found = judged(150_018, database(recorded, actual));
            assert_eq!(found[0].verdict, wanted, "{recorded:?} {actual:?}");
        }
    }

    #[test]
    fn a_changed_collation_of_a_column_fails() {
        let mut database = database(None, None);
        database.collations = Seen::Seen(vec![Collation {
            name: "pg_catalog.\"de-x-icu\"".to_owned(),
            recorded: "153.14".to_owned(),
            actual: "153.112".to_owned(),
        }]);
        let found = judged(150_018, database);
        assert_eq!(found[0].verdict, Verdict::Fail);
        assert!(found[0].fix.as_deref().unwrap_or("").contains("REINDEX"));
    }

    #[test]
    fn what_an_old_server_does_not_record_is_unknown() {
        assert_eq!(judged(130_000, database(None, None))[0].verdict, Verdict::Unknown);
        let mut unread = database(Some("1"), Some("1"));
        unread.collations = Seen::unseen("no permission to connect");
        assert_eq!(judged(150_000, unread)[0].verdict, Verdict::Unknown);
    }
}
