//! `twostep policy`: what is demanded of a context, and what would come of it. Nothing is asked of
//! an agent.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use serde_json::json;

use crate::agent::config::{Config, reference};
use crate::cli::output::{Exit, Failure, Report, plain};
use crate::cli::words;
use crate::policy::{Decision, HypotheticalContext, PolicyError, PolicySet, StepUp};
use crate::time::{Clock, SystemClock, UnixTime};

/// Read policies, find what is wrong with them, try them on a context
///
/// FILE holds [policy.NAME] tables alone, or is the configuration of an agent. Without FILE it is
/// the configuration of the agent that other commands talk to.
#[derive(Subcommand)]
pub(super) enum Policy {
    /// Say in words what each policy of a file demands, and which verification would meet it
    Check {
        /// A file of policies, or a configuration [default: the agent's]
        file: Option<PathBuf>,
    },
    /// Say everything that is wrong with a file of policies, with its lines; exit 2 if anything is
    Lint {
        /// A file of policies, or a configuration [default: the agent's]
        file: Option<PathBuf>,
    },
    /// Say what a policy would decide, and why; exit 1 if it says no. Nothing is performed
    #[command(allow_missing_positional = true)]
    Simulate {
        /// A file of policies, or a configuration [default: the agent's]
        file: Option<PathBuf>,
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

/// The policies of a file, or their faults.
struct Read {
    /// The file in which they stand.
    file: PathBuf,
    set: Result<PolicySet, PolicyError>,
}

impl Policy {
    /// `agents` is the configuration of the agent that other commands talk to.
    pub(super) fn run(&self, agents: &Path) -> Result<Report, Failure> {
        let (Policy::Check { file } | Policy::Lint { file } | Policy::Simulate { file, .. }) = self;
        let Read { file, set } = read(file.as_deref().unwrap_or(agents), agents)?;
        let set = match set {
            Ok(set) => set,
            Err(error) => return Ok(refused(&file, &error)),
        };
        match self {
            Policy::Check { .. } => Ok(checked(&file, &set)),
            Policy::Lint { .. } => Ok(linted(&file, &set)),
            Policy::Simulate { policy, context, at, .. } => {
                simulated(&set, policy, context.as_deref(), *at)
            }
        }
    }
}

/// Reads the policies of a file: of a configuration, if it is the agent's, or has any key that only
/// a configuration has.
fn read(file: &Path, agents: &Path) -> Result<Read, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::bad_input(format!("cannot read {}: {error}", file.display())))?;
    let here = |set| Ok(Read { file: file.to_owned(), set });
    if file != agents && !reference::is_configuration(&text) {
        return here(PolicySet::from_toml(&text));
    }
    let set = PolicySet::among_others(&text);
    if set.is_err() {
        return here(set);
    }
    let config = Config::parse(&text, file);
    match config.map_err(|error| Failure::bad_input(error.to_string()))?.policy_file {
        Some(apart) => read(&apart, agents),
        None => here(set),
    }
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
    let text = match names.as_slice() {
        [] => none(file),
        names => format!("{}: nothing is wrong with {}.", file.display(), names.join(", ")),
    };
    Report::new(json!({"ok": true, "faults": []}), text)
}

fn none(file: &Path) -> String {
    format!("{}: there is no policy in it. A table [policy.NAME] makes one.", file.display())
}

fn checked(file: &Path, set: &PolicySet) -> Report {
    let mut rows = Vec::new();
    let mut documents = Vec::new();
    for (name, policy) in set.names().filter_map(|name| Some((name, set.get(name)?))) {
        let step_up = policy.step_up();
        documents
            .push(json!({"name": name, "demands": policy.words(), "step_up": document(&step_up)}));
        rows.push(vec![name.to_owned(), policy.words(), helps(&step_up)]);
    }
    let text = match rows.as_slice() {
        [] => none(file),
        rows => words::table(&["POLICY", "DEMANDS THAT", "STEP-UP"], rows),
    };
    Report::new(json!({"ok": true, "policies": documents}), text)
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
