//! The passwords of roles, as PostgreSQL keeps them: verifiers, which are secrets, too.
//!
//! They go into the dump's globals, which only the repository and root see; never into a manifest,
//! a message or a log. Leaves out whose they are to be.

use std::collections::BTreeMap;
use std::fmt;

use model::backup::manifest::PasswordV1;

use crate::postgres::cluster::Cluster;
use crate::postgres::connection::{Connection, string, text};
use crate::refusal::Refusal;
use crate::user;

/// The superuser of Debian's clusters, and its system user.
const SUPERUSER: &str = "postgres";

/// To be run before a statement that holds one, in a statement of its own: the server decides what
/// it logs before it runs anything of a text. An error within a function is logged with the statement
/// as its context, unless the log is terse. Only a superuser may.
pub(crate) const QUIET: &str = "SET log_statement = 'none'; SET log_min_duration_statement = -1; \
    SET log_min_duration_sample = -1; SET log_transaction_sample_rate = 0; \
    SET log_min_error_statement = 'panic'; SET log_error_verbosity = 'terse'; SET pg_stat_statements.track = 'none';";

/// To be run afterwards: what the server's owner wants logged is logged again.
pub(crate) const LOUD: &str = "RESET log_statement; RESET log_min_duration_statement; \
    RESET log_min_duration_sample; RESET log_transaction_sample_rate; \
    RESET log_min_error_statement; RESET log_error_verbosity; RESET pg_stat_statements.track;";

/// `role → verifier`, of every role that has one.
pub(crate) struct Passwords(BTreeMap<String, String>);

impl fmt::Debug for Passwords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passwords(…)")
    }
}

impl Passwords {
    /// Reads them by this connection if it is a superuser's, else by one of `postgres`.
    ///
    /// # Errors
    /// If no superuser lets us in.
    pub(crate) fn read(
        connection: &Connection,
        cluster: &Cluster,
        database: &str,
    ) -> Result<Self, Refusal> {
        let asked = "SELECT has_table_privilege('pg_authid', 'SELECT')";
        if text(&connection.row("say who reads passwords", asked)?, 0) == "t" {
            return Self::by(connection);
        }
        let user = user::to_become(SUPERUSER)?;
        let cluster = Cluster { role: SUPERUSER.to_owned(), user, ..cluster.clone() };
        Self::by(&Connection::open(&cluster, database)?)
    }

    fn by(connection: &Connection) -> Result<Self, Refusal> {
        let sql = "SELECT rolname, rolpassword FROM pg_authid WHERE rolpassword IS NOT NULL";
        let rows = connection.rows("read the roles' passwords", sql)?;
        Ok(Self(rows.iter().map(|row| (text(row, 0), text(row, 1))).collect()))
    }

    /// What `CREATE ROLE` is told besides; empty if the role has none.
    pub(crate) fn clause(&self, role: &str) -> String {
        self.0.get(role).map_or_else(String::new, |known| format!(" PASSWORD{}", string(known)))
    }

    pub(crate) fn kind(&self, role: &str) -> PasswordV1 {
        match self.0.get(role) {
            None => PasswordV1::None,
            Some(known) if known.starts_with("SCRAM-SHA-256$") => PasswordV1::Scram,
            Some(_) => PasswordV1::Md5,
        }
    }
}
