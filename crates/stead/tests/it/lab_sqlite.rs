//! SQLite in the lab: a service's database in use is saved, drilled, and restored beside and in
//! its own place.
//!
//! Leaves out PostgreSQL, and what a bad backup does.

use std::path::Path;

use anyhow::{Result, ensure};
use lab::Fleet;

/// A small service that is a package, its stead, and two targets.
const SERVICE: &str = include_str!("schedule/service.sh");

/// Its database, for its user alone; all rows are in the write-ahead log still.
const DATABASE: &str = "cd /var/lib/notes && runuser -u notes -- sh -euc 'umask 077; \
    sqlite3 notes.db \".dbconfig no_ckpt_on_close on\" \"PRAGMA journal_mode = WAL\" \
      \"CREATE TABLE note (id INTEGER PRIMARY KEY, body TEXT)\" \
      \"WITH RECURSIVE n (g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < 5000) \
        INSERT INTO note SELECT g, hex(randomblob(16)) FROM n\"' >/dev/null && \
    test -s notes.db-wal && cd /root/our-stead && printf '%s\\n' '[database]' \
      'engine = \"sqlite\"' 'name = \"/var/lib/notes/notes.db\"' 'verify = [\"note\"]' \
      >>recipes/notes/recipe.toml";

#[test]
fn lab_a_database_of_sqlite_is_restored_beside_and_in_its_place() -> Result<()> {
    let Some(fleet) = Fleet::new("sqlite")? else { return Ok(()) };
    let packages = ["git", "restic", "systemd-container", "sqlite3"];
    let machine = fleet.machine("runko").packages(&packages).boot()?;
    machine.install(Path::new(env!("CARGO_BIN_EXE_stead")))?;
    machine.write("/root/service.sh", SERVICE)?;
    machine.must("sh -eu /root/service.sh")?;
    machine.must(DATABASE)?;
    let stead = |line: &str| machine.must(&format!("cd /root/our-stead && stead {line} 2>&1"));
    let refused = |line: &str, why: &str| -> Result<()> {
        let output = machine.sh(&format!("cd /root/our-stead && stead {line} 2>&1"))?;
        ensure!(!output.success() && output.stdout.contains(why), "{line}: {output:?}");
        Ok(())
    };
    let ask = |file: &str, sql: &str| {
        machine.must(&format!("sqlite3 'file:{file}?mode=ro' \"{sql}\" | sha256sum"))
    };
    let live = "/var/lib/notes/notes.db";
    let rows = "SELECT * FROM note";
    let saved = ask(live, rows)?;
    stead("backup now notes --target disk --found")?;
    machine.must(&format!("runuser -u notes -- sqlite3 {live} 'DELETE FROM note WHERE id > 9'"))?;
    let left = ask(live, rows)?;
    ensure!(saved != left);

    // Beside, to look at: with its rows, its owner and its mode, and nothing of another moment.
    let price = stead("restore notes --to /srv/look --dry-run")?;
    ensure!(price.contains("into   /srv/look") && price.contains("needs"), "{price}");
    machine.must("test ! -e /srv/look")?;
    let beside = "/srv/look/var/lib/notes/notes.db";
    let said = stead("restore notes --to /srv/look")?;
    ensure!(said.contains(&format!("The database is {beside}.")), "{said}");
    machine.must(&format!("test \"$(stat -c '%U %a' {beside})\" = 'notes 600'"))?;
    machine.must("test \"$(ls /srv/look/var/lib/notes | xargs)\" = 'first notes.db'")?;
    ensure!(ask(beside, rows)? == saved, "other rows came back");
    ensure!(ask(live, rows)? == left, "the service was touched");
    refused("restore notes --to /srv/look", "is not empty, and a restore overwrites nothing")?;

    // In a sealed machine, and in its own place; and back.
    let said = stead("drill notes")?;
    ensure!(said.contains("PASS notes from disk"), "{said}");
    stead("restore notes --yes")?;
    ensure!(ask(live, rows)? == saved, "other rows came back");
    machine.must(&format!("test \"$(stat -c '%U %a' {live})\" = 'notes 600'"))?;
    stead("restore notes --undo --yes")?;
    ensure!(ask(live, rows)? == left, "the old rows did not come back");

    // A link in the service's folder leads to where the database really lies: nothing follows it.
    machine.must(
        "systemctl stop notes && mkdir -p /srv/data && mv /var/lib/notes /srv/data/notes && \
         mkdir /var/lib/notes && cd /var/lib/notes && mv /srv/data/notes/first . && \
         ln -s /srv/data/notes db && chown notes: . && cd /root/our-stead && \
         sed -i 's,/var/lib/notes/notes.db,/var/lib/notes/db/notes.db,' recipes/notes/recipe.toml",
    )?;
    stead("backup now notes --target disk")?;
    let live = "/srv/data/notes/notes.db";
    let lose = "runuser -u notes -- sqlite3 /srv/data/notes/notes.db 'DELETE FROM note WHERE id = ";
    machine.must(&format!("{lose}9'"))?;
    let left = ask(live, rows)?;
    for line in ["restore notes --to /srv/linked", "drill notes", "restore notes --yes"] {
        refused(line, "a link leads from /var/lib/notes/db/notes.db out of what was restored")?;
        ensure!(ask(live, rows)? == left, "{line}: the service was touched");
    }

    // No path holds its folder: beside it comes back even so, in its place nothing is begun.
    machine.must(
        "cd /root/our-stead && sed -i 's,/var/lib/notes/db/notes.db,/srv/data/notes/notes.db,' \
         recipes/notes/recipe.toml",
    )?;
    stead("backup now notes --target disk")?;
    stead("restore notes --to /srv/stray")?;
    ensure!(ask("/srv/stray/srv/data/notes/notes.db", rows)? == left, "other rows came back");
    machine.must(&format!("{lose}8'"))?;
    let left = ask(live, rows)?;
    for line in ["drill notes", "restore notes --dry-run", "restore notes --yes"] {
        refused(line, "no path of the recipe's [backup] holds /srv/data/notes, where")?;
        ensure!(ask(live, rows)? == left, "{line}: the service was touched");
    }
    Ok(())
}
