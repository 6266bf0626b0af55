//! The questions to a server, by its version, and their answers as facts.
//!
//! Supported are versions 11 to 18. Leaves out judging the answers.

use std::time::{Duration, Instant};

use futures_util::StreamExt;
use model::facts::postgres::{Database, Server};
use model::seen::Seen;
use model::text::{counted, printable};

use crate::postgres::connect::{self, Connection};
use crate::postgres::find::Target;
use crate::postgres::row::{self, Row};

/// The most databases that are looked into, the largest first.
const DATABASES: usize = 20;

/// How many databases are looked into at once.
const AT_ONCE: usize = 4;

/// How long looking into databases may take in all.
const PATIENCE: Duration = Duration::from_secs(5);

const SETTINGS: &str = "SELECT current_setting('server_version'), \
    current_setting('server_version_num'), current_setting('listen_addresses'), \
    current_setting('cluster_name'), pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')";

/// Options are left out: they may hold a password for LDAP or a secret for RADIUS.
const RULES: &str = "SELECT line_number, type, array_to_string(database, ','), \
    array_to_string(user_name, ','), address, netmask, auth_method, error \
    FROM pg_hba_file_rules ORDER BY line_number LIMIT 2000";

const CONNECTIONS: &str = "SELECT count(*) FROM pg_stat_activity \
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";

/// Those that are not idle, and those that others wait for.
fn sessions(version: u32) -> String {
    // `waitstart` came with version 14; before, the query's age stands for it.
    let (since, join) = if version >= 140_000 {
        (
            "coalesce(l.since, a.query_start)",
            "LEFT JOIN (SELECT pid, min(waitstart) AS since FROM pg_locks WHERE NOT granted \
             GROUP BY pid) l ON l.pid = a.pid",
        )
    } else {
        ("a.query_start", "")
    };
    format!(
        "WITH b AS (SELECT pid, pg_blocking_pids(pid) AS heads FROM pg_stat_activity \
         WHERE wait_event_type = 'Lock') \
         SELECT a.pid, a.backend_type, a.datname, a.usename, a.application_name, a.state, \
         extract(epoch FROM clock_timestamp() - coalesce(a.xact_start, a.query_start))::bigint, \
         extract(epoch FROM clock_timestamp() - a.state_change)::bigint, \
         CASE WHEN b.pid IS NOT NULL \
         THEN extract(epoch FROM clock_timestamp() - {since})::bigint END, \
         left(a.query, 2000), array_to_string(b.heads, ',') \
         FROM pg_stat_activity a LEFT JOIN b ON b.pid = a.pid {join} \
         WHERE a.pid <> pg_backend_pid() \
         AND (a.state <> 'idle' OR a.pid IN (SELECT unnest(heads) FROM b)) \
         ORDER BY coalesce(a.xact_start, a.query_start) NULLS LAST LIMIT 300"
    )
}

/// Name, whether it may be looked into, size, recorded and actual collation version.
fn databases(version: u32, sizes: bool) -> String {
    let size = if sizes {
        "CASE WHEN has_database_privilege(oid, 'CONNECT') \
         OR pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') \
         THEN pg_database_size(oid) END"
    } else {
        "NULL"
    };
    // The default collation's version is recorded since version 15.
    let collation = if version >= 150_000 {
        "datcollversion, pg_database_collation_actual_version(oid)"
    } else {
        "NULL, NULL"
    };
    format!(
        "SELECT datname, datallowconn AND has_database_privilege(oid, 'CONNECT'), {size}, \
         {collation} FROM pg_database ORDER BY 3 DESC NULLS LAST, 1 LIMIT 200"
    )
}

/// Of the collations that some column or index uses, those whose version changed.
const COLLATIONS: &str = "SELECT quote_ident(n.nspname) || '.' || quote_ident(c.collname), \
    c.collversion, pg_collation_actual_version(c.oid) \
    FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace \
    WHERE c.collversion IS NOT NULL \
    AND c.oid IN (SELECT attcollation FROM pg_attribute WHERE attcollation > 100) \
    AND c.collversion IS DISTINCT FROM pg_collation_actual_version(c.oid) ORDER BY 1 LIMIT 50";

/// Tables that may be the largest, by what the last vacuum or analyze counted.
const CANDIDATES: &str = "SELECT c.oid, n.nspname, c.relname, c.relpages, c.reltoastrelid \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' \
    AND (n.nspname NOT IN ('pg_catalog', 'information_schema') OR (c.relname = 'pg_largeobject' AND c.relpages > 0)) \
    ORDER BY c.relpages DESC LIMIT 300";

/// Measures them; this needs a lock that only ACCESS EXCLUSIVE stands against.
fn measured() -> String {
    format!(
        "SELECT nspname || '.' || relname, pg_total_relation_size(oid) FROM ({CANDIDATES}) c \
         ORDER BY 2 DESC NULLS LAST, 1 LIMIT 10"
    )
}

