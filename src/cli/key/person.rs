//! The person at this terminal: told what the key wants, and asked for its PIN.

use crate::cli::{output, prompt};
use crate::usb::{Key, Person, Pin, PinRequest, Progress};

/// Speaks on standard error, and says nothing twice in a row.
#[derive(Default)]
pub(super) struct AtTerminal {
    said: String,
}

impl AtTerminal {
    fn say(&mut self, text: String) {
        if text != self.said {
            output::note(&text);
            self.said = text;
        }
    }
}

impl Person for AtTerminal {
    fn tell(&mut self, progress: Progress) {
        let text = match progress {
            Progress::WaitingForKey => "Plug in a security key.".to_owned(),
            Progress::KeyInserted(key) => format!("{key} was plugged in."),
            Progress::KeyRemoved(key) => format!("{key} was unplugged."),
            Progress::ChooseByTouch { keys } => {
                format!("Touch the key you want to use. {}", blinking(&keys))
            }
            Progress::NeedTouch(key) => format!("Touch the blinking key: {key}."),
            Progress::NeedFingerprint(key) => format!("Put your finger on the key: {key}."),
            Progress::FingerprintWrong { retries: Some(retries), .. } => {
                format!(
                    "The key did not know the finger: {} left before it wants its PIN.",
                    tries(retries)
                )
            }
            Progress::FingerprintWrong { retries: None, .. } => {
                "The key did not know the finger: try again.".to_owned()
            }
            Progress::Busy(key) => format!("Another program is using {key}: waiting for it."),
            Progress::LeftOut { key, why } => format!("{key} is left out: {why}."),
            _ => return,
        };
        self.say(text);
    }

    fn pin(&mut self, request: &PinRequest) -> Option<Pin> {
        if request.wrong_before {
            // Not a terminal: there is no second PIN to offer, and retries are limited.
            if !prompt::is_terminal() {
                return None;
            }
            output::note("That PIN is wrong.");
        }
        let left = request
            .retries
            .map(|retries| format!(" ({} left)", tries(retries)))
            .unwrap_or_default();
        let asked = format!("PIN of {}{left}", request.key);
        if !prompt::is_terminal() {
            // Standard input is read without a prompt; how many tries are left is worth knowing
            // there, too.
            output::note(&asked);
        }
        prompt::pin(&asked).ok().filter(|pin| !pin.is_empty()).map(Pin::from)
    }
}

fn blinking(keys: &[Key]) -> String {
    let names: Vec<String> = keys.iter().map(Key::to_string).collect();
    format!("Blinking: {}.", names.join(", "))
}

/// A number of tries, in words.
pub(super) fn tries(retries: u8) -> String {
    match retries {
        1 => "1 try".to_owned(),
        several => format!("{several} tries"),
    }
}
