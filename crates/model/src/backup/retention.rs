//! Which snapshots stay and which go: restic's rules of periods, and what a rule must never do.
//!
//! Leaves out removing them.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use crate::recipe::care::Keep;
use crate::text::counted;

/// A fall by more than so many of 100, in bytes or rows, wants a person.
const FALL: u64 = 20;

/// One snapshot, as far as it matters here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    pub id: String,
    pub at: Timestamp,
    /// Of all files, if it is known.
    pub bytes: Option<u64>,
    /// Over all tables, if there is a database.
    pub rows: Option<u64>,
    /// A drill passed on it, or a check of all that it needs.
    pub verified: bool,
    /// Nothing was unreadable when it was made.
    pub complete: bool,
}

/// What becomes of one snapshot, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    pub id: String,
    pub at: Timestamp,
    pub keeps: bool,
    /// Sentences without a full stop, at least one.
    pub reasons: Vec<String>,
}

/// Much less than before, so that the copy before may be the last good one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fall {
    pub from: String,
    pub to: String,
    /// `bytes` or `rows`.
    pub of: String,
    pub was: u64,
    pub is: u64,
}

/// What is to be done with all snapshots of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Newest first, each snapshot once.
    pub decisions: Vec<Decision>,
    /// If there is one, nothing goes until a person says yes.
    pub falls: Vec<Fall>,
}

impl Plan {
    /// The ids of those that go.
    pub fn dropped(&self) -> impl Iterator<Item = &str> {
        self.decisions.iter().filter(|one| !one.keeps).map(|one| one.id.as_str())
    }
}

/// What a person, or an earlier run that found nothing wrong, has said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Consent {
    /// Falls up to this snapshot's time are accepted: all of them were judged by then.
    pub until: Option<Timestamp>,
}

/// Decides. Periods are those of UTC; of several snapshots in one period the newest counts, as
/// with `restic forget --keep-…`. Kept whatever the rules say: the newest, the newest verified
/// one, and incomplete ones until a complete one is newer.
pub fn plan(keep: &Keep, copies: &[Candidate], consent: Consent) -> Plan {
    let mut copies: Vec<&Candidate> = copies.iter().collect();
    copies.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
    copies.dedup_by(|a, b| a.id == b.id);

    let mut reasons: Vec<Vec<String>> = vec![Vec::new(); copies.len()];
    if let Some(newest) = reasons.first_mut() {
        newest.push("the newest".to_owned());
    }
    if let Some(at) = copies.iter().position(|copy| copy.verified) {
        reasons[at].push("the newest that is proved to restore".to_owned());
    }
    let complete = copies.iter().position(|copy| copy.complete).unwrap_or(copies.len());
    for reasons in &mut reasons[..complete] {
        reasons.push("incomplete, and nothing complete is newer".to_owned());
    }
    for (count, name, period) in rules(keep) {
        let mut seen = BTreeSet::new();
        for (copy, reasons) in copies.iter().zip(&mut reasons).filter(|(copy, _)| copy.complete) {
            if seen.len() < count as usize && seen.insert(period(copy.at)) {
                reasons.push(format!("{name} copy {} of {count}", seen.len()));
            }
        }
    }
    let falls = falls(&copies, consent);
    let decisions = copies.iter().zip(reasons).map(|(copy, reasons)| decide(copy, reasons, &falls));
    Plan { decisions: decisions.collect(), falls }
}

fn decide(copy: &Candidate, mut reasons: Vec<String>, falls: &[Fall]) -> Decision {
    let mut keeps = !reasons.is_empty();
    if !keeps && let Some(fall) = falls.first() {
        keeps = true;
        reasons.push(format!(
            "nothing goes until a person says yes: {} fell from {} to {}",
            fall.of, fall.was, fall.is
        ));
    } else if !keeps && !copy.complete {
        reasons.push("incomplete, and a complete one is newer".to_owned());
    } else if !keeps {
        reasons.push("every period that is kept has a newer copy".to_owned());
    }
    Decision { id: copy.id.clone(), at: copy.at, keeps, reasons }
}

