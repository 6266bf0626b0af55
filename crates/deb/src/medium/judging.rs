//! Whether the packages suffice: real apt is asked, with the medium's repository as its only
//! source, for each target.
//!
//! Leaves out a machine without apt: there the closure stands unjudged, and the medium says so.

use std::path::Path;

use crate::medium::description::Judge;
use crate::medium::error::Error;
use crate::medium::plan::Plan;
use crate::oracle::{Answer, Oracle, Question, Shelf};
use crate::progress::Progress;

/// Has apt plan the installation of every service on every target.
pub fn judge(
    plan: &Plan,
    repository: &Path,
    certificate: &[u8],
    recommends: bool,
    progress: &dyn Progress,
) -> Result<Judge, Error> {
    let Some(apt) = Oracle::find() else {
        progress.step("there is no apt here: only stead's own closure was checked");
        return Ok(Judge::Stead);
    };
    for choice in &plan.choices {
        let target = &choice.target;
        progress.step(&format!("asking apt whether it is enough for {target}"));
        let roots: Vec<String> = choice
            .services
            .iter()
            .map(|service| format!("{}={}", service.name, service.version))
            .collect();
        let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
        let shelf = Shelf {
            folder: repository.to_owned(),
            suite: target.release.clone(),
            components: vec!["main".to_owned()],
            keyrings: vec![certificate.to_owned()],
            by_hash: true,
        };
        let question = Question {
            shelves: &[shelf],
            architecture: &target.architecture,
            roots: &roots,
            recommends,
        };
        match apt.ask(&question).map_err(Error::Oracle)? {
            Answer::Plan(_) => {}
            Answer::No(said) => {
                return Err(Error::Refused { target: target.clone(), said });
            }
        }
    }
    Ok(Judge::Apt)
}
