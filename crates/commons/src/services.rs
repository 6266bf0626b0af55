//! The services of a plan, with their recipes: read, and held against hosts and targets.
//!
//! Leaves out what their files mean, which is `model::plan::service`'s.

use std::fs;

use model::cookbook;
use model::host_name::HostName;
use model::plan::host::HostPlan;
use model::plan::member::MemberPlan;
use model::plan::service::{Around, Read, Service, ServicePlan};
use model::plan::stead::SteadPlan;
use model::recipe::definition::Recipe;
use model::recipe::fault::Fault;
use model::recipe::folder::Folder;
use model::recipe::lines::FILE;
use model::text::with_causes;

use crate::plan_error::Error;
use crate::plan_folder::PlanFolder;

/// All services of a plan, sorted by name, and what is wrong with those that are not among them.
#[derive(Clone, Debug, Default)]
pub struct Services {
    pub all: Vec<Service>,
    pub faults: Vec<Fault>,
}

impl Services {
    /// Reads `services/*.toml`. A file that is refused does not hide the others.
    ///
    /// # Errors
    /// If `stead.toml`, which names the targets, cannot be read.
    pub fn of(plan: &PlanFolder) -> Result<Self, Error> {
        Ok(Self::within(plan, &plan.stead()?))
    }

    /// As [`Services::of`], with `stead.toml` read already.
    pub fn within(plan: &PlanFolder, stead: &SteadPlan) -> Self {
        let hosts = hosts(plan);
        let recipes = recipe_names(plan);
        let around = Around { hosts: &hosts, targets: &stead.targets, recipes: &recipes };
        let mut services = Self::default();
        for name in names(plan, "services") {
            match service(plan, &name, &around) {
                Ok(service) => services.all.push(service),
                Err(faults) => services.faults.extend(faults),
            }
        }
        services
    }

    /// The service of this name.
    pub fn get(&self, name: &str) -> Option<&Service> {
        self.all.iter().find(|service| service.name == name)
    }

    /// Those that the plan places on this host.
    pub fn on(&self, host: &HostName) -> impl Iterator<Item = &Service> {
        self.all.iter().filter(move |service| service.is_on(host))
    }

    /// Writes what they ask of this host into its plan.
    pub fn ask(&self, host: &mut HostPlan) {
        host.services = self.on(&host.name).filter_map(Service::expected).collect();
        let others = self.all.iter().filter(|one| !one.is_on(&host.name));
        let ours = others.filter(|one| one.is_drilled_by(&host.name));
        host.drills = ours.filter_map(Service::expected).collect();
        host.unread = self.faults.iter().map(ToString::to_string).collect();
    }
}

/// The names of the plan's hosts, sorted.
pub fn hosts(plan: &PlanFolder) -> Vec<String> {
    names(plan, "hosts")
}

/// Reads `hosts/<name>.toml`, and what the plan's services ask of that host; `None` where there
/// is no such file.
///
/// # Errors
/// If the host's file or `stead.toml` cannot be read or is refused.
pub fn host(plan: &PlanFolder, name: &HostName) -> Result<Option<HostPlan>, Error> {
    let Some(mut host) = plan.host(name)? else { return Ok(None) };
    Services::of(plan)?.ask(&mut host);
    Ok(Some(host))
}

/// All members of the plan, sorted by name.
///
/// # Errors
/// If a member's file cannot be read or is refused.
pub fn members(plan: &PlanFolder) -> Result<Vec<MemberPlan>, Error> {
    let read = |name: String| {
        let file = format!("members/{name}.toml");
        let parsed = MemberPlan::parse(&name, &plan.read(&file)?);
        parsed.map_err(|source| plan.refused(&file, source))
    };
    names(plan, "members").into_iter().map(read).collect()
}

fn service(plan: &PlanFolder, name: &str, around: &Around<'_>) -> Result<Service, Vec<Fault>> {
    let file = ServicePlan::file(name);
    let text =
        plan.read(&file).map_err(|error| vec![Fault::new(&file, 0, 0, &with_causes(&error))])?;
    let read = Read::parse(name, &text)?;
    let recipe = recipe(plan, &read.plan.recipe)?;
    read.resolve(recipe, around)
}

