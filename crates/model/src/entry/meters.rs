//! How an entry writes windows: by series and subject, each window as a tuple.
//!
//! Names are written once for each meter and fields not at all, so that an hour of hundreds of
//! meters stays small. Leaves out the other fields of an entry.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::reading::{Meter, Window};

/// Start (whole seconds since 1970), epoch, count, minimum, maximum, mean.
type Tuple = (i64, u64, u32, f64, f64, f64);
type Series<Name> = BTreeMap<Name, Vec<(Name, Vec<Tuple>)>>;

pub fn serialize<S: Serializer>(
    meters: &[(Meter, Vec<Window>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut series: Series<&str> = BTreeMap::new();
    for (meter, windows) in meters {
        let tuples = windows
            .iter()
            .map(|w| (w.at.as_second(), w.epoch, w.count, w.min, w.max, w.mean))
            .collect();
        series.entry(&meter.series).or_default().push((&meter.subject, tuples));
    }
    series.serialize(serializer)
}

pub fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<(Meter, Vec<Window>)>, D::Error> {
    let mut meters = Vec::new();
    for (series, subjects) in Series::<String>::deserialize(deserializer)? {
        for (subject, tuples) in subjects {
            let windows: Result<Vec<Window>, D::Error> = tuples
                .into_iter()
                .map(|(second, epoch, count, min, max, mean)| {
                    let at = Timestamp::from_second(second).map_err(D::Error::custom)?;
                    Ok(Window { at, epoch, count, min, max, mean })
                })
                .collect();
            meters.push((Meter::new(series.as_str(), subject), windows?));
        }
    }
    Ok(meters)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Holder(#[serde(with = "crate::entry::meters")] Vec<(Meter, Vec<Window>)>);

    #[test]
    fn windows_read_back_as_they_were() {
        let at = Timestamp::from_second(7_200).expect("in range");
        let window = Window { at, epoch: u64::MAX, count: 60, min: 0.5, max: 9.0, mean: 3.25 };
        let meters = Holder(vec![
            (Meter::new("a_bytes", "x.service"), vec![window, Window { epoch: 2, ..window }]),
            (Meter::new("a_bytes", "y.service"), vec![]),
            (Meter::new("b", ""), vec![window]),
        ]);
        let text = serde_json::to_string(&meters).expect("written");
        assert_eq!(serde_json::from_str::<Holder>(&text).expect("read"), meters);
        assert!(serde_json::from_str::<Holder>(r#"{"a":[["x",[[1e300,1,1,1,1,1]]]]}"#).is_err());
        let late = r#"{"a":[["x",[[9000000000000000000,1,1,1.0,1.0,1.0]]]]}"#;
        assert!(serde_json::from_str::<Holder>(late).is_err());
    }
}
