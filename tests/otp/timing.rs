//! No two kinds of wrong pair differ in time, and in a long window no right ones: t-tests over
//! interleaved samples, as dudect does it (Reparaz, Balasch and Verbauwhede 2017), and leaks
//! planted to show that such a test finds one.

use std::hint::black_box;

use test_support::timing::{BOUND, difference};
use twostep::otp::{PairFound, Window};

use super::oracle::{Random, setting};
use super::refused::{CLASSES, LONG_CLASSES, LongPair, Refused, WrongPair};

#[test]
fn no_two_kinds_of_wrong_pair_differ_in_time() {
    let mut random = Random(16);
    let refused = Refused::new(&mut random);
    let samples = setting("TWOSTEP_TIMING_SAMPLES", 100_000);
    let pairs: Vec<_> = (0..512).map(|_| refused.wrong_pairs(&mut random)).collect();
    let run = largest_difference(CLASSES, &pairs, samples, &mut random, |pair: &WrongPair| {
        refused.find(pair, Window::Owner) == PairFound::Nowhere
    });
    println!("{run:?} over {samples} samples of each class");
    assert!(run.t < BOUND, "two classes of refusal differ in time: {run:?}");
}

#[test]
fn a_search_that_stops_at_a_wrong_first_code_is_detected() {
    let mut random = Random(17);
    let refused = Refused::new(&mut random);
    let pairs: Vec<_> = (0..512).map(|_| refused.wrong_pairs(&mut random)).collect();
    let run = largest_difference(CLASSES, &pairs, 20_000, &mut random, |pair: &WrongPair| {
        !refused.find_and_tell(pair)
    });
    println!("{run:?}");
    assert!(run.t > BOUND, "{run:?}");
}

#[test]
fn a_long_search_does_not_tell_where_a_code_is_right() {
    let mut random = Random(18);
    let refused = Refused::new(&mut random);
    let samples = setting("TWOSTEP_LONG_TIMING_SAMPLES", 150);
    let pairs: Vec<_> = (0..64).map(|_| refused.long_pairs(&mut random)).collect();
    let run = largest_difference(LONG_CLASSES, &pairs, samples, &mut random, |pair: &LongPair| {
        refused.is_judged_rightly(pair)
    });
    println!("{run:?} over {samples} samples of each class");
    assert!(run.t < BOUND, "an administrator's search tells two classes apart: {run:?}");
}

#[test]
fn a_long_search_that_looks_again_for_right_codes_is_detected() {
    let mut random = Random(19);
    let refused = Refused::new(&mut random);
    let pairs: Vec<_> = (0..64).map(|_| refused.long_pairs(&mut random)).collect();
    let run = largest_difference(LONG_CLASSES, &pairs, 25, &mut random, |pair: &LongPair| {
        refused.is_judged_rightly(pair)
            && (!pair.is_partly_right() || refused.is_judged_rightly(pair))
    });
    println!("{run:?}");
    assert!(run.t > BOUND, "{run:?}");
}

/// The two classes that differ most, and by how much.
#[derive(Debug)]
struct Difference {
    t: f64,
    #[expect(dead_code, reason = "said by Debug")]
    between: [&'static str; 2],
}

/// Times `judge`, which must say yes, on pairs of all classes. The classes take turns in an order
/// that is drawn each time, so that a slow or a warm phase of the machine affects all of them.
fn largest_difference<const N: usize, Pair: Clone>(
    classes: [&'static str; N],
    pairs: &[[Pair; N]],
    samples: u32,
    random: &mut Random,
    judge: impl Fn(&Pair) -> bool,
) -> Difference {
    let mut times = [const { Vec::new() }; N];
    let mut order: [usize; N] = std::array::from_fn(|class| class);
    for pairs in pairs.iter().cycle().take(usize::try_from(samples).unwrap()) {
        (1..order.len()).for_each(|last| order.swap(last, random.index(last + 1)));
        for class in order {
            // Every class is judged from the same place in memory.
            let pair = pairs[class].clone();
            let before = thread_nanoseconds();
            let judged = judge(black_box(&pair));
            let time = thread_nanoseconds() - before;
            assert!(judged, "{}", classes[class]);
            times[class].push(u32::try_from(time).map_or(f64::INFINITY, f64::from));
        }
    }
    // Interruptions lengthen a sample and say nothing about the code. Like dudect, leave out the
    // slowest samples.
    let mut all: Vec<f64> = times.concat();
    all.sort_unstable_by(f64::total_cmp);
    let slowest = all[all.len() / 100 * 99];
    times.iter_mut().for_each(|times| times.retain(|time| *time < slowest));
    let differences =
        (0..N)
            .flat_map(|one| (0..one).map(move |other| [one, other]))
            .map(|[one, other]| Difference {
                t: difference(&times[one], &times[other]).abs(),
                between: [classes[one], classes[other]],
            });
    differences.max_by(|one, other| one.t.total_cmp(&other.t)).unwrap()
}

/// The CPU time that this thread has had. A wall clock would count the turns of other threads, too.
#[allow(unsafe_code, reason = "the standard library does not have this clock")]
fn thread_nanoseconds() -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the kernel writes one timespec to a place that holds one.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "every thread has this clock");
    time.tv_sec.unsigned_abs() * 1_000_000_000 + time.tv_nsec.unsigned_abs()
}
