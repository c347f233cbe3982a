//! `twostep policy`: what is demanded of a context, and what would come of it. Nothing is asked of
//! an agent.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use crate::cli::output::{Exit, Failure, Report, plain};
use crate::cli::words;
use crate::policy::{Decision, HypotheticalContext, PolicyError, PolicySet, StepUp};
use crate::time::{Clock, SystemClock, UnixTime};

/// Read policies, find what is wrong with them, try them on a context
#[derive(Subcommand)]
pub(super) enum Policy {
    /// Say in words what each policy of a file demands, and which verification would meet it
    Check {
        /// A file of [policy.NAME] tables
        file: PathBuf,
    },
    /// Say everything that is wrong with a file of policies, with its lines; exit 2 if anything is
    Lint {
        /// A file of [policy.NAME] tables
        file: PathBuf,
    },
    /// Say what a policy would decide, and why; exit 1 if it says no. Nothing is performed
    Simulate {
        /// A file of [policy.NAME] tables
        file: PathBuf,
        /// The policy's name
        policy: String,
        /// The presented context: a token, or a JSON document like "context" of
        /// `session show --json`, of which anything may be left out;
        /// - reads it from standard input [default: nothing]
        #[arg(long, value_name = "TOKEN|JSON|-")]
        context: Option<String>,
        /// The time of the decision: 2026-11-22T09:30:00Z [default: now]
        #[arg(long, value_name = "TIME")]
        at: Option<UnixTime>,
    },
}

impl Policy {
    pub(super) fn run(&self) -> Result<Report, Failure> {
        match self {
            Policy::Check { file } => {
                Ok(read(file)?.map_or_else(|error| refused(file, &error), |set| checked(&set)))
            }
            Policy::Lint { file } => {
                Ok(read(file)?.map_or_else(|error| refused(file, &error), |set| linted(file, &set)))
            }
            Policy::Simulate { file, policy, context, at } => match read(file)? {
                Ok(set) => simulated(&set, policy, context.as_deref(), *at),
                Err(error) => Ok(refused(file, &error)),
            },
        }
    }
}

fn read(file: &Path) -> Result<Result<PolicySet, PolicyError>, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::bad_input(format!("cannot read {}: {error}", file.display())))?;
    Ok(PolicySet::from_toml(&text))
}

fn refused(file: &Path, error: &PolicyError) -> Report {
    let faults = error.faults().iter();
    let document = faults
        .clone()
        .map(|fault| json!({"policy": fault.policy, "line": fault.line, "message": fault.message}));
    let text: Vec<_> = faults
        .map(|fault| format!("{}, {}", file.display(), plain(&fault.to_string())))
        .collect();
    Report::new(json!({"ok": false, "faults": document.collect::<Vec<_>>()}), text.join("\n"))
        .exit(Exit::BadInput)
}

fn linted(file: &Path, set: &PolicySet) -> Report {
    let names: Vec<_> = set.names().collect();
    Report::new(
        json!({"ok": true, "faults": []}),
        format!("{}: nothing is wrong with {}.", file.display(), names.join(", ")),
    )
}

fn checked(set: &PolicySet) -> Report {
    let mut rows = Vec::new();
    let mut documents = Vec::new();
    for (name, policy) in set.names().filter_map(|name| Some((name, set.get(name)?))) {
        let step_up = policy.step_up();
        documents
            .push(json!({"name": name, "demands": policy.words(), "step_up": document(&step_up)}));
        rows.push(vec![name.to_owned(), policy.words(), helps(&step_up)]);
    }
    Report::new(
        json!({"ok": true, "policies": documents}),
        words::table(&["POLICY", "DEMANDS THAT", "STEP-UP"], &rows),
    )
}

fn simulated(
    set: &PolicySet,
    name: &str,
    context: Option<&str>,
    at: Option<UnixTime>,
) -> Result<Report, Failure> {
    let names = || set.names().collect::<Vec<_>>().join(", ");
    let policy = set.get(name).ok_or_else(|| {
        Failure::bad_input(format!("there is no policy {name:?}; there are: {}", names()))
    })?;
    let (supposed, is_token) = supposed(context)?;
    let at = at.unwrap_or_else(|| SystemClock.read().wall);
    let decision = policy.simulate(&supposed, at);
    let report = decided(name, &decision, at);
    let note =
        is_token.then_some("The token itself was not checked: twostep session show does that.");
    Ok(note.into_iter().fold(report, Report::note))
}

fn supposed(context: Option<&str>) -> Result<(HypotheticalContext, bool), Failure> {
    let given = match context {
        None => return Ok((HypotheticalContext::default(), false)),
        Some("-") => std::io::read_to_string(std::io::stdin())
            .map_err(|error| Failure::bad_input(format!("cannot read it: {error}")))?,
        Some(given) => given.to_owned(),
    };
    let is_token = !given.trim_start().starts_with('{');
    let supposed = if is_token {
        HypotheticalContext::from_unchecked_token(&given)
    } else {
        HypotheticalContext::from_json(&given)
    };
    supposed.map(|supposed| (supposed, is_token)).map_err(Failure::bad_input)
}

fn decided(name: &str, decision: &Decision, at: UnixTime) -> Report {
    let step_up = decision.step_up();
    let document = json!({
        "policy": name, "at": at.to_string(), "allowed": decision.is_allowed(),
        "reason": decision.reason().to_string(),
        "missing": decision.missing(), "step_up": document(&step_up),
    });
    let mut lines = vec![format!(
        "{}: {}",
        if decision.is_allowed() { "allowed" } else { "refused" },
        decision.reason()
    )];
    if !decision.missing().is_empty() {
        lines.push(format!("The context does not say: {}", decision.missing().join(", ")));
    }
    if !decision.is_allowed() {
        lines.push(format!("What would help: {}", helps(&step_up)));
    }
    let exit = if decision.is_allowed() { Exit::Done } else { Exit::Refused };
    Report::new(document, lines.join("\n")).exit(exit)
}

fn document(step_up: &StepUp) -> serde_json::Value {
    json!({"acr_values": step_up.acr_values, "max_age": step_up.max_age.map(|age| age.as_secs())})
}

fn helps(step_up: &StepUp) -> String {
    if step_up.acr_values.is_empty() {
        return "no verification".to_owned();
    }
    let age = step_up
        .max_age
        .map_or_else(String::new, |age| format!(", max_age {}", age.as_secs()));
    format!("acr {}{age}", step_up.acr_values.join(" or "))
}
