//! What is told as new, as a burst, and how often.

use super::*;
use crate::facts::logs::Novelty;

const HOUR: u64 = 3_600_000_000;
/// Some full hour in 2026.
const START: u64 = 495_000 * HOUR;

fn line(at: u64, text: &str) -> Line<'_> {
    Line { at, source: "a.service", priority: 6, message_id: None, text: text.as_bytes() }
}

/// Folds `count` lines into the hour `hour` after the start.
fn lines(folder: &mut Folder, hour: u64, count: u64, text: &str) {
    for number in 0..count {
        folder.fold(&line(START + hour * HOUR + number, text));
    }
}

/// A folder that has learned `each` lines in each of `hours` hours.
fn learned(hours: u64, each: u64) -> Folder {
    let mut folder = Folder::default();
    folder.begin();
    for hour in 0..hours {
        lines(&mut folder, hour, each, "tick 1");
    }
    folder.reached_end();
    folder
}

/// One run over `count` lines in one hour; the novelty it tells.
fn run(folder: &mut Folder, hour: u64, count: u64) -> Novelty {
    folder.begin();
    lines(folder, hour, count, "tick 1");
    let digest = folder.digest();
    assert_eq!(digest.templates.len(), 1);
    digest.templates[0].novelty.clone()
}

#[test]
fn nothing_is_new_while_learning() {
    let folder = learned(1, 5);
    let digest = folder.digest();
    assert_eq!((digest.new, digest.known, digest.lines_in_all), (0, 1, 5));
    assert_eq!(digest.templates[0].novelty, Novelty::Known);
}

#[test]
fn what_is_new_is_told_in_one_run() {
    let mut folder = learned(1, 5);
    folder.begin();
    folder.fold(&line(START, "never seen 7"));
    folder.fold(&line(START, "never seen 8"));
    let digest = folder.digest();
    assert_eq!((digest.new, digest.known), (1, 2));
    assert_eq!(digest.templates[0].novelty, Novelty::New);
    assert_eq!((digest.templates[0].count, &digest.templates[0].sample[..]), (2, "never seen 7"));
    folder.begin();
    folder.fold(&line(START, "never seen 9"));
    assert_eq!(folder.digest().new, 0);
}

#[test]
fn a_hundred_thousand_lines_are_one_template() {
    let mut folder = Folder::default();
    folder.begin();
    for number in 0..100_000_u64 {
        folder.fold(&line(START + number, &format!("request {number} took {} ms", number % 977)));
    }
    let digest = folder.digest();
    assert_eq!(digest.known, 1);
    assert_eq!(digest.templates[0].count, 100_000);
}

#[test]
fn ten_times_the_rate_is_told_once_and_again_after_it_calmed() {
    let mut folder = learned(24, 10);
    assert_eq!(run(&mut folder, 24, 29), Novelty::Known);
    let Novelty::Burst { count, before, .. } = run(&mut folder, 25, 150) else {
        panic!("a burst of 150 was not told");
    };
    assert_eq!(count, 150);
    assert!((10.0..12.0).contains(&before), "{before}");
    assert_eq!(run(&mut folder, 25, 50), Novelty::Known);
    assert_eq!(run(&mut folder, 26, 900), Novelty::Known);
    assert_eq!(run(&mut folder, 27, 10), Novelty::Known);
    assert!(matches!(run(&mut folder, 28, 900), Novelty::Burst { .. }));
}

#[test]
fn few_lines_are_never_a_burst() {
    let mut folder = learned(24, 1);
    assert_eq!(run(&mut folder, 24, 29), Novelty::Known);
    assert!(matches!(run(&mut folder, 24, 1), Novelty::Burst { count: 30, .. }));
}

#[test]
fn a_rate_needs_six_hours_to_compare_with() {
    let mut folder = learned(5, 1);
    assert_eq!(run(&mut folder, 5, 500), Novelty::Known);
}

#[test]
fn a_nightly_job_is_no_burst() {
    let mut folder = Folder::default();
    folder.begin();
    for day in 0..3 {
        lines(&mut folder, day * 24, 300, "tick 1");
        for hour in 1..24 {
            folder.fold(&line(START + (day * 24 + hour) * HOUR, "other"));
        }
    }
    folder.reached_end();
    folder.begin();
    lines(&mut folder, 72, 330, "tick 1");
    assert_eq!(folder.digest().bursts, 0);
}

#[test]
fn a_burst_that_was_there_at_the_end_of_learning_is_not_told() {
    let mut folder = Folder::default();
    folder.begin();
    for hour in 0..10 {
        lines(&mut folder, hour, 2, "tick 1");
    }
    lines(&mut folder, 10, 400, "tick 1");
    folder.reached_end();
    assert_eq!(run(&mut folder, 10, 10), Novelty::Known);
}

#[test]
fn a_machine_that_was_off_and_a_clock_that_jumps_make_no_burst() {
    for jump in [24 * 90, 24 * 365 * 12] {
        let mut folder = learned(24, 40);
        for hour in 0..5 {
            assert_eq!(run(&mut folder, jump + hour, 40), Novelty::Known, "on by {jump} h");
        }
        // And back again.
        for hour in 24..30 {
            assert_eq!(run(&mut folder, hour, 40), Novelty::Known, "back by {jump} h");
        }
    }
}

#[test]
fn a_message_id_is_the_template() {
    let mut folder = Folder::default();
    folder.begin();
    for text in ["Started A.", "Started something else."] {
        folder
            .fold(&Line { message_id: Some("39f53479d3a045ac8e11786248231fbf"), ..line(0, text) });
    }
    assert_eq!(folder.digest().known, 1);
}

#[test]
fn one_talker_pushes_out_nobody_and_still_shows() {
    let mut folder = learned(1, 5);
    folder.begin();
    let letters = |mut number: u32| {
        let mut word = String::new();
        while number > 0 {
            word.push(char::from(b'g' + (number % 16) as u8));
            number /= 16;
        }
        word
    };
    for number in 1..50_000 {
        let text = format!("{} is odd and {}", letters(number % 7_919), letters(number));
        folder.fold(&Line { source: "talker.service", ..line(START, &text) });
    }
    let digest = folder.digest();
    assert!(digest.known <= PER_SOURCE + COARSE + 2, "{}", digest.known);
    let sum: u64 = folder.templates.values().map(|tally| tally.count_in_all()).sum();
    assert_eq!(sum, 50_004);
    assert!(folder.templates.values().any(|tally| tally.source == "a.service"));
}

#[test]
fn memory_is_bounded_and_the_forgotten_are_not_new() {
    let mut folder = learned(1, 5);
    folder.begin();
    for number in 0..5_000_u32 {
        let source: String = number.to_string().bytes().map(|b| char::from(b + 60)).collect();
        folder.fold(&Line { source: &source, ..line(START, "hello") });
    }
    let digest = folder.digest();
    assert!(digest.known <= KEPT);
    assert!(digest.forgotten > 3_000);
    let size = serde_json::to_string(&folder).expect("plain data").len();
    assert!(size < 1_000_000, "{size} bytes");
    folder.begin();
    folder.fold(&Line { source: "zzzz", ..line(START, "x") });
    let late: String = 3_400.to_string().bytes().map(|b| char::from(b + 60)).collect();
    folder.fold(&Line { source: &late, ..line(START, "hello") });
    assert_eq!(folder.digest().new, 1, "only the line that was never there is new");
}
