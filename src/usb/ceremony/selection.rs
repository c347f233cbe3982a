//! Selection of a key: the only one that fits, or the one that is touched (CTAP 2.1 §6.9, WebAuthn
//! L3 §5.1.3 step 20).

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::runner::{Event, Runner, State, perform};
use super::session::{GoAhead, KeyEvent, KeySession, Readiness};
use super::verdict::Outcome;
use super::{Ceremony, verdict};
use crate::usb::bus::Bus;
use crate::usb::deadline::{Cancel, Deadline, Options};
use crate::usb::error::Error;
use crate::usb::fault::Fault;
use crate::usb::key::Key;
use crate::usb::person::{Person, Progress};

struct Selection<C: Ceremony> {
    bus: Arc<dyn Bus>,
    ceremony: Arc<C>,
    deadline: Deadline,
    /// Half of the time is over: keys that only may fit do not wait any longer for those that are
    /// busy.
    half: Deadline,
    stop: Cancel,
    taken: Arc<AtomicBool>,
    sender: Sender<Event<C::Output>>,
    runners: Vec<Runner>,
    winner: Option<usize>,
    waiting: bool,
}

/// Runs a ceremony to its end.
pub(super) fn run<C: Ceremony>(
    bus: Arc<dyn Bus>,
    options: &Options,
    ceremony: C,
    person: &mut dyn Person,
) -> Result<C::Output, Error> {
    let stop = options.cancel.child();
    let deadline = Deadline::new(options.deadline, stop.clone());
    let (sender, events) = channel();
    let only = options.only.clone();
    let wanted = move |key: &Key| only.as_ref().is_none_or(|only| *only == key.path);
    let mut keys = bus.keys()?;
    keys.retain(|key| wanted(key));
    watch(&bus, wanted, stop.clone(), sender.clone());
    let taken = Arc::new(AtomicBool::new(false));
    let half = deadline.within(options.deadline / 2);
    let ceremony = Arc::new(ceremony);
    let mut selection = Selection {
        bus,
        ceremony,
        deadline,
        half,
        stop,
        taken,
        sender,
        runners: Vec::new(),
        winner: None,
        waiting: false,
    };
    for key in keys {
        selection.begin(key);
    }
    let result = selection.run(&events, person);
    selection.end(&events);
    result
}

/// Reports what is plugged in, from a thread of its own, until the ceremony ends.
fn watch<T: Send + 'static>(
    bus: &Arc<dyn Bus>,
    wanted: impl Fn(&Key) -> bool + Send + 'static,
    stop: Cancel,
    sender: Sender<Event<T>>,
) {
    let bus = bus.clone();
    thread::spawn(move || {
        let mut wait = bus.watch();
        while !stop.is_cancelled() {
            wait(PERIOD);
            // A list that could not be made is made again.
            let Ok(mut keys) = bus.keys() else { continue };
            keys.retain(|key| wanted(key));
            if sender.send(Event::Keys(keys)).is_err() {
                return;
            }
        }
    });
}

impl<C: Ceremony> Selection<C> {
    fn run(
        &mut self,
        events: &Receiver<Event<C::Output>>,
        person: &mut dyn Person,
    ) -> Result<C::Output, Error> {
        loop {
            self.decide(person)?;
            match self.deadline.stopped() {
                Ok(()) if !self.deadline.left().is_zero() => {}
                Ok(()) => return self.last_words(events),
                Err(_) => return Err(Error::Cancelled),
            }
            match events.recv_timeout(self.deadline.left().min(Deadline::SLICE)) {
                Ok(Event::Keys(keys)) => self.compare(keys, person),
                Ok(Event::OfKey(number, news)) => self.hear(number, news, person),
                Ok(Event::Ended(number, result, blinked)) => {
                    if let Some(result) = self.let_go(number, result, blinked, person) {
                        return result;
                    }
                }
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {}
            }
        }
    }

    /// Gives a key its thread.
    fn begin(&mut self, key: Key) {
        let (number, cancel) = (self.runners.len(), self.stop.child());
        let (bus, ceremony, ended) = (self.bus.clone(), self.ceremony.clone(), self.sender.clone());
        let sender = self.sender.clone();
        let report = Box::new(move |news| sender.send(Event::OfKey(number, news)).is_ok());
        let mut session = KeySession::new(
            key.clone(),
            report,
            self.deadline.with(cancel.clone()),
            self.taken.clone(),
        );
        thread::spawn(move || {
            let result = perform(&bus, ceremony.as_ref(), &mut session);
            // A closed channel means that the ceremony is over.
            let _ = ended.send(Event::Ended(number, result, session.has_blinked()));
        });
        self.runners.push(Runner {
            key,
            begun: Instant::now(),
            cancel,
            state: State::Looking,
            present: true,
            busy: false,
        });
    }

