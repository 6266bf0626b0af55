//! A restore beside what runs: files into a new folder, the database into a new one of another
//! name, both compared with what was saved.
//!
//! Leaves out swapping anything: the service is not touched.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use model::backup::drill::Step;
use model::backup::price::{Beside, NewDatabase};

use crate::drill::course::{Course, Told};
use crate::drill::data;
use crate::drill::layers::below;
use crate::drill::sqlite;
use crate::error::Error;
use crate::restore::database;
use crate::restore::order::{Chosen, Order, ended, fetched, make_folder};

/// What is made there, and what it takes. `with_database` is whether a server that runs here is to
/// get the database, too.
///
/// # Errors
/// If the folder is taken, or the server does not answer.
pub fn price(
    order: &Order<'_>,
    chosen: &Chosen,
    place: &Path,
    with_database: bool,
    now: Timestamp,
) -> Result<Beside, Error> {
    let manifest = &chosen.manifest;
    let dumped = manifest.database.as_ref();
    let dump = dumped.map_or(0, |was| was.dump_bytes);
    // SQLite's copy is laid out beside its dump.
    let laid = dumped.filter(|was| was.engine == "sqlite").map_or(0, |was| was.dump_bytes);
    let is_wanted = with_database && dumped.is_some_and(|was| was.engine == "postgresql");
    let server = match is_wanted {
        true => database::server(order.scope)?,
        false => None,
    };
    let database = match server.zip(dumped) {
        Some((server, was)) => {
            let label = now.strftime("%Y%m%dt%H%M%Sz");
            // A name longer than 63 bytes would be cut short by PostgreSQL.
            let mut name = was.name.clone();
            name.truncate(name.floor_char_boundary(63 - "_restored_20261121t194200z".len()));
            Some(NewDatabase {
                name: format!("{name}_restored_{label}"),
                port: server.port,
                needs_bytes: dump.saturating_mul(data::DATABASE - 1).saturating_add(data::SPARE),
                free_bytes: free(&database::folder(server.port)?)?,
            })
        }
        None => None,
    };
    Ok(Beside {
        service: order.scope.service.clone(),
        of: chosen.snapshot.at,
        place: place.display().to_string(),
        needs_bytes: manifest.files.bytes.saturating_add(dump).saturating_add(laid),
        free_bytes: free(above(place))?,
        database,
    })
}

/// Restores it and proves that it is what was saved; what is to be said of it.
///
/// # Errors
/// If it is not what was saved; then no database is left, and the folder is for people to look at.
pub fn make(
    order: &Order<'_>,
    chosen: &Chosen,
    place: &Path,
    price: &Beside,
    told: &dyn Told,
) -> Result<Vec<String>, Error> {
    let mut course = Course::new(told);
    make_folder(place)?;
    fetched(order, chosen, place, u64::MAX, &mut course, told)?;
    let staging = below(place, &data::staging(&order.scope.service));
    let manifest = &chosen.manifest;
    let Some(was) = &manifest.database else { return Ok(Vec::new()) };
    if was.engine == "sqlite" {
        course.step(Step::Database, || sqlite::lay(was, &staging, place));
        course.step(Step::Manifest, || data::compare(order.scope, manifest, place, None, false));
        ended(&course)?;
        let path = below(place, Path::new(&was.name));
        return Ok(vec![format!("The database is {}.", path.display())]);
    }
    let Some(new) = &price.database else {
        course.step(Step::Manifest, || data::dump(manifest, &staging));
        ended(&course)?;
        return Ok(by_hand(&staging, was.made.as_ref().map_or("", |made| &made.owner), &was.name));
    };
    let server = database::at(new.port)?;
    course.step(Step::Database, || data::database(was, &staging, &server, &new.name));
    let made = course.is_well();
    course.step(Step::Manifest, || {
        data::compare(order.scope, manifest, place, Some((&server, &new.name)), true)
    });
    let ended = ended(&course);
    if ended.is_err() && made {
        database::drop(new.port, &new.name)?;
    }
    ended?;
    Ok(vec![format!(
        "The database is {0}: `runuser -u postgres -- psql -p {1} -d {0}` looks into it, and \
         `runuser -u postgres -- dropdb -p {1} {0}` takes it away.",
        new.name, new.port
    )])
}

/// How people bring the dump into a server.
fn by_hand(staging: &Path, owner: &str, name: &str) -> Vec<String> {
    let (name, owner) = (quoted(&format!("{name}_restored")), quoted(owner));
    let at = |file: &str| quoted(&staging.join(file).display().to_string());
    let (globals, dump) = (at("globals.sql"), at("database.dump"));
    vec![
        "The database was not restored; its dump is whole. As root, into a server that runs:"
            .into(),
        format!("  runuser -u postgres -- psql -X -f - <{globals}"),
        format!("  runuser -u postgres -- createdb -T template0 -O {owner} {name}"),
        format!("  runuser -u postgres -- pg_restore --exit-on-error -d {name} <{dump}"),
    ]
}

/// For a shell.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-".contains(letter);
    match !text.is_empty() && text.chars().all(plain) && !text.starts_with('-') {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// The nearest folder above that is there.
fn above(place: &Path) -> &Path {
    place.ancestors().find(|one| one.is_dir()).unwrap_or(Path::new("/"))
}

fn free(folder: &Path) -> Result<u64, Error> {
    let found = rustix::fs::statvfs(folder).map_err(|source| Error::File {
        what: "look at",
        path: PathBuf::from(folder),
        source: source.into(),
    })?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_typed_is_quoted_for_a_shell() {
        let lines = by_hand(Path::new("/srv/my look"), "chat", "it's");
        assert_eq!(lines[1], "  runuser -u postgres -- psql -X -f - <'/srv/my look/globals.sql'");
        assert_eq!(
            lines[2],
            "  runuser -u postgres -- createdb -T template0 -O chat 'it'\\''s_restored'"
        );
    }
}
