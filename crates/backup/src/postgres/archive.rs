//! Proves that a dump in pg_dump's custom format is whole: its contents are read to the end and
//! its rows counted, table by table.
//!
//! Leaves out what the rows say: a restored copy is compared with the manifest for that.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek};
use std::path::Path;

use model::backup::manifest::TableV1;
use model::text::{counted, counted_as};

use crate::postgres::cluster::User;
use crate::postgres::tally::{LARGE_OBJECTS, Table};
use crate::postgres::tool::Tool;
use crate::program::{Output, Program, Ways};
use crate::refusal::Refusal;

/// What every archive of pg_dump's custom format begins with.
const MAGIC: &[u8] = b"PGDMP";

/// The most that is kept of a line, in bytes: enough for the head of a `COPY`.
const LINE: usize = 1 << 20;

/// Refuses a dump that does not hold every row that was counted.
pub(crate) fn prove(
    path: &Path,
    tool: &Tool,
    user: Option<User>,
    tables: &[Table],
    rows: &BTreeMap<String, TableV1>,
) -> Result<(), Refusal> {
    let fault = |fault: String| Refusal::Dump { path: path.to_owned(), fault };
    let mut start = Vec::new();
    open(path)?
        .take(MAGIC.len() as u64)
        .read_to_end(&mut start)
        .map_err(|source| Refusal::Local { what: "read", path: path.to_owned(), source })?;
    if start != MAGIC {
        return Err(fault("it does not begin as pg_dump's custom format does".to_owned()));
    }
    let (listed, large) = listed(path, tool, user)?;
    for table in tables {
        let entry = format!("{} {} {}", table.schema, table.relation, table.owner);
        if !listed.contains(&one_line(&entry)) {
            return Err(fault(format!("its table of contents lacks the table {}", table.name)));
        }
    }
    // Not the number of entries: two tables may read the same once a line break is a space.
    if listed.len() > tables.len() {
        let more = listed.len() - tables.len();
        return Err(fault(format!(
            "it has {} that {} not counted",
            counted(more, "table"),
            if more == 1 { "was" } else { "were" }
        )));
    }
    let large_objects = rows.get(LARGE_OBJECTS).map_or(0, |table| table.rows);
    if (large_objects > 0) != large {
        let what = counted_as(large_objects, "large object", "large objects");
        return Err(fault(format!("{what} were counted, and it says otherwise")));
    }
    let held = held(path, tool, user)?;
    for table in tables {
        let counted = rows.get(&table.name).map_or(0, |table| table.rows);
        let key = (table.schema.clone(), table.relation.clone());
        let held = held.get(&key).copied();
        if held != Some(counted) {
            let held = held.map_or_else(|| "nothing".to_owned(), |rows| rows.to_string());
            return Err(fault(format!(
                "it holds {held} of {} of the table {}",
                model::text::counted(counted, "row"),
                table.name
            )));
        }
    }
    Ok(())
}

fn open(path: &Path) -> Result<File, Refusal> {
    File::open(path).map_err(|source| Refusal::Local {
        what: "open",
        path: path.to_owned(),
        source,
    })
}

/// Runs `pg_restore` on the file, as its input: whom it runs as need not reach the file's folder.
fn run(
    path: &Path,
    tool: &Tool,
    user: Option<User>,
    words: &[&str],
) -> Result<(Program, BufReader<impl Read + use<>>), Refusal> {
    let mut input = open(path)?;
    input.rewind().map_err(|source| Refusal::Local {
        what: "read",
        path: path.to_owned(),
        source,
    })?;
    let ways = Ways { input: Some(input), output: Output::Read };
    let mut running = Program::start(&tool.path, words, user, ways)?;
    let Some(output) = running.output() else {
        return Err(Refusal::Dump { path: path.to_owned(), fault: "it has no output".to_owned() });
    };
    Ok((running, BufReader::with_capacity(1 << 20, output)))
}

/// The entries with table data, each as `schema table owner`, and whether there are large objects.
fn listed(
    path: &Path,
    tool: &Tool,
    user: Option<User>,
) -> Result<(BTreeSet<String>, bool), Refusal> {
    let (running, mut output) = run(path, tool, user, &["--list"])?;
    let mut entries = BTreeSet::new();
    let mut large = false;
    lines(&mut output, |line| {
        let line = String::from_utf8_lossy(line);
        // `3301; 0 16385 TABLE DATA public events synapse`
        let entry = line.split_once("; ").and_then(|(_, rest)| rest.splitn(3, ' ').nth(2));
        if let Some(entry) = entry.filter(|_| !line.starts_with(';')) {
            large |= entry.starts_with("BLOBS ") || entry.starts_with("BLOB DATA ");
            entries.extend(entry.strip_prefix("TABLE DATA ").map(str::to_owned));
        }
    })
    .map_err(|source| Refusal::Local { what: "list", path: path.to_owned(), source })?;
    running.end()?;
    Ok((entries, large))
}

