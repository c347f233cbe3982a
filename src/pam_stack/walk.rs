//! All ways through a stack, as libpam would go them (`_pam_dispatch_aux` of Linux-PAM 1.5), and
//! the shortest on which an unverified user comes in.

use std::collections::{HashSet, VecDeque};

use crate::pam_stack::control::{Action, Code};
use crate::pam_stack::stack::Step;

/// A way in without `pam_twostep.so`: the step that opens it, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Leak {
    /// The refusal of our line does not count.
    Ignored(usize, Code),
    /// A jump lands behind our line.
    Jumped(usize),
    /// A line ends the stack before ours.
    Ended(usize),
    /// A line makes libpam forget our refusal.
    Forgotten(usize),
}

/// The findings of a walk.
pub(super) struct Walked {
    /// The first way in.
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

/// A point on a way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    at: usize,
    impression: Impression,
    succeeds: bool,
    /// Verified by our line, or root already.
    verified: bool,
    /// The impression at the beginning of each substack around.
    outer: Vec<(Impression, bool)>,
    /// The first step around our line.
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

/// The codes that the line's module may return.
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

/// The landing of a jump: a substack counts as one line, and a jump does not leave its own. None
/// where the lines are too few.
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
