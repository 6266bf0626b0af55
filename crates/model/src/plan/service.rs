//! `services/<name>.toml`: a recipe placed on hosts, with settings, and where its backups go.
//!
//! Leaves out the recipe itself.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::backup::scope::Scope;
use crate::backup::target::Target;
use crate::host_name::HostName;
use crate::plan::drill::DrillPlan;
use crate::plan::host::Expected;
use crate::plan::reading::{fault, is_label, read};
use crate::recipe::definition::Recipe;
use crate::recipe::fault::Fault;
use crate::recipe::lines::Lines;
use crate::recipe::nearest::nearest;
use crate::recipe::values::Values;

/// The whole file; the service's name is the file's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServicePlan {
    /// A recipe's name: one of the plan's `recipes/`, else of the cookbook.
    pub recipe: String,
    /// Names of the plan's hosts on which it runs.
    #[schemars(with = "Vec<String>")]
    pub hosts: Vec<HostName>,
    /// What is chosen for the recipe's settings; secrets are never among them.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, serde_json::Value>")]
    pub settings: BTreeMap<String, toml::Value>,
    /// Names of `[targets]` in `stead.toml`, as `["disk", "offsite"]`.
    #[serde(default)]
    pub backups: Vec<String>,
    /// When and where its backups are drilled; every week on its own host if missing.
    #[serde(default)]
    pub drill: DrillPlan,
}

/// A service's file, read but not yet held against the rest of the plan.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub name: String,
    pub plan: ServicePlan,
    lines: Lines,
}

/// What the rest of the plan has, for a service to name.
#[derive(Clone, Copy, Debug)]
pub struct Around<'a> {
    pub hosts: &'a [String],
    pub targets: &'a BTreeMap<String, Target>,
    /// The names of all recipes.
    pub recipes: &'a [String],
}

/// A service whose recipe, hosts, settings and targets are all there.
#[derive(Clone, Debug, PartialEq)]
pub struct Service {
    pub name: String,
    pub plan: ServicePlan,
    pub recipe: Recipe,
    pub values: Values,
}

impl ServicePlan {
    /// Where the file of this service stands in the plan's folder.
    pub fn file(name: &str) -> String {
        format!("services/{name}.toml")
    }
}

impl Read {
    /// Reads the text of `services/<name>.toml`.
    ///
    /// # Errors
    /// All that is wrong with it, at least one fault.
    pub fn parse(name: &str, text: &str) -> Result<Self, Vec<Fault>> {
        let file = ServicePlan::file(name);
        let mut faults = Vec::new();
        if !is_label(name) {
            let message = "a service's name takes 1 to 63 of a–z, 0–9 and `-`";
            faults.push(Fault::new(&file, 0, 0, message).hint("rename the file"));
        }
        match read::<ServicePlan>(&file, text) {
            Ok((plan, lines)) if faults.is_empty() => {
                Ok(Self { name: name.to_owned(), plan, lines })
            }
            Ok(_) => Err(faults),
            Err(more) => {
                faults.extend(more);
                Err(faults)
            }
        }
    }

    /// Holds it against the rest of the plan; `recipe` is the one that it names, if there is one.
    ///
    /// # Errors
    /// All that it names and that is not there, and settings that do not fit, with the way out.
    pub fn resolve(
        self,
        recipe: Option<Recipe>,
        around: &Around<'_>,
    ) -> Result<Service, Vec<Fault>> {
        let mut faults = self.strangers(around);
        let Some(recipe) = recipe else {
            faults.insert(0, self.no_recipe(around));
            return Err(faults);
        };
        if !self.plan.backups.is_empty() && recipe.backup.is_none() && recipe.database.is_none() {
            let message = format!("the recipe `{}` does not say what a backup takes", recipe.name);
            faults
                .push(self.fault("backups", &message).hint(
                    "add `[backup]` with `paths` to the recipe, or leave `backups` out here",
                ));
        }
        match Values::resolve(&recipe, &self.plan.settings) {
            Ok(values) if faults.is_empty() => {
                Ok(Service { name: self.name, plan: self.plan, recipe, values })
            }
            Ok(_) => Err(faults),
            Err(settings) => {
                faults.extend(settings.into_iter().map(|fault| self.here(fault)));
                Err(faults)
            }
        }
    }

