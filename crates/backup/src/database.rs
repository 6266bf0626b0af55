//! A service's database, whichever engine it has.
//!
//! Leaves out restoring, where the two have little in common.

use std::path::Path;

use model::backup::scope::Scope;
use model::recipe::care::Engine;

use crate::dumped::Dumped;
use crate::places::Places;
use crate::postgres::cluster::Cluster;
use crate::proof::Proof;
use crate::refusal::Refusal;
use crate::staging::Staging;
use crate::{postgres, sqlite};

/// Dumps and counts it into the staging folder; `None` if the service has none. The dump must not
/// count before its proof has ended.
///
/// `key` is that of the manifest's hashes.
pub fn dump(
    scope: &Scope,
    places: &Places,
    key: i64,
    staging: &Staging,
) -> Result<Option<(Dumped, Proof)>, Refusal> {
    let Some(database) = &scope.database else { return Ok(None) };
    let dumped = match database.engine {
        Engine::Postgresql => {
            let owner = database.owner.as_deref().unwrap_or(&scope.recipe);
            let found = postgres::find(&places.sockets, &database.name, owner)?;
            let cluster = Cluster { tools: places.postgres.clone(), ..found };
            staging.room(postgres::size(&cluster, &database.name)?)?;
            postgres::write(&cluster, &database.name, key, staging.path())?
        }
        Engine::Sqlite => {
            let path = Path::new(&database.name);
            staging.room(sqlite::size(path)?)?;
            (sqlite::dump(path, key, staging.path())?, Proof::done())
        }
    };
    Ok(Some(dumped))
}
