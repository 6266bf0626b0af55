//! Which version of a package a lock file pins.
//!
//! Leaves out what else a lock has, which the source reads that is built from it.

/// The version of an npm package in a `package-lock.json` (version 2 or 3).
pub fn npm(text: &str, package: &str) -> Option<String> {
    let read: serde_json::Value = serde_json::from_str(text).ok()?;
    let version = read["packages"][format!("node_modules/{package}")]["version"].as_str();
    version.map(str::to_owned)
}

/// One line of a `requirements.txt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// As the index compares names: `matrix-synapse`.
    pub name: String,
    pub version: String,
    /// Whether a SHA-256 goes with it.
    pub hashed: bool,
}

/// What a `requirements.txt` pins by `name==version`.
pub fn requirements(text: &str) -> Vec<Requirement> {
    // A line that ends with a backslash goes on in the next.
    let joined = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let (name, rest) = line.split_once("==")?;
            let version = rest.split([' ', ';']).next().unwrap_or_default();
            Some(Requirement {
                name: normal(name.split('[').next().unwrap_or(name).trim()),
                version: version.to_owned(),
                hashed: rest.contains("--hash=sha256:"),
            })
        })
        .collect()
}

/// The version of a Python package in a `requirements.txt`.
pub fn pypi(text: &str, package: &str) -> Option<String> {
    let wanted = normal(package);
    let found = requirements(text).into_iter().find(|one| one.name == wanted);
    found.map(|one| one.version)
}

/// A Python package's name as the index compares it (PEP 503).
fn normal(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}
