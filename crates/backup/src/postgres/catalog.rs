//! What a database is made of, each object with a hash of its definition.
//!
//! Leaves out what belongs to an extension, which is compared by its version, and what no dump
//! carries.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::postgres::connection::{Connection, text};
use crate::refusal::Refusal;

/// Namespaces and relations of the user's own; every relation by its quoted name.
const OWN: &str = "WITH ext AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e'), \
    n AS (SELECT oid, nspname, nspowner, nspacl FROM pg_namespace \
      WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' \
      AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_namespace'::regclass AND objid = pg_namespace.oid)), \
    c AS (SELECT c.*, format('%I.%I', n.nspname, c.relname) AS name \
      FROM pg_class c JOIN n ON n.oid = c.relnamespace WHERE c.relpersistence <> 't' \
      AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_class'::regclass AND objid = c.oid)) ";

/// Each gives kind, name and definition, a record's text; `ACL(kind, list, owner)` stands for sorted privileges.
const PARTS: [&str; 17] = [
    "SELECT 'schema', quote_ident(nspname), ROW(pg_get_userbyid(nspowner), ACL('n', nspacl, nspowner))::text FROM n",
    "SELECT CASE relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view' \
       WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'type' END, name, \
       ROW(relpersistence, pg_get_userbyid(relowner), ACL('r', relacl, relowner), \
         (SELECT string_agg(o, ',' ORDER BY o) FROM unnest(reloptions) o), relreplident, \
         relrowsecurity, relforcerowsecurity, \
         CASE WHEN relkind = 'p' THEN pg_get_partkeydef(oid) END, pg_get_expr(relpartbound, oid), \
         (SELECT string_agg(inhparent::regclass::text, ',' ORDER BY inhseqno) FROM pg_inherits WHERE inhrelid = c.oid), \
         CASE WHEN relkind IN ('v', 'm') THEN pg_get_viewdef(oid) END, \
         (SELECT ROW(s.srvname, t.ftoptions)::text FROM pg_foreign_table t JOIN pg_foreign_server s ON s.oid = t.ftserver WHERE t.ftrelid = c.oid))::text \
       FROM c WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'c')",
    "SELECT 'sequence', name, ROW(relpersistence, pg_get_userbyid(relowner), ACL('s', relacl, relowner), \
       format_type(seqtypid, NULL), seqstart, seqincrement, seqmax, seqmin, seqcache, seqcycle)::text \
       FROM c JOIN pg_sequence s ON s.seqrelid = c.oid",
    "SELECT 'column', name || '.' || quote_ident(attname), \
       ROW(row_number() OVER (PARTITION BY attrelid ORDER BY attnum), format_type(atttypid, atttypmod), \
         attnotnull, attidentity, attgenerated, attstorage, \
         (SELECT quote_ident(collname) FROM pg_collation WHERE pg_collation.oid = attcollation), \
         pg_get_expr(d.adbin, d.adrelid), attacl::text, attfdwoptions::text)::text \
       FROM c JOIN pg_attribute a ON a.attrelid = c.oid LEFT JOIN pg_attrdef d ON (d.adrelid, d.adnum) = (attrelid, attnum) \
       WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND attnum > 0 AND NOT attisdropped",
    "SELECT 'index', x.name, ROW(pg_get_indexdef(x.oid), indisclustered, indisreplident)::text \
       FROM c JOIN pg_index i ON i.indrelid = c.oid JOIN c x ON x.oid = i.indexrelid",
    "SELECT 'constraint', quote_ident(conname) || ' on ' || coalesce(c.name, contypid::regtype::text), ROW(pg_get_constraintdef(k.oid))::text \
       FROM pg_constraint k JOIN n ON n.oid = connamespace LEFT JOIN c ON c.oid = conrelid \
       WHERE contype NOT IN ('n', 't') AND conparentid = 0 AND (c.oid IS NOT NULL OR (contypid <> 0 AND NOT EXISTS \
         (SELECT FROM ext WHERE classid = 'pg_type'::regclass AND objid = contypid)))",
    "SELECT 'trigger', quote_ident(tgname) || ' on ' || name, ROW(pg_get_triggerdef(t.oid), tgenabled)::text \
       FROM c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT tgisinternal AND coalesce(to_jsonb(t)->>'tgparentid', '0') = '0'",
    "SELECT CASE prokind WHEN 'a' THEN 'aggregate' WHEN 'p' THEN 'procedure' ELSE 'function' END, \
       format('%I.%I(%s)', nspname, proname, pg_get_function_identity_arguments(p.oid)), \
       ROW(CASE WHEN prokind <> 'a' THEN pg_get_functiondef(p.oid) \
           ELSE (SELECT ROW(aggtransfn::text, aggfinalfn::text, format_type(aggtranstype, NULL), agginitval)::text FROM pg_aggregate WHERE aggfnoid = p.oid) END, \
         pg_get_userbyid(proowner), ACL('f', proacl, proowner))::text \
       FROM pg_proc p JOIN n ON n.oid = pronamespace \
       WHERE NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_proc'::regclass AND objid = p.oid)",
    "SELECT CASE typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'range' END, format('%I.%I', nspname, typname), \
       ROW((SELECT string_agg(quote_literal(enumlabel), ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), \
         CASE WHEN typtype = 'd' THEN format_type(typbasetype, typtypmod) END, typnotnull, typdefault, \
         (SELECT format_type(rngsubtype, NULL) FROM pg_range WHERE rngtypid = t.oid), \
         pg_get_userbyid(typowner), ACL('T', typacl, typowner))::text \
       FROM pg_type t JOIN n ON n.oid = typnamespace WHERE typtype IN ('e', 'd', 'r') \
       AND NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_type'::regclass AND objid = t.oid)",
    "SELECT 'policy', quote_ident(polname) || ' on ' || name, ROW(polcmd, polpermissive, \
       (SELECT string_agg(CASE r WHEN 0 THEN 'public' ELSE pg_get_userbyid(r)::text END, ',' ORDER BY 1) FROM unnest(polroles) r), \
       pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid))::text \
       FROM c JOIN pg_policy ON polrelid = c.oid",
    "SELECT 'rule', quote_ident(rulename) || ' on ' || name, ROW(pg_get_ruledef(r.oid), ev_enabled)::text \
       FROM c JOIN pg_rewrite r ON r.ev_class = c.oid WHERE rulename <> '_RETURN'",
    "SELECT 'event trigger', quote_ident(evtname), ROW(evtevent, evtfoid::regproc::text, evtenabled, evttags)::text \
       FROM pg_event_trigger e WHERE NOT EXISTS (SELECT FROM ext WHERE classid = 'pg_event_trigger'::regclass AND objid = e.oid)",
    "SELECT 'statistics', format('%I.%I', nspname, stxname), ROW(pg_get_statisticsobjdef(s.oid))::text \
       FROM pg_statistic_ext s JOIN n ON n.oid = stxnamespace",
    "SELECT 'server', quote_ident(srvname), ROW(fdwname, srvtype, srvversion, srvoptions, pg_get_userbyid(srvowner))::text \
       FROM pg_foreign_server s JOIN pg_foreign_data_wrapper w ON w.oid = srvfdw",
    "SELECT 'collation', format('%I.%I', nspname, collname), ROW(collprovider, collcollate, collctype)::text \
       FROM pg_collation o JOIN n ON n.oid = collnamespace WHERE NOT EXISTS \
       (SELECT FROM ext WHERE classid = 'pg_collation'::regclass AND objid = o.oid)",
    "SELECT 'text search configuration', format('%I.%I', nspname, cfgname), ROW(pg_get_userbyid(cfgowner))::text \
       FROM pg_ts_config g JOIN n ON n.oid = cfgnamespace WHERE NOT EXISTS \
       (SELECT FROM ext WHERE classid = 'pg_ts_config'::regclass AND objid = g.oid)",
    "SELECT 'default privileges', concat_ws(' ', pg_get_userbyid(defaclrole), defaclnamespace::regnamespace, defaclobjtype), \
       ROW(ACL('r', defaclacl, defaclrole))::text FROM pg_default_acl",
];

