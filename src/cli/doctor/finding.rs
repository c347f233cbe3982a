//! Findings and their mends: for people and for programs.

use serde_json::{Value, json};

use crate::cli::output::{Exit, Report};
use crate::cli::page;

/// A finding on one topic.
pub(in crate::cli) struct Finding {
    verdict: Verdict,
    topic: &'static str,
    found: String,
    mend: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    Bad,
    /// Not visible from here.
    Unknown,
}

impl Finding {
    pub(in crate::cli) fn good(topic: &'static str, found: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Good, topic, found: found.into(), mend: Vec::new() }
    }

    pub(in crate::cli) fn bad(topic: &'static str, found: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Bad, ..Finding::good(topic, found) }
    }

    pub(in crate::cli) fn unknown(topic: &'static str, found: impl Into<String>) -> Finding {
        Finding { verdict: Verdict::Unknown, ..Finding::good(topic, found) }
    }

    /// Adds a mend: a sentence, or a command to type.
    pub(in crate::cli) fn mend(mut self, how: impl Into<String>) -> Finding {
        self.mend.push(how.into());
        self
    }

    pub(in crate::cli) fn is_bad(&self) -> bool {
        self.verdict == Verdict::Bad
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
        let mut facts = vec![(format!("{mark:<2} {:<12}", self.topic), self.found.clone())];
        facts.extend(self.mend.iter().map(|how| (String::new(), format!("-> {how}"))));
        let facts: Vec<(&str, &String)> =
            facts.iter().map(|(name, fact)| (name.as_str(), fact)).collect();
        page::facts(&facts)
    }
}

/// All findings, and what comes next: mend, and run `again`.
pub(in crate::cli) fn report(findings: &[Finding], exit: Exit, again: &str) -> Report {
    let list: Vec<Value> = findings.iter().map(Finding::to_json).collect();
    let document = json!({"ok": exit == Exit::Done, "findings": list});
    let marks = if page::is_utf8() { ["✓", "✗", "?"] } else { ["ok", "!!", "??"] };
    let text: String = findings.iter().map(|finding| finding.to_text(marks)).collect();
    let verdict = match exit {
        Exit::Done => "Nothing is wrong that can be seen from here.".to_owned(),
        _ => format!("Mend what is marked, then run it again: {again}"),
    };
    Report::new(document, format!("{text}\n{verdict}")).exit(exit)
}
