//! One p2panda operation as stead writes it: which log it goes to, its labels, its body.
//!
//! Leaves out where operations are stored and what they change.

use std::collections::BTreeMap;

use model::entry::{Entry, ReadingsV1};
use p2panda_core::cbor::{DecodeError, EncodeError, decode_cbor, encode_cbor};
use p2panda_core::{Body, Hash, Timestamp};

use crate::identity::Identity;

/// The header's signed labels: `entry` (the kind) and `log` (so that nobody can show an operation
/// as one of another log). A sorted map of texts, so that a header with labels of a newer stead
/// encodes to the same bytes again, which its signature needs.
pub(crate) type Labels = BTreeMap<String, String>;
pub(crate) type Header = p2panda_core::Header<Labels>;
pub(crate) type Operation = p2panda_core::Operation<Labels>;

/// The label with the entry's kind.
pub(crate) const KIND: &str = "entry";
/// The label with the log's name.
pub(crate) const LOG: &str = "log";

/// The log an entry goes to: readings have their own, so that a device may do without them.
pub(crate) const fn log(entry: &Entry) -> &'static str {
    match entry {
        Entry::VerdictV1(_) | Entry::FactV1(_) | Entry::RunV1(_) => "main",
        Entry::ReadingsV1(_) => "readings",
    }
}

/// Writes and signs the entry as the one after `head`. The time is a label.
pub(crate) fn sign(
    identity: &Identity,
    head: Option<&Header>,
    entry: &Entry,
    now: jiff::Timestamp,
) -> Result<Operation, EncodeError> {
    let body = Body::from(encode_cbor(entry)?);
    let labels = Labels::from([
        (KIND.to_owned(), entry.kind().to_owned()),
        (LOG.to_owned(), log(entry).to_owned()),
    ]);
    let mut header = Header {
        version: 1,
        verifying_key: identity.author(),
        signature: None,
        payload_size: body.size(),
        payload_hash: Some(body.hash()),
        // A time before 1970 cannot be written.
        timestamp: Timestamp::new(u64::try_from(now.as_microsecond()).unwrap_or(0)),
        seq_num: head.map_or(0, |head| head.seq_num + 1),
        backlink: head.map(Header::hash),
        extensions: labels,
    };
    header.sign(identity.key());
    Ok(Operation { hash: header.hash(), header, body: Some(body) })
}

/// Reads the entry of a body; `None` for a kind that this version does not know.
pub(crate) fn entry(header: &Header, body: &[u8]) -> Option<Entry> {
    match kind(header) {
        "readings_v1" => readings(body).ok().map(Entry::ReadingsV1),
        _ => decode_cbor(body).ok(),
    }
}

/// Reads the body of a `readings_v1`, the only one that is long: without first looking for the tag
/// among its fields, as [`Entry`] does, it takes half the time.
pub(crate) fn readings(body: &[u8]) -> Result<ReadingsV1, DecodeError> {
    decode_cbor(body)
}

/// The kind as the writer labelled it.
pub(crate) fn kind(header: &Header) -> &str {
    header.extensions.get(KIND).map_or("", String::as_str)
}

/// Reads a stored header.
pub(crate) fn header(bytes: &[u8]) -> Result<Header, DecodeError> {
    decode_cbor(bytes)
}

/// The label a header's writer gave as its time, in microseconds since 1970.
pub(crate) fn label(header: &Header) -> i64 {
    i64::try_from(u64::from(header.timestamp)).unwrap_or(i64::MAX)
}

/// The hash as SQLite has it.
pub(crate) fn hex(hash: &Hash) -> String {
    hash.to_hex()
}
