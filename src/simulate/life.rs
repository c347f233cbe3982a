//! The life of one token, from its activation on: sign-ins, pairs, mishaps and attackers.

use crate::otp::Window;
use crate::random::Random;
use crate::simulate::crystal::{Crystal, DAY, YEAR};
use crate::simulate::judge::{Answer, Expected, Judge, Judgement, Presented};
use crate::simulate::tally::Tally;
use crate::simulate::world::World;
use crate::time::UnixTime;

/// A token in use. Times are seconds since its activation.
pub(super) struct Life<'a> {
    world: &'a World,
    habits: Habits,
    random: Random,
    crystal: Crystal,
    judge: Box<dyn Judge>,
    /// Unix time of the activation.
    began: f64,
    next: Next,
    /// Largest movement of the clock since the last try, in seconds.
    moved: f64,
    attack: Option<Attack>,
    /// Counts by year of use.
    pub(super) years: Vec<Tally>,
}

/// Habits of owners that the policy decides.
#[derive(Clone, Copy, Debug)]
pub(super) struct Habits {
    /// Display time of a code in seconds.
    pub(super) period: f64,
    /// Codes that are typed before a pair.
    pub(super) codes_before_pair: u8,
    /// Number of possible codes.
    pub(super) possible_codes: u32,
}

/// Times of the next events.
struct Next {
    sign_in: f64,
    jump: f64,
    idle: f64,
    battery: f64,
    attack: f64,
}

/// An attack under way.
struct Attack {
    guesses_left: u32,
    next: f64,
}

