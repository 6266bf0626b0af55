//! Pressure files, as the kernel's PSI document has them: the machine's, or a container's own.

use std::fs;
use std::path::Path;

use model::facts::memory::pressure::{Averages, Pressure, Stall};
use model::seen::Seen;

/// `contained` says that `/proc/pressure` is shared with others; `group` is where the unified
/// hierarchy has the files of this container alone.
pub(crate) fn observe(contained: bool, group: Option<&Path>) -> Seen<Pressure> {
    if contained
        && let Some(group) = group
        && let Ok(own) = read(|what| group.join(format!("{what}.pressure")), false)
    {
        return Seen::Seen(own);
    }
    match read(|what| Path::new("/proc/pressure").join(what), contained) {
        Ok(pressure) => Seen::Seen(pressure),
        Err(reason) => Seen::Unseen(reason),
    }
}

fn read(path: impl Fn(&str) -> std::path::PathBuf, shared: bool) -> Result<Pressure, String> {
    let stall = |what| {
        let path = path(what);
        match fs::read_to_string(&path) {
            Ok(text) => parse(&text).ok_or(format!("{} is not as expected", path.display())),
            // The file exists where PSI was turned off at boot; reading it then fails.
            Err(error) => Err(format!("the kernel gives no pressure: {}: {error}", path.display())),
        }
    };
    Ok(Pressure { shared, cpu: stall("cpu")?, memory: stall("memory")?, io: stall("io")? })
}

/// Lines `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`; older kernels have no `full` for cpu.
fn parse(text: &str) -> Option<Stall> {
    let averages = |kind: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(kind))?;
        let field = |key: &str| {
            line.split_ascii_whitespace()
                .find_map(|field| field.strip_prefix(key)?.strip_prefix('='))
                .and_then(|value| value.parse::<f64>().ok())
                .filter(|value| value.is_finite())
        };
        Some(Averages { avg10: field("avg10")?, avg60: field("avg60")?, avg300: field("avg300")? })
    };
    Some(Stall { some: averages("some ")?, full: averages("full ").unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_are_read() {
        let text = "some avg10=1.50 avg60=2.00 avg300=3.25 total=9\nfull avg10=0.00 avg60=0.00 avg300=0.50 total=1\n";
        let stall = parse(text).unwrap();
        assert_eq!(stall.some, Averages { avg10: 1.5, avg60: 2.0, avg300: 3.25 });
        assert_eq!(stall.full.avg300, 0.5);
        assert_eq!(parse("some avg10=1 avg60=2 avg300=3").unwrap().full, Averages::default());
        assert_eq!(parse("some avg10=nan avg60=2 avg300=3"), None);
        assert_eq!(parse(""), None);
    }
}
