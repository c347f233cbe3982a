//! Variants that take turns, A B C A B C, in CPU time of their thread: what else the machine does
//! is spread over all of them and mostly not counted.

use std::hint::black_box;
use std::time::Duration;

/// What is timed, so many turns at a time.
pub(crate) struct Variant<'a> {
    pub(crate) name: &'a str,
    turns: usize,
    pub(crate) work: Box<dyn FnMut(usize) + 'a>,
}

/// What one turn of a variant took, in nanoseconds.
pub(crate) struct Spread {
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

impl<'a> Variant<'a> {
    /// The compiler is told neither which turn it is nor that nobody looks at what comes out.
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

/// Runs the variants in turn, an odd number of rounds, each after `prepare`; one more in front
/// warms up.
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

/// Seconds of CPU time that this thread has had.
#[allow(unsafe_code)]
fn thread_time() -> f64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec to a place that holds one.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "a thread has a clock");
    let seconds = Duration::new(
        time.tv_sec.unsigned_abs(),
        u32::try_from(time.tv_nsec).expect("under a second"),
    );
    seconds.as_secs_f64()
}