impl<'a> Life<'a> {
    /// Activates a token: by an administrator if years in stock have moved its clock too far.
    pub(super) fn begin(
        world: &'a World,
        habits: Habits,
        mut random: Random,
        judge: impl FnOnce(&mut Random, UnixTime, UnixTime) -> Box<dyn Judge>,
    ) -> Life<'a> {
        let crystal = Crystal::new(world, &mut random);
        let began = START + random.between(0.0, YEAR);
        let judge = judge(&mut random, whole(began), whole(began - crystal.stock()));
        let next = Next {
            sign_in: 0.0,
            jump: waiting(&mut random, world.jumps),
            idle: waiting(&mut random, world.idle),
            battery: waiting(&mut random, world.batteries),
            attack: waiting(&mut random, world.attacks),
        };
        let years = Vec::new();
        let mut life = Life {
            world,
            habits,
            random,
            crystal,
            judge,
            began,
            next,
            moved: 0.0,
            attack: None,
            years,
        };
        let _ = life.pair(0.0, Window::Owner) || life.pair(0.0, Window::Admin);
        life.plan_sign_in(0.0);
        life
    }

    /// Lives on to this time.
    pub(super) fn until(&mut self, end: f64) {
        while self.next.sign_in < end {
            let at = self.next.sign_in;
            self.mishaps(at);
            self.attacks(at);
            self.sign_in(at);
            self.plan_sign_in(at);
        }
    }

    /// Seconds by which the clock is ahead of the rule's expectation of a code that arrives at this
    /// time, before the delay is taken off.
    pub(super) fn error(&self, at: f64) -> f64 {
        self.crystal.offset(at) - self.judge.expected(self.now(at)).offset
    }

    /// Seconds for which the rule expects first tries to work, from this time on.
    pub(super) fn works_for(&self, at: f64) -> Option<f64> {
        self.judge.works_for(self.now(at))
    }

    fn sign_in(&mut self, at: f64) {
        let (step, arrives) = self.read(at);
        let expected = self.judge.expected(self.now(arrives));
        let judgement = self.judge.code(Presented::Step(step), self.now(arrives));
        let interval = (self.moved == 0.0).then(|| self.interval(at, expected)).flatten();
        let after_jump = self.moved > LARGE_JUMP;
        self.moved = 0.0;
        let mended = match judgement.answer {
            Answer::Accepted => None,
            Answer::Missed | Answer::Unjudged(_) => Some(self.mend(arrives)),
        };
        let tally = self.tally(at);
        tally.count_first(judgement, after_jump);
        if let Some(sigmas) = interval {
            tally.intervals += 1;
            tally.within_95 += u64::from(sigmas <= SIGMAS_95);
            tally.within_9999 += u64::from(sigmas <= SIGMAS_9999);
        }
        match mended {
            None => {}
            Some(Mended::SecondCode) => tally.second_codes += 1,
            Some(Mended::OwnerPair) => tally.owner_pairs += 1,
            Some(Mended::AdminPair) => tally.admin_pairs += 1,
            Some(Mended::Lost) => tally.lost += 1,
        }
    }

    /// Distance of the clock from the expectation, in standard deviations.
    fn interval(&self, at: f64, expected: Expected) -> Option<f64> {
        let truth = self.crystal.offset(at) - self.world.delay.mean();
        expected.doubt.map(|doubt| (truth - expected.offset).abs() / doubt)
    }

    /// Further codes, then two of the owner's, then two of the owner's and an administrator.
    fn mend(&mut self, after: f64) -> Mended {
        let mut at = after;
        for _ in 1..self.habits.codes_before_pair {
            at += self.habits.period * self.random.between(1.0, 2.0);
            let (step, arrives) = self.read(at);
            let judgement = self.judge.code(Presented::Step(step), self.now(arrives));
            if judgement.answer == Answer::Accepted {
                return Mended::SecondCode;
            }
        }
        for (window, mended) in
            [(Window::Owner, Mended::OwnerPair), (Window::Admin, Mended::AdminPair)]
        {
            at += self.habits.period * self.random.between(2.0, 3.0);
            if self.pair(at, window) {
                return mended;
            }
        }
        Mended::Lost
    }

    /// Presents the code on display and the one before it.
    fn pair(&mut self, at: f64, window: Window) -> bool {
        let (step, arrives) = self.read(at);
        self.judge.pair(step, window, self.now(arrives))
    }

    /// The step on display, and the time at which its code arrives.
    fn read(&mut self, at: f64) -> (u64, f64) {
        let shown = self.began + at + self.crystal.offset(at);
        let delay = self.world.delay;
        let arrives = at + self.random.log_normal(delay.median, delay.spread);
        (whole(shown / self.habits.period).0, arrives)
    }

    /// Jumps and batteries until a time, in order.
    fn mishaps(&mut self, until: f64) {
        loop {
            let at = self.next.jump.min(self.next.battery);
            if at > until {
                return;
            }
            let before = self.crystal.offset(at);
            if self.next.jump <= self.next.battery {
                let seconds = JUMPS.0 * (JUMPS.1 / JUMPS.0).powf(self.random.unit());
                self.crystal.jump(seconds * self.random.sign());
                self.next.jump = at + waiting(&mut self.random, self.world.jumps);
            } else {
                self.crystal.set(self.random.between(-SET_ANEW, SET_ANEW), at);
                self.next.battery = at + waiting(&mut self.random, self.world.batteries);
            }
            self.moved = self.moved.max((self.crystal.offset(at) - before).abs());
        }
    }

    /// Guesses until a time.
    fn attacks(&mut self, until: f64) {
        loop {
            if self.attack.is_none() && self.next.attack < until {
                self.attack = Some(Attack { guesses_left: GUESSES, next: self.next.attack });
            }
            match &mut self.attack {
                Some(attack) if attack.next < until => {
                    let at = attack.next;
                    self.guess(at);
                }
                _ => return,
            }
        }
    }

    /// Presents a guess, and plans the next one for the time when it is judged.
    fn guess(&mut self, at: f64) {
        let was_locked = self.judge.is_locked();
        let guess = Presented::Guess(self.random.below(self.habits.possible_codes));
        let Judgement { answer, candidates, .. } = self.judge.code(guess, self.now(at));
        let locked = !was_locked && self.judge.is_locked();
        let tally = self.tally(at);
        tally.guesses += u64::from(candidates > 0);
        tally.guess_candidates += candidates;
        tally.guesses_accepted += u64::from(answer == Answer::Accepted);
        tally.lockouts += u64::from(locked);
        let next = match answer {
            Answer::Unjudged(None) => None,
            Answer::Unjudged(Some(until)) => Some(float(until) - self.began),
            Answer::Accepted | Answer::Missed => Some(at + 1.0),
        };
        let left = self.attack.as_ref().map_or(0, |attack| attack.guesses_left);
        let left = left - u32::from(candidates > 0).min(left);
        self.attack = next.filter(|_| left > 0).map(|next| Attack { guesses_left: left, next });
        if self.attack.is_none() {
            self.next.attack = at + waiting(&mut self.random, self.world.attacks);
        }
    }

    /// Plans the next sign-in: a quarter earlier or later than usual, or after an idle time.
    fn plan_sign_in(&mut self, after: f64) {
        let spread = (1.0 + 0.22 * self.random.normal()).max(0.1);
        let gap = self.world.usage.days() * DAY * spread;
        self.next.sign_in = after + gap;
        if self.next.idle <= self.next.sign_in {
            self.next.sign_in += self.random.between(60.0, 365.0) * DAY;
            self.next.idle = self.next.sign_in + waiting(&mut self.random, self.world.idle);
        }
    }

    fn tally(&mut self, at: f64) -> &mut Tally {
        let year = usize::try_from(whole(at / YEAR).0).unwrap_or(0);
        if self.years.len() <= year {
            self.years.resize(year + 1, Tally::default());
        }
        &mut self.years[year]
    }

    fn now(&self, at: f64) -> UnixTime {
        whole(self.began + at)
    }
}

