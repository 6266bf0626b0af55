//! `members/<name>.toml`: a person, their roles and their devices.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::member_name::MemberName;
use crate::plan::error::Error;
use crate::plan::reading::{fault, read};
use crate::recipe::fault::Fault;

/// The whole file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemberPlan {
    /// As the file's name has it.
    #[schemars(with = "String")]
    pub name: MemberName,
    #[serde(default)]
    pub roles: Vec<String>,
    #[serde(default)]
    pub devices: Vec<Device>,
    /// Public keys of age, `age1…`: what is encrypted to them, this member can open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub age: Vec<String>,
}

/// A key of a member's on one machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The machine it is on.
    pub name: String,
    /// An Ed25519 public key, 64 hexadecimal digits.
    pub key: String,
}

impl MemberPlan {
    /// Where it stands in the plan's folder.
    pub fn file(name: &MemberName) -> String {
        format!("members/{name}.toml")
    }

    /// Reads the text of `members/<name>.toml`.
    pub fn parse(name: &str, text: &str) -> Result<Self, Error> {
        let file = format!("members/{name}.toml");
        let (plan, lines) = read::<Self>(&file, text)?;
        let mut faults: Vec<Fault> = Vec::new();
        if plan.name.as_str() != name {
            let message = format!("it is about a member of another name: `{}`", plan.name);
            faults.push(fault(&file, &lines, "name", &message).hint(&format!("write `{name}`")));
        }
        for (number, key) in plan.age.iter().enumerate() {
            let Some((message, hint)) = wrong(key) else { continue };
            faults.push(fault(&file, &lines, &format!("age[{number}]"), message).hint(hint));
        }
        if faults.is_empty() { Ok(plan) } else { Err(faults.into()) }
    }
}

/// What is wrong with a public key, and the way out. That its sum is right is `backup`'s to see.
fn wrong(key: &str) -> Option<(&'static str, &'static str)> {
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if key.to_uppercase().starts_with("AGE-SECRET-KEY") {
        Some((
            "this is a secret key of age, not a public one",
            "take it out of the plan and its history, make a new one, and write its public half",
        ))
    } else if key.len() == 62 && key.starts_with("age1") && digits(key) {
        None
    } else {
        Some((
            "this is no public key of age",
            "`age-keygen -y FILE` prints it: `age1` and 58 letters and digits",
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

    #[test]
    fn a_member_may_have_keys_of_age_and_never_a_secret_one() {
        let text = |key: &str| format!("name = \"el\"\nage = [\n  \"{key}\",\n]\n");
        let plan = MemberPlan::parse("el", &text(KEY)).expect("good");
        assert_eq!(plan.age, [KEY]);
        let secret = format!("AGE-SECRET-KEY-1{}", "Q".repeat(58));
        let said = MemberPlan::parse("el", &text(&secret)).expect_err("secret").to_string();
        assert!(said.starts_with("members/el.toml:3: this is a secret key of age"), "{said}");
        assert!(!said.contains("QQQ"), "{said}");
        let said = MemberPlan::parse("el", &text("age1abc")).expect_err("short").to_string();
        assert!(said.contains("members/el.toml:3: this is no public key of age"), "{said}");
        let said = MemberPlan::parse("al", &text(KEY)).expect_err("other").to_string();
        assert!(said.contains("members/al.toml:1: it is about a member of another name"), "{said}");
    }
}
