//! The outcome of an import, for people.

use std::fmt::Write;

use crate::cli::output::{Exit, Failure, Report};
use crate::cli::words;
use crate::device::{DeviceState, MfaKind};
use crate::otp::Algorithm;
use crate::wire::{Import, ImportProblem, ImportedToken, Problem};

/// The report of a file that was imported, or of a dry run.
pub(super) fn report(import: &Import, dry_run: bool, source: &str) -> Report {
    let mut text = table(&import.tokens);
    let all = total(import);
    let shown = u64::try_from(import.tokens.len()).unwrap_or(u64::MAX);
    if all > shown {
        let _ = writeln!(text, "and {} more.", all - shown);
    }
    let format = import.format.as_deref().unwrap_or("not recognised");
    let _ = match dry_run {
        true => writeln!(text, "\n{source}: {format}. Nothing was changed: this was a dry run."),
        false => writeln!(text, "\n{source}: {format}. {} imported.", tokens(import.imported)),
    };
    if import.skipped > 0 {
        let _ = writeln!(text, "{} left out, not supported.", tokens(import.skipped));
    }
    for note in &import.notes {
        let _ = writeln!(text, "{}: {}", place(note.line, note.entry), note.detail);
    }
    let exit = if import.problems.is_empty() { Exit::Done } else { Exit::BadInput };
    if !import.problems.is_empty() {
        let _ =
            writeln!(text, "\nAs it is, the file would be refused:\n{}", list(&import.problems));
    }
    let report = Report::new(import, text.trim_end()).exit(exit);
    next_steps(import, dry_run).into_iter().fold(report, Report::note)
}

/// The failure of a file that was refused.
pub(super) fn refused(problem: &Problem, source: &str) -> Failure {
    let message = format!("{source}: {}:\n{}", problem.detail, list(&problem.problems));
    Failure::bad_input(message).document(problem.clone())
}

fn table(rows: &[ImportedToken]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let by_line = rows.iter().any(|token| token.line.is_some());
    let place = if by_line { "LINE" } else { "ENTRY" };
    let headings = [place, "SERIAL NUMBER", "ACCOUNT", "KIND", "USED", "DRIFT", "BECOMES"];
    let row = |token: &ImportedToken| {
        vec![
            token.line.or(token.entry).map_or_else(String::new, |place| place.to_string()),
            token.serial.to_string(),
            words::or_dash(token.account.as_ref()),
            kind(token),
            used(token),
            token.drift_steps.map_or_else(|| "-".to_owned(), |steps| format!("{steps:+}")),
            token.state.name().to_owned(),
        ]
    };
    words::table(&headings, &rows.iter().map(row).collect::<Vec<Vec<String>>>())
}

/// The kind with its parameters; SHA-1 goes without saying, so that a line is short.
fn kind(token: &ImportedToken) -> String {
    let mut kind = format!("{} {}", token.kind.name(), token.digits);
    if let Some(period) = token.period {
        let _ = write!(kind, " {period}s");
    }
    if token.algorithm != Algorithm::Sha1 {
        let _ = write!(kind, " {}", token.algorithm);
    }
    kind
}

/// The next counter, or the last step.
fn used(token: &ImportedToken) -> String {
    match token.kind {
        _ if token.pair_needed => "not told".to_owned(),
        MfaKind::Hotp => words::or_dash(token.counter.map(|next| format!("next {next}"))),
        _ => words::or_dash(token.watermark.map(|step| step.to_string())),
    }
}

fn next_steps(import: &Import, dry_run: bool) -> Vec<String> {
    if dry_run || import.imported == 0 {
        return Vec::new();
    }
    let states = import.states;
    let first = |state: DeviceState| {
        let token = import.tokens.iter().find(|token| token.state == state);
        token.map_or("SERIAL".to_owned(), |token| token.serial.to_string())
    };
    let mut steps = Vec::new();
    if states.unassigned > 0 {
        steps.push(format!(
            "{} in stock. To give one out: twostep device assign {} --account NAME",
            states.unassigned,
            first(DeviceState::Unassigned)
        ));
    }
    if states.pending > 0 {
        steps.push(format!(
            "{} pending. To put one in use: twostep device activate {}",
            states.pending,
            first(DeviceState::Pending)
        ));
    }
    if states.active > 0 {
        steps.push(format!(
            "{} in use. To see one: twostep device show {}",
            states.active,
            first(DeviceState::Active)
        ));
    }
    if states.disabled > 0 {
        steps.push(format!("{} disabled, as they were.", states.disabled));
    }
    steps
}

fn list(problems: &[ImportProblem]) -> String {
    let line = |problem: &ImportProblem| {
        let serial =
            problem.serial.as_ref().map_or_else(String::new, |serial| format!("{serial}: "));
        format!("  {}: {serial}{}", place(problem.line, problem.entry), problem.detail)
    };
    problems.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn place(line: Option<u64>, entry: Option<u64>) -> String {
    match (line, entry) {
        (Some(line), _) => format!("line {line}"),
        (None, Some(entry)) => format!("entry {entry}"),
        (None, None) => "the file".to_owned(),
    }
}

fn total(import: &Import) -> u64 {
    let states = import.states;
    let rest = [states.pending, states.active, states.disabled];
    rest.iter().fold(states.unassigned, |all, more| all.saturating_add(*more))
}

fn tokens(count: u64) -> String {
    if count == 1 { "1 token".to_owned() } else { format!("{count} tokens") }
}
