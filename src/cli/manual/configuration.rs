//! twostep.toml(5), from the commented example of the configuration.

use crate::agent::config::reference;
use crate::agent::config::reference::{Group, Value};
use crate::cli::manual::roff::Page;

pub(super) fn page() -> String {
    let mut page = Page::new("twostep.toml", 5);
    page.name("twostep.toml", "configuration of the twostep agent");
    page.section("SYNOPSIS");
    page.paragraph("/etc/twostep/twostep.toml");
    page.paragraph("~/.config/twostep/twostep.toml");
    page.section("DESCRIPTION");
    page.paragraph(
        "One TOML file, of the system's agent or of a user's own. Every key has a default, and an \
         unknown key is refused. Relative paths begin where the file is. SIGHUP reloads the \
         certificate and the sealing keys; all other keys are read at the start.",
    );
    page.paragraph(
        "twostep config check names every problem of a file and changes nothing. twostep config \
         example prints a file in which every default is a comment.",
    );
    for table in reference::tables() {
        page.section(match table.heading.as_str() {
            "" => "BEFORE THE FIRST TABLE",
            heading => heading,
        });
        if !table.text.is_empty() {
            page.paragraph(&table.text);
        }
        table.groups.iter().for_each(|group| keys(&mut page, group));
    }
    page.section("FILES");
    page.item("/etc/twostep/twostep.toml", "Of the system's agent.");
    page.item("~/.config/twostep/twostep.toml", "Of a user's own agent.");
    page.section("ENVIRONMENT");
    page.item("TWOSTEP_SOCKET", "Wins over path in [socket].");
    page.item(
        "STATE_DIRECTORY, RUNTIME_DIRECTORY, CREDENTIALS_DIRECTORY",
        "What systemd hands to the agent: the places of store, sockets and sealing key, where the \
         file names none.",
    );
    page.section("EXAMPLES");
    page.example("An agent for a web site whose users sign in at one page:", EXAMPLE);
    page.see_also(&[
        ("twostep".to_owned(), 1),
        ("twostep-config".to_owned(), 1),
        ("twostep".to_owned(), 7),
    ]);
    page.finish()
}

fn keys(page: &mut Page, group: &Group) {
    let keys: Vec<String> = group
        .keys
        .iter()
        .map(|key| match &key.value {
            Value::Default(value) => format!("{} = {value}", key.name),
            Value::Example(value) => format!("{} (for example {value})", key.name),
        })
        .collect();
    page.item(&keys.join(", "), &group.text);
}

const EXAMPLE: &str = "\
issuer = \"https://mfa.example.com\"
rp_id = \"example.com\"
origins = [\"https://login.example.com\"]

[[peer]]
user = \"www-data\"
role = \"verifier\"

[policy.payments]
max_age = 900
phishing_resistant = true";
