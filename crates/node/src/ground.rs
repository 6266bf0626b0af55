//! What backups, drills and restores stand on: the plan's services on this host, and how their
//! repositories are reached.
//!
//! Leaves out the record, which none of them needs to read.

use std::collections::BTreeMap;
use std::path::Path;

use backup::credentials;
use backup::key_file;
use backup::keys::Readers;
use backup::password::Password;
use backup::reach::{Reach, S3Credentials};
use commons::plan_folder::PlanFolder;
use commons::services::{self, Services};
use model::backup::scope::Scope;
use model::backup::target::Target;
use model::host_name::HostName;
use model::plan::service::Service;
use model::plan::stead::SteadPlan;
use model::recipe::nearest::nearest;

use crate::error::Error;
use crate::home::Address;

/// A plan's services, seen from one host.
#[derive(Debug)]
pub struct Ground {
    pub plan: PlanFolder,
    pub stead: SteadPlan,
    pub services: Services,
    pub host: HostName,
}

/// A service's repository at one target, with all that opens it.
#[derive(Clone, Debug)]
pub struct Place {
    pub scope: Scope,
    /// The target's name in the plan.
    pub name: String,
    pub target: Target,
    pub password: Password,
    pub credentials: Option<S3Credentials>,
}

impl Place {
    pub fn reach(&self) -> Reach<'_> {
        Reach {
            target: &self.target,
            service: &self.scope.service,
            password: &self.password,
            credentials: self.credentials.as_ref(),
        }
    }
}

impl Ground {
    /// Reads the plan that is meant.
    ///
    /// # Errors
    /// If there is none, or its `stead.toml` is refused.
    pub fn open(address: &Address) -> Result<Self, Error> {
        let path = address.plan_path()?;
        let plan = PlanFolder::open(&path).ok_or(Error::Absent { path })?;
        Self::of(plan, address.host.clone())
    }

    /// As [`Ground::open`], of a plan that is open already.
    ///
    /// # Errors
    /// If its `stead.toml` is refused.
    pub fn of(plan: PlanFolder, host: HostName) -> Result<Self, Error> {
        let stead = plan.stead()?;
        let services = Services::within(&plan, &stead);
        Ok(Self { plan, stead, services, host })
    }

    /// The service of this name, wherever it runs.
    ///
    /// # Errors
    /// If the plan has none, or its file is refused.
    pub fn service(&self, name: &str) -> Result<&Service, Error> {
        if let Some(service) = self.services.get(name) {
            return Ok(service);
        }
        let start = format!("services/{name}.toml");
        let own = self.services.faults.iter().filter(|fault| fault.file == start);
        let faults: Vec<String> = own.map(ToString::to_string).collect();
        if !faults.is_empty() {
            return Err(Error::Faulty { name: name.to_owned(), faults });
        }
        let known = self.services.all.iter().map(|service| &service.name[..]);
        let near = nearest(name, known).map(str::to_owned);
        Err(Error::NoService { name: name.to_owned(), near })
    }

    /// Services by name, or all of this host that keep data if none is named.
    ///
    /// # Errors
    /// If one that is named is not there, or not on this host.
    pub fn chosen(&self, names: &[String]) -> Result<Vec<&Service>, Error> {
        if names.is_empty() {
            return Ok(self.services.on(&self.host).filter(|service| service.has_data()).collect());
        }
        names.iter().map(|name| self.here(name)).collect()
    }

    /// A service that runs on this host.
    ///
    /// # Errors
    /// If it is not there, or runs elsewhere.
    pub fn here(&self, name: &str) -> Result<&Service, Error> {
        let service = self.service(name)?;
        if service.is_on(&self.host) {
            return Ok(service);
        }
        let hosts = service.plan.hosts.iter().map(ToString::to_string).collect();
        Err(Error::Elsewhere { name: name.to_owned(), host: self.host.clone(), hosts })
    }

    /// A service that this host may drill: its own, or one that the plan lets it drill.
    ///
    /// # Errors
    /// As [`Ground::here`].
    pub fn drilled_here(&self, name: &str) -> Result<&Service, Error> {
        let service = self.service(name)?;
        if service.is_drilled_by(&self.host) { Ok(service) } else { self.here(name) }
    }

