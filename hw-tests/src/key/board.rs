//! The hardware of a key: plug, button, wire, and injected faults.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::Write;
use std::path::Path;
use std::rc::Rc;
use std::str::FromStr;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::control::Control;
use super::flash::{Flash, bytes};
use crate::faults;
use crate::faults::{Endless, Fault};
use crate::wire::Wire;

/// The behaviour of the button.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finger {
    /// Pressed at once.
    Auto,
    /// Never pressed.
    Never,
    /// The person declines.
    Deny,
    /// Pressed by a command on the control socket.
    Manual,
    /// Pressed at this time after the key began to blink.
    Delay(Duration),
}

impl FromStr for Finger {
    type Err = String;

    fn from_str(text: &str) -> Result<Finger, String> {
        Ok(match text {
            "auto" => Finger::Auto,
            "never" => Finger::Never,
            "deny" => Finger::Deny,
            "manual" => Finger::Manual,
            _ => match text.strip_prefix("delay:").map(u64::from_str) {
                Some(Ok(milliseconds)) => Finger::Delay(Duration::from_millis(milliseconds)),
                _ => {
                    return Err(format!(
                        "{text}: a touch is auto, never, deny, manual or delay:MS"
                    ));
                }
            },
        })
    }
}

/// The state of the wait for a touch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    Given,
    Denied,
    Awaited,
}

/// A fault, with the number of replies to skip and the number to spoil.
struct Armed {
    fault: &'static Fault,
    skip: u64,
    times: u64,
}

/// The state of a key apart from its firmware.
pub(super) struct Board {
    wire: Box<dyn Wire>,
    control: Option<Control>,
    flash: Rc<RefCell<Flash>>,
    plugged: bool,
    lost_power: bool,
    leaving: bool,
    finger: Finger,
    right_finger: bool,
    blinking_since: Option<Instant>,
    pressed: bool,
    touches: u64,
    armed: Option<Armed>,
    endless: Option<(Endless, Instant)>,
    inbox: VecDeque<[u8; 64]>,
    reports: u64,
    unplug_after: Option<u64>,
    /// The delay of every report from the key.
    late: Duration,
    outbox: VecDeque<(Instant, Vec<u8>)>,
}

impl Board {
    pub(super) fn new(
        wire: Box<dyn Wire>,
        control: Option<Control>,
        flash: &Rc<RefCell<Flash>>,
        finger: Finger,
    ) -> Board {
        Board {
            wire,
            control,
            flash: Rc::clone(flash),
            plugged: false,
            lost_power: false,
            leaving: false,
            finger,
            right_finger: true,
            blinking_since: None,
            pressed: false,
            touches: 0,
            armed: None,
            endless: None,
            inbox: VecDeque::new(),
            reports: 0,
            unplug_after: None,
            late: Duration::ZERO,
            outbox: VecDeque::new(),
        }
    }

    pub(super) fn plugged(&self) -> bool {
        self.plugged
    }

    /// Returns whether the power was on since the firmware's current operation began.
    pub(super) fn powered(&self) -> bool {
        self.plugged && !self.lost_power
    }

    /// Returns whether the power was off since the last call.
    pub(super) fn take_power_cycle(&mut self) -> bool {
        std::mem::take(&mut self.lost_power)
    }

    pub(super) fn leaving(&self) -> bool {
        self.leaving
    }

    pub(super) fn blinking(&self) -> bool {
        self.blinking_since.is_some()
    }

    pub(super) fn touch_wanted(&mut self) {
        self.blinking_since = Some(Instant::now());
        self.pressed = false;
    }

    pub(super) fn touch_over(&mut self) {
        self.blinking_since = None;
        self.pressed = false;
    }

    pub(super) fn right_finger(&self) -> bool {
        self.right_finger
    }

    pub(super) fn touch(&mut self) -> Touch {
        let Some(since) = self.blinking_since else { return Touch::Awaited };
        let given = match self.finger {
            Finger::Deny => return Touch::Denied,
            Finger::Auto => true,
            Finger::Delay(pause) => since.elapsed() >= pause,
            Finger::Never | Finger::Manual => false,
        };
        if given || self.pressed {
            self.touches += 1;
            self.touch_over();
            return Touch::Given;
        }
        Touch::Awaited
    }

    pub(super) fn next_report(&mut self) -> Option<[u8; 64]> {
        self.inbox.pop_front()
    }

    /// Sends a whole reply of the firmware, spoiled if a fault is armed.
    pub(super) fn answer(&mut self, reply: &[[u8; 64]]) {
        if let Some(armed) = &mut self.armed
            && let Some(sent) = faults::mutate(armed.fault, reply)
        {
            if armed.skip > 0 {
                armed.skip -= 1;
            } else if armed.times > 0 {
                armed.times -= 1;
                sent.reports.iter().for_each(|report| self.send(report));
                self.endless = sent.endless.map(|endless| (endless, Instant::now()));
                return;
            }
        }
        reply.iter().for_each(|report| self.send(report));
    }

    pub(super) fn send(&mut self, report: &[u8]) {
        if self.late.is_zero() && self.outbox.is_empty() {
            self.say(report);
        } else {
            self.outbox.push_back((Instant::now() + self.late, report.to_vec()));
        }
    }

