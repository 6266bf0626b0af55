//! SQLite's copy, put back at its place below a root that was restored.
//!
//! Leaves out counting it and comparing it with what was saved.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Component, Path, PathBuf};

use backup::sqlite;
use model::backup::manifest::DatabaseV1;
use model::backup::scope::Scope;
use model::text::bytes;

use crate::drill::course::Trouble;
use crate::drill::data::of_dump;
use crate::drill::layers::below;
use crate::error::Error;

/// Who may do what with a database whose own file was not saved, beside its folder's owner.
const MODE: u32 = 0o640;

/// Refuses to bring a database back in its place that lies in a folder which no path brings along:
/// what belongs to it there (`-wal`) would be played into the copy.
pub(crate) fn held(scope: &Scope, was: &DatabaseV1) -> Result<(), Trouble> {
    let folder = Path::new(&was.name).parent().unwrap_or(Path::new("/"));
    if was.engine != "sqlite" || scope.holds(folder) {
        return Ok(());
    }
    let folder = folder.display();
    Err(Trouble::Barred(format!(
        "no path of the recipe's [backup] holds {folder}, where the database is; add `{folder}` to \
         `paths` and save it again (`stead restore --to` restores it beside even so)"
    )))
}

/// Puts the copy at its place below a root, as its own file was if that was saved, too.
///
/// # Errors
/// If its name or a link leads out of the root, or the dump is not the one that was saved.
pub(crate) fn lay(was: &DatabaseV1, staging: &Path, root: &Path) -> Result<((), String), Trouble> {
    let to = below(root, Path::new(&was.name));
    let above = to.parent().unwrap_or(root);
    if Path::new(&was.name).components().any(|part| part == Component::ParentDir) {
        return Err(Trouble::Bad(format!("the database is called {}", was.name)));
    }
    if !is_within(above, root).map_err(failed("look at", above))? {
        return Err(Trouble::Barred(format!(
            "a link leads from {} out of what was restored; name the folder where the database \
             really is in the recipe",
            was.name
        )));
    }
    fs::create_dir_all(above).map_err(failed("make", above))?;
    let (user, group, mode) = match to.symlink_metadata() {
        Ok(own) if own.is_file() => (own.uid(), own.gid(), own.mode() & 0o777),
        _ => {
            let folder = above.metadata().map_err(failed("look at", above))?;
            (folder.uid(), folder.gid(), MODE)
        }
    };
    // What was saved of the file itself, and what belongs to it, is of another moment.
    for end in ["", "-wal", "-shm", "-journal"] {
        let mut name = to.clone().into_os_string();
        name.push(end);
        let _absent = fs::remove_file(PathBuf::from(name));
    }
    sqlite::restore(was, staging, &to).map_err(|refusal| of_dump(&refusal))?;
    let given = chown(&to, Some(user), Some(group))
        .and_then(|()| fs::set_permissions(&to, Permissions::from_mode(mode)));
    given.map_err(failed("give away", &to))?;
    Ok(((), format!("{}, {}", was.name, bytes(was.dump_bytes))))
}

/// Whether a folder, or the nearest one above it that is there, is the root or below it, whatever
/// links say.
fn is_within(folder: &Path, root: &Path) -> io::Result<bool> {
    let there = folder.ancestors().find(|one| one.symlink_metadata().is_ok());
    Ok(there.unwrap_or(folder).canonicalize()?.starts_with(root.canonicalize()?))
}

fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    struct Scene {
        folder: tempfile::TempDir,
        was: DatabaseV1,
    }

    impl Scene {
        /// A dump of `chat.db` in `/data`, below `staging`; nothing below `root`.
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            for name in ["staging", "root", "live"] {
                fs::create_dir(folder.path().join(name)).expect("made");
            }
            fs::write(folder.path().join("staging/database.dump"), "copy").expect("written");
            let was = serde_json::json!({
                "engine": "sqlite", "name": "/data/chat.db", "version": "3.50.4", "key": 1,
                "schema": "", "objects": {}, "extensions": {}, "roles": [], "tables": {},
                "dump_bytes": 4,
                "dump_sum": "6f5a6034e770acbfb3f797e6a7eb7948d470d45f9928f92b7d72dc7c45e6d0cd",
            });
            let was = serde_json::from_value(was).expect("as a manifest has it");
            Self { folder, was }
        }

        fn at(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn lay(&self) -> Result<((), String), Trouble> {
            lay(&self.was, &self.at("staging"), &self.at("root"))
        }
    }

    #[test]
    fn it_is_as_its_own_file_was_and_without_what_belonged_to_that() {
        let scene = Scene::new();
        fs::create_dir(scene.at("root/data")).expect("made");
        for name in ["chat.db", "chat.db-wal", "chat.db-shm"] {
            fs::write(scene.at("root/data").join(name), "old").expect("written");
        }
        let own = scene.at("root/data/chat.db");
        fs::set_permissions(&own, Permissions::from_mode(0o600)).expect("set");
        scene.lay().expect("laid");
        assert_eq!(fs::read_to_string(&own).expect("there"), "copy");
        assert_eq!(own.metadata().expect("there").mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(scene.at("root/data")).expect("there").count(), 1);
    }

    #[test]
    fn its_folder_is_made_where_no_path_brought_it() {
        let scene = Scene::new();
        scene.lay().expect("laid");
        let own = scene.at("root/data/chat.db");
        assert_eq!(own.metadata().expect("there").mode() & 0o777, MODE);
    }

    #[test]
    fn no_name_leads_out() {
        let mut scene = Scene::new();
        for name in ["/../live/chat.db", "/new/../../live/chat.db", "../live/chat.db"] {
            scene.was.name = name.to_owned();
            let told = scene.lay();
            assert!(matches!(told, Err(Trouble::Bad(_))), "{name}: {told:?}");
        }
        assert_eq!(fs::read_dir(scene.at("live")).expect("there").count(), 0);
    }

    #[test]
    fn the_live_database_behind_a_link_is_not_touched() {
        let scene = Scene::new();
        fs::write(scene.at("live/chat.db"), "live").expect("written");
        for target in [scene.at("live"), scene.at("nowhere"), PathBuf::from("../live")] {
            symlink(&target, scene.at("root/data")).expect("made");
            let told = scene.lay();
            assert!(matches!(told, Err(Trouble::Barred(_))), "{target:?}: {told:?}");
            fs::remove_file(scene.at("root/data")).expect("removed");
        }
        assert_eq!(fs::read_to_string(scene.at("live/chat.db")).expect("there"), "live");
        fs::create_dir(scene.at("root/real")).expect("made");
        symlink("real", scene.at("root/data")).expect("made");
        scene.lay().expect("a link that stays inside");
        assert_eq!(fs::read_to_string(scene.at("root/real/chat.db")).expect("there"), "copy");
    }
}
