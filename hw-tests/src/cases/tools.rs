//! The bench is faithful: Debian's own programs for security keys drive the virtual ones.

use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::guest::{Case, Key, Outcome, Ran, Wire, run, start};

fn list_shows_names_of_keys() -> Outcome {
    let names =
        ["--vendor", "Acme Ltd", "--product", "Golden Key", "--vid", "1050", "--pid", "0407"];
    let usb = Key::plug(Wire::Usb(0), "USB-1", &names)?;
    let uhid = Key::plug(Wire::Uhid, "UHID-1", &names)?;
    let listed = run(&["fido2-token", "-L"], "", LIMIT)?.done()?;
    let expected = format!("{}: vendor=0x1050, product=0x0407 (Acme Ltd Golden Key)", usb.node()?);
    listed
        .saying(&expected)?
        .saying(&format!("{}: vendor=0x1050, product=0x0407", uhid.node()?))?;
    Ok(())
}

fn registers_and_asserts(wire: Wire, key: &[&str], flags: &[&str]) -> Outcome {
    let key = Key::plug(wire, "TOOLS-1", key)?;
    let info = run(&["fido2-token", "-I", &key.node()?], "", LIMIT)?;
    println!("{}", info.stdout);
    let credential = make_credential(&key, flags, "")?;
    get_assertion(&key, &credential, flags, "")?;
    Ok(())
}

fn sets_and_uses_a_pin(wire: Wire) -> Outcome {
    let key = Key::plug(wire, "TOOLS-2", &[])?;
    let node = key.node()?;
    run(&["fido2-token", "-S", &node], "123456\n123456\n", LIMIT)?.done()?;
    run(&["fido2-token", "-I", &node], "", LIMIT)?
        .done()?
        .saying("pin retries: 8")?;
    let refused = run(&["fido2-cred", "-M", "-v", "-i", &parameters()?, &node], "654321\n", LIMIT)?;
    refused.with_code(1)?;
    run(&["fido2-token", "-I", &node], "", LIMIT)?
        .done()?
        .saying("pin retries: 7")?;
    let credential = make_credential(&key, &["-v"], "123456\n")?;
    get_assertion(&key, &credential, &["-v"], "123456\n")?;
    Ok(())
}

fn touch_denied() -> Outcome {
    let key = Key::plug(Wire::Uhid, "TOOLS-3", &["--touch", "deny"])?;
    run(&["fido2-cred", "-M", "-i", &parameters()?, &key.node()?], "", LIMIT)?
        .with_code(1)?
        .saying("FIDO_ERR_OPERATION_DENIED")?;
    Ok(())
}

fn unplugged_in_a_wait(wire: Wire) -> Outcome {
    let key = Key::plug(wire, "TOOLS-4", &["--touch", "manual"])?;
    let waiting =
        start(Command::new("fido2-cred").args(["-M", "-i", &parameters()?, &key.node()?]), "")?;
    key.blinking()?;
    key.tell("unplug")?;
    waiting.end(Duration::from_secs(5))?.with_code(1)?;
    key.gone()?;
    key.tell("replug")?;
    key.node()?;
    key.tell("finger auto")?;
    make_credential(&key, &[], "").map(drop)
}

fn four_keys_at_once() -> Outcome {
    let wires = [Wire::Usb(0), Wire::Usb(1), Wire::Uhid, Wire::Uhid];
    let keys: Result<Vec<Key>, String> = wires
        .iter()
        .zip(["A-1", "A-2", "A-3", "A-4"])
        .map(|(wire, serial)| Key::plug(*wire, serial, &[]))
        .collect();
    for key in keys? {
        let credential = make_credential(&key, &[], "")?;
        get_assertion(&key, &credential, &[], "")?;
    }
    Ok(())
}

/// The result of a registration.
pub(super) struct Credential {
    pub(super) id: String,
    pub(super) public_key: String,
}

pub(super) fn make_credential(key: &Key, flags: &[&str], pin: &str) -> Result<Credential, String> {
    let node = key.node()?;
    let parameters = parameters()?;
    let words = [&["fido2-cred", "-M", "-i", &parameters], flags, &[&node]].concat();
    let made: Ran = run(&words, pin, LIMIT)?.done()?;
    let verified = run(&["fido2-cred", "-V"], &made.stdout, LIMIT)?.done()?;
    let (id, public_key) = verified.stdout.split_once('\n').ok_or("no credential id")?;
    Ok(Credential { id: id.to_owned(), public_key: public_key.to_owned() })
}

fn get_assertion(key: &Key, credential: &Credential, flags: &[&str], pin: &str) -> Outcome {
    let node = key.node()?;
    let input = write("/tmp/assertion.in", &format!("{HASH}\n{SITE}\n{}\n", credential.id))?;
    let words = [&["fido2-assert", "-G", "-i", &input], flags, &[&node]].concat();
    let asserted = run(&words, pin, LIMIT)?.done()?;
    let public_key = write("/tmp/public.pem", &credential.public_key)?;
    run(&["fido2-assert", "-V", &public_key], &asserted.stdout, LIMIT)?
        .done()
        .map(drop)
}

fn parameters() -> Result<String, String> {
    write("/tmp/credential.in", &format!("{HASH}\n{SITE}\nann\nYW5u\n"))
}

fn write(path: &str, content: &str) -> Result<String, String> {
    fs::write(path, content).map_err(|error| format!("{path}: {error}"))?;
    Ok(path.to_owned())
}

pub(super) const CASES: &[Case] = &[
    Case::new("tools.list-shows-names-of-keys", list_shows_names_of_keys),
    Case::new("tools.fido2-over-uhid", || registers_and_asserts(Wire::Uhid, &[], &[])),
    Case::new("tools.fido2-over-usb", || registers_and_asserts(Wire::Usb(0), &[], &[]))
        .on_real_keys(),
    Case::new("tools.u2f-only-over-uhid", || {
        registers_and_asserts(Wire::Uhid, &["--u2f-only"], &["-u"])
    }),
    Case::new("tools.u2f-only-over-usb", || {
        registers_and_asserts(Wire::Usb(1), &["--u2f-only"], &["-u"])
    }),
    Case::new("tools.u2f-of-a-fido2-key", || registers_and_asserts(Wire::Uhid, &[], &["-u"])),
    Case::new("tools.pin-over-uhid", || sets_and_uses_a_pin(Wire::Uhid)),
    Case::new("tools.pin-over-usb", || sets_and_uses_a_pin(Wire::Usb(0))),
    Case::new("tools.touch-denied", touch_denied),
    Case::new("tools.unplugged-in-a-wait-over-uhid", || unplugged_in_a_wait(Wire::Uhid)),
    Case::new("tools.unplugged-in-a-wait-over-usb", || unplugged_in_a_wait(Wire::Usb(2))),
    Case::new("tools.four-keys-at-once", four_keys_at_once),
];

/// SHA-256 of arbitrary client data, the RP ID, and a user, in the form that fido2-cred reads.
const HASH: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
const SITE: &str = "localhost";

const LIMIT: Duration = Duration::from_secs(20);
