//! The registries that are asked for packages, or mirrors of them.
//!
//! Leaves out their formats, which the sources know.

/// Addresses of package registries, without a closing `/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registries {
    /// A "simple" index of Python packages (PEP 503, PEP 691).
    pub pypi: String,
    /// A registry of npm packages.
    pub npm: String,
}

impl Registries {
    /// Those of the environment, by the names that pip and npm know, else the public ones:
    /// `STEAD_PYPI_INDEX` or `PIP_INDEX_URL`, `STEAD_NPM_REGISTRY` or `npm_config_registry`.
    pub fn of_environment() -> Self {
        Self::of(|name| std::env::var(name).ok())
    }

    fn of(variable: impl Fn(&str) -> Option<String>) -> Self {
        let first = |names: [&str; 2], default: &str| {
            let found = names.into_iter().filter_map(&variable).find(|text| !text.is_empty());
            found.unwrap_or_else(|| default.to_owned()).trim_end_matches('/').to_owned()
        };
        Self {
            pypi: first(["STEAD_PYPI_INDEX", "PIP_INDEX_URL"], "https://pypi.org/simple"),
            npm: first(["STEAD_NPM_REGISTRY", "npm_config_registry"], "https://registry.npmjs.org"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_variable_comes_before_that_of_pip() {
        let both = |name: &str| match name {
            "STEAD_PYPI_INDEX" => Some("http://a/simple/".to_owned()),
            "PIP_INDEX_URL" => Some("http://b/simple".to_owned()),
            _ => None,
        };
        assert_eq!(Registries::of(both).pypi, "http://a/simple");
        assert_eq!(Registries::of(|_| None).npm, "https://registry.npmjs.org");
    }
}
