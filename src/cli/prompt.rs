//! Codes and secrets: typed at a terminal, or one a line on standard input. Never an argument, which others can read.

use std::io::BufRead;
use std::io::IsTerminal;
use std::io::Write;

use zeroize::Zeroizing;

use crate::cli::output;
use crate::cli::output::Failure;
use crate::otp::Code;
use crate::verifier::Passcode;

/// What a device that shows codes is asked for, twice.
pub(super) struct PairPrompt {
    pub(super) first: String,
    pub(super) second: String,
}

impl PairPrompt {
    /// For this device; `kind` as the agent names it.
    pub(super) fn new(serial: &str, kind: Option<&str>) -> PairPrompt {
        let serial = output::plain(serial);
        if kind == Some("hotp") {
            return PairPrompt {
                first: format!("Press the button of {serial} and type its code:"),
                second: "Press it once more and type the next code:".to_owned(),
            };
        }
        PairPrompt { first: format!("Code shown by {serial} now:"), second: "Wait for the next code, then type it:".to_owned() }
    }
}

/// Whether somebody is there to be asked.
pub(super) fn is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// A code of any kind that opens a session.
pub(super) fn passcode(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    ask(prompt, "a code", |text| text.parse::<Passcode>().map(|_| ()).map_err(|error| error.to_string()))
}

/// Two consecutive codes.
pub(super) fn pair(prompt: &PairPrompt) -> Result<[Zeroizing<String>; 2], Failure> {
    let digits = |text: &str| text.parse::<Code>().map(|_| ()).map_err(|_| "a code is the 6 to 8 digits that the device shows".to_owned());
    let first = ask(&prompt.first, "two codes, one a line,", digits)?;
    let second = ask(&prompt.second, "two codes, one a line,", |text| {
        digits(text)?;
        if text == first.as_str() { Err("that is the first code again: wait until another one is shown".to_owned()) } else { Ok(()) }
    })?;
    Ok([first, second])
}

/// Something that nobody may see on the screen.
pub(super) fn secret(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    if !is_terminal() {
        let line = line()?.ok_or_else(|| nothing("a secret"))?;
        return Ok(Zeroizing::new(line.trim().to_owned()));
    }
    let typed = dialoguer::Password::new().with_prompt(prompt).report(false).interact().map(Zeroizing::new);
    let typed = typed.map_err(|error| Failure::bad_input(format!("the secret cannot be asked for: {error}")))?;
    Ok(Zeroizing::new(typed.trim().to_owned()))
}

/// Asks until the answer can be meant; where nobody is there to be asked, once.
fn ask(prompt: &str, what: &str, judge: impl Fn(&str) -> Result<(), String>) -> Result<Zeroizing<String>, Failure> {
    loop {
        if is_terminal() {
            let mut out = std::io::stderr().lock();
            let _ = write!(out, "{prompt} ").and_then(|()| out.flush());
        }
        let typed = line()?.ok_or_else(|| nothing(what))?;
        // Displays show codes in groups.
        let typed = Zeroizing::new(typed.replace([' ', '\t', '\r', '\n'], ""));
        match judge(&typed) {
            Ok(()) => return Ok(typed),
            Err(wrong) if is_terminal() => output::note(&format!("  {wrong}")),
            Err(wrong) => return Err(Failure::bad_input(wrong)),
        }
    }
}

fn line() -> Result<Option<Zeroizing<String>>, Failure> {
    let mut line = Zeroizing::new(String::with_capacity(256));
    let read = std::io::stdin().lock().read_line(&mut line);
    match read.map_err(|error| Failure::bad_input(format!("cannot read from standard input: {error}")))? {
        0 => Ok(None),
        _ => Ok(Some(line)),
    }
}

fn nothing(what: &str) -> Failure {
    Failure::bad_input(format!("{what} was expected on standard input, and it ended"))
}
