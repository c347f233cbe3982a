//! The program that asks on behalf of a person, by its PAM name.

use std::str::FromStr;

use serde::Deserialize;

/// The name of a service: 1 to 64 letters, digits and `-._+@`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Service(String);

impl FromStr for Service {
    type Err = &'static str;

    fn from_str(name: &str) -> Result<Service, &'static str> {
        let plain = name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-._+@".contains(&byte));
        if plain && (1..=64).contains(&name.len()) {
            Ok(Service(name.to_owned()))
        } else {
            Err("the name of a service has 1 to 64 letters, digits and -._+@")
        }
    }
}

impl TryFrom<String> for Service {
    type Error = &'static str;

    fn try_from(name: String) -> Result<Service, &'static str> {
        name.parse()
    }
}
