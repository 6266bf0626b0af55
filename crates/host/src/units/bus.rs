//! The connection to systemd's manager, and the few calls that are made over it.
//!
//! Goes over the system bus even as root: on its own socket systemd signs its answers with a name
//! that zbus does not accept as a sender.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;
use tokio::sync::Semaphore;
use zbus::connection::Builder;
use zbus::{Connection, DynamicType, Message, OwnedVariant, Type, Variant, fdo};

const DESTINATION: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
/// Questions that wait for an answer at a time: dbus-daemon allows 128, and refuses the rest.
const IN_FLIGHT: usize = 48;
/// The longest that one call may take.
const LONGEST: Duration = Duration::from_secs(8);

#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("cannot reach systemd over the system bus (Debian's package `dbus`)")]
    Connect { source: Box<zbus::Error> },
    #[error("systemd does not answer `{call}`")]
    Call { call: &'static str, source: Box<zbus::Error> },
}

/// A unit in memory, as `ListUnits` gives it.
#[derive(Clone, Debug, Deserialize, Type)]
pub(crate) struct Loaded {
    pub name: String,
    _description: String,
    pub load: String,
    pub active: String,
    pub sub: String,
    _following: String,
    _path: zbus::OwnedObjectPath,
    _job: u32,
    _job_type: String,
    _job_path: zbus::OwnedObjectPath,
}

/// A unit file, as `ListUnitFilesByPatterns` gives it.
#[derive(Clone, Debug, Deserialize, Type)]
pub(crate) struct File {
    pub path: String,
    pub state: String,
}

pub(crate) struct Bus {
    connection: Connection,
    turns: Semaphore,
    /// The first question that got no answer, as opposed to the answer that there is no such thing.
    unanswered: Mutex<Option<zbus::Error>>,
}

impl Bus {
    pub(crate) async fn connect() -> Result<Self, Error> {
        match Builder::system().method_timeout(LONGEST).build().await {
            Ok(connection) => Ok(Self {
                connection,
                turns: Semaphore::new(IN_FLIGHT),
                unanswered: Mutex::new(None),
            }),
            Err(source) => Err(Error::Connect { source: Box::new(source) }),
        }
    }

    pub(crate) async fn units(&self) -> Result<Vec<Loaded>, Error> {
        self.manager("ListUnits", &()).await
    }

    /// The unit files on disk of that name. Finding out the state of one costs systemd a walk
    /// through all links of all units, a millisecond or more: ask for few.
    pub(crate) async fn files(&self, pattern: &str) -> Result<Vec<File>, Error> {
        self.manager("ListUnitFilesByPatterns", &(Vec::<&str>::new(), vec![pattern])).await
    }

    pub(crate) async fn default_target(&self) -> Result<String, Error> {
        self.manager("GetDefaultTarget", &()).await
    }

    async fn manager<T, B>(&self, call: &'static str, body: &B) -> Result<T, Error>
    where
        B: serde::Serialize + DynamicType,
        T: for<'d> Deserialize<'d> + Type,
    {
        let failed = |source| Error::Call { call, source: Box::new(source) };
        let message = self
            .connection
            .call_method(Some(DESTINATION), "/org/freedesktop/systemd1", Some(MANAGER), call, body)
            .await
            .map_err(failed)?;
        message.body().deserialize().map_err(failed)
    }

    /// A property of the manager; `None` if it has none of that name and type.
    pub(crate) async fn manager_property<T: TryFrom<OwnedVariant>>(&self, name: &str) -> Option<T> {
        self.get("/org/freedesktop/systemd1", MANAGER, name).await
    }

    /// A property of a unit, which systemd loads from disk if need be; `None` if it is gone or has
    /// none of that name and type. `kind` is the interface: `Unit`, `Timer`, `Service`.
    pub(crate) async fn property<T: TryFrom<OwnedVariant>>(
        &self,
        unit: &str,
        kind: &str,
        name: &str,
    ) -> Option<T> {
        self.get(&object_path(unit), &format!("{DESTINATION}.{kind}"), name).await
    }

    async fn get<T: TryFrom<OwnedVariant>>(
        &self,
        path: &str,
        interface: &str,
        name: &str,
    ) -> Option<T> {
        let message = self.call(path, "Get", &(interface, name)).await?;
        let body = message.body();
        let variant: Variant<'_> = body.deserialize().ok()?;
        T::try_from(OwnedVariant::try_from(variant).ok()?).ok()
    }

    /// Some of a unit's properties of one kind, with one question; none if it is gone.
    pub(crate) async fn properties(&self, unit: &str, kind: &str, names: &[&str]) -> Properties {
        let interface = format!("{DESTINATION}.{kind}");
        let message = self.call(&object_path(unit), "GetAll", &(interface.as_str(),)).await;
        let Some(message) = message else { return Properties::default() };
        let body = message.body();
        let Ok(all) = body.deserialize::<HashMap<&str, Variant<'_>>>() else {
            return Properties::default();
        };
        let wanted = names.iter().filter_map(|name| {
            Some(((*name).to_owned(), OwnedVariant::try_from(all.get(name)?).ok()?))
        });
        Properties(wanted.collect())
    }

