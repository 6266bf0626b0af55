//! What a dump of one database leaves out: its roles, and how the database itself was made.
//!
//! Leaves out reading passwords, which only a superuser may.

use std::collections::BTreeMap;

use model::backup::manifest::{MadeV1, PasswordV1, RoleV1};

use crate::postgres::connection::{Connection, name, string, text};
use crate::postgres::passwords::{Passwords, QUIET};
use crate::refusal::Refusal;

/// Roles that own something here or are granted something, their groups and their members. The
/// bootstrap superuser and PostgreSQL's own roles are in every cluster.
const NEEDED: &str = "WITH RECURSIVE base AS (\
      SELECT refobjid AS oid FROM pg_shdepend, pg_database b WHERE b.datname = current_database() \
        AND refclassid = 'pg_authid'::regclass \
        AND (dbid = b.oid OR (classid = 'pg_database'::regclass AND objid = b.oid)) \
      UNION SELECT datdba FROM pg_database WHERE datname = current_database()), \
    up AS (SELECT oid FROM base UNION SELECT m.roleid FROM up JOIN pg_auth_members m ON m.member = up.oid), \
    down AS (SELECT oid FROM base UNION SELECT m.member FROM down JOIN pg_auth_members m ON m.roleid = down.oid), \
    needed AS (SELECT r.* FROM pg_roles r WHERE r.oid IN (SELECT oid FROM up UNION SELECT oid FROM down) \
      AND r.oid <> 10 AND r.rolname !~ '^pg_') ";

/// What `CREATE ROLE` is told of each.
const ATTRIBUTES: &str = "SELECT rolname, \
      concat_ws(' ', CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, \
      CASE WHEN rolinherit THEN 'INHERIT' ELSE 'NOINHERIT' END, \
      CASE WHEN rolsuper THEN 'SUPERUSER' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END, \
      CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolreplication THEN 'REPLICATION' END, \
      CASE WHEN rolbypassrls THEN 'BYPASSRLS' END, 'CONNECTION LIMIT ' || rolconnlimit, \
      'VALID UNTIL ' || quote_literal(nullif(rolvaliduntil, 'infinity')::text)) \
    FROM needed ORDER BY rolname";

const MEMBERS: &str = "SELECT DISTINCT format('GRANT %I TO %I%s;', g.rolname, m.rolname, \
      CASE WHEN a.admin_option THEN ' WITH ADMIN OPTION' ELSE '' END), m.rolname, \
      g.rolname || CASE WHEN a.admin_option THEN ' with admin option' ELSE '' END \
    FROM pg_auth_members a JOIN pg_roles g ON g.oid = a.roleid JOIN needed m ON m.oid = a.member \
    WHERE g.oid IN (SELECT oid FROM needed) OR g.rolname ~ '^pg_' ORDER BY 1";

const SETTINGS: &str = "SELECT rolname, unnest(rolconfig) FROM needed";

pub(crate) fn list(connection: &Connection) -> Result<Vec<String>, Refusal> {
    let sql = format!("{NEEDED} SELECT rolname FROM needed ORDER BY rolname COLLATE \"C\"");
    let rows = connection.rows("list roles", &sql)?;
    Ok(rows.iter().map(|row| text(row, 0)).collect())
}

/// What each role may do, and whether it has a password.
pub(crate) fn rights(
    connection: &Connection,
    passwords: Option<&Passwords>,
) -> Result<BTreeMap<String, RoleV1>, Refusal> {
    let asked = |part: &str| connection.rows("describe roles", &format!("{NEEDED} {part}"));
    let mut all: BTreeMap<String, RoleV1> = BTreeMap::new();
    for row in asked(ATTRIBUTES)? {
        let (role, attributes) = (text(&row, 0), text(&row, 1));
        let password = passwords.map_or(PasswordV1::Unread, |passwords| passwords.kind(&role));
        all.insert(role, RoleV1 { attributes, password, ..RoleV1::default() });
    }
    for row in asked(MEMBERS)? {
        if let Some(role) = all.get_mut(&text(&row, 1)) {
            role.member_of.push(text(&row, 2));
        }
    }
    for row in asked(SETTINGS)? {
        if let Some(role) = all.get_mut(&text(&row, 0)) {
            role.settings.push(text(&row, 1));
        }
    }
    for role in all.values_mut() {
        role.member_of.sort();
        role.settings.sort();
    }
    Ok(all)
}

/// SQL that makes the roles where they are missing, for any `psql`. It holds secrets.
pub(crate) fn globals(
    connection: &Connection,
    passwords: Option<&Passwords>,
) -> Result<String, Refusal> {
    let mut sql = String::from(match passwords {
        Some(_) => "-- The roles of one database, with their passwords.\n",
        None => "-- The roles of one database, without their passwords, which could not be read.\n",
    });
    sql += &QUIET.replace("; ", ";\n");
    sql.push('\n');
    for row in connection.rows("describe roles", &format!("{NEEDED} {ATTRIBUTES}"))? {
        let role = text(&row, 0);
        let password = passwords.map_or_else(String::new, |passwords| passwords.clause(&role));
        // Does nothing where the role exists: its password stays what it is. What else goes wrong is
        // told anew, since the server logs where it was, with the statement.
        let make = format!(
            "BEGIN CREATE ROLE {} {}{password}; EXCEPTION WHEN duplicate_object THEN NULL; \
             WHEN OTHERS THEN RAISE EXCEPTION USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM; END",
            name(&role),
            text(&row, 1)
        );
        sql += &format!("DO{};\n", string(&make));
    }
    for row in connection.rows("describe roles", &format!("{NEEDED} {MEMBERS}"))? {
        sql += &text(&row, 0);
        sql.push('\n');
    }
    for row in connection.rows("describe roles", &format!("{NEEDED} {SETTINGS}"))? {
        if let Some(set) = set(&text(&row, 1)) {
            sql += &format!("ALTER ROLE {} SET {set};\n", name(&text(&row, 0)));
        }
    }
    Ok(sql)
}

