//! What a restored copy lacks, or has otherwise, than what its manifest counted.
//!
//! Leaves out counting either of the two.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::backup::manifest::{DatabaseV1, FilesV1, MadeV1, ManifestV1, SequenceV1, TableV1};
use crate::text::printable;

/// The longest name that is shown.
const NAME: usize = 200;

/// One thing in which a copy differs from its manifest; displayed as one printable line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Difference {
    DatabaseMissing {
        name: String,
    },
    DatabaseUnexpected {
        name: String,
    },
    /// The database itself: its engine, owner, encoding, locale, settings or privileges.
    Database {
        what: String,
        was: String,
        is: String,
    },
    TableMissing {
        table: String,
        rows: u64,
    },
    TableUnexpected {
        table: String,
        rows: u64,
    },
    Rows {
        table: String,
        was: u64,
        is: u64,
    },
    /// As many rows, with other contents.
    Contents {
        table: String,
        rows: u64,
    },
    SequenceMissing {
        sequence: String,
    },
    SequenceBehind {
        sequence: String,
        was: i64,
        is: i64,
    },
    ExtensionMissing {
        extension: String,
        version: String,
    },
    ExtensionVersion {
        extension: String,
        was: String,
        is: String,
    },
    RoleMissing {
        role: String,
    },
    /// `object` is its kind and name, as `function public.f(integer)`.
    ObjectMissing {
        object: String,
    },
    ObjectUnexpected {
        object: String,
    },
    ObjectDiffers {
        object: String,
    },
    /// The hash over all objects differs and no single one does: the manifest itself is damaged.
    Schema,
    /// The hashes of the two cannot be compared, since they were made with different keys.
    Key,
    FileCount {
        was: u64,
        is: u64,
    },
    FileBytes {
        was: u64,
        is: u64,
    },
}

impl Display for Difference {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let p = |text: &str| printable(text, NAME);
        match self {
            Self::DatabaseMissing { name } => write!(to, "database {} is missing", p(name)),
            Self::DatabaseUnexpected { name } => {
                write!(to, "there is a database {} that the manifest does not know", p(name))
            }
            Self::Database { what, was, is } => {
                write!(to, "the database's {} is {}, was {}", p(what), p(is), p(was))
            }
            Self::TableMissing { table, rows } => {
                write!(to, "table {} is missing, with {}", p(table), rows_of(*rows))
            }
            Self::TableUnexpected { table, rows } => write!(
                to,
                "there is a table {} with {} that the manifest does not know",
                p(table),
                rows_of(*rows)
            ),
            Self::Rows { table, was, is: 0 } => {
                write!(to, "table {} is empty, had {}", p(table), rows_of(*was))
            }
            Self::Rows { table, was, is } => {
                write!(to, "table {} has {} of {}", p(table), grouped(*is), rows_of(*was))
            }
            Self::Contents { table, rows } => {
                write!(to, "table {} has its {}, but not their contents", p(table), rows_of(*rows))
            }
            Self::SequenceMissing { sequence } => write!(to, "sequence {} is missing", p(sequence)),
            Self::SequenceBehind { sequence, was, is } => {
                write!(to, "sequence {} is at {is}, behind {was}", p(sequence))
            }
            Self::ExtensionMissing { extension, version } => {
                write!(to, "extension {} {} is missing", p(extension), p(version))
            }
            Self::ExtensionVersion { extension, was, is } => {
                write!(to, "extension {} is version {}, was {}", p(extension), p(is), p(was))
            }
            Self::RoleMissing { role } => write!(to, "role {} is missing", p(role)),
            Self::ObjectMissing { object } => write!(to, "{} is missing", p(object)),
            Self::ObjectUnexpected { object } => {
                write!(to, "there is a {} that the manifest does not know", p(object))
            }
            Self::ObjectDiffers { object } => write!(to, "{} differs", p(object)),
            Self::Schema => write!(to, "the hash of the schema differs from that of its objects"),
            Self::Key => write!(to, "the hashes were made with different keys"),
            Self::FileCount { was, is } => {
                write!(to, "there are {} of {} files", grouped(*is), grouped(*was))
            }
            Self::FileBytes { was, is } => {
                write!(to, "the files have {} of {} bytes", grouped(*is), grouped(*was))
            }
        }
    }
}

/// Compares what was counted for the backup with what was counted in a copy; empty if they agree.
///
/// Tools, times and the dump's own sum are not compared: a copy has none of them.
pub fn between(was: &ManifestV1, is: &ManifestV1) -> Vec<Difference> {
    let mut found = match (&was.database, &is.database) {
        (Some(was), Some(is)) => databases(was, is),
        (Some(was), None) => vec![Difference::DatabaseMissing { name: was.name.clone() }],
        (None, Some(is)) => vec![Difference::DatabaseUnexpected { name: is.name.clone() }],
        (None, None) => Vec::new(),
    };
    found.extend(files(&was.files, &is.files));
    found
}

/// As [`between`], of the files alone.
pub fn files(was: &FilesV1, is: &FilesV1) -> Vec<Difference> {
    let mut found = Vec::new();
    if was.count != is.count {
        found.push(Difference::FileCount { was: was.count, is: is.count });
    }
    if was.bytes != is.bytes {
        found.push(Difference::FileBytes { was: was.bytes, is: is.bytes });
    }
    found
}

