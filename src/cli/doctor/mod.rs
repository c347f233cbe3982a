//! `twostep doctor`: what is wrong here, and how to mend it. It works without an agent and without any right, and changes
//! nothing.

mod agent;
mod clock;
mod files;

use serde_json::Value;
use serde_json::json;

use crate::cli::console;
use crate::cli::console::Console;
use crate::cli::output::Exit;
use crate::cli::output::Failure;
use crate::cli::output::Report;

/// Say what is wrong with the agent, the store, the clock and the permissions, and how to mend it
///
/// Exit 0: nothing. 1: something, and how to mend it. 3: there is no agent to ask.
#[derive(clap::Args)]
pub(super) struct Doctor {}

/// What was found about one thing.
pub(super) struct Finding {
    verdict: Verdict,
    topic: &'static str,
    found: String,
    mend: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    /// It cannot be seen from here.
    Unknown,
}

impl Doctor {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let mut findings = vec![Finding::good("you", console::whoami())];
        let (agent, reached) = agent::look(console).await;
        findings.extend(agent);
        findings.extend(files::look(reached));
        findings.extend(clock::look(console, reached).await);
        let exit = match findings.iter().any(|finding| finding.verdict == Verdict::Bad) {
            _ if !reached => Exit::Unavailable,
            true => Exit::Refused,
            false => Exit::Done,
        };
        let document = json!({"ok": exit == Exit::Done, "findings": findings.iter().map(Finding::to_json).collect::<Vec<Value>>()});
        let marks = if is_utf8() { ["✓", "✗", "?"] } else { ["ok", "!!", "??"] };
        let text: String = findings.iter().map(|finding| finding.to_text(marks)).collect();
        let verdict = match exit {
            Exit::Done => "Nothing is wrong that can be seen from here.",
            _ => "Mend what is marked, then run it again: twostep doctor",
        };
        Ok(Report::new(document, format!("{text}\n{verdict}")).exit(exit))
    }
}

impl Finding {
    fn good(topic: &'static str, found: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Good, topic, found: found.into(), mend: Vec::new() }
    }

    fn bad(topic: &'static str, found: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Bad, ..Finding::good(topic, found) }
    }

    fn unknown(topic: &'static str, found: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Unknown, ..Finding::good(topic, found) }
    }

    /// What to do: a sentence, or a command to type.
    fn mend(mut self, how: impl Into<String>) -> Finding {
        self.mend.push(how.into());
        self
    }

    fn to_json(&self) -> Value {
        let verdict = match self.verdict {
            Verdict::Good => "good",
            Verdict::Bad => "bad",
            Verdict::Unknown => "unknown",
        };
        json!({"topic": self.topic, "verdict": verdict, "found": self.found, "mend": self.mend})
    }

    fn to_text(&self, [good, bad, unknown]: [&str; 3]) -> String {
        let mark = match self.verdict {
            Verdict::Good => good,
            Verdict::Bad => bad,
            Verdict::Unknown => unknown,
        };
        let mend: String = self.mend.iter().map(|how| format!("{:16}-> {how}\n", "")).collect();
        format!("{mark:<2} {:<12} {}\n{mend}", self.topic, self.found)
    }
}

/// Whether the terminal is said to know more than ASCII. The first of these that is set counts (POSIX).
fn is_utf8() -> bool {
    let set = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os).find(|value| !value.is_empty());
    set.is_some_and(|value| value.to_string_lossy().to_ascii_lowercase().replace('-', "").contains("utf8"))
}