pub(crate) fn made(connection: &Connection) -> Result<MadeV1, Refusal> {
    let sql = "SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype, \
        CASE to_jsonb(d)->>'datlocprovider' WHEN 'i' THEN \
          coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale', datcollate) END, \
        datacl IS NOT NULL FROM pg_database d WHERE datname = current_database()";
    let row = connection.row("say how the database was made", sql)?;
    let mut made = MadeV1 {
        owner: text(&row, 0),
        encoding: text(&row, 1),
        collate: text(&row, 2),
        ctype: text(&row, 3),
        icu_locale: row.get(4).cloned().flatten(),
        settings: BTreeMap::new(),
        privileges: None,
    };
    let sql = "SELECT coalesce(pg_get_userbyid(nullif(setrole, 0))::text, ''), s FROM pg_db_role_setting, unnest(setconfig) s \
        WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY 1, 2";
    for row in connection.rows("say the database's settings", sql)? {
        made.settings.entry(text(&row, 0)).or_default().push(text(&row, 1));
    }
    if text(&row, 5) == "t" {
        let sql = "SELECT CASE grantee WHEN 0 THEN '' ELSE pg_get_userbyid(grantee)::text END, \
            privilege_type || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END \
            FROM pg_database, aclexplode(datacl) WHERE datname = current_database() ORDER BY 1, 2";
        let mut all: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for row in connection.rows("say the database's privileges", sql)? {
            all.entry(text(&row, 0)).or_default().push(text(&row, 1));
        }
        made.privileges = Some(all);
    }
    Ok(made)
}

/// SQL that makes the database anew, empty.
pub(crate) fn create(database: &str, made: &MadeV1) -> String {
    let mut sql = format!(
        "CREATE DATABASE {} TEMPLATE template0 OWNER {} ENCODING{} LC_COLLATE{} LC_CTYPE{}",
        name(database),
        name(&made.owner),
        string(&made.encoding),
        string(&made.collate),
        string(&made.ctype),
    );
    if let Some(locale) = &made.icu_locale {
        sql += &format!(" LOCALE_PROVIDER icu ICU_LOCALE{}", string(locale));
    }
    sql
}

/// SQL that sets and grants on the database what was set and granted.
pub(crate) fn finish(database: &str, made: &MadeV1) -> String {
    let quoted = name(database);
    let mut sql = String::new();
    for (role, settings) in &made.settings {
        for set in settings.iter().filter_map(|setting| set(setting)) {
            sql += &match role.as_str() {
                "" => format!("ALTER DATABASE {quoted} SET {set};\n"),
                role => format!("ALTER ROLE {} IN DATABASE {quoted} SET {set};\n", name(role)),
            };
        }
    }
    let Some(privileges) = &made.privileges else { return sql };
    sql += &format!("REVOKE ALL ON DATABASE {quoted} FROM PUBLIC, {};\n", name(&made.owner));
    for (role, rights) in privileges {
        let to = if role.is_empty() { "PUBLIC".to_owned() } else { name(role) };
        for right in rights {
            let (right, option) = match right.strip_suffix(" WITH GRANT OPTION") {
                Some(right) => (right, " WITH GRANT OPTION"),
                None => (&**right, ""),
            };
            // It comes from a manifest, which is not to be trusted with SQL.
            if right.chars().all(|letter| letter.is_ascii_uppercase()) {
                sql += &format!("GRANT {right} ON DATABASE {quoted} TO {to}{option};\n");
            }
        }
    }
    sql
}

/// `name TO value` for `name=value`; `None` if that is none.
fn set(setting: &str) -> Option<String> {
    /// Settings that are lists of quoted names, which are stored as they are written.
    const LISTS: [&str; 5] = [
        "local_preload_libraries",
        "search_path",
        "session_preload_libraries",
        "shared_preload_libraries",
        "temp_tablespaces",
    ];
    let (setting, value) = setting.split_once('=')?;
    let parts: Vec<String> = setting.split('.').map(name).collect();
    let value = if LISTS.contains(&setting.to_ascii_lowercase().as_str()) {
        let names = value.split(',').map(|part| string(part.trim().trim_matches('"')));
        names.collect::<Vec<_>>().join(",")
    } else {
        string(value)
    };
    Some(format!("{} TO{value}", parts.join(".")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_is_quoted_as_its_kind_needs_it() {
        assert_eq!(set("work_mem=4MB").unwrap(), "\"work_mem\" TO E'4MB'");
        let path = set("search_path=\"$user\", public").unwrap();
        assert_eq!(path, "\"search_path\" TO E'$user', E'public'");
        assert_eq!(set("app.name=it's").unwrap(), "\"app\".\"name\" TO E'it''s'");
        assert_eq!(set("nothing"), None);
    }

    #[test]
    fn a_hostile_manifest_gets_no_statement_of_its_own() {
        let rights = vec!["ALL ON DATABASE x TO y; DROP".to_owned(), "CONNECT".to_owned()];
        let privileges = Some(BTreeMap::from([("a\"; DROP".to_owned(), rights)]));
        let made = MadeV1 { owner: "o".to_owned(), privileges, ..MadeV1::default() };
        assert_eq!(
            finish("d", &made),
            "REVOKE ALL ON DATABASE \"d\" FROM PUBLIC, \"o\";\n\
             GRANT CONNECT ON DATABASE \"d\" TO \"a\"\"; DROP\";\n"
        );
    }
}