/// Estimates them, without any lock on them.
fn estimated() -> String {
    format!(
        "SELECT nspname || '.' || relname, (relpages::bigint \
         + coalesce((SELECT sum(i.relpages) FROM pg_index x JOIN pg_class i \
         ON i.oid = x.indexrelid WHERE x.indrelid = c.oid), 0)::bigint \
         + coalesce((SELECT t.relpages FROM pg_class t WHERE t.oid = c.reltoastrelid), 0)) \
         * current_setting('block_size')::bigint FROM ({CANDIDATES}) c \
         ORDER BY 2 DESC NULLS LAST, 1 LIMIT 10"
    )
}

/// Asks everything; the cluster's own name, if it has one. `None` if a pooler answers.
pub(super) async fn server(target: &Target) -> Result<Option<(Option<String>, Server)>, String> {
    let connection = match connect::open(target, "postgres").await {
        // A cluster may have no database of that name; every one has this.
        Err(reason) if reason.contains("does not exist") && reason.contains("database") => {
            connect::open(target, "template1").await?
        }
        other => other?,
    };
    let Some(connection) = connection else { return Ok(None) };
    let settings = connection.ask(SETTINGS).await?;
    let settings = settings.first().ok_or("it did not say its version")?;
    let version_number = settings.number(1).ok_or("it did not say its version")?;
    let name = settings.some(3).filter(|name| !name.is_empty());
    let may_see = settings.truth(4);
    let hidden = "it shows others' sessions only to members of pg_monitor";
    let (sessions, connections) = if may_see {
        (
            fact(&connection, &sessions(version_number), |rows| {
                rows.iter().filter_map(row::session).collect()
            })
            .await,
            match connection.ask(CONNECTIONS).await {
                Ok(rows) => Seen::Seen(rows.first().and_then(|row| row.number(0)).unwrap_or(0)),
                Err(reason) => Seen::Unseen(reason),
            },
        )
    } else {
        (Seen::unseen(hidden), Seen::unseen(hidden))
    };
    let mut server = Server {
        version: settings.text(0),
        version_number,
        listen_addresses: settings.text(2),
        rules: fact(&connection, RULES, |rows| rows.iter().map(row::rule).collect()).await,
        connections,
        sessions,
        databases: Seen::default(),
        unread: Vec::new(),
    };
    let listed = match connection.ask(&databases(version_number, true)).await {
        Ok(rows) => Ok(rows),
        // Counting the files of a very large database may take longer than we wait.
        Err(_) => connection.ask(&databases(version_number, false)).await,
    };
    drop(connection);
    server.databases = match listed {
        Ok(rows) => Seen::Seen(look_into(target, &rows, &mut server.unread).await),
        Err(reason) => Seen::Unseen(reason),
    };
    Ok(Some((name, server)))
}

async fn fact<T>(
    connection: &Connection,
    query: &str,
    read: impl FnOnce(&[Row]) -> Vec<T>,
) -> Seen<Vec<T>> {
    match connection.ask(query).await {
        Ok(rows) => Seen::Seen(read(&rows)),
        Err(reason) => Seen::Unseen(reason),
    }
}

/// Connects to each database for its tables and collations, as far as time and number allow.
async fn look_into(target: &Target, rows: &[Row], unread: &mut Vec<String>) -> Vec<Database> {
    let start = Instant::now();
    let open = |row: &Row| row.truth(1);
    let chosen: Vec<usize> =
        (0..rows.len()).filter(|at| open(&rows[*at])).take(DATABASES).collect();
    let looks = rows.iter().enumerate().map(|(at, row)| {
        let wanted = chosen.contains(&at);
        async move {
            let mut database = Database {
                name: row.text(0),
                bytes: row.number(2),
                collation_recorded: row.some(3),
                collation_actual: row.some(4),
                // A database that takes no connections, as template0, is no one's to change.
                collations: Seen::Seen(Vec::new()),
                tables: Seen::Seen(Vec::new()),
            };
            let looked = wanted && start.elapsed() < PATIENCE;
            if looked {
                read_tables(target, row.raw(0), &mut database).await;
            }
            (database, looked)
        }
    });
    let all: Vec<(Database, bool)> =
        futures_util::stream::iter(looks).buffered(AT_ONCE).collect().await;
    let looked = all.iter().filter(|(_, looked)| *looked).count();
    let left = rows.iter().filter(|row| open(row)).count() - looked;
    if left > 0 {
        unread.push(format!(
            "{left} of {} not looked into: at most {DATABASES}, and for {} s",
            counted(rows.len(), "database"),
            PATIENCE.as_secs()
        ));
    }
    all.into_iter().map(|(database, _)| database).collect()
}

async fn read_tables(target: &Target, name: &str, database: &mut Database) {
    let connection = match connect::open(target, name).await {
        Ok(Some(connection)) => connection,
        Ok(None) => return,
        Err(reason) => {
            let reason = printable(&reason, 300);
            database.collations = Seen::Unseen(reason.clone());
            database.tables = Seen::Unseen(reason);
            return;
        }
    };
    database.collations =
        fact(&connection, COLLATIONS, |rows| rows.iter().map(row::collation).collect()).await;
    database.tables = match connection.ask(&measured()).await {
        Ok(rows) => Seen::Seen(rows.iter().filter_map(|r| row::table(r, false)).collect()),
        Err(_) => {
            fact(&connection, &estimated(), |rows| {
                rows.iter().filter_map(|r| row::table(r, true)).collect()
            })
            .await
        }
    };
}