/// The way in which a failed sign-in came to an end.
#[derive(Clone, Copy)]
enum Mended {
    SecondCode,
    OwnerPair,
    AdminPair,
    Lost,
}

impl Tally {
    fn count_first(&mut self, judgement: Judgement, after_jump: bool) {
        let Judgement { answer, candidates, around } = judgement;
        let accepted = u64::from(answer == Answer::Accepted);
        self.first_tries += 1;
        self.accepted += accepted;
        self.kept_out += u64::from(matches!(answer, Answer::Unjudged(_)));
        self.candidates += candidates;
        self.candidates_around += around;
        self.most_candidates = self.most_candidates.max(candidates);
        self.after_jump += u64::from(after_jump);
        self.after_jump_accepted += accepted * u64::from(after_jump);
    }
}

/// Time to the next of so many events a year.
fn waiting(random: &mut Random, a_year: f64) -> f64 {
    if a_year > 0.0 { random.waiting(YEAR / a_year) } else { f64::INFINITY }
}

/// The whole second, or step: 0 below 0.
#[expect(clippy::as_conversions, reason = "a float becomes an integer in no other way")]
fn whole(number: f64) -> UnixTime {
    UnixTime(number.floor() as u64)
}

fn float(time: UnixTime) -> f64 {
    crate::simulate::tally::float(time.0)
}

/// 2026-01-01.
const START: f64 = 1_767_225_600.0;

/// Least and greatest jump of a clock, in seconds.
const JUMPS: (f64, f64) = (0.5, 120.0);

/// A jump after which a first try may fail, in seconds.
const LARGE_JUMP: f64 = 25.0;

/// Precision with which a clock is set after a change of the battery, in seconds.
const SET_ANEW: f64 = 60.0;

/// Guesses of one attack.
const GUESSES: u32 = 20;

/// Standard deviations of an interval of 95 %.
const SIGMAS_95: f64 = 1.960;

/// Standard deviations of an interval of 99.99 %.
const SIGMAS_9999: f64 = 3.891;
