//! Counts a SQLite database: every row of every table, by a keyed hash of the row's values.
//!
//! Leaves out virtual tables: what they hold is in tables of their own, which are counted.

use std::collections::BTreeMap;

use model::backup::manifest::{DatabaseV1, TableV1};
use sha2::{Digest, Sha256};
use sqlx::Row;

use crate::refusal::Refusal;
use crate::sqlite::session::Session;

pub(crate) fn all(session: &Session, key: i64) -> Result<DatabaseV1, Refusal> {
    let version = session.texts("say its version of", "SELECT sqlite_version()")?;
    let mut objects = BTreeMap::new();
    let sql = "SELECT type, name, coalesce(sql, '') FROM sqlite_schema";
    for row in session.texts("describe", sql)? {
        let [kind, name, definition] = &row[..] else { continue };
        let mut hash = keyed(key);
        hash.update(definition);
        objects.insert(format!("{kind} {name}"), format!("{:016x}", short(hash)));
    }
    let mut schema = keyed(key);
    for (name, hash) in &objects {
        schema.update(name);
        schema.update(hash);
    }
    let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' \
        AND type IN ('table', 'shadow') AND name NOT IN ('sqlite_schema', 'sqlite_master')";
    let mut tables = BTreeMap::new();
    for row in session.texts("list the tables of", sql)? {
        for name in row {
            let counted = table(session, &name, key)?;
            tables.insert(name, counted);
        }
    }
    Ok(DatabaseV1 {
        engine: "sqlite".to_owned(),
        name: String::new(),
        version: version.concat().concat(),
        made: None,
        key,
        schema: schema.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        objects,
        extensions: BTreeMap::new(),
        roles: Vec::new(),
        rights: BTreeMap::new(),
        tables,
        sequences: BTreeMap::new(),
        dump_bytes: 0,
        dump_sum: String::new(),
    })
}

fn table(session: &Session, name: &str, key: i64) -> Result<TableV1, Refusal> {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let sql = format!("SELECT name FROM pragma_table_info('{}')", name.replace('\'', "''"));
    let columns = session.texts("list the columns of", &sql)?.concat();
    // As a blob: a text may hold bytes that are no UTF-8.
    let values: Vec<String> =
        columns.iter().map(|column| format!("quote({})", quoted(column))).collect();
    let values = if values.is_empty() { "''".to_owned() } else { values.join(" || ',' || ") };
    let sql = format!("SELECT CAST({values} AS BLOB) FROM {}", quoted(name));
    let (mut rows, mut sum) = (0_u64, 0_u64);
    session.each("read a table of", &sql, |row| {
        let mut hash = keyed(key);
        hash.update(row.try_get_unchecked::<Vec<u8>, _>(0).unwrap_or_default());
        rows += 1;
        sum = sum.wrapping_add(short(hash));
    })?;
    Ok(TableV1 { rows, hash: format!("{sum:016x}") })
}

fn keyed(key: i64) -> Sha256 {
    Sha256::new_with_prefix(key.to_le_bytes())
}

fn short(hash: Sha256) -> u64 {
    let bytes = hash.finalize();
    bytes.iter().take(8).fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
