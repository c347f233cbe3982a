//! The watch over fleets in worlds of which the truth is known.

use crate::fleet::world::{OUTDOORS, Told, World};
use crate::fleet::{Direction, Ending, Notice, Suspicion};

/// Days and numbers of tokens in which no alarm may be false; more by the environment.
fn size(variable: &str, usual: u32) -> u32 {
    std::env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

/// Working hours, of ten a day, up to a time in days.
fn working_hours(days: f64) -> f64 {
    days.floor() * 10.0 + (days.fract() * 24.0 - 8.0).clamp(0.0, 10.0)
}

fn first_alarm(told: &[Told]) -> Option<(f64, Suspicion)> {
    told.iter().find_map(|(at, notice)| match notice {
        Notice::Suspect(suspicion) => Some((*at, *suspicion)),
        Notice::Over(..) => None,
    })
}

/// The hours in which a shift that begins at this time is told, in worlds of these seeds.
#[track_caller]
fn told_within(
    world: &World,
    from: f64,
    seeds: std::ops::Range<u64>,
    hours: f64,
    least_share: f64,
) {
    let count = f64::from(u32::try_from(seeds.end - seeds.start).unwrap());
    let took: Vec<f64> = seeds
        .map(|seed| {
            let told = World { seed, ..world.clone() }.run();
            let alarm = first_alarm(&told);
            alarm.map_or(f64::INFINITY, |(at, _)| working_hours(at) - working_hours(from))
        })
        .collect();
    let soon =
        f64::from(u32::try_from(took.iter().filter(|took| **took <= hours).count()).unwrap());
    assert!(soon >= least_share * count, "{took:?}");
}

#[test]
fn no_alarm_is_false_in_an_office_or_outdoors() {
    let days = size("TWOSTEP_FLEET_DAYS", 60);
    for place in [crate::fleet::world::OFFICE, OUTDOORS] {
        let world = World { place, days, seed: 7, ..World::default() };
        assert_eq!(world.run(), []);
    }
}

#[test]
fn no_alarm_is_false_in_a_large_fleet() {
    let tokens = u16::try_from(size("TWOSTEP_FLEET_TOKENS", 1_500) / 50).unwrap();
    let world = World { batches: vec![tokens; 50], days: 30, seed: 8, ..World::default() };
    assert_eq!(world.run(), []);
}

#[test]
fn a_step_of_5_seconds_is_told_within_6_working_hours() {
    let servers: [fn(f64) -> f64; 2] = [|day| step(day, 5.0), |day| step(day, -5.0)];
    for server in servers {
        told_within(&World { server, ..World::default() }, SHIFT_AT, 10..13, 6.0, 1.0);
    }
}

#[test]
fn a_step_in_the_afternoon_is_told_as_soon() {
    let server = |day| if day >= AFTERNOON { 5.0 } else { 0.0 };
    let world = World { server, days: 2, ..World::default() };
    told_within(&world, AFTERNOON, 16_000..16_008, 6.0, 1.0);
}

#[test]
fn a_step_of_20_seconds_is_told_within_2_working_hours() {
    let servers: [fn(f64) -> f64; 2] = [|day| step(day, 20.0), |day| step(day, -20.0)];
    for server in servers {
        told_within(&World { server, ..World::default() }, SHIFT_AT, 20..22, 2.0, 1.0);
    }
}

#[test]
fn a_step_of_3_minutes_is_told_within_an_hour() {
    let servers: [fn(f64) -> f64; 2] = [|day| step(day, 180.0), |day| step(day, -180.0)];
    for server in servers {
        let world = World { server, ..World::default() };
        told_within(&world, SHIFT_AT, 30..31, 1.0, 1.0);
        let (_, suspicion) = first_alarm(&World { seed: 30, ..world }.run()).unwrap();
        assert!((suspicion.shift.seconds - 180.0).abs() < 15.0, "{suspicion:?}");
        assert_eq!(suspicion.causes().len(), 1);
    }
}

#[test]
fn a_drift_of_20_ppm_is_told_within_5_days() {
    let servers: [fn(f64) -> f64; 2] = [|day| day.max(0.0) * 1.728, |day| day.max(0.0) * -1.728];
    for server in servers {
        let told = World { server, days: 6, ..World::default() }.run();
        let (at, _) = first_alarm(&told).expect("an alarm");
        assert!(at <= 5.0, "{told:?}");
    }
}

#[test]
fn a_large_fleet_tells_4_seconds_within_2_hours() {
    let tokens = u16::try_from(size("TWOSTEP_FLEET_TOKENS", 10_000) / 50).unwrap();
    let world = World {
        batches: vec![tokens; 50],
        learning: 30,
        server: |day| step(day, 4.0),
        days: 1,
        ..World::default()
    };
    told_within(&world, SHIFT_AT, 40..41, 2.0, 1.0);
}

#[test]
fn tokens_used_weekly_tell_10_seconds_within_a_day() {
    let world = World {
        use_a_day: 1.0 / 7.0,
        learning: 200,
        server: |day| step(day, 10.0),
        ..World::default()
    };
    told_within(&world, SHIFT_AT, 50..52, 10.0, 1.0);
}

#[test]
fn a_batch_that_moved_alone_is_not_the_servers_clock() {
    for batches in [vec![100; 10], vec![500; 2]] {
        let (days, batch) = (4, |day, batch| if batch == 0 { step(day, -60.0) } else { 0.0 });
        let told = World { batches, days, batch, ..World::default() }.run();
        assert_eq!(told, []);
    }
}

#[test]
fn a_shift_of_few_batches_is_not_the_servers_clock() {
    let moved: [fn(f64, usize) -> f64; 4] = [
        |day, batch| if batch * 3 % 10 < 2 { step(day, 60.0) } else { 0.0 },
        |day, batch| if batch * 3 % 10 < 5 { step(day, 60.0) } else { 0.0 },
        |day, batch| if batch * 3 % 10 < 6 { step(day, 10.0) } else { 0.0 },
        |day, batch| if batch % 2 == 0 { step(day, 60.0) } else { step(day, -20.0) },
    ];
    for batch in moved {
        let told = World { batch, days: 2, seed: 160, ..World::default() }.run();
        assert_eq!(told, []);
    }
}

#[test]
fn a_shift_of_four_fifths_of_the_batches_is_told() {
    let batch = |day, batch: usize| if batch * 3 % 10 < 8 { step(day, 10.0) } else { 0.0 };
    let told = World { batch, days: 2, ..World::default() }.run();
    assert!(first_alarm(&told).is_some());
}

#[test]
fn a_page_2_seconds_slower_is_not_the_servers_clock() {
    for seed in 60..62 {
        let world = World { seed, days: 6, page: |day| step(day, 2.0), ..World::default() };
        assert_eq!(world.run(), []);
    }
}

#[test]
fn a_page_5_seconds_slower_is_named_beside_the_clock() {
    let told = World { page: |day| step(day, 5.0), days: 3, ..World::default() }.run();
    let (_, suspicion) = first_alarm(&told).expect("an alarm");
    assert_eq!(suspicion.shift.direction, Direction::Behind);
    assert!(suspicion.message(true).contains("a slower sign-in page"));
}

#[test]
fn a_shift_is_told_once_and_ends_with_the_models() {
    let servers: [fn(f64) -> f64; 2] = [|day| step(day, 12.0), |day| step(day, 180.0)];
    for server in servers {
        let told = World { server, days: 30, ..World::default() }.run();
        let [(_, Notice::Suspect(_)), (_, Notice::Over(_, Ending::AsExpected))] = told[..] else {
            panic!("{told:?}")
        };
    }
}

#[test]
fn a_clock_that_is_set_right_ends_the_suspicion() {
    let server = |day| step(day, 30.0) - if day >= 3.5 { 30.0 } else { 0.0 };
    let told = World { server, days: 40, ..World::default() }.run();
    let [(_, Notice::Suspect(_)), (at, Notice::Over(..))] = told[..] else { panic!("{told:?}") };
    assert!(at > 3.5, "{told:?}");
}

fn step(day: f64, seconds: f64) -> f64 {
    if day >= SHIFT_AT { seconds } else { 0.0 }
}

/// Nine in the morning of the first day.
const SHIFT_AT: f64 = 9.0 / 24.0;

/// Four in the afternoon of the first day.
const AFTERNOON: f64 = 16.0 / 24.0;
