//! twostep(7): what the parts are, and where to begin.

use crate::cli::manual::roff::Page;
use crate::cli::manual::shared;

pub(super) fn page() -> String {
    let mut page = Page::new("twostep", 7);
    page.name("twostep", "multi-factor verification: concepts and first steps");
    page.section("DESCRIPTION");
    for paragraph in DESCRIPTION {
        page.paragraph(paragraph);
    }
    page.section("CONCEPTS");
    CONCEPTS.iter().for_each(|(term, text)| page.item(term, text));
    page.section("FILES");
    shared::FILES.iter().for_each(|(name, text)| page.item(name, text));
    page.section("ENVIRONMENT");
    shared::ENVIRONMENT.iter().for_each(|(name, text)| page.item(name, text));
    page.section("EXAMPLES");
    FIRST_STEPS
        .iter()
        .for_each(|(purpose, commands)| page.example(purpose, commands));
    page.see_also(&[
        ("twostep".to_owned(), 1),
        ("twostep.toml".to_owned(), 5),
        ("pam_twostep".to_owned(), 8),
    ]);
    page.finish()
}

const DESCRIPTION: [&str; 3] = [
    "twostep verifies one-time codes of hardware tokens and authenticator apps, recovery codes and \
     security keys, and issues sessions: short-lived signed tokens that any service validates \
     offline.",
    "The agent, twostep-agent(1), is the only program that opens the store. Its callers are known \
     by their Unix user or their API key, and are verifier, enroller or admin. The other commands \
     ask it over its Unix socket.",
    "Codes and secrets are typed at a prompt, or read from standard input one a line; they are \
     never arguments.",
];

const CONCEPTS: [(&str, &str); 9] = [
    ("account", "The name of a person, as your directory has it. The first factor is yours."),
    (
        "device",
        "One authenticator of one account, named by its serial number: pending until two \
         consecutive codes activate it, then active; locked after twenty wrong codes in a row; \
         disabled when it was deactivated.",
    ),
    (
        "code",
        "A position, not a text: a time step or a counter. Positions up to the highest one used \
         are spent for good, so that a code works once.",
    ),
    (
        "drift",
        "The offset of a token's clock, which the agent learns and shows. Two consecutive codes \
         find a clock that jumped: resync.",
    ),
    (
        "throttle",
        "After three wrong codes each further attempt waits, from 30 seconds up to an hour.",
    ),
    (
        "session",
        "A signed token for one audience, which says that MFA was proved, by whom, when and how. A \
         session without MFA has another type.",
    ),
    ("policy", "What a place demands of a session: its age, its kind, a touch, a PIN."),
    (
        "protected account",
        "From its first activated device on, devices are added and removed with a fresh session of \
         the owner, or by an administrator.",
    ),
    ("audit log", "Every decision, in rows that are chained by hashes."),
];

const FIRST_STEPS: [(&str, &str); 4] = [
    ("A tour in one process:", "twostep demo"),
    (
        "From the package to a session:",
        "systemctl enable --now twostep\ntwostep device add --account alice\ntwostep device \
         activate SERIAL\ntwostep login --account alice",
    ),
    ("The faults of an installation, with remedies:", "twostep doctor"),
    ("A service that validates offline:", "twostep session keys export > jwks.json"),
];
