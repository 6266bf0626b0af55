//! Reads the journal's export format piece by piece, in buffers that are used again.
//!
//! The format is described at <https://systemd.io/JOURNAL_EXPORT_FORMATS>: an entry is fields and
//! an empty line; a field is `NAME=value` and a line break, or, if the value is not plain text,
//! `NAME`, a line break, 64 bits of length (little-endian), the value, a line break. Keeps only
//! the fields that matter and only the start of long ones, so that no line is too long.

use std::mem::take;

/// How much of a message is kept, in bytes; all that a template can need.
const MESSAGE: usize = 1_100;
/// How much of any other field is kept.
const FIELD: usize = 256;
/// No field that matters has a longer name.
const NAME: usize = 64;

/// The fields of one entry; what was missing is empty.
#[derive(Debug, Default)]
pub(crate) struct Entry {
    pub cursor: Vec<u8>,
    pub realtime: Vec<u8>,
    /// Since the machine started.
    pub monotonic: Vec<u8>,
    pub boot: Vec<u8>,
    pub transport: Vec<u8>,
    pub priority: Vec<u8>,
    pub identifier: Vec<u8>,
    pub command: Vec<u8>,
    pub unit: Vec<u8>,
    /// The unit within a user's service manager.
    pub user_unit: Vec<u8>,
    /// The container by the name its manager gives it (docker, podman).
    pub container: Vec<u8>,
    /// The unit that a message of the service manager is about.
    pub about: Vec<u8>,
    /// The unit and the command of a process that dumped core.
    pub dumped: Vec<u8>,
    pub dumped_command: Vec<u8>,
    pub message_id: Vec<u8>,
    pub message: Vec<u8>,
}

impl Entry {
    fn clear(&mut self) {
        for field in [
            &mut self.cursor,
            &mut self.realtime,
            &mut self.monotonic,
            &mut self.boot,
            &mut self.transport,
            &mut self.priority,
            &mut self.identifier,
            &mut self.command,
            &mut self.unit,
            &mut self.user_unit,
            &mut self.container,
            &mut self.about,
            &mut self.dumped,
            &mut self.dumped_command,
            &mut self.message_id,
            &mut self.message,
        ] {
            field.clear();
        }
    }

    /// Microseconds since 1970, if the entry has a time.
    pub(crate) fn at(&self) -> Option<u64> {
        std::str::from_utf8(&self.realtime).ok()?.parse().ok()
    }

    /// Microseconds since the machine started, if the entry says so.
    pub(crate) fn since_start(&self) -> Option<u64> {
        std::str::from_utf8(&self.monotonic).ok()?.parse().ok()
    }

    fn field(&mut self, name: &[u8]) -> Option<(&mut Vec<u8>, usize)> {
        Some(match name {
            b"MESSAGE" => (&mut self.message, MESSAGE),
            b"__CURSOR" => (&mut self.cursor, FIELD),
            b"__REALTIME_TIMESTAMP" => (&mut self.realtime, FIELD),
            b"__MONOTONIC_TIMESTAMP" => (&mut self.monotonic, FIELD),
            b"_BOOT_ID" => (&mut self.boot, FIELD),
            b"_TRANSPORT" => (&mut self.transport, FIELD),
            b"PRIORITY" => (&mut self.priority, FIELD),
            b"SYSLOG_IDENTIFIER" => (&mut self.identifier, FIELD),
            b"_COMM" => (&mut self.command, FIELD),
            b"_SYSTEMD_UNIT" => (&mut self.unit, FIELD),
            b"_SYSTEMD_USER_UNIT" => (&mut self.user_unit, FIELD),
            b"CONTAINER_NAME" => (&mut self.container, FIELD),
            b"UNIT" => (&mut self.about, FIELD),
            b"COREDUMP_UNIT" => (&mut self.dumped, FIELD),
            b"COREDUMP_COMM" => (&mut self.dumped_command, FIELD),
            b"MESSAGE_ID" => (&mut self.message_id, FIELD),
            _ => return None,
        })
    }
}