type Rule = (u32, &'static str, fn(Timestamp) -> (i16, i16, i16));

/// Each rule, and the period that a time is in.
fn rules(keep: &Keep) -> [Rule; 5] {
    [
        (keep.hourly, "hourly", |at| {
            let time = at.to_zoned(TimeZone::UTC);
            (time.year(), time.day_of_year(), time.hour().into())
        }),
        (keep.daily, "daily", |at| {
            let time = at.to_zoned(TimeZone::UTC);
            (time.year(), time.day_of_year(), 0)
        }),
        (keep.weekly, "weekly", |at| {
            let week = at.to_zoned(TimeZone::UTC).date().iso_week_date();
            (week.year(), week.week().into(), 0)
        }),
        (keep.monthly, "monthly", |at| {
            let time = at.to_zoned(TimeZone::UTC);
            (time.year(), time.month().into(), 0)
        }),
        (keep.yearly, "yearly", |at| (at.to_zoned(TimeZone::UTC).year(), 0, 0)),
    ]
}

/// Falls from one complete copy to the next, of those that nobody has judged yet.
fn falls(newest_first: &[&Candidate], consent: Consent) -> Vec<Fall> {
    let complete: Vec<&&Candidate> = newest_first.iter().filter(|copy| copy.complete).collect();
    let mut falls = Vec::new();
    for pair in complete.windows(2) {
        let [is, was] = pair else { continue };
        if consent.until.is_some_and(|until| is.at <= until) {
            continue;
        }
        for (of, was_amount, amount) in
            [("bytes", was.bytes, is.bytes), ("rows", was.rows, is.rows)]
        {
            if let (Some(before), Some(now)) = (was_amount, amount)
                && u128::from(now) * 100 < u128::from(before) * u128::from(100 - FALL)
            {
                let (from, to, of) = (was.id.clone(), is.id.clone(), of.to_owned());
                falls.push(Fall { from, to, of, was: before, is: now });
            }
        }
        // A database that is not counted any longer has lost all its rows, for all that is known.
        if let (Some(before @ 1..), None) = (was.rows, is.rows) {
            let (from, to, of) = (was.id.clone(), is.id.clone(), "rows".to_owned());
            falls.push(Fall { from, to, of, was: before, is: 0 });
        }
    }
    falls
}

impl std::fmt::Display for Plan {
    /// `keeps 5 copies, drops 2 copies`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let dropped = self.dropped().count();
        let copies = |count: usize| {
            if count == 1 { "1 copy".to_owned() } else { format!("{count} copies") }
        };
        write!(f, "keeps {}, drops {}", copies(self.decisions.len() - dropped), copies(dropped))?;
        if !self.falls.is_empty() {
            write!(f, ", for {} that a person must look at", counted(self.falls.len(), "fall"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, proptest};

    use super::*;

    fn copy(id: &str, at: &str) -> Candidate {
        let (id, at) = (id.to_owned(), at.parse().unwrap());
        Candidate { id, at, bytes: Some(100), rows: Some(100), verified: false, complete: true }
    }

    fn none() -> Keep {
        Keep { hourly: 0, daily: 0, weekly: 0, monthly: 0, yearly: 0 }
    }

    fn kept(plan: &Plan) -> Vec<&str> {
        plan.decisions.iter().filter(|one| one.keeps).map(|one| one.id.as_str()).collect()
    }

    #[test]
    fn the_newest_of_each_period_stays() {
        let copies = [
            copy("a", "2026-05-01T08:00:00Z"),
            copy("b", "2026-05-01T20:00:00Z"),
            copy("c", "2026-05-02T08:00:00Z"),
            copy("d", "2026-05-02T20:00:00Z"),
            copy("e", "2026-05-03T08:00:00Z"),
        ];
        let plan = plan(&Keep { daily: 2, ..none() }, &copies, Consent::default());
        assert_eq!(kept(&plan), ["e", "d"]);
        assert_eq!(plan.decisions[0].reasons, ["the newest", "daily copy 1 of 2"]);
        assert_eq!(plan.decisions[4].reasons, ["every period that is kept has a newer copy"]);
        assert_eq!(plan.to_string(), "keeps 2 copies, drops 3 copies");
    }

    #[test]
    fn the_last_verified_copy_never_goes() {
        let mut copies = [
            copy("a", "2024-05-01T08:00:00Z"),
            copy("b", "2024-05-02T08:00:00Z"),
            copy("c", "2026-05-03T08:00:00Z"),
        ];
        copies[0].verified = true;
        copies[1].verified = true;
        let plan = plan(&none(), &copies, Consent::default());
        assert_eq!(kept(&plan), ["c", "b"]);
    }

    #[test]
    fn nothing_goes_after_a_fall_until_a_person_says_yes() {
        let mut copies = [
            copy("a", "2026-05-01T08:00:00Z"),
            copy("b", "2026-05-02T08:00:00Z"),
            copy("c", "2026-05-03T08:00:00Z"),
        ];
        copies[1].rows = Some(79);
        copies[2].rows = Some(79);
        let keep = Keep { daily: 1, ..none() };
        let refused = plan(&keep, &copies, Consent::default());
        assert_eq!(refused.dropped().count(), 0);
        assert_eq!((refused.falls[0].was, refused.falls[0].is), (100, 79));
        assert!(refused.decisions[1].reasons[0].contains("rows fell from 100 to 79"));
        let yes = Consent { until: Some(copies[2].at) };
        assert_eq!(plan(&keep, &copies, yes).dropped().collect::<Vec<_>>(), ["b", "a"]);
        copies[1].rows = Some(80);
        copies[2].rows = Some(80);
        assert_eq!(plan(&keep, &copies, Consent::default()).dropped().count(), 2);
    }

    #[test]
    fn an_incomplete_copy_takes_no_other_ones_place() {
        let mut copies = [copy("a", "2026-05-01T08:00:00Z"), copy("b", "2026-05-01T20:00:00Z")];
        copies[1].complete = false;
        let keep = Keep { daily: 1, ..none() };
        assert_eq!(kept(&plan(&keep, &copies, Consent::default())), ["b", "a"]);
        let later = [copies[0].clone(), copies[1].clone(), copy("c", "2026-05-02T08:00:00Z")];
        assert_eq!(kept(&plan(&keep, &later, Consent::default())), ["c"]);
    }

    fn copies() -> impl Strategy<Value = Vec<Candidate>> {
        let one = (0..40_000_000_i64, 0..200_u64, any::<bool>(), any::<bool>());
        vec(one, 0..30).prop_map(|all| {
            let copies =
                all.into_iter().enumerate().map(|(count, (at, size, verified, complete))| {
                    let at = Timestamp::from_second(1_700_000_000 + at).unwrap();
                    let (id, size) = (format!("{count:03}"), Some(size));
                    Candidate { id, at, bytes: size, rows: size, verified, complete }
                });
            copies.collect()
        })
    }

    fn keeps() -> impl Strategy<Value = Keep> {
        (0..5_u32, 0..5_u32, 0..5_u32, 0..5_u32, 0..5_u32).prop_map(
            |(hourly, daily, weekly, monthly, yearly)| Keep {
                hourly,
                daily,
                weekly,
                monthly,
                yearly,
            },
        )
    }

    proptest! {
        #[test]
        fn every_snapshot_is_named_once_with_a_reason(keep in keeps(), copies in copies()) {
            let plan = plan(&keep, &copies, Consent::default());
            let named: BTreeSet<&str> = plan.decisions.iter().map(|one| one.id.as_str()).collect();
            prop_assert_eq!(named.len(), copies.len());
            prop_assert_eq!(plan.decisions.len(), copies.len());
            prop_assert!(plan.decisions.iter().all(|one| !one.reasons.is_empty()));
        }

        #[test]
        fn the_newest_and_the_newest_verified_stay(keep in keeps(), copies in copies()) {
            let until = Some(Timestamp::MAX);
            let plan = plan(&keep, &copies, Consent { until });
            let newest = |copies: Vec<&Candidate>| copies.into_iter().max_by_key(|c| (c.at, c.id.clone())).cloned();
            for one in [
                newest(copies.iter().collect()),
                newest(copies.iter().filter(|copy| copy.verified).collect()),
                newest(copies.iter().filter(|copy| copy.complete).collect())
                    .filter(|_| keep != none()),
            ].into_iter().flatten() {
                prop_assert!(!plan.dropped().any(|id| id == one.id));
            }
        }

        #[test]
        fn a_fall_keeps_everything(keep in keeps(), copies in copies()) {
            let plan = plan(&keep, &copies, Consent::default());
            prop_assert!(plan.falls.is_empty() || plan.dropped().count() == 0);
        }

        #[test]
        fn deciding_again_on_what_stayed_drops_nothing(keep in keeps(), copies in copies()) {
            let yes = Consent { until: Some(Timestamp::MAX) };
            let first = plan(&keep, &copies, yes);
            let dropped: BTreeSet<&str> = first.dropped().collect();
            let stayed: Vec<Candidate> =
                copies.iter().filter(|copy| !dropped.contains(copy.id.as_str())).cloned().collect();
            prop_assert_eq!(plan(&keep, &stayed, yes).dropped().count(), 0);
        }

        #[test]
        fn the_order_in_which_they_come_decides_nothing(
            keep in keeps(),
            (one, other) in copies().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ) {
            prop_assert_eq!(plan(&keep, &one, Consent::default()), plan(&keep, &other, Consent::default()));
        }
    }
}
