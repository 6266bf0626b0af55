//! Rule: the journal keeps within its limit and reaches back far enough.

use jiff::Timestamp;

use crate::facts::storage::Store;
use crate::scene::Scene;
use crate::seen::Seen;
use crate::text::{bytes, counted, span};
use crate::verdict::Finding;

const DAY: u64 = 86_400;

/// How far back a journal at its limit should reach, in seconds.
const REACH: u64 = 2 * DAY;

/// Small journals are no trouble, whatever their limit; two files of the smallest size.
const SMALL: u64 = 64 << 20;

pub(super) fn judge(scene: &Scene<'_>) -> Vec<Finding> {
    let journal = match &scene.facts.storage.journal {
        Seen::Seen(journal) => journal,
        Seen::Unseen(reason) => return vec![Finding::unknown("host", reason)],
    };
    let mut findings: Vec<Finding> =
        journal.stores.iter().filter_map(|store| sick(store, scene.now)).collect();
    if findings.is_empty() {
        let told: Vec<String> = journal
            .stores
            .iter()
            .map(|store| tell(store, scene.now, journal.retention_seconds))
            .collect();
        findings.push(Finding::pass(
            "host",
            if told.is_empty() {
                "no journal files here: systemd-journald keeps none".to_owned()
            } else {
                told.join("; ")
            },
        ));
    }
    findings
}

/// How far back a store reaches, in seconds.
fn reach(store: &Store, now: Timestamp) -> Option<u64> {
    u64::try_from(now.as_second() - store.oldest?.as_second()).ok()
}

/// What the store grows to: by its limit, or by its retention at the pace it has had.
fn projected(store: &Store, now: Timestamp, retention: Option<u64>) -> Option<u64> {
    let limit = *store.limit_bytes.seen()?;
    let by_age = retention.zip(reach(store, now)).and_then(|(retention, reach)| {
        (reach >= DAY && reach < retention)
            .then(|| (store.bytes as f64 * retention as f64 / reach as f64) as u64)
    });
    Some(by_age.map_or(limit, |bytes| bytes.min(limit)).max(store.bytes))
}

fn tell(store: &Store, now: Timestamp, retention: Option<u64>) -> String {
    let mut text =
        format!("{} in {} in {}", bytes(store.bytes), counted(store.files, "file"), store.path);
    if let Some(reach) = reach(store, now) {
        text.push_str(&format!(", reaches back {}", span(reach)));
    }
    match &store.limit_bytes {
        Seen::Seen(limit) => text.push_str(&format!(", limit {}", bytes(*limit))),
        Seen::Unseen(reason) => text.push_str(&format!(", limit unknown: {reason}")),
    }
    if let Some(retention) = retention {
        text.push_str(&format!(", kept at most {}", span(retention)));
    }
    if let Some(days) = days_to_limit(store, now) {
        text.push_str(&format!(", at its limit in {days} d at this pace"));
    }
    if let Some(projected) = projected(store, now, retention).filter(|size| *size > store.bytes) {
        text.push_str(&format!(", grows to {} at most", bytes(projected)));
    }
    text
}

/// Days until the limit is reached at the pace of the entries kept; none if it is far off.
fn days_to_limit(store: &Store, now: Timestamp) -> Option<u64> {
    let reach = reach(store, now).filter(|reach| *reach >= DAY)?;
    let left = store.limit_bytes.seen()?.checked_sub(store.bytes)?;
    let days = left as f64 * reach as f64 / store.bytes.max(1) as f64 / DAY as f64;
    (days < 366.0).then_some(days as u64)
}

