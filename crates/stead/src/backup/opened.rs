//! A service's repository at one of its targets, and the snapshot in it that is meant.

use std::path::PathBuf;

use ::backup::snapshot::Snapshot;
use anyhow::{Context, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use node::ground::{Ground, Place};

/// Which repository.
#[derive(Debug, Args)]
pub struct Where {
    /// At this target [default: the first that the service names]
    #[arg(long, value_name = "NAME")]
    pub target: Option<String>,
}

impl Where {
    /// The repository of a service, with the key that this host keeps.
    pub fn place(&self, ground: &Ground, service: &str) -> anyhow::Result<Place> {
        let service = ground.service(service)?;
        let target = match (&self.target, service.plan.backups.first()) {
            (Some(target), _) | (None, Some(target)) => target,
            (None, None) => bail!("services/{}.toml names no target in `backups`", service.name),
        };
        Ok(ground.place(service, target)?)
    }

    /// As [`Where::place`], of each target of each of these services.
    pub fn places(&self, ground: &Ground, services: &[String]) -> anyhow::Result<Vec<Place>> {
        let mut places = Vec::new();
        for service in ground.chosen(services)? {
            for target in &service.plan.backups {
                if self.target.as_ref().is_none_or(|only| only == target) {
                    places.push(ground.place(service, target)?);
                }
            }
        }
        if places.is_empty() {
            bail!("no service of {} names such a target in its `backups`", ground.host);
        }
        Ok(places)
    }
}

/// Which snapshot.
#[derive(Debug, Args)]
pub struct Which {
    /// The newest that is not younger than this: `2026-11-21 19:42`, a date, or with a zone
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub at: Option<Timestamp>,

    /// This one, by the beginning of its id
    #[arg(long, value_name = "ID", conflicts_with = "at", value_parser = NonEmptyStringValueParser::new())]
    pub snapshot: Option<String>,
}

impl Which {
    /// The snapshot that is meant; the newest whole one if nothing is said.
    pub fn of<'a>(&self, snapshots: &'a [Snapshot]) -> anyhow::Result<&'a Snapshot> {
        if let Some(start) = &self.snapshot {
            let mut found = snapshots.iter().filter(|one| one.id.as_str().starts_with(start));
            let one = found.next().with_context(|| format!("there is no snapshot {start}"))?;
            if found.next().is_some() {
                bail!("more than one snapshot begins with {start}: write more of its id");
            }
            return Ok(one);
        }
        let whole = snapshots.iter().filter(|one| !one.is_incomplete());
        let newest =
            whole.filter(|one| self.at.is_none_or(|at| one.at <= at)).max_by_key(|one| one.at);
        newest.with_context(|| match self.at {
            Some(at) => format!("there is no whole snapshot from {at} or before"),
            None => "there is no whole snapshot yet".to_owned(),
        })
    }
}

/// A time as people write it, in this machine's zone if it names none.
fn time(text: &str) -> Result<Timestamp, String> {
    let zone = TimeZone::system();
    let local = |at: DateTime| zone.to_timestamp(at).ok();
    let read = text.parse::<Timestamp>().ok();
    let read = read.or_else(|| text.parse::<DateTime>().ok().and_then(local));
    // A day means its end.
    let day = |day: Date| local(day.at(23, 59, 59, 0));
    read.or_else(|| text.parse::<Date>().ok().and_then(day))
        .ok_or_else(|| "no time: write `2026-11-21 19:42` or `2026-11-21T19:42:00Z`".to_owned())
}

/// An absolute path as it is in a snapshot, without its first slash.
pub fn within(path: &str) -> anyhow::Result<PathBuf> {
    match path.strip_prefix('/') {
        Some(rest) if !rest.split('/').any(|part| part == "..") => Ok(PathBuf::from(rest)),
        _ => bail!("`{path}` is not absolute: write it as it was on the host"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        assert!(time("2026-11-21 19:42").is_ok() && time("2026-11-21T19:42").is_ok());
        assert_eq!(
            time("2026-11-21T19:42:00Z").map(|at| at.to_string()),
            Ok("2026-11-21T19:42:00Z".to_owned())
        );
        assert!(time("2026-11-21").is_ok() && time("yesterday").is_err());
    }
}