    /// The answer; `None` if systemd says that there is no such thing, or if nobody answers.
    async fn call<B>(&self, path: &str, method: &str, body: &B) -> Option<Message>
    where
        B: serde::Serialize + DynamicType,
    {
        // A closed semaphore lets through, and this one is never closed.
        let _turn = self.turns.acquire().await;
        let properties = Some("org.freedesktop.DBus.Properties");
        let call = self.connection.call_method(Some(DESTINATION), path, properties, method, body);
        match call.await {
            Ok(message) => Some(message),
            Err(error) => {
                if !answered(&error) {
                    let mut unanswered =
                        self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
                    unanswered.get_or_insert(error);
                }
                None
            }
        }
    }

    /// Whether every property so far was answered; half an answer would look like a fault.
    pub(crate) fn verify(&self) -> Result<(), Error> {
        let mut unanswered = self.unanswered.lock().unwrap_or_else(PoisonError::into_inner);
        match unanswered.take() {
            Some(source) => Err(Error::Call { call: "Properties.Get", source: Box::new(source) }),
            None => Ok(()),
        }
    }
}

/// Properties by name.
#[derive(Default)]
pub(crate) struct Properties(HashMap<String, OwnedVariant>);

impl Properties {
    /// One of them; `None` if it is missing or of another type.
    pub(crate) fn take<T: TryFrom<OwnedVariant>>(&mut self, name: &str) -> Option<T> {
        T::try_from(self.0.remove(name)?).ok()
    }
}

/// Whether this is systemd's answer that there is no such unit or property.
fn answered(error: &zbus::Error) -> bool {
    match error {
        zbus::Error::MethodError(..) => true,
        zbus::Error::FDO(error) => matches!(
            **error,
            fdo::Error::UnknownObject(_)
                | fdo::Error::UnknownInterface(_)
                | fdo::Error::UnknownProperty(_)
                | fdo::Error::UnknownMethod(_)
                | fdo::Error::InvalidArgs(_)
        ),
        _ => false,
    }
}

/// The object path of a unit, in the encoding of sd_bus_path_encode(3): every byte but letters and
/// digits becomes `_` and two hexadecimal digits, and so does a digit at the start.
pub(crate) fn object_path(unit: &str) -> String {
    let mut path = String::from("/org/freedesktop/systemd1/unit/");
    if unit.is_empty() {
        path.push('_');
    }
    for (index, byte) in unit.bytes().enumerate() {
        if byte.is_ascii_alphabetic() || (byte.is_ascii_digit() && index > 0) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("_{byte:02x}"));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_has_its_object_path() {
        let path = |unit| object_path(unit).replace("/org/freedesktop/systemd1/unit/", "");
        assert_eq!(path("apt-daily.timer"), "apt_2ddaily_2etimer");
        assert_eq!(path("0a@b.service"), "_30a_40b_2eservice");
        assert_eq!(path(""), "_");
    }
}
