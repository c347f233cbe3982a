//! `twostep key doctor` reports faults without privileges.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::guest::{Agent, Case, Key, Outcome, Place, Ran, Wire, ours, run, run_as, start};

fn doctor() -> Result<Ran, String> {
    start(Command::new(ours("twostep")).args(["key", "doctor"]), "")?.end(LIMIT)
}

fn no_key() -> Outcome {
    doctor()?.with_code(4)?.saying("no security key is plugged in").map(drop)
}

fn healthy() -> Outcome {
    let key = Key::plug(Wire::Usb(0), "DOC-1", &["--product", "Golden Key"])?;
    doctor()?
        .done()?
        .saying("Golden Key")?
        .saying(&key.node()?)?
        .saying("no PIN set")?;
    run(&["fido2-token", "-S", &key.node()?], "271828\n271828\n", LIMIT)?.done()?;
    doctor()?.done()?.saying("PIN set, 8 tries left").map(drop)
}

fn healthy_u2f_only() -> Outcome {
    let _key = Key::plug(Wire::Uhid, "DOC-2", &["--u2f-only"])?;
    doctor()?.done()?.saying("U2F").map(drop)
}

fn no_permission() -> Outcome {
    let key = Key::plug(Wire::Usb(0), "DOC-3", &[])?;
    let ran = run_as(ANN, &["/bin/twostep", "key", "doctor"], LIMIT)?;
    ran.with_code(1)?.saying("is not open to you")?.saying(&key.node()?).map(drop)
}

fn udev_recognizes_the_key() -> Outcome {
    let key = Key::plug(Wire::Uhid, "DOC-4", &[])?;
    run(&["/bin/udevadm", "settle", "--timeout=10"], "", LIMIT)?.done()?;
    let node = key.node()?;
    run(&["/bin/udevadm", "info", "--query=property", &node], "", LIMIT)?
        .done()?
        .saying("ID_SECURITY_TOKEN=1")?;
    let ran = run_as(ANN, &["/bin/twostep", "key", "doctor"], LIMIT)?;
    ran.with_code(1)?.saying("logged in").map(drop)
}

fn held_by_another_process() -> Outcome {
    let key = Key::plug(Wire::Uhid, "DOC-5", &["--touch", "manual"])?;
    fs::write(
        "/tmp/doctor.in",
        "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nexample.org\nann\nYW5u\n",
    )
    .map_err(|error| error.to_string())?;
    let other =
        start(Command::new("fido2-cred").args(["-M", "-i", "/tmp/doctor.in", &key.node()?]), "")?;
    key.blinking()?;
    doctor()?.with_code(1)?.saying("busy")?.saying("fido2-cred")?;
    drop(other);
    Ok(())
}

fn blocked() -> Outcome {
    let key = Key::plug(Wire::Uhid, "DOC-6", &[])?;
    run(&["fido2-token", "-S", &key.node()?], "271828\n271828\n", LIMIT)?.done()?;
    let agent = Agent::start("user_verification = \"required\"")?;
    for round in 0..8 {
        if round == 3 {
            doctor()?.with_code(1)?.saying("takes no PIN")?;
        }
        if round > 0 && round % 3 == 0 {
            key.tell("replug")?;
            key.node()?;
        }
        agent.twostep_typing(&["key", "enroll", "--account", "ann", "--wait", "10"], "000000\n")?;
    }
    key.tell("replug")?;
    key.node()?;
    doctor()?.with_code(1)?.saying("its PIN is blocked").map(drop)
}

/// Names reported by a key must not reach the terminal unescaped, nor a shell.
fn names_with_escapes() -> Outcome {
    let names = [
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "$(touch /tmp/owned)`touch /tmp/owned`",
        "%s%n\u{202e}evil\u{2028}",
        &"A".repeat(4_096),
    ];
    for (number, name) in names.iter().enumerate() {
        let wire = if number % 2 == 0 { Wire::Uhid } else { Wire::Usb(0) };
        let _key =
            Key::plug(wire, &format!("DOC-7{number}"), &["--product", name, "--vendor", name])?;
        for words in [
            &["/bin/twostep", "key", "doctor"][..],
            &["/bin/twostep", "key", "list"],
            &["/bin/twostep", "--json", "key", "list"],
        ] {
            let ran = run(words, "", LIMIT)?.done()?;
            let printed = format!("{}{}", ran.stdout, ran.stderr);
            let dangerous = |c: char| {
                (c.is_control() && c != '\n')
                    || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}')
            };
            if printed.contains(dangerous) {
                return Err(format!("{words:?} printed {printed:?}"));
            }
            if printed.len() > 10_000 {
                return Err(format!("{words:?} printed {} bytes", printed.len()));
            }
        }
    }
    (!fs::exists("/tmp/owned").unwrap_or(true))
        .then_some(())
        .ok_or_else(|| "a name was run".to_owned())
}

pub(super) const CASES: &[Case] = &[
    Case::new("doctor.no-key", no_key),
    Case::new("doctor.healthy", healthy),
    Case::new("doctor.healthy-u2f-only", healthy_u2f_only),
    Case::new("doctor.no-permission", no_permission),
    Case::new("doctor.no-permission-with-udev", no_permission).on(Place::Udev),
    Case::new("doctor.udev-recognizes-the-key", udev_recognizes_the_key).on(Place::Udev),
    Case::new("doctor.held-by-another-process", held_by_another_process),
    Case::new("doctor.blocked", blocked).within(120),
    Case::new("doctor.names-with-escapes", names_with_escapes),
];

const LIMIT: Duration = Duration::from_secs(40);

/// An unprivileged user.
const ANN: u32 = 1000;
