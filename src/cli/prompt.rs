//! Codes and secrets: typed at a terminal, or one a line on standard input. Never an argument,
//! which others can read.

use std::fs::OpenOptions;
use std::io::{BufRead, IsTerminal};

use zeroize::Zeroizing;

use crate::cli::output::Failure;
use crate::cli::{output, terminal};
use crate::device::MfaKind;
use crate::id::{OddCharacter, SerialNumber, is_dash, is_invisible, narrow};
use crate::otp::Code;
use crate::verifier::Passcode;

/// The two prompts for a pair of codes.
pub(super) struct PairPrompt {
    pub(super) first: String,
    pub(super) second: String,
    /// The answer to the first code given twice.
    again: &'static str,
}

impl PairPrompt {
    /// Prompts for this device; without a kind, for a display that changes by itself.
    pub(super) fn new(serial: &SerialNumber, kind: Option<MfaKind>) -> PairPrompt {
        if kind == Some(MfaKind::Hotp) {
            return PairPrompt {
                first: format!("Press the button of {serial} and type its code:"),
                second: "Press it once more and type the next code:".to_owned(),
                again: "that is the first code again: press the button once more",
            };
        }
        PairPrompt {
            first: format!("Code shown by {serial} now:"),
            second: "Wait for the next code, then type it:".to_owned(),
            again: "that is the first code again: wait until another one is shown",
        }
    }
}

/// Tells a terminal from a pipe or a file on standard input.
pub(super) fn is_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks at a terminal which of so many items is meant, by its number from 1 on or by its name.
pub(super) fn choice(prompt: &str, names: &[&str]) -> Result<usize, Failure> {
    let among = |text: &str| {
        let number = text.parse().ok().filter(|number| (1..=names.len()).contains(number));
        let named = || names.iter().position(|name| name.eq_ignore_ascii_case(text));
        number.map(|number: usize| number - 1).or_else(named)
    };
    let wrong = format!("type a number from 1 to {}", names.len());
    let typed = ask(prompt, "a choice", |text| among(text).map(|_| ()).ok_or(wrong.clone()))?;
    among(&typed).ok_or_else(|| Failure::bad_input(wrong))
}

/// True if more can be typed, or more lines are there to be read.
pub(super) fn has_more() -> bool {
    is_terminal() || std::io::stdin().lock().fill_buf().is_ok_and(|more| !more.is_empty())
}

/// Asks at the terminal itself where standard input has nothing to read: some programs pass none on
/// to those that they start.
pub(super) fn ask_the_terminal_without_input() {
    if has_more() {
        return;
    }
    if let Ok(terminal) = OpenOptions::new().read(true).write(true).open("/dev/tty") {
        let _ = nix::unistd::dup2_stdin(&terminal);
    }
}

/// A code of any kind that opens a session.
pub(super) fn passcode(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    ask(prompt, "a code", |text| {
        text.parse::<Passcode>()
            .map(|_| ())
            .map_err(|error| with_odd(&error.to_string(), text))
    })
}

/// Two consecutive codes.
pub(super) fn pair(prompt: &PairPrompt) -> Result<[Zeroizing<String>; 2], Failure> {
    let digits = |text: &str| {
        text.parse::<Code>()
            .map(|_| ())
            .map_err(|_| with_odd("a code is the 6 to 8 digits that the device shows", text))
    };
    let first = ask(&prompt.first, "two codes, one a line,", digits)?;
    let second = ask(&prompt.second, "two codes, one a line,", |text| {
        digits(text)?;
        if text == first.as_str() { Err(prompt.again.to_owned()) } else { Ok(()) }
    })?;
    Ok([first, second])
}

/// Asks for a secret; nothing of it appears on the screen.
pub(super) fn secret(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let typed = unseen(prompt, "a secret")?;
    let mut secret = Zeroizing::new(String::with_capacity(typed.len()));
    secret.extend(
        typed
            .trim_matches(|c: char| c.is_whitespace() || is_invisible(c))
            .chars()
            .filter(|c| !is_invisible(*c)),
    );
    Ok(secret)
}

/// The PIN of a security key, byte by byte as it was typed. What is easily typed by mistake is
/// named, since a key counts its tries.
pub(super) fn pin(prompt: &str) -> Result<Zeroizing<String>, Failure> {
    let typed = unseen(prompt, "a PIN")?;
    if let Some(odd) = OddCharacter::first_in(&typed) {
        output::note(&format!("In this PIN there is {odd}. It is taken as it was typed."));
    } else if typed.starts_with(' ') || typed.ends_with(' ') {
        output::note("This PIN begins or ends with a space. It is taken as it was typed.");
    }
    Ok(typed)
}

fn unseen(prompt: &str, what: &str) -> Result<Zeroizing<String>, Failure> {
    if !is_terminal() {
        let line = line()?.ok_or_else(|| nothing(what))?;
        let line = line.strip_suffix('\n').unwrap_or(&line);
        return Ok(Zeroizing::new(line.strip_suffix('\r').unwrap_or(line).to_owned()));
    }
    let typed = terminal::unseen(prompt)
        .map_err(|error| Failure::bad_input(format!("{what} cannot be asked for: {error}")))?;
    Ok(Zeroizing::new(typed.trim_end_matches(['\n', '\r']).to_owned()))
}

/// Asks until the answer is well-formed; without a terminal, once.
fn ask(
    prompt: &str,
    what: &str,
    judge: impl Fn(&str) -> Result<(), String>,
) -> Result<Zeroizing<String>, Failure> {
    loop {
        if is_terminal() {
            terminal::say(&format!("{prompt} "));
        }
        let typed = line()?.ok_or_else(|| nothing(what))?;
        let typed = seen(&typed);
        match judge(&typed) {
            Ok(()) => return Ok(typed),
            Err(wrong) if is_terminal() => terminal::say(&format!("  {wrong}\n")),
            Err(wrong) => return Err(Failure::bad_input(wrong)),
        }
    }
}

/// The code without blanks, dashes and invisible marks: displays show groups, and a paste brings
/// the rest.
fn seen(typed: &str) -> Zeroizing<String> {
    let skipped = |c: &char| c.is_whitespace() || is_dash(*c) || is_invisible(*c);
    let mut code = Zeroizing::new(String::with_capacity(typed.len()));
    code.extend(typed.chars().filter(|c| !skipped(c)).map(narrow));
    code
}

fn line() -> Result<Option<Zeroizing<String>>, Failure> {
    let mut line = Zeroizing::new(String::with_capacity(256));
    let read = std::io::stdin().lock().read_line(&mut line);
    match read
        .map_err(|error| Failure::bad_input(format!("cannot read from standard input: {error}")))?
    {
        0 => Ok(None),
        _ => Ok(Some(line)),
    }
}

/// The fault, with the character that may be its cause.
fn with_odd(wrong: &str, text: &str) -> String {
    OddCharacter::first_in(text)
        .map_or_else(|| wrong.to_owned(), |odd| format!("{wrong}; in this one there is {odd}"))
}

fn nothing(what: &str) -> Failure {
    Failure::bad_input(format!("{what} was expected on standard input, and it ended"))
}
