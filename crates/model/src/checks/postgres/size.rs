//! `postgres-size`: how large databases and their largest tables are.

use crate::check::Check;
use crate::checks::postgres::each::{self, Answer};
use crate::facts::postgres::{Database, Table};
use crate::scene::Scene;
use crate::text::{bytes, counted};
use crate::verdict::Finding;

pub(super) const SIZE: Check = Check {
    name: "postgres-size",
    title: "how large PostgreSQL's databases and largest tables are",
    asks: "What takes the room: all databases together and the largest tables with their indexes \
        and TOAST. Each has a history, so that growth shows. Pass always, with the figures: \
        whether there is room left is the disk's check.\n\
        unknown: the server cannot be asked.",
    commands: &[
        "sudo -u postgres psql -c 'SELECT datname, pg_size_pretty(pg_database_size(oid)) FROM \
         pg_database'",
        "sudo -u postgres psql DATABASE -c \"SELECT oid::regclass, \
         pg_size_pretty(pg_total_relation_size(oid)) FROM pg_class WHERE relkind IN ('r', 'm') \
         ORDER BY pg_total_relation_size(oid) DESC LIMIT 10\"",
    ],
    mend: "Nothing to mend. If a table is larger than its rows explain, `VACUUM (VERBOSE) table` \
        says why, and pg_repack or VACUUM FULL (which locks it) gives the room back.",
    judge,
};

/// How many tables are named.
const NAMED: usize = 5;

fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    each::cluster(scene, |_, server| {
        let databases = each::seen(&server.databases)?;
        let measured: Vec<&Database> = databases.iter().filter(|d| d.bytes.is_some()).collect();
        if measured.is_empty() && !databases.is_empty() {
            return Err("no database's size could be read".to_owned());
        }
        let total: u64 = measured.iter().filter_map(|database| database.bytes).sum();
        let mut tables: Vec<(&Database, &Table)> = databases
            .iter()
            .flat_map(|database| {
                database.tables.seen().into_iter().flatten().map(move |table| (database, table))
            })
            .collect();
        tables.sort_by_key(|(_, table)| std::cmp::Reverse(table.bytes));
        let named: Vec<String> = tables
            .iter()
            .take(NAMED)
            .map(|(database, table)| {
                let about = if table.estimated { "about " } else { "" };
                format!("{} {} {about}{}", database.name, table.name, bytes(table.bytes))
            })
            .collect();
        let largest = if named.is_empty() {
            "no tables".to_owned()
        } else {
            format!("largest tables: {}", named.join(", "))
        };
        let hidden = databases.len() - measured.len();
        let hidden =
            if hidden == 0 { String::new() } else { format!(" ({hidden} more not measured)") };
        let figures = format!(
            "{} in {}{hidden}; {largest}",
            bytes(total),
            counted(measured.len(), "database")
        );
        Ok(Answer { findings: Vec::new(), figures })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checks::postgres::sample;
    use crate::facts::postgres::Server;
    use crate::seen::Seen;
    use crate::verdict::Verdict;

    #[test]
    fn the_largest_tables_are_named_first() {
        let table = |name: &str, bytes| Table { name: name.to_owned(), bytes, estimated: false };
        let database = Database {
            name: "app".to_owned(),
            bytes: Some(3 << 20),
            tables: Seen::Seen(vec![table("public.small", 1024), table("public.large", 1 << 20)]),
            ..Database::default()
        };
        let server = Server { databases: Seen::Seen(vec![database]), ..Server::default() };
        let found = sample::judged(SIZE.judge, server);
        assert_eq!(found[0].verdict, Verdict::Pass);
        assert_eq!(
            found[0].evidence,
            "15/main: 3.0 MiB in 1 database; largest tables: app public.large 1.0 MiB, app \
             public.small 1.0 KiB"
        );
    }
}
