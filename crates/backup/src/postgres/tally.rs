//! Counts a database: every row of every table, by a keyed hash of the row's text.
//!
//! Leaves out foreign tables, whose rows are elsewhere, and materialized views, whose rows a
//! restore computes anew; both are among the objects.

use std::collections::BTreeMap;

use model::backup::manifest::{DatabaseV1, SequenceV1, TableV1};

use crate::postgres::connection::{Connection, string, text};
use crate::postgres::passwords::Passwords;
use crate::postgres::{catalog, roles};
use crate::refusal::Refusal;

/// The name under which large objects are counted; no table's name has no dot.
pub(crate) const LARGE_OBJECTS: &str = "large objects";

/// How much of a large object is read and hashed at a time, in bytes: no more of it is in memory.
const PIECE: u32 = 1 << 20;

/// Every piece of every large object, hashed one by one, the next of each after the last one that
/// was full. The first has no number, so that a small object is hashed as by its whole.
fn large_objects(key: i64) -> String {
    let piece = |object: &str, at: &str| {
        format!(
            "LATERAL (SELECT md5(data) AS sum, length(data) AS length FROM \
             (SELECT lo_get({object}, {at}, {PIECE}) AS data OFFSET 0) read) piece"
        )
    };
    format!(
        "WITH RECURSIVE pieces AS (SELECT oid AS object, 0::bigint AS at, piece.sum, piece.length \
           FROM pg_largeobject_metadata, {} \
         UNION ALL SELECT object, at + {PIECE}, piece.sum, piece.length \
           FROM pieces, {} WHERE pieces.length = {PIECE}) \
         SELECT count(*) FILTER (WHERE at = 0), coalesce(sum(hashtextextended(object::text || ':' || \
           CASE at WHEN 0 THEN '' ELSE at::text || ':' END || sum COLLATE \"C\", {key})), 0) FROM pieces",
        piece("oid", "0"),
        piece("object", &format!("at + {PIECE}")),
    )
}

/// Tables whose rows a dump holds. Of an extension's own those that it says are the user's.
const TABLES: &str = "SELECT format('%I.%I', n.nspname, c.relname), n.nspname, c.relname, \
    pg_get_userbyid(c.relowner), (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) \
      FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    WHERE c.relkind = 'r' AND c.relpersistence <> 't' \
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    AND (NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass \
        AND d.objid = c.oid AND d.deptype = 'e') \
      OR EXISTS (SELECT FROM pg_extension e WHERE c.oid = ANY (e.extconfig) \
        AND e.extcondition[array_position(e.extconfig, c.oid)] = '')) \
    ORDER BY 1";

const SEQUENCES: &str = "SELECT format('%I.%I', n.nspname, c.relname), s.seqincrement \
    FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid \
    JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relpersistence <> 't' \
    AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' \
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass \
      AND d.objid = c.oid AND d.deptype = 'e')";

/// A table as the dump's table of contents names it.
pub(crate) struct Table {
    /// Quoted, with its schema.
    pub(crate) name: String,
    pub(crate) schema: String,
    pub(crate) relation: String,
    pub(crate) owner: String,
    /// Quoted, in their order.
    columns: String,
}

pub(crate) fn tables(connection: &Connection) -> Result<Vec<Table>, Refusal> {
    let rows = connection.rows("list its tables", TABLES)?;
    Ok(rows
        .iter()
        .map(|row| Table {
            name: text(row, 0),
            schema: text(row, 1),
            relation: text(row, 2),
            owner: text(row, 3),
            columns: text(row, 4),
        })
        .collect())
}

/// Where each sequence stands; to be asked before a dump begins.
pub(crate) fn sequences(connection: &Connection) -> Result<BTreeMap<String, SequenceV1>, Refusal> {
    let mut found = BTreeMap::new();
    for row in connection.rows("list its sequences", SEQUENCES)? {
        let name = text(&row, 0);
        let asked = format!("SELECT last_value, is_called FROM {name}");
        let at = connection.row(&format!("say where the sequence {name} stands"), &asked)?;
        let number = |text: String| text.parse().unwrap_or_default();
        let (value, step) = (number(text(&at, 0)), number(text(&row, 1)));
        found.insert(name, SequenceV1 { value, called: text(&at, 1) == "t", step });
    }
    Ok(found)
}

/// Counts and hashes the rows of each table, one after the other.
pub(crate) fn rows(
    connection: &Connection,
    tables: &[Table],
    key: i64,
) -> Result<BTreeMap<String, TableV1>, Refusal> {
    let mut found = BTreeMap::new();
    for table in tables {
        let Table { name, columns, .. } = table;
        // Of the whole row as one text; the collation is fixed since a hash may depend on it.
        let sql = format!(
            "SELECT count(*), coalesce(sum(hashtextextended(ROW({columns})::text COLLATE \"C\", \
             {key})), 0) FROM ONLY {name}"
        );
        let counted = connection.row(&format!("count the table {name}"), &sql)?;
        found.insert(name.clone(), table_of(&counted));
    }
    let large = table_of(&connection.row("count its large objects", &large_objects(key))?);
    if large.rows > 0 {
        found.insert(LARGE_OBJECTS.to_owned(), large);
    }
    Ok(found)
}

fn table_of(row: &[Option<String>]) -> TableV1 {
    TableV1 { rows: text(row, 0).parse().unwrap_or_default(), hash: text(row, 1) }
}

/// All but the rows and the dump: `rows` takes long, and may run beside the dump.
pub(crate) fn described(
    connection: &Connection,
    key: i64,
    passwords: Option<&Passwords>,
) -> Result<DatabaseV1, Refusal> {
    let server = connection
        .row("say its version", "SELECT current_setting('server_version'), current_database()")?;
    let extensions =
        connection.rows("list extensions", "SELECT extname, extversion FROM pg_extension")?;
    let objects = catalog::objects(connection, key)?;
    Ok(DatabaseV1 {
        engine: "postgresql".to_owned(),
        name: text(&server, 1),
        version: text(&server, 0).split(' ').next().unwrap_or_default().to_owned(),
        made: Some(roles::made(connection)?),
        key,
        schema: catalog::whole(&objects),
        objects,
        extensions: extensions.iter().map(|row| (text(row, 0), text(row, 1))).collect(),
        roles: roles::list(connection)?,
        rights: roles::rights(connection, passwords)?,
        tables: BTreeMap::new(),
        sequences: sequences(connection)?,
        dump_bytes: 0,
        dump_sum: String::new(),
    })
}

/// Begins a transaction that sees one state of the database until it ends, and only reads.
pub(crate) fn begin(connection: &Connection) -> Result<(), Refusal> {
    let sql = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
    connection.rows("begin a transaction", sql).map(|_| ())
}

/// Whether there is such a database.
pub(crate) fn exists(connection: &Connection, database: &str) -> Result<bool, Refusal> {
    let sql = format!("SELECT 1 FROM pg_database WHERE datname ={}", string(database));
    Ok(!connection.rows("list databases", &sql)?.is_empty())
}
