//! In any order of operations, no step is accepted twice, no watermark falls, and the expected
//! step moves as it should.
//!
//! The ledger is kept outside. `TWOSTEP_PROPTEST_CASES` says how many sequences are tried (200).

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use twostep::otp::Window;

use super::run::Run;

/// An operation. `who` is one of two accounts.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    Pass(u64),
    Code {
        who: usize,
        around: Around,
        by: i64,
    },
    Pair {
        who: usize,
        around: Around,
        by: i64,
        shape: Shape,
        window: Window,
        entry: Entry,
    },
    Guess(usize),
    Lock(usize),
    Unlock(usize),
    Deactivate(usize),
    Remove(usize),
    Add {
        who: usize,
        again: Again,
    },
    Backup,
    Restore,
    /// The wall clock alone moves.
    Jump(i64),
    /// The clock moves, and an administrator accepts it.
    SetClock(i64),
}

/// The step that the code is near to.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Around {
    Present,
    Expected,
    Watermark,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Right,
    Reversed,
    Skipping,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry {
    /// Activation or resync, whichever the device is waiting for.
    Due,
    Activate,
    Resync,
    Session,
}

/// Labels of a device whose seed returns.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Again {
    AsBefore,
    OtherSerial,
    OtherStepSize,
    Counter,
}

fn op() -> impl Strategy<Value = Op> {
    let who = || 0..2_usize;
    let around =
        || prop_oneof![Just(Around::Present), Just(Around::Expected), Just(Around::Watermark)];
    let near = || prop_oneof![4 => -1..=1_i64, 2 => -3..=3_i64, 1 => -25..=25_i64];
    let far = prop_oneof![4 => -1..=2_i64, 2 => -22..=22_i64, 1 => -2_900..=2_900_i64];
    let shape = prop_oneof![
        6 => Just(Shape::Right),
        1 => Just(Shape::Reversed),
        1 => Just(Shape::Skipping),
    ];
    let window = prop_oneof![3 => Just(Window::Owner), 1 => Just(Window::Admin)];
    let entry = prop_oneof![
        6 => Just(Entry::Due),
        1 => Just(Entry::Activate),
        1 => Just(Entry::Resync),
        2 => Just(Entry::Session),
    ];
    let pair = (who(), around(), far, shape, window, entry).prop_map(
        |(who, around, by, shape, window, entry)| Op::Pair {
            who,
            around,
            by,
            shape,
            window,
            entry,
        },
    );
    let again = prop_oneof![
        2 => Just(Again::AsBefore),
        2 => Just(Again::OtherSerial),
        1 => Just(Again::OtherStepSize),
        1 => Just(Again::Counter),
    ];
    let times = prop_oneof![4 => 1..90_u64, 2 => 90..4_000_u64, 1 => 4_000..200_000_u64];
    prop_oneof![
        10 => times.prop_map(Op::Pass),
        14 => (who(), around(), near()).prop_map(|(who, around, by)| Op::Code { who, around, by }),
        10 => pair,
        2 => who().prop_map(Op::Guess),
        1 => who().prop_map(Op::Lock),
        1 => who().prop_map(Op::Unlock),
        1 => who().prop_map(Op::Deactivate),
        2 => who().prop_map(Op::Remove),
        3 => (who(), again).prop_map(|(who, again)| Op::Add { who, again }),
        1 => Just(Op::Backup),
        1 => Just(Op::Restore),
        1 => (-70..=70_i64).prop_map(Op::Jump),
        1 => (-100_000..=100_000_i64).prop_map(Op::SetClock),
    ]
}

#[test]
fn no_step_is_accepted_twice_and_no_watermark_falls() {
    let cases = std::env::var("TWOSTEP_PROPTEST_CASES")
        .ok()
        .map_or(200, |cases| cases.parse().unwrap());
    let config = Config { failure_persistence: None, ..Config::with_cases(cases) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (accepted, tried) = (Cell::new(0), Cell::new(0));
    let ran = TestRunner::new(config).run(&proptest::collection::vec(op(), 1..80), |ops| {
        let run = runtime.block_on(all_hold(&ops)).map_err(TestCaseError::fail)?;
        accepted.set(accepted.get() + run.accepted);
        tried.set(tried.get() + ops.len());
        Ok(())
    });
    ran.unwrap_or_else(|fault| panic!("{fault}"));
    println!("{} operations, {} of them accepted something", tried.get(), accepted.get());
}

#[tokio::test]
async fn a_window_ends_within_a_millisecond_of_a_step() {
    let pair = |around, by, entry| Op::Pair {
        who: 1,
        around,
        by,
        shape: Shape::Right,
        window: Window::Owner,
        entry,
    };
    let ops = [
        pair(Around::Present, 0, Entry::Due),
        Op::Pass(105),
        pair(Around::Expected, -1, Entry::Resync),
        Op::Pass(75),
        Op::Code { who: 1, around: Around::Watermark, by: -1 },
    ];
    if let Err(fault) = all_hold(&ops).await {
        panic!("{fault}");
    }
}

#[tokio::test]
async fn a_clock_is_followed_no_farther_than_a_pair_finds_it() {
    let pair = |around, by, window| Op::Pair {
        who: 1,
        around,
        by,
        shape: Shape::Right,
        window,
        entry: Entry::Due,
    };
    let ops = [
        Op::SetClock(32_841),
        Op::Pass(3_739),
        Op::Jump(-19),
        Op::Pass(46),
        pair(Around::Present, -5, Window::Owner),
        Op::SetClock(27_757),
        Op::Jump(-69),
        Op::Pass(3_766),
        pair(Around::Expected, 2_886, Window::Admin),
        Op::Pass(53),
        Op::Code { who: 1, around: Around::Expected, by: -1 },
    ];
    if let Err(fault) = all_hold(&ops).await {
        panic!("{fault}");
    }
}

/// Performs the operations, each of which must keep the rules.
async fn all_hold(ops: &[Op]) -> Result<Run, String> {
    let mut run = Run::new().await;
    for (at, op) in ops.iter().enumerate() {
        run.act(op).await.map_err(|fault| format!("operation {at}, {op:?}: {fault}"))?;
    }
    Ok(run)
}