fn sick(store: &Store, now: Timestamp) -> Option<Finding> {
    let limit = *store.limit_bytes.seen()?;
    if store.bytes <= SMALL {
        return None;
    }
    let size = bytes(store.bytes);
    if store.bytes > limit.saturating_add(limit / 4) {
        return Some(
            Finding::warn(
                &store.path,
                format!(
                    "{size} in {}, although the limit is {}: journald does not tidy this \
                     up; often these are files of another machine id",
                    counted(store.files, "file"),
                    bytes(limit)
                ),
            )
            .fix(format!(
                "ls {}; journalctl --vacuum-size={}M",
                store.path,
                (limit >> 20).max(16)
            )),
        );
    }
    let growth = limit.saturating_sub(store.bytes);
    if let (Seen::Seen(available), Seen::Seen(keep_free)) =
        (&store.available_bytes, &store.keep_free_bytes)
        // What journald itself leaves free is safe.
        && growth > *available
        && *keep_free < *available / 20
    {
        return Some(
            Finding::warn(
                &store.path,
                format!(
                    "{size} now, may grow to {}, but the disk has only {} left and journald \
                     leaves only {} free",
                    bytes(limit),
                    bytes(*available),
                    bytes(*keep_free)
                ),
            )
            .fix("set SystemMaxUse=1G in /etc/systemd/journald.conf.d/size.conf; systemctl restart systemd-journald"),
        );
    }
    let reach = reach(store, now)?;
    (store.bytes >= limit / 10 * 9 && reach < REACH).then(|| {
        Finding::warn(
            &store.path,
            format!(
                "{size} of {} are used and reach back only {}: {} a day",
                bytes(limit),
                span(reach),
                bytes((store.bytes as f64 * DAY as f64 / reach.max(1) as f64) as u64)
            ),
        )
        .fix("stead logs digest   # shows what writes most; or raise SystemMaxUse= in /etc/systemd/journald.conf.d/size.conf")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Facts;
    use crate::facts::storage::Journal;
    use crate::reading::History;
    use crate::verdict::Verdict;

    const MIB: u64 = 1 << 20;

    fn store(bytes: u64, limit: u64, reach: u64) -> Store {
        Store {
            path: "/var/log/journal".to_owned(),
            files: 3,
            bytes,
            oldest: Timestamp::from_second(1_000_000_000 - reach as i64).ok(),
            limit_bytes: Seen::Seen(limit),
            keep_free_bytes: Seen::Seen(4 << 30),
            available_bytes: Seen::Seen(50 << 30),
        }
    }

    fn judged(stores: Vec<Store>, retention_seconds: Option<u64>) -> Vec<Finding> {
        let mut facts = Facts::default();
        facts.storage.journal = Seen::Seen(Journal { stores, retention_seconds });
        let history = History::default();
        let now = Timestamp::from_second(1_000_000_000).unwrap();
        judge(&Scene { facts: &facts, history: &history, plan: None, now })
    }

    #[test]
    fn a_journal_within_its_limit_passes_and_tells_where_it_goes() {
        let findings = judged(vec![store(400 * MIB, 4096 * MIB, 20 * DAY)], Some(40 * DAY));
        assert_eq!(findings[0].verdict, Verdict::Pass);
        assert_eq!(
            findings[0].evidence,
            "400.0 MiB in 3 files in /var/log/journal, reaches back 20 d, limit 4.0 GiB, kept at \
             most 40 d, at its limit in 184 d at this pace, grows to 800.0 MiB at most"
        );
    }

    #[test]
    fn no_journal_is_said_and_an_unseen_one_unknown() {
        assert_eq!(judged(vec![], None)[0].verdict, Verdict::Pass);
        let facts = Facts::default();
        let history = History::default();
        let now = Timestamp::UNIX_EPOCH;
        let findings = judge(&Scene { facts: &facts, history: &history, plan: None, now });
        assert_eq!(findings[0].verdict, Verdict::Unknown);
    }

    #[test]
    fn a_full_journal_of_a_few_hours_warns() {
        let findings = judged(vec![store(4000 * MIB, 4096 * MIB, DAY / 4)], None);
        assert_eq!(findings[0].verdict, Verdict::Warn);
        assert!(findings[0].evidence.contains("reach back only 6 h"), "{findings:?}");
        let full_but_long = judged(vec![store(4000 * MIB, 4096 * MIB, 30 * DAY)], None);
        assert_eq!(full_but_long[0].verdict, Verdict::Pass);
        let small = judged(vec![store(16 * MIB, 17 * MIB, 60)], None);
        assert_eq!(small[0].verdict, Verdict::Pass);
    }

    #[test]
    fn a_limit_that_is_not_kept_warns() {
        let findings = judged(vec![store(900 * MIB, 500 * MIB, 9 * DAY)], None);
        assert!(findings[0].evidence.contains("does not tidy"), "{findings:?}");
    }

    #[test]
    fn a_limit_beyond_the_disk_warns_unless_journald_leaves_space_free() {
        let mut large = store(100 * MIB, 90 << 30, DAY);
        assert_eq!(judged(vec![large.clone()], None)[0].verdict, Verdict::Pass);
        large.keep_free_bytes = Seen::Seen(MIB);
        assert_eq!(judged(vec![large], None)[0].verdict, Verdict::Warn);
    }
}