/// Where in an entry the parser stands.
#[derive(Debug, Default)]
enum State {
    #[default]
    Name,
    Value,
    Length {
        bytes: [u8; 8],
        known: usize,
    },
    Binary {
        left: u64,
    },
    /// The line break after a binary value.
    Break,
}

/// Takes the stream in pieces of any size.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    state: State,
    name: Vec<u8>,
    entry: Entry,
    /// The value being read is the first of its name in this entry.
    wanted: bool,
}

impl Parser {
    /// Reads a piece and hands out each entry that is whole. What is cut off at the end of the
    /// stream is no entry.
    pub(crate) fn feed(&mut self, mut piece: &[u8], each: &mut impl FnMut(&Entry)) {
        while !piece.is_empty() {
            piece = match take(&mut self.state) {
                State::Name => self.name(piece, each),
                State::Value => self.value(piece),
                State::Length { bytes, known } => self.length(piece, bytes, known),
                State::Binary { left } => self.binary(piece, left),
                // Anything but a line break here is not the format: the next line is a new try.
                State::Break => &piece[1..],
            };
        }
    }

    fn name<'a>(&mut self, piece: &'a [u8], each: &mut impl FnMut(&Entry)) -> &'a [u8] {
        let end = piece.iter().position(|&b| b == b'=' || b == b'\n');
        let part = &piece[..end.unwrap_or(piece.len())];
        let room = (NAME + 1).saturating_sub(self.name.len());
        self.name.extend_from_slice(&part[..part.len().min(room)]);
        let Some(end) = end else { return &[] };
        let proper = !self.name.is_empty()
            && self.name.len() <= NAME
            && self.name.iter().all(|&b| b == b'_' || b.is_ascii_uppercase() || b.is_ascii_digit());
        if piece[end] == b'=' {
            self.begin();
            self.state = State::Value;
        } else if self.name.is_empty() {
            if !self.entry.cursor.is_empty() {
                each(&self.entry);
            }
            self.entry.clear();
        } else if proper {
            self.begin();
            self.state = State::Length { bytes: [0; 8], known: 0 };
        } else {
            // A remark of journalctl's, such as `-- No entries --`.
            self.name.clear();
        }
        &piece[end + 1..]
    }

    fn begin(&mut self) {
        self.wanted = self.entry.field(&self.name).is_some_and(|(field, _)| field.is_empty());
    }

    fn keep(&mut self, part: &[u8]) {
        if self.wanted
            && let Some((field, most)) = self.entry.field(&self.name)
        {
            let room = most.saturating_sub(field.len());
            field.extend_from_slice(&part[..part.len().min(room)]);
        }
    }

    fn value<'a>(&mut self, piece: &'a [u8]) -> &'a [u8] {
        let end = piece.iter().position(|&b| b == b'\n');
        self.keep(&piece[..end.unwrap_or(piece.len())]);
        match end {
            Some(end) => {
                self.name.clear();
                &piece[end + 1..]
            }
            None => {
                self.state = State::Value;
                &[]
            }
        }
    }

    fn length<'a>(&mut self, piece: &'a [u8], mut bytes: [u8; 8], known: usize) -> &'a [u8] {
        let count = piece.len().min(8 - known);
        bytes[known..known + count].copy_from_slice(&piece[..count]);
        let known = known + count;
        self.state = if known < 8 {
            State::Length { bytes, known }
        } else {
            State::Binary { left: u64::from_le_bytes(bytes) }
        };
        &piece[count..]
    }

    fn binary<'a>(&mut self, piece: &'a [u8], left: u64) -> &'a [u8] {
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        self.keep(&piece[..count]);
        let left = left - count as u64;
        if left == 0 {
            self.name.clear();
            self.state = State::Break;
        } else {
            self.state = State::Binary { left };
        }
        &piece[count..]
    }
}
