//! Alternating variants, A B C A B C, in CPU time of the thread: other work on the machine affects
//! all of them and mostly does not count.

use std::hint::black_box;
use std::time::Duration;

/// A timed variant, run for this many turns.
pub(crate) struct Variant<'a> {
    pub(crate) name: &'a str,
    turns: usize,
    pub(crate) work: Box<dyn FnMut(usize) + 'a>,
}

/// Nanoseconds per turn of a variant.
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl<'a> Variant<'a> {
    /// Hides the turn and the use of the result from the optimiser.
    pub(crate) fn new<T>(
        name: &'a str,
        turns: usize,
        mut work: impl FnMut(usize) -> T + 'a,
    ) -> Variant<'a> {
        Variant { name, turns, work: Box::new(move |turn| drop(black_box(work(black_box(turn))))) }
    }

    fn run(&mut self) -> f64 {
        let before = thread_time();
        for turn in 0..self.turns {
            (self.work)(turn);
        }
        (thread_time() - before) * 1e9 / f64::from(u32::try_from(self.turns).expect("few turns"))
    }
}

/// Runs the variants alternately for an odd number of rounds, each after `prepare`, and one more
/// beforehand to warm up.
pub(crate) fn take_turns(
    rounds: usize,
    variants: &mut [Variant<'_>],
    mut prepare: impl FnMut(),
) -> Vec<Spread> {
    let mut taken = vec![Vec::new(); variants.len()];
    for round in 0..=rounds {
        prepare();
        for (variant, taken) in variants.iter_mut().zip(&mut taken) {
            let nanoseconds = variant.run();
            if round > 0 {
                taken.push(nanoseconds);
            }
        }
    }
    let spread = |mut taken: Vec<f64>| {
        taken.sort_by(f64::total_cmp);
        Spread { min: taken[0], median: taken[rounds / 2], max: taken[rounds - 1] }
    };
    taken.into_iter().map(spread).collect()
}

/// CPU time of this thread, in seconds.
#[allow(unsafe_code)]
fn thread_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec to a pointer to one.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "a thread has a clock");
    let seconds = Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).expect("under a second"),
    );
    seconds.as_secs_f64()
}