    fn fault(&self, key: &str, message: &str) -> Fault {
        fault(&ServicePlan::file(&self.name), &self.lines, key, message)
    }

    fn no_recipe(&self, around: &Around<'_>) -> Fault {
        let named = &self.plan.recipe;
        let hint = match nearest(named, around.recipes.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "`stead recipe list` names all; `stead recipe new` makes one".to_owned(),
        };
        self.fault("recipe", &format!("there is no recipe `{named}`")).hint(&hint)
    }

    /// Hosts and targets that the plan does not have.
    fn strangers(&self, around: &Around<'_>) -> Vec<Fault> {
        let mut faults = Vec::new();
        if self.plan.hosts.is_empty() {
            let fault = self.fault("hosts", "it runs on no host");
            faults.push(fault.hint("name at least one: `hosts = [\"runko\"]`"));
        }
        for (number, host) in self.plan.hosts.iter().enumerate() {
            if around.hosts.iter().any(|known| known == host.as_str()) {
                continue;
            }
            let message = format!("the plan has no host `{host}`");
            let fault = self.fault(&format!("hosts[{number}]"), &message);
            faults.push(fault.hint(&other_host(host, around)));
        }
        if let Some(host) = &self.plan.drill.on
            && !around.hosts.iter().any(|known| known == host.as_str())
        {
            let message = format!("the plan has no host `{host}`");
            faults.push(self.fault("drill.on", &message).hint(&other_host(host, around)));
        }
        if !(1..=365).contains(&self.plan.drill.every_days) {
            let fault = self.fault("drill.every_days", "a drill is due every 1 to 365 days");
            faults.push(fault.hint("7 is the usual"));
        }
        for (number, target) in self.plan.backups.iter().enumerate() {
            let key = format!("backups[{number}]");
            if self.plan.backups[..number].contains(target) {
                let message = format!("the target `{target}` is named twice");
                faults.push(self.fault(&key, &message).hint("leave one out"));
                continue;
            }
            if around.targets.contains_key(target) {
                continue;
            }
            let hint = match nearest(target, around.targets.keys().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!(
                    "add to stead.toml: `[targets.{target}]` with `kind = \"folder\"` and \
                     `path = \"/mnt/backup\"`"
                ),
            };
            let message = format!("the plan has no target `{target}`");
            faults.push(self.fault(&key, &message).hint(&hint));
        }
        faults
    }

    /// A fault of a setting, with its line here and a way out that fits a file.
    fn here(&self, fault: Fault) -> Fault {
        let name = fault.message.split('`').nth(1).unwrap_or_default().to_owned();
        let placed = self.fault(&format!("settings.{name}"), &fault.message);
        match fault.hint {
            Some(hint) if hint.starts_with("`--set ") => {
                placed.hint(&format!("add `{name} = …` under `[settings]`"))
            }
            Some(hint) => placed.hint(&hint),
            None => placed,
        }
    }
}

/// The way out where the plan has no such host.
fn other_host(host: &HostName, around: &Around<'_>) -> String {
    match nearest(host.as_str(), around.hosts.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("`stead up` on {host} adds hosts/{host}.toml"),
    }
}

impl Service {
    /// Whether it runs on this host.
    pub fn is_on(&self, host: &HostName) -> bool {
        self.plan.hosts.contains(host)
    }

    /// Whether the recipe names anything that a backup would take.
    pub const fn has_data(&self) -> bool {
        self.recipe.backup.is_some() || self.recipe.database.is_some()
    }

