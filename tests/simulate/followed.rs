//! Figures of the clock model: first tries, pairs, candidates, intervals and silence.
//!
//! Shares are judged with the error of a count: long runs (`TWOSTEP_SIMULATE_TOKENS`) judge more
//! narrowly.

use twostep::simulate::{History, Place, Rate, Rule, Simulation, Tally, Usage, World};

use super::{simulation, tokens};

const NORMAL: Rate = Rate::Normal(12.0);
const UNIFORM: Rate = Rate::Uniform(1.0, 60.0);

/// Five years under the rule in force. Rare uses get more tokens, for as many tries.
fn followed(world: World) -> Tally {
    let more = match world.usage {
        Usage::DAILY => 1,
        Usage::WEEKLY => 4,
        _ => 8,
    };
    let few = simulation(Rule::Model, world);
    Simulation { tokens: tokens() / 4 * more, ..few }.run().total
}

/// At most so many of 10,000, within three standard errors of the count.
fn at_most(of_10_000: f64, failed: u64, of: u64, what: &str) {
    let [failed, of] = [failed, of].map(|count| f64::from(u32::try_from(count).unwrap()));
    let most = of * of_10_000 / 10_000.0;
    assert!(failed <= most + 3.0 * most.sqrt() + 1.0, "{what}: {failed} of {of} failed");
}

/// First tries fail at most this often of 10,000, with so many candidates on average; intervals
/// hold as often as they say.
fn holds(world: World, of_10_000: f64, candidates: f64) -> Tally {
    let what = format!("{world:?}");
    let tally = followed(world);
    at_most(of_10_000, tally.first_tries - tally.accepted, tally.first_tries, &what);
    assert!(tally.mean_candidates_around() <= candidates, "{what}: {tally:?}");
    // Of few tokens, one more that lags without running slow counts.
    let chance = 2.0 / f64::from(tokens()).sqrt();
    assert!(tally.mean_candidates() <= candidates + chance, "{what}: {tally:?}");
    assert!(tally.most_candidates <= 9, "{what}: {tally:?}");
    at_most(700.0, tally.intervals - tally.within_95, tally.intervals, &what);
    at_most(20.0, tally.intervals - tally.within_9999, tally.intervals, &what);
    // Wide intervals always hold; these are no wider than they have to be.
    assert!(tally.within_95 < tally.intervals, "{what}: {tally:?}");
    tally
}

fn office(rate: Rate, usage: Usage) -> World {
    World { rate, usage, ..World::default() }
}

#[test]
fn tokens_in_use_are_followed_indoors_and_outdoors() {
    for rate in [NORMAL, UNIFORM] {
        for usage in [Usage::DAILY, Usage::WEEKLY] {
            let indoors = holds(office(rate, usage), 1.0, 3.3);
            assert_eq!(indoors.admin_pairs, 0, "{indoors:?}");
            holds(World { place: Place::Outdoors, ..office(rate, usage) }, 2.0, 4.5);
        }
    }
}

#[test]
fn rare_use_is_followed_best_from_a_known_setting() {
    for (rate, usage, unknown, candidates) in [
        (NORMAL, Usage::MONTHLY, 5.0, 5.5),
        (UNIFORM, Usage::MONTHLY, 60.0, 5.5),
        (NORMAL, Usage::QUARTERLY, 200.0, 6.5),
        (UNIFORM, Usage::QUARTERLY, 450.0, 6.5),
    ] {
        holds(office(rate, usage), unknown, candidates);
        let known = World { clock_set: true, ..office(rate, usage) };
        let known = holds(known, 1.0, candidates);
        assert_eq!((known.admin_pairs, known.lost), (0, 0), "{known:?}");
    }
}

#[test]
fn owners_mend_what_jumps_and_idle_times_break() {
    for (usage, clock_set, of_10_000) in
        [(Usage::DAILY, false, 3.0), (Usage::WEEKLY, false, 10.0), (Usage::MONTHLY, true, 20.0)]
    {
        let world = World { jumps: 0.2, idle: 0.2, clock_set, ..office(NORMAL, usage) };
        let tally = holds(world, of_10_000, 5.5);
        let (tries, accepted) =
            (tally.first_tries - tally.after_jump, tally.accepted - tally.after_jump_accepted);
        at_most(2.0, tries - accepted, tries, "without a jump by more than 25 s");
        assert_eq!((tally.admin_pairs, tally.lost), (0, 0), "{tally:?}");
    }
    let unknown = office(UNIFORM, Usage::QUARTERLY);
    let tally = followed(World { jumps: 0.2, idle: 0.2, ..unknown });
    let failed = tally.first_tries - tally.accepted;
    at_most(500.0, tally.admin_pairs + tally.lost, failed, "owners' pairs after long silence");
    assert_eq!(tally.lost, 0, "{tally:?}");
}

#[test]
fn silence_is_survived_as_long_as_the_device_shows() {
    let world = World::default();
    let silence = Simulation { tokens: tokens() * 2, ..simulation(Rule::Model, world) }.silence();
    let days = |history| match history {
        History::Activation => 20.0,
        History::SixteenDays => 45.0,
        History::NinetyDays => 90.0,
        History::YearOfWeeks | History::ClockSet => 180.0,
    };
    for found in silence {
        let (stated, shown) = (days(found.history), found.expected_days.unwrap());
        assert!((stated / 1.5..=stated * 1.5).contains(&shown), "{found:?}");
        assert!(found.days >= stated / 1.5, "{found:?}");
        assert!(shown <= found.days * 1.5, "{found:?}: a promise that is not kept");
    }
}