/// `kind name → hash`; the hashes depend on `key`.
pub(crate) fn objects(
    connection: &Connection,
    key: i64,
) -> Result<BTreeMap<String, String>, Refusal> {
    let sql = format!("{OWN}{}", PARTS.map(with_privileges).join(" UNION ALL "));
    let rows = connection.rows("describe its schema", &sql)?;
    Ok(rows
        .iter()
        .map(|row| {
            let kind = text(row, 0);
            let definition = match kind.as_str() {
                // The text of a function is kept as it was written.
                "function" | "procedure" => text(row, 2),
                _ => fields(&text(row, 2)).iter().map(|field| unworded(field) + "\n").collect(),
            };
            let object = format!("{kind} {}", text(row, 1));
            let hash = hash(&[&key.to_string(), &object, &definition]);
            (object, hash[..16].to_owned())
        })
        .collect())
}

/// The hash over all objects.
pub(crate) fn whole(objects: &BTreeMap<String, String>) -> String {
    hash(&objects.iter().flat_map(|(name, hash)| [&**name, &**hash]).collect::<Vec<_>>())
}

fn hash(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Opens `ACL(kind, list, owner)`: what is granted, as a list in a fixed order.
fn with_privileges(part: &str) -> String {
    let Some((before, rest)) = part.split_once("ACL(") else { return part.to_owned() };
    let Some((inside, after)) = rest.split_once(')') else { return part.to_owned() };
    let words: Vec<&str> = inside.split(", ").collect();
    let [kind, list, owner] = words[..] else { return part.to_owned() };
    format!(
        "{before}(SELECT string_agg(x::text, ',' ORDER BY x::text COLLATE \"C\") \
         FROM unnest(coalesce({list}, acldefault({kind}, {owner}))) x){after}"
    )
}

/// The fields of a record, as its text `(a,"b ""c""",)` has them.
fn fields(record: &str) -> Vec<String> {
    let inside = record.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    let mut fields = Vec::new();
    let (mut field, mut quoted) = (String::new(), false);
    let mut letters = inside.unwrap_or(record).chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, quoted) {
            ('"', true) if letters.peek() == Some(&'"') => field.extend(letters.next()),
            ('"', _) => quoted = !quoted,
            ('\\', _) => field.extend(letters.next()),
            (',', false) => fields.push(std::mem::take(&mut field)),
            _ => field.push(letter),
        }
    }
    fields.push(field);
    fields
}

