//! Rules about `[source]`.
//!
//! Leaves out what is fetched.

use crate::recipe::lint::scope::{Scope, is_package};
use crate::recipe::lock;
use crate::recipe::source::{Error, Kind};

/// The architectures that packages are built for.
pub const ARCHITECTURES: [&str; 4] = ["amd64", "arm64", "armhf", "i386"];

/// Judges the source.
pub fn judge(scope: &mut Scope<'_>) {
    let source = &scope.recipe.source;
    for error in source.faults() {
        let key = format!("source.{}", error.key());
        let hint = match error {
            Error::None => "`debian = \"nginx\"` takes a package of Debian as it is",
            Error::Several { .. } => "a second source wants a recipe of its own",
            Error::Missing { .. } => "",
            Error::Foreign { .. } => "leave it out",
        };
        scope.fault(key.trim_end_matches('.'), &error.to_string(), hint);
    }
    if let Some(into) = &source.into {
        scope.path("source.into", into);
    }
    for (name, list) in [("include", &source.include), ("exclude", &source.exclude)] {
        for (number, pattern) in list.iter().enumerate() {
            let outside = pattern.starts_with('/') || pattern.split('/').any(|part| part == "..");
            if pattern.is_empty() || outside {
                let key = format!("source.{name}[{number}]");
                let message = format!("`{pattern}` matches nothing of the tree");
                scope.fault(&key, &message, "write names within the tree, as `bin/*`");
            }
        }
    }
    for (number, command) in source.build.iter().enumerate() {
        if command.trim().is_empty() {
            let key = format!("source.build[{number}]");
            scope.fault(&key, "the command is empty", "leave it out");
        }
    }
    match source.kind() {
        Ok(Kind::Debian { package }) => package_name(scope, "source.debian", package),
        Ok(Kind::Url { url, sha256 }) => {
            address(scope, "source.url", url);
            sum(scope, "source.sha256", sha256);
        }
        Ok(Kind::UrlPerArchitecture { urls }) => {
            for (architecture, pinned) in urls {
                let key = format!("source.urls.{architecture}");
                per_architecture(scope, &key, architecture);
                address(scope, &format!("{key}.url"), &pinned.url);
                sum(scope, &format!("{key}.sha256"), &pinned.sha256);
            }
            for (number, wanted) in scope.recipe.package.architectures.iter().enumerate() {
                if wanted != "all" && !urls.contains_key(wanted) {
                    let key = format!("package.architectures[{number}]");
                    let message = format!("`{wanted}` has no address under `[source.urls]`");
                    let hint = format!("add `[source.urls.{wanted}]`, or leave `{wanted}` out");
                    scope.fault(&key, &message, &hint);
                }
            }
        }
        Ok(Kind::Npm { package, lock }) => npm(scope, package, lock),
        Ok(Kind::Pypi { package, lock, python }) => pypi(scope, package, lock, python),
        Ok(Kind::Git { repository, commit }) => {
            address(scope, "source.git", repository);
            if !matches!(commit.len(), 40 | 64) || !hexadecimal(commit) {
                let message = format!("`{commit}` is no full commit");
                let hint = "branches and tags move: `git rev-parse TAG^{commit}` prints it";
                scope.fault("source.commit", &message, hint);
            }
        }
        Ok(Kind::Files { folder }) => {
            let folder = folder.trim_end_matches('/');
            let below = format!("{folder}/");
            if !scope.folder.files.keys().any(|name| name.starts_with(&below)) {
                let message = format!("the recipe's folder has no folder `{folder}` with files");
                scope.fault("source.files", &message, "make it, beside recipe.toml");
            }
        }
        Err(_) => {}
    }
}

fn per_architecture(scope: &mut Scope<'_>, key: &str, architecture: &str) {
    let architectures = &scope.recipe.package.architectures;
    if !ARCHITECTURES.contains(&architecture) {
        let message = format!("`{architecture}` is no architecture that is built for");
        scope.fault(key, &message, &format!("there are: {}", ARCHITECTURES.join(", ")));
    } else if !architectures.iter().any(|one| one == architecture) {
        let message = format!("`{architecture}` is not among the package's architectures");
        let hint = "write `architectures = [\"amd64\", …]` under `[package]`";
        scope.fault(key, &message, hint);
    }
}

