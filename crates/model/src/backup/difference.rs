//! What a restored copy lacks, or has otherwise, than what its manifest counted.
//!
//! Leaves out counting either of the two.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};

use serde::{Deserialize, Serialize};

use crate::backup::manifest::{
    DatabaseV1, FilesV1, MadeV1, ManifestV1, PasswordV1, SequenceV1, TableV1,
};
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
    /// What a role may do, what it is a member of, or whether it has a password.
    Role {
        role: String,
        what: String,
        was: String,
        is: String,
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
            Self::Role { role, what, was, is } => {
                write!(to, "role {}: {} {}, was {}", p(role), p(what), p(is), p(was))
            }
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
    let exact = was.exact;
    // Of a service that went on writing, a few may have come and gone since they were counted.
    let differ = |was: u64, is: u64, few: u64| match exact {
        true => was != is,
        false => is < was.saturating_sub(few.max(was / 100)),
    };
    let mut found = Vec::new();
    if differ(was.count, is.count, 10) {
        found.push(Difference::FileCount { was: was.count, is: is.count });
    }
    if differ(was.bytes, is.bytes, 1 << 20) {
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
    roles(was, is, &mut found);
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

fn roles(was: &DatabaseV1, is: &DatabaseV1, found: &mut Vec<Difference>) {
    let listed = |all: &[String]| match all {
        [] => "none".to_owned(),
        all => all.join(", "),
    };
    for (role, was) in &was.rights {
        let Some(is) = is.rights.get(role) else { continue };
        let unread = [was.password, is.password].contains(&PasswordV1::Unread);
        let password = if unread { was.password } else { is.password };
        let pairs = [
            ("attributes", was.attributes.clone(), is.attributes.clone()),
            ("membership in", listed(&was.member_of), listed(&is.member_of)),
            ("settings", listed(&was.settings), listed(&is.settings)),
            ("password", was.password.name().to_owned(), password.name().to_owned()),
        ];
        for (what, was, is) in pairs.into_iter().filter(|(_, was, is)| was != is) {
            found.push(Difference::Role { role: role.clone(), what: what.to_owned(), was, is });
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
    behind.then_some(Difference::SequenceBehind { sequence, was: was.value, is: is.value })
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
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::backup::manifest::RoleV1;

    fn database() -> DatabaseV1 {
        let table = |rows, hash: &str| TableV1 { rows, hash: hash.to_owned() };
        let map = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
        };
        DatabaseV1 {
            engine: "postgresql".to_owned(),
            name: "chat".to_owned(),
            version: "15.18".to_owned(),
            made: Some(MadeV1 { owner: "chat".to_owned(), ..MadeV1::default() }),
            key: 7,
            schema: "s".to_owned(),
            objects: map(&[("function public.f(integer)", "1"), ("index public.i", "2")]),
            extensions: map(&[("pg_trgm", "1.6")]),
            roles: vec!["chat".to_owned()],
            rights: BTreeMap::from([(
                "chat".to_owned(),
                RoleV1 {
                    attributes: "LOGIN INHERIT CONNECTION LIMIT -1".to_owned(),
                    member_of: vec!["readers".to_owned()],
                    settings: Vec::new(),
                    password: PasswordV1::Scram,
                },
            )]),
            tables: BTreeMap::from([
                ("public.events".to_owned(), table(200_000, "5")),
                ("public.one".to_owned(), table(1, "6")),
            ]),
            sequences: BTreeMap::from([(
                "public.s".to_owned(),
                SequenceV1 { value: 9, called: true, step: 1 },
            )]),
            dump_bytes: 1,
            dump_sum: "x".to_owned(),
        }
    }

    /// What is said of a copy that differs in this.
    fn said(change: impl FnOnce(&mut DatabaseV1)) -> Vec<String> {
        let mut copy = database();
        change(&mut copy);
        databases(&database(), &copy).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn each_loss_has_its_words() {
        let table = "public.events";
        assert_eq!(said(|_| ()), [""; 0]);
        assert_eq!(
            said(|copy| copy.tables.get_mut(table).unwrap().rows = 84_268),
            ["table public.events has 84,268 of 200,000 rows"]
        );
        assert_eq!(
            said(|copy| copy.tables.get_mut("public.one").unwrap().rows = 0),
            ["table public.one is empty, had 1 row"]
        );
        assert_eq!(
            said(|copy| copy.tables.clear()),
            [
                "table public.events is missing, with 200,000 rows",
                "table public.one is missing, with 1 row"
            ]
        );
        assert_eq!(
            said(|copy| copy.tables.get_mut(table).unwrap().hash = "?".to_owned()),
            ["table public.events has its 200,000 rows, but not their contents"]
        );
        assert_eq!(said(|copy| copy.extensions.clear()), ["extension pg_trgm 1.6 is missing"]);
        assert_eq!(said(|copy| copy.roles.clear()), ["role chat is missing"]);
        assert_eq!(
            said(|copy| {
                copy.objects.insert("function public.f(integer)".to_owned(), "?".to_owned());
            }),
            ["function public.f(integer) differs"]
        );
        assert_eq!(
            said(|copy| copy.made.as_mut().unwrap().owner = "postgres".to_owned()),
            ["the database's owner is postgres, was chat"]
        );
        assert_eq!(said(|copy| copy.key = 8), ["the hashes were made with different keys"]);
        assert_eq!(
            said(|copy| copy.schema = "?".to_owned()),
            ["the hash of the schema differs from that of its objects"]
        );
    }

    #[test]
    fn a_sequence_may_be_ahead_and_not_behind() {
        let at = |value, called| {
            move |copy: &mut DatabaseV1| {
                copy.sequences.insert("public.s".to_owned(), SequenceV1 { value, called, step: 1 });
            }
        };
        assert_eq!(said(at(12, true)), [""; 0]);
        assert_eq!(said(at(10, false)), [""; 0]);
        assert_eq!(said(at(9, false)), ["sequence public.s is at 9, behind 9"]);
        assert_eq!(said(at(8, true)), ["sequence public.s is at 8, behind 9"]);
    }

    #[test]
    fn another_major_version_may_word_a_definition_otherwise() {
        let reworded = |object: &'static str| {
            move |copy: &mut DatabaseV1| {
                copy.version = "17.2".to_owned();
                copy.schema = "?".to_owned();
                copy.objects.insert(object.to_owned(), "?".to_owned());
            }
        };
        assert_eq!(said(reworded("index public.i")), [""; 0]);
        assert_eq!(
            said(reworded("function public.f(integer)")),
            ["function public.f(integer) differs"]
        );
    }

    #[test]
    fn files_are_compared_as_exactly_as_they_were_counted() {
        let was = |exact| FilesV1 { count: 1000, bytes: 5_000_000, exact };
        let is = FilesV1 { count: 995, bytes: 4_999_000, exact: true };
        assert_eq!(files(&was(false), &is), []);
        let said: Vec<String> = files(&was(true), &is).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["there are 995 of 1,000 files", "the files have 4,999,000 of 5,000,000 bytes"]
        );
        let none = FilesV1::default();
        assert_eq!(files(&was(false), &none).len(), 2);
    }

    fn tables() -> impl Strategy<Value = BTreeMap<String, TableV1>> {
        let table = (0_u64..4, "[ab]").prop_map(|(rows, hash)| TableV1 { rows, hash });
        proptest::collection::btree_map("[a-e\u{1b}\n]", table, 0..6)
    }

    proptest! {
        #[test]
        fn a_copy_agrees_just_if_it_is_equal(was in tables(), is in tables()) {
            let of = |tables: &BTreeMap<String, TableV1>| {
                DatabaseV1 { tables: tables.clone(), ..database() }
            };
            let found = databases(&of(&was), &of(&is));
            prop_assert_eq!(found.is_empty(), was == is);
            // Each table is named at most once.
            let all: std::collections::BTreeSet<_> = was.keys().chain(is.keys()).collect();
            prop_assert!(found.len() <= all.len());
            for difference in found {
                let text = difference.to_string();
                prop_assert_eq!(printable(&text, usize::MAX), text);
            }
        }
    }
}