    /// Sends the reports that are due.
    fn say_late(&mut self) {
        while self.outbox.front().is_some_and(|(due, _)| *due <= Instant::now()) {
            if let Some((_, report)) = self.outbox.pop_front() {
                self.say(&report);
            }
        }
    }

    fn say(&mut self, report: &[u8]) {
        if self.powered() {
            // The host may be gone, which a real key cannot notice.
            let _ = self.wire.send(report);
            self.count();
        }
    }

    /// Processes events until one has occurred or the time is over.
    pub(super) fn pump(&mut self, until: Instant) {
        let due = self.endless.as_ref().map_or(until, |(_, next)| until.min(*next));
        let due = self.outbox.front().map_or(due, |(next, _)| due.min(*next));
        let pause = due.saturating_duration_since(Instant::now()).min(Duration::from_secs(1));
        let pause = PollTimeout::try_from(pause.as_millis() + u128::from(!pause.is_zero()))
            .unwrap_or(PollTimeout::ZERO);
        let descriptors = [self.wire.descriptor(), self.control.as_ref().map(Control::descriptor)];
        let mut waited: Vec<PollFd<'_>> = descriptors
            .into_iter()
            .flatten()
            .map(|fd| PollFd::new(fd, PollFlags::POLLIN))
            .collect();
        let _ = poll(&mut waited, pause);
        self.say_late();
        self.obey();
        self.read();
        self.repeat();
    }

    pub(super) fn plug(&mut self) -> Result<(), String> {
        self.wire.plug().map_err(|error| format!("cannot plug in: {error}"))?;
        self.plugged = true;
        Ok(())
    }

    fn unplug(&mut self) -> Result<(), String> {
        self.plugged = false;
        self.lost_power = true;
        self.endless = None;
        self.unplug_after = None;
        self.inbox.clear();
        self.outbox.clear();
        self.touch_over();
        self.wire.unplug().map_err(|error| format!("cannot unplug: {error}"))
    }

    fn read(&mut self) {
        while self.plugged {
            match self.wire.receive() {
                Ok(Some(report)) => {
                    self.inbox.push_back(report);
                    self.count();
                }
                Ok(None) | Err(_) => break,
            }
        }
    }

    /// Counts a report in either direction, and unplugs the key after the last one allowed.
    fn count(&mut self) {
        self.reports += 1;
        self.unplug_after = self.unplug_after.map(|left| left.saturating_sub(1));
        if self.unplug_after == Some(0) {
            let _ = self.unplug();
        }
    }

    fn repeat(&mut self) {
        let now = Instant::now();
        if let Some((endless, next)) = &mut self.endless
            && *next <= now
        {
            *next = now + endless.every;
            let report = endless.report.clone();
            self.send(&report);
        }
    }

    fn obey(&mut self) {
        while let Some((command, mut stream)) = self.control.as_ref().and_then(Control::next) {
            let answer = match self.command(&command) {
                Ok(said) => format!("ok {said}\n"),
                Err(why) => format!("no {why}\n"),
            };
            let _ = stream.write_all(answer.as_bytes());
        }
    }

    fn command(&mut self, line: &str) -> Result<String, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["touch"] => self.pressed = self.blinking(),
            ["finger", "right"] => self.right_finger = true,
            ["finger", "wrong"] => self.right_finger = false,
            ["finger", finger] => self.finger = finger.parse()?,
            ["unplug"] => self.unplug()?,
            ["replug"] => {
                self.unplug()?;
                self.plug()?;
            }
            ["late", milliseconds] => self.late = Duration::from_millis(number(milliseconds)?),
            ["unplug-after", count] => self.unplug_after = Some(number(count)?),
            ["fault", name, rest @ ..] => {
                let fault = faults::named(name).ok_or("no such fault")?;
                let skip = rest.first().map_or(Ok(0), |skip| number(skip))?;
                let times = rest.get(1).map_or(Ok(u64::MAX), |times| number(times))?;
                self.armed = Some(Armed { fault, skip, times });
                self.endless = None;
            }
            ["heal"] => {
                self.armed = None;
                self.endless = None;
            }
            ["raw", report] => {
                self.send(&bytes(report).ok_or("a report is written in hexadecimal")?)
            }
            ["save", file] => {
                self.flash.borrow().save(Path::new(file)).map_err(|error| error.to_string())?
            }
            ["restore", file] => {
                let plugged = self.plugged;
                self.unplug()?;
                *self.flash.borrow_mut() =
                    Flash::load(Path::new(file)).map_err(|error| error.to_string())?;
                if plugged {
                    self.plug()?;
                }
            }
            ["state"] => return Ok(self.state()),
            ["quit"] => {
                self.unplug()?;
                self.leaving = true;
            }
            _ => return Err("no such command".to_owned()),
        }
        Ok(String::new())
    }

    fn state(&self) -> String {
        let Board { plugged, reports, touches, .. } = self;
        format!(
            "plugged={plugged} blinking={} reports={reports} touches={touches}",
            self.blinking()
        )
    }
}

fn number(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}