/// A recipe of the plan, else of the cookbook, as far as its `recipe.toml` tells.
fn recipe(plan: &PlanFolder, name: &str) -> Result<Option<Recipe>, Vec<Fault>> {
    let file = format!("recipes/{name}/{FILE}");
    // A name with a path in it is no name.
    if name.contains('/') || name.starts_with('.') {
        return Ok(None);
    }
    let folder = if plan.path().join(&file).exists() {
        let text = plan
            .read(&file)
            .map_err(|error| vec![Fault::new(&file, 0, 0, &with_causes(&error))])?;
        Folder { files: [(FILE.to_owned(), text.into_bytes())].into(), ..Folder::default() }
    } else {
        let Some(folder) = cookbook::folder(name) else { return Ok(None) };
        folder
    };
    match Recipe::parse(&folder) {
        Ok(read) => Ok(Some(read.recipe)),
        Err(faults) => Err(faults.into_iter().map(|fault| fault.within(&file)).collect()),
    }
}

/// The names of a folder's TOML files, sorted.
fn names(plan: &PlanFolder, folder: &str) -> Vec<String> {
    let entries = fs::read_dir(plan.path().join(folder)).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter_map(|name| name.strip_suffix(".toml").map(str::to_owned))
        .filter(|name| !name.starts_with('.'))
        .collect();
    names.sort();
    names
}

fn recipe_names(plan: &PlanFolder) -> Vec<String> {
    let entries = fs::read_dir(plan.path().join("recipes")).into_iter().flatten().flatten();
    let mut names: Vec<String> = cookbook::names().into_iter().map(str::to_owned).collect();
    names.extend(
        entries
            .filter(|entry| entry.path().join(FILE).is_file())
            .filter_map(|entry| entry.file_name().into_string().ok()),
    );
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use model::plan::draft;
    use model::plan::stead::SteadId;

    use super::*;
    use crate::git;

    #[test]
    fn services_are_read_with_their_recipes_and_a_bad_one_hides_no_other() {
        let place = tempfile::tempdir().expect("a folder");
        let path = place.path().join("s");
        let stead = SteadPlan {
            name: "mesh".to_owned(),
            id: SteadId::from_bytes([1; 16]),
            tiers: Default::default(),
            retention: Default::default(),
            targets: Default::default(),
        };
        let runko: HostName = "runko".parse().expect("a label");
        let drafts = [draft::stead(&stead), draft::host(&HostPlan::new(runko.clone()))];
        let author = git::Author { name: "el".to_owned(), address: "el@runko".to_owned() };
        let (plan, _) = PlanFolder::create(&path, &drafts, &author).expect("a plan");
        let write = |name: &str, text: &str| {
            let file = path.join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
        };
        let id = "0".repeat(32);
        let disk = "[targets.disk]\nkind = \"folder\"\npath = \"/mnt/backup\"\n";
        write("stead.toml", &format!("name = \"mesh\"\nid = \"{id}\"\n{disk}"));
        write(
            "services/www.toml",
            "recipe = \"static-site\"\nhosts = [\"runko\"]\nbackups = [\"disk\"]\n",
        );
        write("services/bad.toml", "recipe = \"statik-site\"\nhosts = [\"runko\"]\n");
        write(
            "recipes/own/recipe.toml",
            "name = \"own\"\nsummary = \"a\"\nversion = \"1\"\n[source]\ndebian = \"a\"\n",
        );
        write("services/own.toml", "recipe = \"own\"\nhosts = [\"runko\"]\n");
        let services = Services::of(&plan).expect("a stead.toml");
        let found: Vec<&str> = services.all.iter().map(|one| &one.name[..]).collect();
        assert_eq!(found, ["own", "www"]);
        assert_eq!(services.faults.len(), 1);
        assert!(services.faults[0].to_string().starts_with("services/bad.toml:1: there is no"));

        let host = super::host(&plan, &runko).expect("read").expect("there");
        assert_eq!(host.services.len(), 1, "what keeps no data is not asked for");
        assert_eq!((&host.services[0].service[..], host.unread.len()), ("www", 1));
        let scope = services.get("www").expect("there").scope(&runko).expect("filled in");
        assert_eq!(scope.paths, ["/etc/nginx/sites-available/static-site"]);
        assert_eq!(scope.units, ["nginx.service"]);
    }

    #[test]
    fn members_are_read_and_a_refused_file_is_named() {
        let place = tempfile::tempdir().expect("a folder");
        fs::write(place.path().join("stead.toml"), "").expect("written");
        let plan = PlanFolder::open(place.path()).expect("a plan");
        assert!(members(&plan).expect("none").is_empty());
        fs::create_dir(place.path().join("members")).expect("made");
        fs::write(place.path().join("members/el.toml"), "name = \"el\"\nage = 3\n")
            .expect("written");
        let error = members(&plan).expect_err("refused");
        assert!(with_causes(&error).contains("members/el.toml:2: `age` takes a list of texts"));
    }
}