    /// What is expected of a host of it; nothing if it keeps no data.
    pub fn expected(&self) -> Option<Expected> {
        let period_hours = self.recipe.backup.as_ref().map_or(24, |backup| backup.period_hours);
        let targets = self.plan.backups.clone();
        let (service, drill) = (self.name.clone(), self.plan.drill.clone());
        self.has_data().then_some(Expected { service, targets, period_hours, drill })
    }

    /// Whether this host drills it on schedule.
    pub fn is_drilled_by(&self, host: &HostName) -> bool {
        self.plan.drill.on.as_ref().map_or_else(|| self.is_on(host), |on| on == host)
    }

    /// What a backup takes of it on this host.
    ///
    /// # Errors
    /// If a text of the recipe cannot be filled in with the settings.
    pub fn scope(&self, host: &HostName) -> Result<Scope, Vec<Fault>> {
        Scope::of(&self.recipe, &self.values, &self.name, host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::stead::SteadPlan;

    const RECIPE: &str = "name = \"chat\"\nsummary = \"a\"\nversion = \"1\"\n[source]\n\
                          debian = \"a\"\n[package]\nuser = \"talker\"\n[settings.server_name]\n\
                          type = \"host-name\"\nhelp = \"The domain.\"\n[settings.data]\n\
                          type = \"path\"\ndefault = \"/srv/chat\"\nhelp = \"h\"\n[[units]]\n\
                          name = \"chat.service\"\n[[units]]\nname = \"chat-purge.timer\"\n\
                          [[units]]\nname = \"nginx.service\"\ndrop_in = true\n[[units]]\n\
                          name = \"by-hand.service\"\nenable = false\nstart = false\n[database]\n\
                          engine = \"postgresql\"\nname = \"chat\"\n[backup]\n\
                          paths = [\"{{ data }}\", \"/etc/chat\"]\n\
                          exclude = [\"{{ data }}/cache*\"]\nquiesce = [\"chat.service\"]\n\
                          quiesce_seconds = 60\nperiod_hours = 6\n";

    fn recipe() -> Recipe {
        toml::from_str(RECIPE).expect("valid")
    }

    fn targets() -> BTreeMap<String, Target> {
        let id = "0".repeat(32);
        let text = format!(
            "name = \"a\"\nid = \"{id}\"\n[targets.disk]\nkind = \"folder\"\npath = \"/mnt/b\"\n"
        );
        SteadPlan::parse(&text).expect("valid").targets
    }

    fn resolved(text: &str, recipe: Option<Recipe>) -> Result<Service, String> {
        let targets = targets();
        let hosts = ["runko".to_owned(), "bramble".to_owned()];
        let recipes = ["chat".to_owned(), "static-site".to_owned()];
        let around = Around { hosts: &hosts, targets: &targets, recipes: &recipes };
        let told = |faults: Vec<Fault>| {
            faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        };
        Read::parse("chat", text).and_then(|read| read.resolve(recipe, &around)).map_err(told)
    }

    #[test]
    fn a_service_has_its_scope_with_the_settings_filled_in() {
        let text = "recipe = \"chat\"\nhosts = [\"runko\"]\nbackups = [\"disk\"]\n[settings]\n\
                    server_name = \"chat.example.org\"\ndata = \"/data/chat\"\n";
        let service = resolved(text, Some(recipe())).expect("good");
        let scope = service.scope(&"runko".parse().expect("a label")).expect("good");
        assert_eq!(scope.paths, ["/data/chat", "/etc/chat"]);
        assert_eq!(scope.exclude, ["/data/chat/cache*"]);
        // In the recipe's order; what nobody starts does not run the service.
        assert_eq!(scope.units, ["chat.service", "chat-purge.timer", "nginx.service"]);
        assert_eq!((scope.period_hours, scope.quiesce_seconds), (6, Some(60)));
        let database = scope.database.expect("one");
        assert_eq!(database.owner.as_deref(), Some("talker"), "the recipe's user owns it");
        assert_eq!(
            (&scope.service[..], &scope.recipe[..], &scope.host[..]),
            ("chat", "chat", "runko")
        );
    }

    #[test]
    fn what_is_not_there_is_told_at_once_with_its_line_and_the_way_out() {
        let text = "recipe = \"chat\"\nhosts = [\"runko\", \"brambel\"]\n\
                    backups = [\"disc\", \"offsite\"]\n[settings]\nserver_nam = \"a.example\"\n";
        let said = resolved(text, Some(recipe())).expect_err("faulty");
        for line in [
            "services/chat.toml:2: the plan has no host `brambel`; did you mean `bramble`?",
            "services/chat.toml:3: the plan has no target `disc`; did you mean `disk`?",
            "services/chat.toml:3: the plan has no target `offsite`; add to stead.toml: \
             `[targets.offsite]` with `kind = \"folder\"` and `path = \"/mnt/backup\"`",
            "services/chat.toml:5: `server_nam` is not known; did you mean `server_name`?",
            "services/chat.toml:4: `server_name` has to be chosen: The domain.; add \
             `server_name = …` under `[settings]`",
        ] {
            assert!(said.lines().any(|one| one == line), "missing: {line}\nin:\n{said}");
        }
        let said = resolved("recipe = \"statik-site\"\nhosts = [\"runko\"]\n", None);
        assert_eq!(
            said.expect_err("none"),
            "services/chat.toml:1: there is no recipe `statik-site`; did you mean `static-site`?"
        );
    }

    #[test]
    fn drills_are_weekly_on_the_services_own_host_unless_the_plan_says_otherwise() {
        let head = "recipe = \"chat\"\nhosts = [\"runko\"]\nbackups = [\"disk\"]\n[settings]\n\
                    server_name = \"chat.example.org\"\n";
        let (runko, bramble) = ("runko".parse().expect("a"), "bramble".parse().expect("a"));
        let usual = resolved(head, Some(recipe())).expect("good");
        assert_eq!(usual.plan.drill.every_days, 7);
        assert!(usual.is_drilled_by(&runko) && !usual.is_drilled_by(&bramble));
        let text = format!("{head}[drill]\nevery_days = 30\non = \"bramble\"\n");
        let other = resolved(&text, Some(recipe())).expect("good");
        assert!(other.is_drilled_by(&bramble) && !other.is_drilled_by(&runko));
        assert_eq!(other.plan.drill.worth(), 60 * 86_400);
        let text = format!("{head}[drill]\nevery_days = 0\non = \"brambel\"\n");
        let said = resolved(&text, Some(recipe())).expect_err("faulty");
        assert!(
            said.contains("services/chat.toml:8: the plan has no host `brambel`; did you mean")
        );
        assert!(
            said.contains("services/chat.toml:7: a drill is due every 1 to 365 days"),
            "{said}"
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_one_that_is_meant() {
        let said = resolved("recipe = \"chat\"\nhost = [\"runko\"]\n", Some(recipe()));
        let said = said.expect_err("faulty");
        assert!(
            said.contains("services/chat.toml:2: unknown key `host`; did you mean `hosts`?"),
            "{said}"
        );
        assert!(
            said.contains("services/chat.toml:1: `hosts` is missing; add `hosts = []`"),
            "{said}"
        );
        let said = Read::parse("Chat_2", "").expect_err("faulty");
        assert!(said[0].to_string().starts_with("services/Chat_2.toml: a service's name takes"));
    }

    #[test]
    fn targets_without_data_are_refused() {
        let bare = "name = \"bare\"\nsummary = \"a\"\nversion = \"1\"\n[source]\ndebian = \"a\"\n";
        let bare: Recipe = toml::from_str(bare).expect("valid");
        let text = "recipe = \"bare\"\nhosts = [\"runko\"]\nbackups = [\"disk\"]\n";
        let said = resolved(text, Some(bare)).expect_err("faulty");
        assert!(said.contains("services/chat.toml:3: the recipe `bare` does not say"), "{said}");
    }
}
