//! The trend of a series of numbers: the Theil–Sen line.
//!
//! Leaves out what the numbers mean and how much history a rule asks for.

/// A series' steady change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trend {
    /// The median of the slopes between all pairs of points: y per x. Up to 29 % of the points may
    /// be arbitrarily wrong without carrying it off (H. Theil 1950, P. K. Sen 1968).
    pub slope: f64,
    /// The share of pairs of which the later is higher: 1 rises always, 0.5 goes nowhere.
    pub rising: f64,
}

impl Trend {
    /// The trend of points (x, y) in any order; `None` if no two finite points differ in x.
    ///
    /// Takes time and room in the square of the number of points: fold a long history first.
    pub fn of(points: &[(f64, f64)]) -> Option<Self> {
        let finite: Vec<(f64, f64)> =
            points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
        let mut slopes = Vec::with_capacity(finite.len() * finite.len().saturating_sub(1) / 2);
        for (index, (x1, y1)) in finite.iter().enumerate() {
            for (x2, y2) in &finite[index + 1..] {
                if x1 != x2 {
                    slopes.push((y2 - y1) / (x2 - x1));
                }
            }
        }
        if slopes.is_empty() {
            return None;
        }
        let rising = slopes.iter().filter(|slope| **slope > 0.0).count() as f64;
        Some(Self { rising: rising / slopes.len() as f64, slope: median(&mut slopes) })
    }
}

/// The median of numbers of which there is at least one.
fn median(numbers: &mut [f64]) -> f64 {
    let middle = numbers.len() / 2;
    let (below, upper, _) = numbers.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    let lower = below.iter().copied().max_by(f64::total_cmp);
    match lower {
        Some(lower) if numbers.len().is_multiple_of(2) => lower.midpoint(upper),
        _ => upper,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() <= 1e-6 * (1.0 + a.abs().max(b.abs()))
    }

    fn line(slope: f64, count: usize) -> Vec<(f64, f64)> {
        (0..count).map(|i| (i as f64, 1_000.0 + slope * i as f64)).collect()
    }

    fn slope(points: &[(f64, f64)]) -> f64 {
        Trend::of(points).unwrap().slope
    }

    #[test]
    fn too_few_points_have_no_trend() {
        assert_eq!(Trend::of(&[]), None);
        assert_eq!(Trend::of(&[(1.0, 2.0)]), None);
        assert_eq!(Trend::of(&[(1.0, 2.0), (1.0, 9.0)]), None);
        assert_eq!(Trend::of(&[(f64::NAN, 2.0), (1.0, f64::INFINITY), (0.0, 0.0)]), None);
    }

    #[test]
    fn a_sawtooth_goes_nowhere() {
        let points: Vec<_> = (0..48).map(|i| (f64::from(i), f64::from(i % 6))).collect();
        let trend = Trend::of(&points).unwrap();
        assert!(trend.slope.abs() < 0.05, "{trend:?}");
        assert!(trend.rising < 0.6, "{trend:?}");
    }

    proptest! {
        #[test]
        fn a_line_has_its_slope(slope in -1_000i32..1_000, count in 2usize..60) {
            let trend = Trend::of(&line(f64::from(slope), count)).unwrap();
            let rising = if slope > 0 { 1.0 } else { 0.0 };
            prop_assert!(close(trend.slope, f64::from(slope)));
            prop_assert_eq!(trend.rising, rising);
        }

        #[test]
        fn a_quarter_of_outliers_changes_nothing(
            slope in -1e3f64..1e3,
            wrong in prop::collection::btree_map(0usize..40, -1e9f64..1e9, 0..10),
        ) {
            let mut points = line(slope, 40);
            for (index, value) in wrong {
                points[index].1 = value;
            }
            prop_assert!(close(self::slope(&points), slope));
        }

        #[test]
        fn shifts_and_order_do_not_matter(
            values in prop::collection::vec(-1e6f64..1e6, 3..40),
            right in -1e3f64..1e3,
            up in -1e6f64..1e6,
        ) {
            let points: Vec<_> = values.iter().enumerate().map(|(i, v)| (i as f64, *v)).collect();
            let moved: Vec<_> = points.iter().rev().map(|(x, y)| (x + right, y + up)).collect();
            prop_assert!(close(slope(&points), slope(&moved)));
        }

        #[test]
        fn upside_down_the_slope_is_its_negative(
            values in prop::collection::vec(-1e6f64..1e6, 3..40),
            scale in 0.1f64..10.0,
        ) {
            let points: Vec<_> = values.iter().enumerate().map(|(i, v)| (i as f64, *v)).collect();
            let turned: Vec<_> = points.iter().map(|(x, y)| (*x, -scale * y)).collect();
            prop_assert!(close(-scale * slope(&points), slope(&turned)));
        }

        #[test]
        fn any_numbers_are_borne(points in prop::collection::vec(any::<(f64, f64)>(), 0..30)) {
            if let Some(trend) = Trend::of(&points) {
                prop_assert!((0.0..=1.0).contains(&trend.rising));
            }
        }
    }
}
