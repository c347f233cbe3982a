//! Files of `pam_u2f`: security keys, each bound to the name of its host.

use std::collections::BTreeMap;
use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::lines::Lines;
use crate::import::{Problem, ProblemCode, Settings, Stop};

pub(in crate::import) fn recognises(head: &Head<'_>) -> bool {
    let line = head.first_line();
    // A long key handle may leave no room for what follows it.
    let key = line.split(':').nth(1).unwrap_or("");
    let mut parts = key.split(',');
    let is_coded = |text: &str| {
        let is_of = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=-_*".contains(&byte);
        !text.is_empty() && text.bytes().all(is_of)
    };
    parts
        .next()
        .is_some_and(|handle| is_coded(handle) && handle.len() >= 16 || handle == "*")
        && parts.next().is_some_and(|key| is_coded(key) && key.len() >= 40)
}

/// Reads no token: the answer says how many keys each user has.
pub(in crate::import) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    let mut lines = Lines::of(input);
    let mut users: BTreeMap<String, usize> = BTreeMap::new();
    let mut more = 0_u64;
    while let Some((place, line)) = lines.next(out)? {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        // A line without keys is not repeated: it may be a secret, in a file of another format.
        let (user, keys) = line.split_once(':').unwrap_or(("", line));
        let keys = keys.split(':').filter(|key| key.contains(',')).count();
        if user.is_empty() || keys == 0 {
            let detail = "the line is no `user:key handle,public key,…` of pam_u2f";
            out.problem(Problem::at(place, ProblemCode::Syntax, detail))?;
            continue;
        }
        // A name with many letters and digits in a row may be a secret in the wrong place.
        let mut parts = user.split(|c: char| !c.is_ascii_alphanumeric());
        let is_certain = parts.all(|part| part.len() < SHORTEST_SECRET);
        let user: String = match is_certain {
            true => user.chars().filter(|c| !c.is_control()).take(LONGEST_NAME).collect(),
            false => format!("the user of {place}"),
        };
        if users.len() < MOST_USERS || users.contains_key(&user) {
            let count = users.entry(user).or_default();
            *count = count.saturating_add(keys);
        } else {
            more += 1;
        }
    }
    let mut list: Vec<String> = users.iter().map(|(user, keys)| of_user(user, *keys)).collect();
    if more > 0 {
        list.push(format!("{more} more users"));
    }
    let detail = format!(
        "security keys of pam_u2f are bound to pam://HOST and cannot move: each must be enrolled \
         again here: {}",
        list.join(", ")
    );
    out.problem(Problem::of_file(ProblemCode::FormatRefused, detail))
}

fn of_user(user: &str, keys: usize) -> String {
    match keys {
        1 => format!("{user} (1 key)"),
        keys => format!("{user} ({keys} keys)"),
    }
}

/// Characters of the base32 form of the shortest secret.
const SHORTEST_SECRET: usize = 16;

/// Users that the answer names.
const MOST_USERS: usize = 1_000;

/// Characters of a name in the answer.
const LONGEST_NAME: usize = 128;