/// As pg_restore lists a name.
fn one_line(name: &str) -> String {
    name.replace(['\n', '\r'], " ")
}

/// The rows that the dump holds of each table, by reading all of it.
fn held(
    path: &Path,
    tool: &Tool,
    user: Option<User>,
) -> Result<BTreeMap<(String, String), u64>, Refusal> {
    let (running, mut output) = run(path, tool, user, &["--data-only", "--file=-"])?;
    let found = rows(&mut output);
    let read =
        found.map_err(|source| Refusal::Local { what: "read", path: path.to_owned(), source });
    // How it ended says more than how its output did.
    running.end()?;
    read
}

/// Counts the lines of each `COPY … FROM stdin`; in that format a row is a line.
fn rows(output: &mut impl BufRead) -> std::io::Result<BTreeMap<(String, String), u64>> {
    let mut found: BTreeMap<(String, String), u64> = BTreeMap::new();
    let mut copying: Option<(String, String)> = None;
    let mut count = 0;
    // The head may span lines: a name may hold a line break.
    let mut head: Vec<u8> = Vec::new();
    lines(output, |line| {
        if copying.is_some() {
            if line != b"\\." {
                count += 1;
            } else if let Some(table) = copying.take() {
                *found.entry(table).or_default() += std::mem::take(&mut count);
            }
            return;
        }
        if head.is_empty() && !line.starts_with(b"COPY ") {
            return;
        }
        head.extend_from_slice(line);
        if line.ends_with(b" FROM stdin;") {
            copying = table_of(&String::from_utf8_lossy(&head));
            head.clear();
        } else if head.len() > LINE {
            head.clear();
        } else {
            head.push(b'\n');
        }
    })?;
    Ok(found)
}

/// Schema and name of `COPY public."My table" (…) FROM stdin;`.
fn table_of(head: &str) -> Option<(String, String)> {
    let (schema, rest) = identifier(head.strip_prefix("COPY ")?)?;
    let (table, _) = identifier(rest.strip_prefix('.')?)?;
    Some((schema, table))
}

/// An identifier, quoted or plain, and what follows it.
fn identifier(text: &str) -> Option<(String, &str)> {
    let Some(mut rest) = text.strip_prefix('"') else {
        let end = text.find(['.', ' ', '(']).unwrap_or(text.len());
        return (end > 0).then(|| (text[..end].to_owned(), &text[end..]));
    };
    let mut name = String::new();
    loop {
        let (part, after) = rest.split_once('"')?;
        name += part;
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None => return Some((name, after)),
        }
    }
}

/// Calls for each line, without its end and cut at [`LINE`]: a row may be as long as a gigabyte.
fn lines(from: &mut impl BufRead, mut each: impl FnMut(&[u8])) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        line.clear();
        if from.by_ref().take(LINE as u64).read_until(b'\n', &mut line)? == 0 {
            return Ok(());
        }
        if line.pop_if(|last| *last == b'\n').is_none() {
            from.skip_until(b'\n')?;
        }
        each(&line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_line_of_a_copy_whatever_its_table_is_called() {
        let dump = "SET x = 1;\nCOPY public.events (id, body) FROM stdin;\n1\tCOPY a FROM stdin;\n2\t\\\\.\n\
                    \\.\n\nCOPY \"We\"\"ird\"\"s\".\"a\nb (c)\" (\"x y\") FROM stdin;\n\\N\n\\.\n\
                    COPY public.empty  FROM stdin;\n\\.\nSELECT 1;\n";
        let of = |schema: &str, table: &str| (schema.to_owned(), table.to_owned());
        let expected = BTreeMap::from([
            (of("public", "events"), 2),
            (of("We\"ird\"s", "a\nb (c)"), 1),
            (of("public", "empty"), 0),
        ]);
        for size in [1, 7, 4096] {
            let mut reader = BufReader::with_capacity(size, dump.as_bytes());
            assert_eq!(rows(&mut reader).unwrap(), expected);
        }
    }

    #[test]
    fn a_copy_that_does_not_end_holds_nothing() {
        let mut cut = "COPY public.events (id) FROM stdin;\n1\n2\n".as_bytes();
        assert_eq!(rows(&mut cut).unwrap(), BTreeMap::new());
    }
}