    /// Lets keys blink once it is known which may.
    fn decide(&mut self, person: &mut dyn Person) -> Result<(), Error> {
        if self.winner.is_some() {
            return Ok(());
        }
        let going = self.runners.iter().any(|runner| matches!(runner.state, State::Going));
        let mut looking = self
            .runners
            .iter()
            .filter(|runner| runner.present && matches!(runner.state, State::Looking))
            .peekable();
        let unknown = looking.peek().is_some();
        if looking.any(|runner| runner.begun.elapsed() < PATIENCE) && !going {
            return Ok(());
        }
        let fits = |runner: &Runner| matches!(runner.state, State::Fits(_));
        let perhaps = |runner: &Runner| matches!(runner.state, State::Perhaps(_));
        let next = match () {
            () if self.runners.iter().any(fits) => self.let_go_ahead(fits, going),
            () if going => return Ok(()),
            // The person would be asked for the PIN of a key that is not the account's, while the
            // right one is busy.
            () if unknown && !self.half.left().is_zero() => return Ok(()),
            () if self.runners.iter().any(perhaps) => self.let_go_ahead(perhaps, unknown),
            () => return self.nobody_fits(person),
        };
        if let [_, _, ..] = &next[..] {
            person.tell(Progress::ChooseByTouch { keys: next });
        }
        Ok(())
    }

    /// Lets those go that are chosen; answers all that blink then. Where others may join them, a
    /// touch chooses.
    fn let_go_ahead(&mut self, chosen: impl Fn(&Runner) -> bool, others: bool) -> Vec<Key> {
        let count = self.runners.iter().filter(|runner| chosen(runner)).count();
        let answer = if count > 1 || others { GoAhead::AmongOthers } else { GoAhead::Alone };
        for runner in self.runners.iter_mut().filter(|runner| chosen(runner)) {
            if let State::Fits(go_ahead) | State::Perhaps(go_ahead) =
                std::mem::replace(&mut runner.state, State::Going)
            {
                // A thread that is gone says so itself.
                let _ = go_ahead.send(answer);
            }
        }
        self.runners
            .iter()
            .filter(|runner| matches!(runner.state, State::Going))
            .map(|runner| runner.key.clone())
            .collect()
    }

    /// Says why, unless another key may still come.
    fn nobody_fits(&mut self, person: &mut dyn Person) -> Result<(), Error> {
        let here = |runner: &&Runner| runner.present && !matches!(runner.state, State::Gone);
        if self
            .runners
            .iter()
            .filter(here)
            .any(|runner| matches!(runner.state, State::Looking))
        {
            return Ok(());
        }
        let let_go = self.runners.iter().filter(here).filter_map(|runner| match &runner.state {
            State::Ended(why) => Some((&runner.key, why)),
            _ => None,
        });
        match verdict::verdict(&let_go.collect::<Vec<_>>()) {
            Some(why) => Err(why),
            None => {
                if !self.waiting {
                    self.waiting = true;
                    person.tell(Progress::WaitingForKey);
                }
                Ok(())
            }
        }
    }

    fn hear(&mut self, number: usize, news: KeyEvent, person: &mut dyn Person) {
        let others = self
            .runners
            .iter()
            .filter(|runner| matches!(runner.state, State::Going))
            .count()
            > 1;
        let Some(runner) = self.runners.get_mut(number) else { return };
        match news {
            // The person was told to choose by touch.
            KeyEvent::Tell(Progress::NeedTouch(_) | Progress::NeedFingerprint(_))
                if others && self.winner.is_none() => {}
            KeyEvent::Tell(progress) => {
                runner.busy |= matches!(progress, Progress::Busy(_));
                person.tell(progress);
            }
            KeyEvent::Ready(Readiness::Fits, go_ahead) => runner.state = State::Fits(go_ahead),
            KeyEvent::Ready(Readiness::Perhaps, go_ahead) => {
                runner.state = State::Perhaps(go_ahead)
            }
            KeyEvent::Taken => {
                self.winner = Some(number);
                if others {
                    person.tell(Progress::Chosen(runner.key.clone()));
                }
                let losers = self.runners.iter().enumerate().filter(|(other, _)| *other != number);
                losers.for_each(|(_, runner)| runner.cancel.cancel());
            }
            KeyEvent::AskPin(request, answer) => {
                let asked = Instant::now();
                // A thread that is gone says so itself.
                let _ = answer.send(person.pin(&request));
                self.deadline = self.deadline.later(asked.elapsed());
            }
        }
    }

