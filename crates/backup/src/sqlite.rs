//! SQLite: a consistent copy of a database in use, counted, and brought back.
//!
//! Through sqlx, whose bundled SQLite is the program's one: no tool has to be on the host, and a
//! newer file format than Debian's is read, too. `VACUUM INTO` reads in one transaction, stops no
//! writer of a database in WAL mode, copies no half-written page, and keeps row ids (unlike
//! `VACUUM`). Leaves out attached databases and extensions that are loaded from files.

mod count;
mod session;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use model::backup::manifest::DatabaseV1;

use crate::digest;
use crate::dumped::{self, Dumped, FILE};
use crate::refusal::Refusal;
use crate::sqlite::session::Session;

/// What every database begins with: <https://www.sqlite.org/fileformat2.html>.
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Copies a database into the folder, and counts the copy.
pub fn dump(database: &Path, key: i64, into: &Path) -> Result<Dumped, Refusal> {
    recognise(database)?;
    let path = into.join(FILE);
    let session = Session::open(database)?;
    session.copy(&path)?;
    drop(session);
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&path, private).map_err(|source| Refusal::Local {
        what: "keep to ourselves",
        path: path.clone(),
        source,
    })?;
    let mut counted = count(&path, key)?;
    counted.name = database.to_string_lossy().into_owned();
    let (sum, bytes) = digest::of(&path)?;
    counted.dump_sum = sum;
    counted.dump_bytes = bytes;
    let tools = BTreeMap::from([("sqlite".to_owned(), counted.version.clone())]);
    Ok(Dumped { database: counted, tools, note: None })
}

/// Checks that a database is whole, and counts it.
pub fn count(database: &Path, key: i64) -> Result<DatabaseV1, Refusal> {
    recognise(database)?;
    let session = Session::open(database)?;
    session.whole()?;
    count::all(&session, key)
}

/// Brings the dump in the folder back as a new file; `was` is its manifest.
pub fn restore(was: &DatabaseV1, folder: &Path, to: &Path) -> Result<(), Refusal> {
    let path = dumped::recognised(folder, was)?;
    let copied = File::create_new(to).and_then(|mut new| {
        std::io::copy(&mut File::open(&path)?, &mut new)?;
        new.sync_all()
    });
    copied.map_err(|source| Refusal::Local { what: "write", path: to.to_owned(), source })
}

/// The bytes that a copy takes at most.
pub fn size(database: &Path) -> Result<u64, Refusal> {
    let path = database.to_owned();
    let all = fs::metadata(database);
    all.map(|all| all.len()).map_err(|source| Refusal::Local { what: "look at", path, source })
}

/// SQLite would take an empty file, or a wrong name, for an empty database.
fn recognise(path: &Path) -> Result<(), Refusal> {
    let fault = |fault: &str| Refusal::NoSqlite { path: path.to_owned(), fault: fault.to_owned() };
    let meta = fs::symlink_metadata(path).map_err(|error| fault(&error.to_string()))?;
    if !meta.is_file() {
        return Err(fault("it is no plain file"));
    }
    let mut start = Vec::new();
    let read = File::open(path).and_then(|file| {
        std::io::Read::read_to_end(&mut std::io::Read::take(file, 16), &mut start)
    });
    read.map_err(|error| fault(&error.to_string()))?;
    match start == MAGIC {
        true => Ok(()),
        false => Err(fault("it does not begin as a SQLite database does")),
    }
}
