//! One verification, from the name to the verdict.

use crate::agent::{Agent, Device, Proof};
use crate::failure::Failure;
use crate::key::Ended;
use crate::libpam::{Echo, Item, Pam};
use crate::options::Options;
use crate::place::Terminal;
use crate::typed::Typed;
use crate::verified::{Opened, Verified};
use crate::{key, place};

/// Verifies the person whom the host named: by a verification that is still fresh, by a key, or by
/// a code.
pub(crate) fn authenticate(pam: &Pam<'_>, options: &Options) -> Result<Verified, Failure> {
    let login = pam.user()?;
    let account = format!("{}{login}", options.prefix);
    let service = pam.item(Item::Service)?;
    if !is_name(&login) || !is_name(&account) || !is_name(&service) {
        pam.log("refused: the name cannot be an account's");
        return Err(Failure::Refused);
    }
    let client = client(&pam.item(Item::RemoteHost)?, &pam.item(Item::Tty)?);
    let (account, login, service) = (&account, &login, &service);
    let agent = Agent { options, account, login, service, client: client.as_deref() };
    let verdict = verify(pam, &agent);
    // Other modules can change the name during the conversation.
    let verdict = if pam.user_item()? == *login { verdict } else { Err(Failure::Refused) };
    if let Err(failure) = verdict {
        pam.log(&format!("{account}: {}", reason(failure)));
        if matches!(failure, Failure::Unavailable | Failure::Impostor) {
            pam.complain("The second factor cannot be verified now.");
        }
    }
    verdict
}

/// The place from which a person comes, for the agent to count wrong codes by: the remote host, or
/// the terminal. None if it has characters that no such name has.
fn client(host: &str, terminal: &str) -> Option<String> {
    let place = match (host, terminal) {
        ("", "") => return None,
        ("", terminal) => format!("tty={terminal}"),
        (host, _) => format!("rhost={host}"),
    };
    let fits = place.len() <= 256 && place.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(place)
}

fn verify(pam: &Pam<'_>, agent: &Agent<'_>) -> Result<Verified, Failure> {
    let terminal = if agent.options.reuse { Terminal::of_this_process() } else { None };
    let uid = if terminal.is_some() { place::uid_of(agent.login) } else { None };
    let place = || Some(agent.place(uid?, terminal.as_ref()?));
    if let Some(verified) = place().and_then(|place| agent.fresh(&place)) {
        return Ok(verified);
    }
    let (verified, opened) = prove(pam, agent)?;
    if let Some(place) = place() {
        agent.remember(place, &opened);
    }
    Ok(verified)
}

/// Asks for a proof: a key or a code.
fn prove(pam: &Pam<'_>, agent: &Agent<'_>) -> Result<(Verified, Opened), Failure> {
    let Agent { options, account, service, .. } = agent;
    let devices = agent.devices()?;
    if devices.iter().any(Device::is_key) && place::offers_key(pam, options.key)? {
        let typed = pam.ask(
            Echo::Off,
            &format!(
                "Press Enter to use the security key of {account} for {service}, or type a code: "
            ),
        )?;
        if !typed.is_empty() {
            return by_code(pam, agent, &devices, &typed);
        }
        if let Ended::Verified(verified, opened) = key::touch(pam, agent)? {
            return Ok((verified, opened));
        }
    }
    let typed = pam.ask(Echo::Off, &format!("Code of {account} for {service}: "))?;
    by_code(pam, agent, &devices, &typed)
}

fn by_code(
    pam: &Pam<'_>,
    agent: &Agent<'_>,
    devices: &[Device],
    typed: &str,
) -> Result<(Verified, Opened), Failure> {
    let found = |fits: fn(&Device) -> bool| {
        devices.iter().find(|device| fits(device)).map(|device| device.serial.as_str())
    };
    match Typed::parse(typed).ok_or(Failure::Refused)? {
        Typed::Code(code) => {
            let serial = which(pam, devices)?;
            match agent.open(serial, Proof::Code(&code)) {
                Err(Failure::OutOfSync) => {
                    by_pair(pam, agent, serial.or(found(Device::shows_codes)))
                }
                ended => ended,
            }
        }
        Typed::Recovery(code) => agent.open(found(Device::is_recovery), Proof::Code(&code)),
        Typed::Bypass(code) => agent.open(None, Proof::Code(&code)),
    }
}

