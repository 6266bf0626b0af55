//! Looks whether all that a repository should have is there and whole.
//!
//! Leaves out mending, and whether a service runs on what is restored: a drill shows that.

use std::collections::BTreeSet;

use rustic_core::repofile::IndexFile;
use rustic_core::{CheckOptions, ReadSubsetOption, RusticResult};
use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::lease::Lease;
use crate::progress::Progress;
use crate::repository::opened::Opened;
use crate::repository::relay::watch;
use crate::snapshot::{Depth, Fault};
use crate::target::store::Kind;

/// The engine gives its threads a tenth of a second to end before it reads packs, and panics with
/// these words where they take longer, as on a busy machine: nothing is wrong then.
const BUSY: &str = "index still in use";
/// How often it is asked again.
const ATTEMPTS: u32 = 20;

pub fn check(opened: &Opened, depth: Depth, progress: &dyn Progress) -> Result<Vec<Fault>, Error> {
    let lease = Lease::to_read(opened.store.clone(), opened.key())?;
    let mut faults = Vec::new();
    for kind in [Kind::Key, Kind::Snapshot, Kind::Index] {
        progress.step(&format!("reading every {}", kind.noun()));
        sums(opened, kind, &mut faults)?;
    }
    progress.step(match depth {
        Depth::Structure => "checking trees and packs",
        Depth::Sample(_) => "checking trees, and reading some packs",
        Depth::All => "checking trees, and reading all packs",
    });
    let engine = opened.engine()?;
    let mut packs: BTreeSet<String> =
        opened.store.list(Kind::Pack)?.into_iter().map(|(name, _)| name).collect();
    let mut work = || -> RusticResult<_> {
        let mut options = CheckOptions::default();
        let mut sizes = Vec::new();
        for index in engine.stream_files::<IndexFile>()? {
            for pack in index?.1.packs {
                sizes.push(u64::from(pack.pack_size()));
                packs.insert(pack.id.to_hex().to_string());
            }
        }
        if let Depth::Sample(percent) = depth {
            options = options
                .read_data(true)
                .read_data_subset(ReadSubsetOption::Size(portion(&sizes, percent)));
        } else if depth == Depth::All {
            options = options.read_data(true);
        }
        engine.check(options)
    };
    let mut left = ATTEMPTS;
    let checked = loop {
        let checked = watch(&opened.relay, progress, &mut work);
        left -= 1;
        match checked {
            Err(panic) if left > 0 && panic.starts_with(BUSY) => {}
            checked => break opened.settle("check the repository", checked),
        }
    };
    // What the target refused on the way: a check that could not look found nothing out.
    match opened.gate.take_failure() {
        None | Some(Error::Gone { .. } | Error::Damaged { .. }) => {}
        Some(error) => return Err(error),
    }
    match checked {
        Ok(results) => {
            for (level, error) in results.0 {
                let (object, what) = split(&error.to_string(), &packs);
                faults.push(Fault { object, what, harmful: format!("{level:?}") == "Error" });
            }
        }
        // The damage that was found first is why the rest cannot be looked at.
        Err(Error::Engine { reason, .. }) if !faults.is_empty() => faults.push(Fault {
            object: "trees and packs".to_owned(),
            what: format!("could not be checked: {reason}"),
            harmful: true,
        }),
        Err(Error::Gone { object, .. }) => {
            faults.push(Fault { object, what: "is not there".to_owned(), harmful: true });
        }
        Err(Error::Damaged { object, reason, .. }) => {
            faults.push(Fault { object, what: reason, harmful: true });
        }
        Err(error) => return Err(error),
    }
    faults.sort_by(|a, b| (!a.harmful, &a.object, &a.what).cmp(&(!b.harmful, &b.object, &b.what)));
    faults.dedup();
    lease.release()?;
    Ok(faults)
}

/// A file's name is the sum of its content.
fn sums(opened: &Opened, kind: Kind, faults: &mut Vec<Fault>) -> Result<(), Error> {
    let names = opened.store.list(kind)?;
    if names.is_empty() && kind == Kind::Key {
        let what = "none is there, and without one no password helps".to_owned();
        faults.push(Fault { object: "keys".to_owned(), what, harmful: true });
    }
    for (name, _) in names {
        let content = match opened.store.read(kind, &name) {
            Ok(content) => content,
            // Somebody removed it meanwhile.
            Err(Error::Gone { .. }) => continue,
            Err(error) => return Err(error),
        };
        let sum: String =
            Sha256::digest(&content).iter().map(|byte| format!("{byte:02x}")).collect();
        if sum != name {
            let what = format!("is damaged: its {} bytes have the sum {sum}", content.len());
            faults.push(Fault { object: kind.object(&name), what, harmful: true });
        }
    }
    Ok(())
}

/// So many bytes that at least one pack is among those chosen, whichever comes first.
fn portion(sizes: &[u64], percent: u8) -> u64 {
    let all: u64 = sizes.iter().sum();
    let largest = sizes.iter().max().copied().unwrap_or(0);
    (all.saturating_mul(percent.min(100).into()) / 100).max(largest) + 1
}

/// The engine's sentence, with the object that it names in front; it names packs by their first
/// digits only.
fn split(text: &str, packs: &BTreeSet<String>) -> (String, String) {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let what = model::text::printable(&plain(&text), 2000);
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    let prefix = words
        .skip_while(|word| !word.eq_ignore_ascii_case("pack"))
        .find(|word| word.len() >= 8 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let pack = prefix.and_then(|prefix| packs.iter().find(|name| name.starts_with(prefix)));
    (pack.map_or_else(|| "the repository".to_owned(), |name| Kind::Pack.object(name)), what)
}

/// Of an error within an error the engine prints a page, of which one sentence is the reason.
fn plain(text: &str) -> String {
    let Some((head, page)) = text.split_once("`rustic_core` experienced") else {
        return text.to_owned();
    };
    let reason = page.split_once("Message: ").map_or(page, |(_, reason)| reason);
    let end = ["For more information", "We believe this", "Some additional details"]
        .iter()
        .filter_map(|mark| reason.find(mark))
        .min()
        .unwrap_or(reason.len());
    format!("{}: {}", head.trim_end_matches([' ', ':']), reason[..end].trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_engine_becomes_one_sentence_about_one_pack() {
        let pack = format!("ce27767e{}", "0".repeat(56));
        let text = "error checking pack ce27767e : `rustic_core` experienced an error related to \
                    `x`.\n\nMessage:\nMAC check failed.\n\nFor more information, see: https://";
        let (object, what) = split(text, &BTreeSet::from([pack.clone()]));
        assert_eq!(object, format!("pack {pack}"));
        assert_eq!(what, "error checking pack ce27767e: MAC check failed.");
    }

    #[test]
    fn a_sample_is_never_nothing() {
        assert!(portion(&[5, 7, 3], 1) > 7);
        assert_eq!(portion(&[], 10), 1);
        assert_eq!(portion(&[100; 100], 10), 1001);
    }
}