/// As [`between`], of the database alone. The copy may have another name.
pub fn databases(was: &DatabaseV1, is: &DatabaseV1) -> Vec<Difference> {
    let mut found = Vec::new();
    if was.engine != is.engine {
        let (was, is) = (was.engine.clone(), is.engine.clone());
        found.push(Difference::Database { what: "engine".to_owned(), was, is });
        return found;
    }
    extensions(was, is, &mut found);
    let missing = was.roles.iter().filter(|role| !is.roles.contains(role));
    found.extend(missing.map(|role| Difference::RoleMissing { role: role.clone() }));
    made(was, is, &mut found);
    if was.key == is.key {
        tables(&was.tables, &is.tables, &mut found);
        objects(was, is, &mut found);
    } else {
        found.push(Difference::Key);
    }
    for (name, was) in &was.sequences {
        found.extend(sequence(name, was, is.sequences.get(name)));
    }
    found
}

fn extensions(was: &DatabaseV1, is: &DatabaseV1, found: &mut Vec<Difference>) {
    for (extension, version) in &was.extensions {
        let extension = extension.clone();
        match is.extensions.get(&extension) {
            None => {
                let version = version.clone();
                found.push(Difference::ExtensionMissing { extension, version });
            }
            Some(is) if is != version => {
                let (was, is) = (version.clone(), is.clone());
                found.push(Difference::ExtensionVersion { extension, was, is });
            }
            Some(_) => {}
        }
    }
}

fn made(was: &DatabaseV1, is: &DatabaseV1, found: &mut Vec<Difference>) {
    let (Some(was), Some(is)) = (&was.made, &is.made) else { return };
    let listed = |of: &BTreeMap<String, Vec<String>>| {
        let each = of.iter().map(|(role, all)| match role.as_str() {
            "" => all.join(", "),
            role => format!("{role}: {}", all.join(", ")),
        });
        each.collect::<Vec<_>>().join("; ")
    };
    let privileges = |made: &MadeV1| match &made.privileges {
        None => "as PostgreSQL makes them".to_owned(),
        Some(all) => listed(all),
    };
    let pairs = [
        ("owner", was.owner.clone(), is.owner.clone()),
        ("encoding", was.encoding.clone(), is.encoding.clone()),
        ("collation", was.collate.clone(), is.collate.clone()),
        ("character type", was.ctype.clone(), is.ctype.clone()),
        (
            "ICU locale",
            was.icu_locale.clone().unwrap_or_default(),
            is.icu_locale.clone().unwrap_or_default(),
        ),
        ("settings", listed(&was.settings), listed(&is.settings)),
        ("privileges", privileges(was), privileges(is)),
    ];
    for (what, was, is) in pairs {
        if was != is {
            found.push(Difference::Database { what: what.to_owned(), was, is });
        }
    }
}

fn tables(
    was: &BTreeMap<String, TableV1>,
    is: &BTreeMap<String, TableV1>,
    found: &mut Vec<Difference>,
) {
    for (table, was) in was {
        let table = table.clone();
        match is.get(&table) {
            None => found.push(Difference::TableMissing { table, rows: was.rows }),
            Some(is) if is.rows != was.rows => {
                found.push(Difference::Rows { table, was: was.rows, is: is.rows });
            }
            Some(is) if is.hash != was.hash => {
                found.push(Difference::Contents { table, rows: was.rows });
            }
            Some(_) => {}
        }
    }
    for (table, is) in is.iter().filter(|(table, _)| !was.contains_key(*table)) {
        found.push(Difference::TableUnexpected { table: table.clone(), rows: is.rows });
    }
}

fn objects(was: &DatabaseV1, is: &DatabaseV1, found: &mut Vec<Difference>) {
    let before = found.len();
    // Another major version words some definitions otherwise; the text of a function it keeps.
    let major = |of: &DatabaseV1| of.version.split('.').next().map(str::to_owned);
    let same = major(was) == major(is);
    for (object, hash) in &was.objects {
        let object = object.clone();
        match is.objects.get(&object) {
            None => found.push(Difference::ObjectMissing { object }),
            Some(is) if is != hash && (same || object.starts_with("function ")) => {
                found.push(Difference::ObjectDiffers { object });
            }
            Some(_) => {}
        }
    }
    for object in is.objects.keys().filter(|object| !was.objects.contains_key(*object)) {
        found.push(Difference::ObjectUnexpected { object: object.clone() });
    }
    if same && found.len() == before && was.schema != is.schema {
        found.push(Difference::Schema);
    }
}

fn sequence(name: &str, was: &SequenceV1, is: Option<&SequenceV1>) -> Option<Difference> {
    let sequence = name.to_owned();
    let Some(is) = is else { return Some(Difference::SequenceMissing { sequence }) };
    // One that was not called gives out its value next.
    let place = |of: &SequenceV1| (of.value, of.called);
    let behind = if was.step < 0 {
        is.value > was.value || (is.value == was.value && was.called && !is.called)
    } else {
        place(is) < place(was)
    };
    behind.then(|| Difference::SequenceBehind { sequence, was: was.value, is: is.value })
}

/// `200,000 rows`.
fn rows_of(count: u64) -> String {
    format!("{} row{}", grouped(count), if count == 1 { "" } else { "s" })
}

/// `200,000`.
fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
