//! Each way around `pam_twostep.so` in a stack, and the line that closes it.

use crate::pam_stack::control::{Action, Control};
use crate::pam_stack::line::Line;
use crate::pam_stack::stack::Step;
use crate::pam_stack::walk::{Leak, jump, walk};

/// A fault of a line, and its mend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line.
    pub line: Line,
    /// The fault.
    pub what: String,
    /// The line as it should read.
    pub mended: Option<Line>,
}

/// Each fault that lets a user in without a second factor, once: a found fault is mended, and the
/// stack walked again.
pub fn leaks(mut steps: Vec<Step>) -> Vec<Fault> {
    let mut faults = Vec::new();
    // Each round mends a line; a line is mended once or twice.
    for _ in 0..steps.len().saturating_mul(2) {
        let Some(leak) = walk(&steps).leak else { break };
        let (at, what) = described(leak);
        let Some(step) = steps.get(at) else { break };
        let control = match leak {
            Leak::Ignored(..) => Some("required".to_owned()),
            Leak::Forgotten(_) => Control::replaced(&step.line.control, |action| {
                (action == Action::Reset).then(|| "ignore".to_owned())
            }),
            _ => around(&steps, at, step),
        };
        let line = step.line.clone();
        let mended = control.map(|control| Line { control, ..line.clone() });
        let closed = mended.as_ref().and_then(|line| Control::parse(&line.control));
        let stuck = closed.is_none();
        faults.push(Fault { line, what, mended: mended.clone() });
        if let (Some(step), Some(line)) = (steps.get_mut(at), mended) {
            *step = Step { control: closed, line, ..step.clone() };
        }
        if stuck {
            break;
        }
    }
    faults
}

fn described(leak: Leak) -> (usize, String) {
    match leak {
        Leak::Ignored(at, code) => {
            (at, format!("a user who is refused here comes in all the same ({})", code.name()))
        }
        Leak::Jumped(at) => (
            at,
            "this jumps over pam_twostep.so: a user who passes here comes in without it".to_owned(),
        ),
        Leak::Ended(at) => (
            at,
            "this ends the stack before pam_twostep.so: a user who passes here comes in without it"
                .to_owned(),
        ),
        Leak::Forgotten(at) => {
            (at, "this makes libpam forget that pam_twostep.so said no".to_owned())
        }
    }
}

/// The lines of ours that no way through the stack comes to, each with the last line before it that
/// one does.
pub fn unreachable(steps: &[Step]) -> Vec<Fault> {
    let reached = walk(steps).reached;
    let ours = steps
        .iter()
        .enumerate()
        .filter(|(at, step)| step.line.is_ours() && !reached.contains(at));
    let fault = |(at, step): (usize, &Step)| {
        let last = steps
            .iter()
            .take(at)
            .enumerate()
            .rev()
            .find(|(before, _)| reached.contains(before));
        let place = last.map_or(String::new(), |(_, step)| {
            format!(": put it before {}:{}", step.line.file.display(), step.line.number)
        });
        Fault {
            line: step.line.clone(),
            what: format!("the stack never comes to this line{place}"),
            mended: None,
        }
    };
    ours.map(fault).collect()
}

/// The control of a line that goes around ours, changed so that it lands on ours.
fn around(steps: &[Step], at: usize, step: &Step) -> Option<String> {
    let ours = steps
        .iter()
        .enumerate()
        .skip(at.saturating_add(1))
        .find(|(_, step)| step.line.is_ours())?
        .0;
    let lands = |lines: usize| jump(steps, at, step.level, lines).filter(|landed| *landed <= ours);
    let farthest = (1..=ours.saturating_sub(at)).rev().find(|lines| lands(*lines).is_some());
    let to = farthest.map_or("ok".to_owned(), |lines| lines.to_string());
    Control::replaced(&step.line.control, |action| match action {
        Action::Done => Some(to.clone()),
        Action::Jump(lines) if lands(lines).is_none() => Some(to.clone()),
        _ => None,
    })
}
