//! Files and entries that this version of stead did not write.

use std::collections::BTreeMap;

use commons::error::Error;
use commons::identity::Identity;
use commons::record::Record;
use commons::record::rows::{Content, Which};
use model::entry::Entry;
use p2panda_core::{Body, Header, Operation, SigningKey, Timestamp};
use p2panda_store::operations::OperationStore;
use p2panda_store::{SqliteStoreBuilder, Transaction};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{Connection, Executor};

use crate::place::{Place, at, host};

async fn refusal(place: &Place) -> Error {
    let identity = Identity::create_or_load(&place.folder.path().join("device.key"));
    Record::open(&place.folder.path().join("record.db"), identity.expect("a key"))
        .await
        .expect_err("refused")
}

#[tokio::test]
async fn what_is_no_record_is_refused_and_left_alone() {
    let place = Place::new();
    let path = place.folder.path().join("record.db");
    let text = "not a database, but long enough to be looked at as one. ".repeat(100);
    std::fs::write(&path, &text).expect("written");
    let error = refusal(&place).await;
    assert!(matches!(error, Error::Damaged { .. }), "{error:?}");
    assert!(error.to_string().contains("record.db"));
    assert_eq!(std::fs::read_to_string(&path).expect("there"), text);
}

#[tokio::test]
async fn a_record_of_a_newer_stead_is_refused() {
    let place = Place::new();
    place.open().await.close().await;
    let options = SqliteConnectOptions::new().filename(place.folder.path().join("record.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.expect("connected");
    connection.execute("UPDATE stead_schema SET version = 99").await.expect("set");
    connection.close().await.expect("closed");
    let error = refusal(&place).await;
    assert!(matches!(error, Error::Newer { found: 99, .. }), "{error:?}");
}

#[tokio::test]
async fn another_programs_database_is_refused_and_left_alone() {
    let place = Place::new();
    let path = place.folder.path().join("record.db");
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let mut connection = SqliteConnection::connect_with(&options).await.expect("connected");
    connection.execute("CREATE TABLE theirs (x)").await.expect("made");
    connection.close().await.expect("closed");
    assert!(matches!(refusal(&place).await, Error::Foreign { .. }));
    let mut connection = SqliteConnection::connect_with(&options).await.expect("connected");
    let tables: Vec<String> = sqlx::query_scalar("SELECT name FROM sqlite_schema")
        .fetch_all(&mut connection)
        .await
        .expect("read");
    assert_eq!(tables, ["theirs"]);
}

#[tokio::test]
async fn a_log_whose_end_is_lost_does_not_verify() {
    let place = Place::new();
    let record = place.open().await;
    let entry = |number: u32| {
        Entry::FactV1(model::entry::FactV1 {
            host: host(),
            key: number.to_string(),
            before: None,
            after: None,
        })
    };
    record.append(&(0..5).map(entry).collect::<Vec<_>>(), at(1)).await.expect("appended");
    assert_eq!(record.verify().await.expect("walked").fault, None);
    let options = SqliteConnectOptions::new().filename(place.folder.path().join("record.db"));
    let mut connection = SqliteConnection::connect_with(&options).await.expect("connected");
    connection.execute("DELETE FROM operations_v1 WHERE seq_num = '4'").await.expect("deleted");
    let fault = record.verify().await.expect("walked").fault.expect("told");
    assert!(fault.contains("entry 4 is missing, 5 were written"), "{fault}");
    connection.execute("DELETE FROM operations_v1 WHERE seq_num = '1'").await.expect("deleted");
    let fault = record.verify().await.expect("walked").fault.expect("told");
    assert!(fault.starts_with("entry 1 of log `main`"), "{fault}");
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let place = Place::new();
    let identity =
        Identity::create_or_load(&place.folder.path().join("device.key")).expect("a key");
    let path = place.folder.path().join("none/record.db");
    let error = Record::open(&path, identity).await.expect_err("refused");
    assert!(matches!(error, Error::MakeRecord { .. }), "{error:?}");
}

/// A newer stead's entry, with a label that ours does not know.
#[tokio::test]
async fn entries_of_unknown_kinds_are_kept_and_change_nothing() {
    let place = Place::new();
    let record = place.open().await;
    let run = Entry::FactV1(model::entry::FactV1 {
        host: host(),
        key: "a".into(),
        before: None,
        after: Some("b".into()),
    });
    record.append(&[run], at(1)).await.expect("appended");

    let url = format!("sqlite://{}", place.folder.path().join("record.db").display());
    let store = SqliteStoreBuilder::new().database_url(&url).build().await.expect("opened");
    let key = SigningKey::generate();
    let mut last: Option<Header<BTreeMap<String, String>>> = None;
    for body in [&b"\xa1\x65entry\x66task_9"[..], b"no cbor at all", b"\xff"] {
        let body = Body::new(body);
        let labels = [("entry", "task_v9"), ("log", "tasks"), ("aaa", "new"), ("zzz", "new")];
        let mut header = Header {
            version: 1,
            verifying_key: key.verifying_key(),
            signature: None,
            payload_size: body.size(),
            payload_hash: Some(body.hash()),
            timestamp: Timestamp::new(u64::MAX),
            seq_num: last.as_ref().map_or(0, |last| last.seq_num + 1),
            backlink: last.as_ref().map(Header::hash),
            extensions: labels.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        };
        header.sign(&key);
        last = Some(header.clone());
        let operation = Operation { hash: header.hash(), header, body: Some(body) };
        let permit = store.begin().await.expect("begun");
        store
            .insert_operation(&operation.hash, &operation, &"tasks".to_owned())
            .await
            .expect("inserted");
        store.commit(permit).await.expect("committed");
    }

    record.rebuild().await.expect("rebuilt");
    let verified = record.verify().await.expect("walked");
    assert_eq!(verified.fault, None);
    assert_eq!((verified.logs, verified.entries, verified.unknown), (2, 4, 3));
    assert_eq!(record.changes(&Which::default(), 9).await.expect("read").len(), 1);
    let stored = record.entries(9, None).await.expect("read");
    assert_eq!(stored[0].content, Content::Unknown { bytes: 1 });
    assert_eq!((stored[0].kind.as_str(), stored[0].log.as_str()), ("task_v9", "tasks"));
}
