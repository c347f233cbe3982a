//! Every way through a stack, as libpam would go it (`_pam_dispatch_aux` of Linux-PAM 1.5), and the
//! shortest on which somebody comes in whom nobody has verified.

use std::collections::{HashSet, VecDeque};

use super::control::{Action, Code};
use super::stack::Step;

/// Why somebody comes in without `pam_twostep.so`: the step, what it returned, and what libpam made
/// of that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Leak {
    /// Our line was asked and said no, and that counts for nothing.
    Ignored(usize, Code),
    /// Another line leaves ours out, and lands behind it.
    Jumped(usize),
    /// Another line ends the stack before ours.
    Ended(usize),
    /// Another line makes libpam forget that ours said no.
    Forgotten(usize),
}

/// What a walk has found.
pub(super) struct Walked {
    pub(super) leak: Option<Leak>,
    /// The steps that are asked on some way.
    pub(super) reached: HashSet<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Impression {
    None,
    Positive,
    Negative,
}

/// Where a walk stands.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    at: usize,
    impression: Impression,
    succeeds: bool,
    /// Our line said yes, or nobody had to ask: the caller is root already.
    verified: bool,
    /// As it was when each substack around us began.
    outer: Vec<(Impression, bool)>,
    /// What went around our line first.
    why: Option<Leak>,
}

/// Walks every way through these steps.
pub(super) fn walk(steps: &[Step]) -> Walked {
    let mut walked = Walked { leak: None, reached: HashSet::new() };
    let start = State {
        at: 0,
        impression: Impression::None,
        succeeds: false,
        verified: false,
        outer: Vec::new(),
        why: None,
    };
    let mut waiting = VecDeque::from([start.clone()]);
    let mut seen = HashSet::from([start]);
    while let Some(state) = waiting.pop_front() {
        let Some(step) = steps.get(state.at) else {
            let comes_in = state.impression == Impression::Positive && state.succeeds;
            if comes_in && !state.verified && walked.leak.is_none() {
                walked.leak = state.why;
            }
            continue;
        };
        walked.reached.insert(state.at);
        for next in following(steps, step, &state) {
            if seen.insert(next.clone()) {
                waiting.push_back(next);
            }
        }
    }
    walked
}

fn following(steps: &[Step], step: &Step, state: &State) -> Vec<State> {
    let mut state = state.clone();
    // A substack that ended gives its place back.
    state.outer.truncate(step.level);
    if step.begins_substack {
        state.outer.push((state.impression, state.succeeds));
        state.at = state.at.saturating_add(1);
        return vec![state];
    }
    // A line that libpam cannot read fails.
    let Some(control) = &step.control else {
        return vec![after(steps, step, &state, Code::AUTH_ERR, Action::Bad)];
    };
    let mut found = Vec::new();
    for code in codes(step) {
        found.push(after(steps, step, &state, code, control.action(code)));
    }
    found
}

/// What the line's module may return.
fn codes(step: &Step) -> Vec<Code> {
    match step.line.module() {
        _ if step.line.is_ours() => Code::of_refusals().chain([Code::SUCCESS]).collect(),
        "pam_deny.so" => vec![Code::AUTH_ERR],
        "pam_permit.so" => vec![Code::SUCCESS],
        "pam_faildelay.so" => vec![Code::IGNORE],
        _ => Code::all().collect(),
    }
}

fn after(steps: &[Step], step: &Step, state: &State, code: Code, action: Action) -> State {
    let mut next = state.clone();
    let (here, success) = (state.at, code == Code::SUCCESS);
    next.verified |= success && (step.line.is_ours() || step.line.module() == "pam_rootok.so");
    next.at = here.saturating_add(1);
    if step.line.is_ours() && !success && !matches!(action, Action::Bad | Action::Die) {
        next.why = next.why.or(Some(Leak::Ignored(here, code)));
    }
    match action {
        Action::Ignore => {}
        Action::Reset => {
            (next.impression, next.succeeds) =
                state.outer.last().copied().unwrap_or((Impression::None, false));
            next.why = next.why.or(Some(Leak::Forgotten(here)));
        }
        Action::Ok | Action::Done => {
            if next.impression == Impression::None
                || next.impression == Impression::Positive && next.succeeds
            {
                (next.impression, next.succeeds) = (Impression::Positive, success);
            }
            if action == Action::Done && next.impression == Impression::Positive {
                next.at = end_of_level(steps, here, step.level);
                note(&mut next, steps, here, Leak::Ended(here));
            }
        }
        Action::Bad | Action::Die => {
            if next.impression != Impression::Negative {
                (next.impression, next.succeeds) = (Impression::Negative, false);
            }
            if action == Action::Die {
                next.at = end_of_level(steps, here, step.level);
            }
        }
        Action::Jump(lines) => match jump(steps, here, step.level, lines) {
            Some(at) => {
                next.at = at;
                note(&mut next, steps, here, Leak::Jumped(here));
            }
            None => (next.impression, next.succeeds) = (Impression::Negative, false),
        },
    }
    next
}

/// Keeps the reason if a line of ours was left out.
fn note(next: &mut State, steps: &[Step], here: usize, why: Leak) {
    let left_out = steps.get(here.saturating_add(1)..next.at).unwrap_or_default();
    if next.why.is_none() && left_out.iter().any(|step| step.line.is_ours()) {
        next.why = Some(why);
    }
}

/// The first step behind this substack, or behind the stack.
fn end_of_level(steps: &[Step], here: usize, level: usize) -> usize {
    let mut after = steps.iter().enumerate().skip(here.saturating_add(1));
    after.find(|(_, step)| step.level < level).map_or(steps.len(), |(at, _)| at)
}

/// Where a jump lands; a substack counts as one line, and a jump does not leave its own. None where
/// there are too few lines.
pub(super) fn jump(steps: &[Step], here: usize, level: usize, lines: usize) -> Option<usize> {
    let mut at = here;
    for _ in 0..lines {
        at = at.saturating_add(1);
        steps.get(at).filter(|step| step.level >= level)?;
        while steps.get(at.saturating_add(1)).is_some_and(|step| step.level > level) {
            at = at.saturating_add(1);
        }
    }
    Some(at.saturating_add(1))
}