fn package_name(scope: &mut Scope<'_>, key: &str, package: &str) {
    if !is_package(package) {
        let message = format!("`{package}` is no name of a Debian package");
        scope.fault(key, &message, "`apt search WORD` finds names");
    } else if package == scope.recipe.name {
        let message =
            format!("the recipe is called as Debian's package `{package}`, which it needs");
        scope.fault("name", &message, &format!("call it `our-{package}`"));
    }
}

fn address(scope: &mut Scope<'_>, key: &str, url: &str) {
    let scheme = ["https://", "http://", "file:///"].iter().find_map(|one| url.strip_prefix(one));
    let good =
        scheme.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_graphic()));
    if !good {
        let message = format!("`{url}` is no address that can be fetched");
        scope.fault(key, &message, "write `https://…`");
    } else if url.contains('@') && url.split('/').nth(2).is_some_and(|host| host.contains('@')) {
        let hint = "a recipe is read by everybody: leave the password out";
        scope.fault(key, "the address has a user's name or password in it", hint);
    }
}

fn sum(scope: &mut Scope<'_>, key: &str, sum: &str) {
    if sum.len() != 64 || !hexadecimal(sum) {
        let message = format!("`{sum}` is no SHA-256: it has 64 digits of `0–9a–f`");
        scope.fault(key, &message, "`sha256sum FILE` prints it");
    }
}

fn hexadecimal(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

fn npm(scope: &mut Scope<'_>, package: &str, lock: &str) {
    let name = package.strip_prefix('@').unwrap_or(package);
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._~/".contains(&b);
    if name.is_empty() || !name.bytes().all(plain) || name.matches('/').count() > 1 {
        let message = format!("`{package}` is no name of an npm package");
        scope.fault("source.npm", &message, "the version belongs into `version`");
    }
    let folder = scope.folder;
    let Some(bytes) = folder.files.get(lock) else {
        scope.absent("source.lock", lock);
        return;
    };
    let hint = "`npm install --package-lock-only` writes it";
    let Ok(read) = serde_json::from_slice::<serde_json::Value>(bytes) else {
        scope.fault("source.lock", &format!("`{lock}` is no JSON"), hint);
        return;
    };
    if !matches!(read["lockfileVersion"].as_u64(), Some(2 | 3)) {
        let message = format!("`{lock}` is no package-lock.json of version 2 or 3");
        scope.fault("source.lock", &message, hint);
        return;
    }
    match read["packages"][format!("node_modules/{package}")]["version"].as_str() {
        Some(version) => same_version(scope, lock, package, version),
        None => {
            let message = format!("`{lock}` does not have the package `{package}`");
            let hint = format!("`npm install --package-lock-only {package}` adds it");
            scope.fault("source.lock", &message, &hint);
        }
    }
}

fn pypi(scope: &mut Scope<'_>, package: &str, name: &str, python: &str) {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    if package.is_empty() || !package.bytes().all(plain) {
        let message = format!("`{package}` is no name of a Python package");
        scope.fault("source.pypi", &message, "versions go into `version`, extras into `extras`");
    }
    let minor = python.strip_prefix("3.").and_then(|minor| minor.parse::<u8>().ok());
    if minor.is_none() {
        let message = format!("`{python}` is no Python of Debian");
        scope.fault("source.python", &message, "bookworm has `3.11`, trixie `3.13`");
    }
    let folder = scope.folder;
    let Some(bytes) = folder.files.get(name) else {
        scope.absent("source.lock", name);
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    let hint = "`pip-compile --generate-hashes` or `uv pip compile --generate-hashes` writes it";
    if let Some(bare) = lock::requirements(&text).iter().find(|one| !one.hashed) {
        let message = format!("`{name}` pins `{}` without a hash", bare.name);
        scope.fault("source.lock", &message, hint);
        return;
    }
    match lock::pypi(&text, package) {
        Some(version) => same_version(scope, name, package, &version),
        None => {
            let message = format!("`{name}` does not pin the package `{package}`");
            scope.fault("source.lock", &message, hint);
        }
    }
}

fn same_version(scope: &mut Scope<'_>, lock: &str, package: &str, version: &str) {
    let own = &scope.recipe.version;
    // `1.0rc1` of an index is `1.0~rc1` of Debian.
    if own.replace('~', "") != version.replace('~', "") && own.replace('~', "-") != version {
        let message = format!("the version is `{own}`, but `{lock}` has {package} {version}");
        scope.fault("version", &message, &format!("write `{version}`, or make the lock again"));
    }
}