/// A definition without casts, parentheses and white space outside of quotes.
///
/// PostgreSQL words an expression otherwise once it was dumped and read again: it moves casts from
/// a list to its members, which then are in parentheses.
fn unworded(definition: &str) -> String {
    let mut clean = String::with_capacity(definition.len());
    let mut rest = definition;
    while let Some(first) = rest.chars().next() {
        if first == '\'' || first == '"' {
            let end = rest[1..].find(first).map_or(rest.len(), |at| at + 2);
            clean.push_str(&rest[..end]);
            rest = &rest[end..];
        } else if let Some(after) = rest.strip_prefix("::") {
            rest = after_type(after);
        } else {
            if !first.is_whitespace() && !matches!(first, '(' | ')') {
                clean.push(first);
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    clean
}

/// What follows a type's name: words in lower case or in quotes, a modifier, brackets.
fn after_type(text: &str) -> &str {
    let mut rest = text;
    loop {
        let word = rest.trim_start_matches(|c: char| {
            c.is_ascii_lowercase() || c.is_ascii_digit() || "_. ".contains(c)
        });
        let quoted = word.strip_prefix('"').and_then(|inside| inside.split_once('"'));
        match quoted {
            Some((_, after)) => rest = after,
            None if word.len() == rest.len() => break,
            None => rest = word,
        }
    }
    if let Some((inside, after)) = rest.strip_prefix('(').and_then(|all| all.split_once(')'))
        && inside.chars().all(|c| c.is_ascii_digit() || c == ',')
    {
        rest = after;
    }
    while let Some(after) = rest.strip_prefix("[]") {
        rest = after;
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_reads_the_same_once_dumped_and_read_again() {
        let before = "CHECK (((x)::text = ANY ((ARRAY['a::b'::character varying, '(c)'::character \
                      varying(7)])::text[])))";
        let after = "CHECK (((x)::text = ANY (ARRAY[('a::b'::character varying)::text, \
                     ('(c)'::character varying(7))::text])))";
        assert_eq!(unworded(before), unworded(after));
        assert_eq!(unworded(before), "CHECKx=ANYARRAY['a::b','(c)']");
        assert_eq!(unworded("'it''s'::public.\"My Type\"[] + 1"), "'it''s'+1");
        assert_ne!(unworded("x = 'a  b'"), unworded("x = 'a b'"));
    }

    #[test]
    fn a_record_is_read_as_postgresql_writes_it() {
        let record = r#"(a,,"it's ""x\\"", (b)",c)"#;
        assert_eq!(fields(record), ["a", "", "it's \"x\\\", (b)", "c"]);
    }

    #[test]
    fn text_of_any_shape_is_taken() {
        for odd in ["::", "'", "\"", "::\"", "::(", "é::ü", "::a(1", ""] {
            let _ = unworded(odd);
            let _ = fields(odd);
        }
    }
}