/// Asks for two codes of a device that the agent knows to be out of sync.
fn by_pair(
    pam: &Pam<'_>,
    agent: &Agent<'_>,
    serial: Option<&str>,
) -> Result<(Verified, Opened), Failure> {
    let code = |prompt: &str| match Typed::parse(&pam.ask(Echo::Off, prompt)?) {
        Some(Typed::Code(code)) => Ok(code),
        _ => Err(Failure::Refused),
    };
    let first = code("Your token is out of sync. Code that it shows now: ")?;
    let second = code("Wait for the next code, then type it: ")?;
    agent.open(serial, Proof::Codes([&first, &second]))
}

/// Asks for the device that showed the code if the account has several; otherwise the agent finds
/// the device itself.
fn which<'a>(pam: &Pam<'_>, devices: &'a [Device]) -> Result<Option<&'a str>, Failure> {
    let showing: Vec<&Device> = devices.iter().filter(|device| device.shows_codes()).collect();
    if showing.len() < 2 {
        return Ok(None);
    }
    // Device names are private: a remote person sees serial numbers only.
    let remote = !pam.item(Item::RemoteHost)?.is_empty();
    let shown = |device: &Device| match &device.name {
        Some(name) if !remote => plain(name),
        _ => format!("…{}", last(&device.serial, 4)),
    };
    let choices: Vec<String> = showing
        .iter()
        .zip(1..)
        .map(|(device, number)| format!("{number} {}", shown(device)))
        .collect();
    let answer =
        pam.ask(Echo::On, &format!("Which device showed it ({})? ", choices.join(", ")))?;
    let chosen = answer
        .trim()
        .parse::<usize>()
        .ok()
        .and_then(|number| showing.get(number.checked_sub(1)?).copied());
    chosen.map(|device| Some(device.serial.as_str())).ok_or(Failure::Refused)
}

/// Returns whether a text is a possible account name and printable.
fn is_name(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.trim() == text && plain(text) == text
}

/// Removes characters that move the cursor or change the text direction.
fn plain(text: &str) -> String {
    let odd = |c: &char| {
        c.is_control()
            || matches!(
                c,
                '\u{200b}'..='\u{200f}'
                    | '\u{2028}'..='\u{202e}'
                    | '\u{2060}'..='\u{206f}'
                    | '\u{feff}'
            )
    };
    text.chars().filter(|c| !odd(c)).collect()
}

fn last(text: &str, characters: usize) -> &str {
    let start = text.char_indices().rev().take(characters).last().map_or(0, |(at, _)| at);
    text.get(start..).unwrap_or_default()
}

fn reason(failure: Failure) -> &'static str {
    match failure {
        Failure::Refused => "refused",
        Failure::OutOfSync => "refused: the device is out of sync",
        Failure::Unavailable => {
            "the agent did not give a verdict; see that it runs, and the option socket="
        }
        Failure::Impostor => {
            "another user than root or the agent's listens on the socket, or can write its \
             folder; see the options socket= and agent="
        }
        Failure::Misconfigured => "the line in the stack is invalid",
        Failure::Conversation => "the host did not ask the person",
        Failure::Memory => "out of memory",
        Failure::System | Failure::Fault => "a fault",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_printable_and_not_empty() {
        for (name, is) in [
            ("alice", true),
            ("zoë@example.org", true),
            ("", false),
            (" alice", false),
            ("a\u{1b}[2J", false),
            ("a\u{202e}b", false),
        ] {
            assert_eq!(is_name(name), is, "{name:?}");
        }
        assert!(!is_name(&"x".repeat(257)));
    }

    #[test]
    fn a_person_comes_from_a_host_or_from_a_terminal() {
        let place = |host: &str, terminal: &str| client(host, terminal);
        assert_eq!(place("192.0.2.1", "ssh").as_deref(), Some("rhost=192.0.2.1"));
        assert_eq!(place("fe80::1%eth0", "").as_deref(), Some("rhost=fe80::1%eth0"));
        assert_eq!(place("", "/dev/tty1").as_deref(), Some("tty=/dev/tty1"));
        for (host, terminal) in [("", ""), ("two words", "tty1"), ("h\u{f6}st", ""), ("", "a\nb")] {
            assert_eq!(place(host, terminal), None, "{host:?} {terminal:?}");
        }
        assert_eq!(place(&"x".repeat(251), ""), None);
    }

    #[test]
    fn the_end_of_a_serial_number_is_shown_whole() {
        assert_eq!(last("GAHT12345678", 4), "5678");
        assert_eq!(last("ab", 4), "ab");
        assert_eq!(last("", 4), "");
    }
}