    /// A host of the plan, as `ssh` takes it: its address, else its name.
    ///
    /// # Errors
    /// If the plan has no such host, or its file is refused.
    pub fn address(&self, host: &str) -> Result<(HostName, String), Error> {
        let found = host.parse::<HostName>().ok();
        let found = found.map(|name| self.plan.host(&name)).transpose()?.flatten();
        let Some(found) = found else {
            let known = services::hosts(&self.plan);
            let near = nearest(host, known.iter().map(String::as_str)).map(str::to_owned);
            return Err(Error::NoHost { name: host.to_owned(), near, known });
        };
        let address = found.address.unwrap_or_else(|| found.name.to_string());
        Ok((found.name, address))
    }

    /// A target as this host reaches it: a folder of a service's own host is elsewhere one behind
    /// `ssh`, unless the disk was carried here.
    fn reached(&self, service: &Service, target: &Target) -> Result<Target, Error> {
        match (target, service.plan.hosts.first()) {
            (Target::Folder { path, .. }, Some(host))
                if !service.is_on(&self.host) && !Path::new(path).join(&service.name).exists() =>
            {
                let (_, host) = self.address(host.as_str())?;
                Ok(Target::Sftp { host, path: path.clone() })
            }
            _ => Ok(target.clone()),
        }
    }

    /// What a backup takes of a service on this host.
    ///
    /// # Errors
    /// If its recipe cannot be filled in with its settings.
    pub fn scope(&self, service: &Service) -> Result<Scope, Error> {
        service.scope(&self.host).map_err(|faults| Error::Faulty {
            name: service.name.clone(),
            faults: faults.iter().map(ToString::to_string).collect(),
        })
    }

    /// A service's repository at one of its targets, with the key that this host keeps.
    ///
    /// # Errors
    /// If the service does not name the target, or the key or credentials are not here.
    pub fn place(&self, service: &Service, target: &str) -> Result<Place, Error> {
        let password = key_file::of_host(&service.name)?;
        self.place_with(service, target, password)
    }

    /// As [`Ground::place`], with a key from elsewhere.
    ///
    /// # Errors
    /// If the service does not name the target, or its credentials are not here.
    pub fn place_with(
        &self,
        service: &Service,
        target: &str,
        password: Password,
    ) -> Result<Place, Error> {
        let scope = self.scope(service)?;
        let known = service.plan.backups.iter().find(|known| *known == target);
        let found = known.and_then(|known| self.stead.targets.get(known));
        let Some(found) = found else {
            return Err(Error::NoTarget {
                service: service.name.clone(),
                target: target.to_owned(),
                targets: service.plan.backups.clone(),
            });
        };
        let credentials = match found {
            Target::S3 { .. } => Some(credentials::of_host(target)?),
            Target::Folder { .. } | Target::Sftp { .. } => None,
        };
        let (name, target) = (target.to_owned(), self.reached(service, found)?);
        Ok(Place { scope, name, target, password, credentials })
    }

    /// The age keys of each member, by name.
    ///
    /// # Errors
    /// If a member's file is refused.
    pub fn keys(&self) -> Result<BTreeMap<String, Vec<String>>, Error> {
        let members = services::members(&self.plan)?;
        Ok(members.into_iter().map(|member| (member.name.to_string(), member.age)).collect())
    }

    /// Refuses to begin a repository with a key that is not the one sealed in the plan, or nobody
    /// could open it once this host is gone.
    ///
    /// # Errors
    /// If it is another one, or who opens the sealed one is not known.
    pub fn openable(&self, place: &Place) -> Result<(), Error> {
        let (service, here) = (&place.scope.service, place.password.fingerprint());
        match self.sealed(service)? {
            Some((_, readers)) if readers.fingerprint != here => {
                Err(Error::OtherKey { service: service.clone(), here, sealed: readers.fingerprint })
            }
            _ => Ok(()),
        }
    }

    /// The sealed key of a service and who can open it; `None` where there is none.
    ///
    /// # Errors
    /// If its files cannot be read, or do not belong together.
    pub fn sealed(&self, service: &str) -> Result<Option<(String, Readers)>, Error> {
        let (sealed, list) = sealed_files(service);
        let Some(text) = self.plan.file(&sealed)? else { return Ok(None) };
        let beside = self.plan.file(&list)?;
        let readers = beside.and_then(|list| Readers::parse(&list).ok());
        match readers {
            Some(readers) if readers.is_of(text.as_bytes()) => Ok(Some((text, readers))),
            _ => Err(Error::Unlisted { service: service.to_owned(), sealed, list }),
        }
    }
}

/// Where a service's sealed key stands in the plan, and the list of who can open it.
pub fn sealed_files(service: &str) -> (String, String) {
    (format!("secrets/backup-{service}.age"), format!("secrets/backup-{service}.toml"))
}
