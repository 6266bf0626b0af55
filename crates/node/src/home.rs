//! A stead as it lies on this machine: its plan, its state, and who we are in it.
//!
//! Leaves out what is observed and shown.

use std::path::{Path, PathBuf};

use commons::git;
use commons::identity::Identity;
use commons::plan_folder::PlanFolder;
use commons::record::Record;
use commons::state_folder::StateFolder;
use model::host_name::HostName;
use model::member_name::MemberName;
use model::plan::draft;
use model::plan::host::{HostPlan, Listen};
use model::plan::member::{Device, MemberPlan};
use model::plan::stead::{Retention, SteadId, SteadPlan, Tier};

use crate::error::Error;

/// Where a stead is looked for, and who asks.
#[derive(Clone, Debug)]
pub struct Address {
    /// The plan's folder, if somebody named it.
    pub plan: Option<PathBuf>,
    /// The folder of keys and record, if somebody named it.
    pub state: Option<PathBuf>,
    pub host: HostName,
    pub member: MemberName,
}

/// What a new stead would be made of; nothing of it exists yet.
#[derive(Clone, Debug)]
pub struct Founding {
    pub path: PathBuf,
    pub state: PathBuf,
    pub stead: SteadPlan,
    pub member: MemberName,
    pub host: HostPlan,
}

/// An opened stead.
#[derive(Debug)]
pub struct Home {
    pub plan: PlanFolder,
    pub stead: SteadPlan,
    pub state: StateFolder,
    pub host: HostName,
    pub member: MemberName,
    /// The public half of this device's key, 64 hexadecimal digits.
    pub device: String,
    pub record: Record,
}

impl Address {
    /// The plan that is meant: the named one, else one around the working folder, else the usual.
    ///
    /// # Errors
    /// If no folder was named and there is no home.
    pub fn plan_path(&self) -> Result<PathBuf, Error> {
        if let Some(path) = &self.plan {
            return std::path::absolute(path).map_err(|source| Error::Folder { source });
        }
        let here = std::env::current_dir().ok().and_then(|here| PlanFolder::around(&here));
        match here {
            Some(plan) => Ok(plan.path().to_owned()),
            None => Self::usual(),
        }
    }

    /// `~/our-stead`.
    fn usual() -> Result<PathBuf, Error> {
        std::env::var_os("HOME")
            .map(PathBuf::from)
            .filter(|home| home.is_absolute())
            .map(|home| home.join("our-stead"))
            .ok_or(Error::NoHome)
    }

    fn author(&self) -> git::Author {
        git::Author {
            name: self.member.to_string(),
            address: format!("{}@{}", self.member, self.host),
        }
    }

    /// What a new stead here would be, with a fresh id.
    ///
    /// # Errors
    /// If there is no place for it, or the system gives no random bytes.
    pub fn founding(
        &self,
        name: Option<&str>,
        listen: Option<Vec<Listen>>,
    ) -> Result<Founding, Error> {
        let path = self.plan_path()?;
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|source| Error::Random { source })?;
        let id = SteadId::from_bytes(bytes);
        let state = self.state_path(&id)?;
        let tier = |approvals| Tier { approvals, members: Vec::new() };
        let stead = SteadPlan {
            name: name.map_or_else(|| self.host.to_string(), str::to_owned),
            id,
            tiers: [("production".to_owned(), tier(1)), ("staging".to_owned(), tier(1))].into(),
            retention: Retention::default(),
        };
        let mut host = HostPlan::new(self.host.clone());
        host.tier = Some("staging".to_owned());
        host.listen = listen;
        Ok(Founding { path, state, stead, member: self.member.clone(), host })
    }

    fn state_path(&self, id: &SteadId) -> Result<PathBuf, Error> {
        match &self.state {
            Some(path) => std::path::absolute(path).map_err(|source| Error::Folder { source }),
            None => Ok(StateFolder::usual(id)?),
        }
    }

    /// Makes the stead: the key first, then the plan whole, then the record.
    ///
    /// # Errors
    /// If something is in the way; then no plan was made.
    pub async fn found(&self, founding: &Founding) -> Result<(Home, git::Outcome), Error> {
        let state = StateFolder::open(&founding.state)?;
        let identity = Identity::create_or_load(&state.key())?;
        let device = Device { name: self.host.to_string(), key: identity.public() };
        let drafts = founding.drafts(vec![device]);
        let (_, outcome) = PlanFolder::create(&founding.path, &drafts, &self.author())?;
        let home = self.open(&founding.path).await?.ok_or(Error::Vanished)?;
        Ok((home, outcome))
    }

    /// Opens the stead whose plan is in this folder; `None` if there is none.
    ///
    /// # Errors
    /// If the plan is refused, or key or record cannot be opened.
    pub async fn open(&self, path: &Path) -> Result<Option<Home>, Error> {
        let Some(plan) = PlanFolder::open(path) else { return Ok(None) };
        let stead = plan.stead()?;
        let state = StateFolder::open(&self.state_path(&stead.id)?)?;
        let identity = Identity::create_or_load(&state.key())?;
        let device = identity.public();
        let record = Record::open(&state.record(), identity).await?;
        Ok(Some(Home {
            plan,
            stead,
            state,
            host: self.host.clone(),
            member: self.member.clone(),
            device,
            record,
        }))
    }

    /// Adds this host to a plan that does not know it yet.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn join(
        &self,
        plan: &PlanFolder,
        listen: Option<Vec<Listen>>,
    ) -> Result<git::Outcome, Error> {
        let mut host = HostPlan::new(self.host.clone());
        host.listen = listen;
        Ok(plan.add(&draft::host(&host), &self.author())?)
    }
}

impl Founding {
    /// The files of the plan.
    pub fn drafts(&self, devices: Vec<Device>) -> Vec<draft::Draft> {
        let member =
            MemberPlan { name: self.member.clone(), roles: vec!["admin".to_owned()], devices };
        vec![draft::stead(&self.stead), draft::member(&member), draft::host(&self.host)]
    }
}
