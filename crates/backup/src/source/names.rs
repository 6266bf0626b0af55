//! Names of users and groups, from `/etc/passwd` and `/etc/group`.
//!
//! Leaves out directories of users on other machines: such an owner is kept as a number.

use std::collections::HashMap;
use std::fs;

/// Numbers and names, both ways.
#[derive(Debug, Default)]
pub struct Names {
    users: HashMap<u32, String>,
    groups: HashMap<u32, String>,
    user_numbers: HashMap<String, u32>,
    group_numbers: HashMap<String, u32>,
}

impl Names {
    pub fn of_this_machine() -> Self {
        let read = |path| fs::read(path).map(|text| String::from_utf8_lossy(&text).into_owned());
        Self::parse(
            &read("/etc/passwd").unwrap_or_default(),
            &read("/etc/group").unwrap_or_default(),
        )
    }

    /// Reads the two files' text; of two lines for one number or name the first counts.
    pub fn parse(passwd: &str, group: &str) -> Self {
        let mut names = Self::default();
        for (name, number) in lines(passwd) {
            names.users.entry(number).or_insert_with(|| name.to_owned());
            names.user_numbers.entry(name.to_owned()).or_insert(number);
        }
        for (name, number) in lines(group) {
            names.groups.entry(number).or_insert_with(|| name.to_owned());
            names.group_numbers.entry(name.to_owned()).or_insert(number);
        }
        names
    }

    pub fn user(&self, number: u32) -> Option<&str> {
        self.users.get(&number).map(String::as_str)
    }

    pub fn group(&self, number: u32) -> Option<&str> {
        self.groups.get(&number).map(String::as_str)
    }

    pub fn user_number(&self, name: &str) -> Option<u32> {
        self.user_numbers.get(name).copied()
    }

    pub fn group_number(&self, name: &str) -> Option<u32> {
        self.group_numbers.get(name).copied()
    }
}

/// `name:x:number:…`, as passwd(5) and group(5) have it.
fn lines(text: &str) -> impl Iterator<Item = (&str, u32)> {
    text.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, number) = (fields.next()?, fields.nth(1)?);
        Some((name, number.parse().ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_names_and_names_numbers() {
        let names =
            Names::parse("root:x:0:0:root:/root:/bin/sh\nel:x:1000:1000::/:\n", "adm:x:4:el\n");
        assert_eq!(names.user(1000), Some("el"));
        assert_eq!(names.user_number("root"), Some(0));
        assert_eq!(names.group(4), Some("adm"));
        assert_eq!(names.group_number("wheel"), None);
    }
}
