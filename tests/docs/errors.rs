//! The reference of errors, from the enums of the contract and of the modules.

use twostep::wire::{ProblemCode, Reason};

use super::generated::{GENERATED, assert_written};
use super::read;

const INTRODUCTION: &str = include_str!("errors.md");

/// Enums whose messages say what helps: heading, introduction, file, name.
const ENUMS: [(&str, &str, &str, &str); 7] = [
    (
        "Security keys",
        "Said by `twostep key`, `twostep login --key` and the PAM module.",
        "src/usb/error.rs",
        "Error",
    ),
    (
        "The configuration",
        "`twostep config check` says the same without starting anything.",
        "src/agent/config/load.rs",
        "ConfigError",
    ),
    (
        "The start of the agent",
        "Said in the log, before the agent ends. `twostep doctor` looks for the cause.",
        "src/agent/error.rs",
        "Error",
    ),
    (
        "The store",
        "Said by the agent at its start, and by `twostep store`.",
        "src/store/open_error.rs",
        "OpenError",
    ),
    (
        "A session that a service refuses",
        "In the debug events of a guard, and from `Validator::validate`. The client is told that \
         the session is not valid, and no more.",
        "src/session/invalid.rs",
        "Invalid",
    ),
    (
        "A file of public keys",
        "From `JwkSet::from_json`. `twostep session keys export` prints such a file.",
        "src/session/key_error.rs",
        "KeyError",
    ),
    (
        "The list of revocations",
        "From a service that follows the agent.",
        "src/session/revocations.rs",
        "BadList",
    ),
];

#[test]
fn the_reference_of_errors_has_every_error_with_its_remedy() {
    let codes: String = ProblemCode::KNOWN
        .iter()
        .map(|code| row(&[&format!("`{code}`"), code.meaning(), after_code(code)]))
        .collect();
    let reasons: String = Reason::KNOWN
        .iter()
        .map(|reason| row(&[&format!("`{reason}`"), reason.meaning(), after_reason(reason)]))
        .collect();
    let mut page = format!(
        "{GENERATED}\n{INTRODUCTION}\n## Codes of HTTP\n\nThe member `code` of a problem document \
         (RFC 9457).\n\n| code | means | next |\n|---|---|---|\n{codes}\n## Reasons\n\nThe member \
         `reason`, for callers that may know it: administrators, callers with `explain`, and a \
         person about the account of their own login name. All others see the same refusal in \
         each case.\n\n| reason | means | next |\n|---|---|---|\n{reasons}"
    );
    for (heading, about, file, name) in ENUMS {
        let variants = variants(&read(file), name);
        assert!(variants.len() > 2, "{file}: {variants:?}");
        let rows: String = variants
            .iter()
            .map(|Variant { says, means, .. }| row(&[&plain(says), &plain(means)]))
            .collect();
        page += &format!("\n## {heading}\n\n{about}\n\n| message | means |\n|---|---|\n{rows}");
    }
    assert_written("docs/src/reference/errors.md", &page);
}

fn row(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| cell.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

fn plain(text: &str) -> String {
    text.replace('<', "&lt;").replace('*', "\\*").replace('[', "\\[")
}

fn after_code(code: &ProblemCode) -> &'static str {
    use ProblemCode::*;
    match code {
        InvalidInput => "correct the member that `detail` names; nothing was counted or changed",
        Unauthorized => "send an API key that was not revoked: `Authorization: Bearer KEY`",
        AccessDenied => {
            "another code, or the next step of the reason; of a role that is too low: a `[[peer]]` \
             table or an API key with the role that `detail` names"
        }
        InvalidAuthenticationCode => "wait for a new code, then send that one and the next",
        NoSuchEntity => "see what there is: `twostep device list`, `twostep account list`",
        EntityAlreadyExists => "another serial number or secret; or remove the device that has it",
        LimitExceeded => "remove a device that is not used, or raise `devices_per_account`",
        ConcurrentModification => "send the same request again",
        EntityTemporarilyUnmodifiable => "see the device's state, which `detail` names",
        Throttled => "wait as long as `Retry-After` says",
        ServiceUnavailable => "wait as long as `Retry-After` says; `twostep doctor` on its machine",
        ServiceFailure => "the agent's log says more; please report it",
        other => panic!("{other}: say what helps"),
    }
}