    /// Handles the end of a key's thread: the end of the ceremony, or one key less.
    fn let_go(
        &mut self,
        number: usize,
        result: Result<C::Output, Fault>,
        blinked: bool,
        person: &mut dyn Person,
    ) -> Option<Result<C::Output, Error>> {
        let going = |runner: &Runner| matches!(runner.state, State::Going);
        let runner = self.runners.get_mut(number)?;
        let was_going = going(runner);
        let fault = match result {
            Ok(output) => {
                runner.state = State::Gone;
                return Some(Ok(output));
            }
            Err(fault) => fault,
        };
        let gone = fault == Fault::Gone && !was_going;
        let (let_go, key) = (Outcome::by(fault, blinked), runner.key.clone());
        let why = let_go.why(&key);
        let not_asked = matches!(let_go, Outcome::NotAsked(_)) && !gone;
        runner.state = if gone { State::Gone } else { State::Ended(let_go) };
        if self.winner == Some(number) {
            return Some(Err(why));
        }
        let others = self
            .runners
            .iter()
            .any(|runner| runner.present && !matches!(runner.state, State::Gone | State::Ended(_)));
        if was_going && !self.runners.iter().any(going) {
            return Some(Err(why));
        }
        match why {
            Error::Unplugged if was_going => person.tell(Progress::KeyRemoved(key)),
            why if was_going || not_asked && others => person.tell(Progress::LeftOut { key, why }),
            _ => {}
        }
        None
    }

    /// Finds who came and who went.
    fn compare(&mut self, keys: Vec<Key>, person: &mut dyn Person) {
        for runner in self.runners.iter_mut().filter(|runner| runner.present) {
            if matches!(runner.state, State::Gone) || !keys.contains(&runner.key) {
                runner.present = false;
                if !matches!(runner.state, State::Going) {
                    runner.cancel.cancel();
                    person.tell(Progress::KeyRemoved(runner.key.clone()));
                }
            }
        }
        let known =
            |key: &Key| self.runners.iter().any(|runner| runner.present && runner.key == *key);
        for key in keys.into_iter().filter(|key| !known(key)).collect::<Vec<_>>() {
            if self.winner.is_none() {
                self.waiting = false;
                person.tell(Progress::KeyInserted(key.clone()));
                self.begin(key);
            }
        }
    }

    /// The deadline has passed: how it ended is what the keys' threads say now, or what can be said
    /// without them.
    fn last_words(&mut self, events: &Receiver<Event<C::Output>>) -> Result<C::Output, Error> {
        let end = Instant::now() + LAST_WORDS;
        while self
            .runners
            .iter()
            .any(|runner| matches!(runner.state, State::Looking | State::Going))
        {
            match events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Event::Ended(_, Ok(output), _)) => return Ok(output),
                Ok(Event::Ended(number, Err(fault), blinked)) => {
                    if let Some(runner) = self.runners.get_mut(number) {
                        let chosen = self.winner.is_none_or(|winner| winner == number)
                            && !matches!(fault, Fault::Stopped | Fault::Gone);
                        runner.state = if chosen {
                            State::Ended(Outcome::by(fault, blinked))
                        } else {
                            State::Gone
                        };
                    }
                }
                Ok(Event::OfKey(number, KeyEvent::Tell(Progress::Busy(_)))) => {
                    if let Some(runner) = self.runners.get_mut(number) {
                        runner.busy = true;
                    }
                }
                Ok(_) => {}
                Err(_) => break,
            }
        }
        // The thread of a key that does not let go of it says nothing.
        let late = |runner: &Runner| match runner.state {
            State::Going => Outcome::Answered(Error::NotTouched),
            _ if runner.busy => Outcome::NotAsked(Error::Busy),
            _ => Outcome::NotAsked(Error::Silent),
        };
        let here = self
            .runners
            .iter()
            .filter(|runner| runner.present && !matches!(runner.state, State::Gone));
        let let_go: Vec<(&Key, Outcome)> = here
            .map(|runner| match &runner.state {
                State::Ended(why) => (&runner.key, why.clone()),
                _ => (&runner.key, late(runner)),
            })
            .collect();
        let winner = self.winner.and_then(|winner| self.runners.get(winner));
        if let Some((key, why)) =
            let_go.iter().find(|(key, _)| winner.is_some_and(|winner| winner.key == **key))
        {
            return Err(why.why(key));
        }
        // A key that blinked is one that fits.
        if let_go.iter().any(|(_, why)| *why == Outcome::Answered(Error::NotTouched)) {
            return Err(Error::NotTouched);
        }
        let let_go: Vec<(&Key, &Outcome)> = let_go.iter().map(|(key, why)| (*key, why)).collect();
        Err(verdict::verdict(&let_go).unwrap_or(Error::NoKey))
    }

    /// Tells all that still blink to stop, and gives them a moment to do so.
    fn end(&mut self, events: &Receiver<Event<C::Output>>) {
        self.stop.cancel();
        let end = Instant::now() + LAST_WORDS.min(self.deadline.left());
        let mut blinking = self
            .runners
            .iter()
            .filter(|runner| matches!(runner.state, State::Going))
            .count();
        while blinking > 0 {
            match events.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(Event::Ended(..)) => blinking -= 1,
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }
}

/// Time for a key to say whether it fits, while other keys wait for it.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Time after the deadline for the keys' threads to report their end.
const LAST_WORDS: Duration = Duration::from_millis(210);

/// Polling interval of the bus without events.
const PERIOD: Duration = Duration::from_millis(250);
