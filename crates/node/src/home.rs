//! A stead as it lies on this machine: its plan, its state, and who we are in it.
//!
//! Leaves out what is observed and shown.

use std::path::{Path, PathBuf};
use std::time::Duration;

use api::client::Client;
use commons::git;
use commons::identity::Identity;
use commons::plan_folder::PlanFolder;
use commons::record::Record;
use commons::state_folder::{StateFolder, Watch};
use model::host_name::HostName;
use model::member_name::MemberName;
use model::plan::draft;
use model::plan::host::{HostPlan, Listen};
use model::plan::member::{Device, MemberPlan};
use model::plan::stead::{Retention, SteadId, SteadPlan, Tier};
use tokio::time::{Instant, sleep};

use crate::error::Error;

/// How long somebody else's look may keep this process from watching.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long to wait before the lock is asked for again.
const AGAIN: Duration = Duration::from_millis(200);

/// Whose turn it is to watch.
#[derive(Debug)]
pub enum Turn {
    /// Ours, for as long as this is held.
    Ours(Watch),
    /// Another process's, which answers.
    Theirs(Client),
}

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
    /// Whether the key was made just now: this device has no record yet.
    pub begun: bool,
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

    /// Who names a folder wants that plan, not answers without any.
    ///
    /// # Errors
    /// [`Error::Absent`] if a folder was named that holds no stead.
    pub fn named_is_there(&self) -> Result<(), Error> {
        match &self.plan {
            Some(path) if PlanFolder::open(path).is_none() => {
                Err(Error::Absent { path: path.clone() })
            }
            _ => Ok(()),
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

    /// In whose name the plan is changed.
    pub fn author(&self) -> git::Author {
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
            targets: Default::default(),
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
        let begun = state.key().symlink_metadata().is_err();
        // A second key would begin a second log beside the first, as another device.
        if begun && state.record().symlink_metadata().is_ok() {
            return Err(Error::KeyLost { key: state.key(), record: state.record() });
        }
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
            begun,
            record,
        }))
    }

    /// Opens the stead that is meant.
    ///
    /// # Errors
    /// [`Error::Absent`] if there is none; else as [`Address::open`].
    pub async fn home(&self) -> Result<Home, Error> {
        let path = self.plan_path()?;
        self.open(&path).await?.ok_or(Error::Absent { path })
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

impl Home {
    /// A connection to the process that watches; `None` where none does.
    ///
    /// # Errors
    /// If there is one that cannot be reached.
    pub async fn watcher(&self) -> Result<Option<Client>, api::error::Error> {
        match Client::connect(&self.state.socket()).await {
            Ok(client) => Ok(Some(client)),
            Err(error) if error.is_absent() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Becomes the process that watches, or finds the one that does.
    ///
    /// Whoever holds the lock may just be looking, as `stead check` does, or be about to listen:
    /// then this waits for as long as a look may take, and tells `waiting` so, once.
    ///
    /// # Errors
    /// If the lock cannot be asked for, or is held all the time by a process that does not answer.
    pub async fn watch(&self, waiting: impl FnOnce()) -> Result<Turn, Error> {
        let until = Instant::now() + PATIENCE;
        let mut waiting = Some(waiting);
        loop {
            if let Some(watch) = self.state.watch()? {
                return Ok(Turn::Ours(watch));
            }
            match self.watcher().await {
                Ok(Some(client)) => return Ok(Turn::Theirs(client)),
                Ok(None) if Instant::now() < until => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    sleep(AGAIN).await;
                }
                Ok(None) => return Err(Error::Held { path: self.state.lock() }),
                Err(source) => return Err(Error::Silent { source }),
            }
        }
    }
}

impl Founding {
    /// The files of the plan.
    pub fn drafts(&self, devices: Vec<Device>) -> Vec<draft::Draft> {
        let member = MemberPlan {
            name: self.member.clone(),
            roles: vec!["admin".to_owned()],
            devices,
            age: Vec::new(),
        };
        vec![draft::stead(&self.stead), draft::member(&member), draft::host(&self.host)]
    }
}