fn after_reason(reason: &Reason) -> &'static str {
    use Reason::*;
    const OTHER_KEY: &str = "use a key that is enrolled for this account, on the agent's own site";
    const PAGE: &str = "a fault of the page or its library: `rp_id` and `origins` must be its own";
    match reason {
        NoMatch => "type the code that shows now; two consecutive codes find a drifted device",
        Replayed => "use the next code that the device shows",
        Throttled => "wait, or give two consecutive codes: `twostep login --resync`",
        PairsSpent => "wait for an hour, or ask an administrator: `twostep device unlock SERIAL`",
        Locked => "two consecutive codes, or an administrator: `twostep device unlock SERIAL`",
        OutOfSync => "two consecutive codes: `twostep login --resync`",
        UnknownDevice => "see which there are: `twostep device list --account NAME`",
        SeveralDevices => "say which: `--serial SERIAL`",
        NotActive => "activate it by two consecutive codes: `twostep device activate SERIAL`",
        ClockWentBack => "wait until the device's clock has caught up, or add it with a new secret",
        MfaRequired => "open a session and show it: `twostep --mfa-context FILE …`",
        KeyNotRegistered | CredentialType | CredentialNotAllowed | UserHandle => OTHER_KEY,
        NoCeremony => "begin again; a ceremony lasts five minutes and ends with its first answer",
        AuthenticatorData | ClientData | ClientDataType | Challenge | Origin | CrossOrigin
        | RpId => PAGE,
        UserPresence => "touch the key while it blinks",
        UserVerification => "give the key's PIN or finger; `twostep key pin set` sets a PIN",
        BackupFlags | Signature => "try again; if it stays, enrol the key anew",
        SignCount => "the key may have a copy: deactivate it, and enrol another one",
        ModelWithdrawn => "enrol a key of another model",
        Clock => "set the clock of the agent's machine right; `twostep clock accept` if it is",
        Store => "see to the disk of the store: `twostep doctor`",
        StoreWentBack => "put the newest store back, or prepare the older: `twostep store restore`",
        Restored => "look at devices and API keys, then: `twostep store restore --accept`",
        Key => "put the missing sealing key into the key file, then reload the agent",
        other => panic!("{other}: say what helps"),
    }
}

/// A variant of an enum of errors, read from its source.
#[derive(Debug, Default)]
struct Variant {
    means: String,
    says: String,
}

fn variants(source: &str, name: &str) -> Vec<Variant> {
    let (_, body) = source.split_once(&format!("pub enum {name} {{\n")).unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let (mut found, mut means, mut error) = (Vec::new(), String::new(), None::<String>);
    for line in body.lines() {
        let bare = line.trim();
        if let Some(open) = error.as_mut().filter(|open| !open.ends_with(")]")) {
            *open += bare;
            *open += if bare.ends_with('\\') { "" } else { "\n" };
            *open = open.trim_end_matches('\n').to_owned();
        } else if let Some(text) = bare.strip_prefix("#[error(") {
            error = Some(text.to_owned());
        } else if line.starts_with("    ///") {
            means += bare.trim_start_matches('/');
        } else if line.starts_with("    ")
            && !line.starts_with("     ")
            && bare.starts_with(char::is_uppercase)
        {
            let says = message(&error.take().unwrap_or_default());
            found.push(Variant { means: std::mem::take(&mut means).trim().to_owned(), says });
        }
    }
    found
}

/// The text of an attribute `error`, with a mark in place of what is filled in.
fn message(attribute: &str) -> String {
    let Some(text) = attribute.split('"').nth(1) else {
        return "(the message of its cause)".to_owned();
    };
    let mut said = String::new();
    for (number, part) in text.replace("\\n", " ").replace('\\', " ").split(['{', '}']).enumerate()
    {
        said += if number % 2 == 0 { part } else { "…" };
    }
    match said.split_whitespace().collect::<Vec<_>>().join(" ") {
        nothing if nothing == "…" => "(the message of its cause)".to_owned(),
        said => said,
    }
}
