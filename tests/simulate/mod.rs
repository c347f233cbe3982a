//! Simulated fleets: reproducible, and true to what was measured of the rule before the clock
//! model.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod followed;

use twostep::simulate::{
    CodesBeforePair, Place, Policy, Rate, Rule, Simulation, Stock, Usage, World,
};

fn simulation(rule: Rule, world: World) -> Simulation {
    let policy = Policy { rule, ..Policy::default() };
    Simulation { world, policy, tokens: tokens(), years: 5, seed: 1 }
}

/// Long runs take more tokens.
fn tokens() -> u32 {
    std::env::var("TWOSTEP_SIMULATE_TOKENS")
        .map_or(60, |tokens| tokens.parse().expect("TWOSTEP_SIMULATE_TOKENS is a number"))
}

/// A constant rate, of a clock that was right at the activation.
fn constant(ppm: f64, usage: Usage) -> World {
    let stock = Stock { least: 0.0, most: 0.0 };
    World { rate: Rate::Const(ppm), place: Place::Constant, stock, usage, ..World::default() }
}

/// A world with mishaps of every kind.
fn eventful() -> World {
    World { jumps: 2.0, idle: 0.5, batteries: 0.5, attacks: 2.0, ..World::default() }
}

#[test]
fn a_seed_repeats_its_simulation_on_any_number_of_threads() {
    for rule in [Rule::Model, Rule::Today, Rule::Fixed(2)] {
        let once = Simulation { tokens: 8, years: 1, ..simulation(rule, eventful()) };
        let outcome = once.run_on(1);
        assert!(outcome.total.first_tries > 1_000, "{outcome:?}");
        assert_eq!(once.run_on(2), outcome);
        assert_eq!(once.run_on(5), outcome);
        assert_ne!(Simulation { seed: 2, ..once }.run(), outcome);
    }
}

/// First tries accepted in five years, in percent, as measured of the enforcement code then.
#[test]
fn the_rule_before_the_clock_model_fails_as_it_was_measured() {
    for (ppm, daily, weekly, monthly, quarterly) in [
        (1.0, 99.79, 99.76, 99.75, 99.18),
        (5.0, 99.38, 97.88, 93.04, 56.5),
        (10.0, 97.95, 91.48, 69.05, 12.0),
        (20.0, 95.25, 81.52, 31.8, 0.06),
        (60.0, 88.30, 47.41, 0.06, 0.0),
    ] {
        for (usage, measured) in [
            (Usage::DAILY, daily),
            (Usage::WEEKLY, weekly),
            (Usage::MONTHLY, monthly),
            (Usage::QUARTERLY, quarterly),
        ] {
            let outcome = simulation(Rule::Today, constant(ppm, usage)).run();
            let accepted = outcome.total.accepted_percent();
            assert!((accepted - measured).abs() < 3.5, "{ppm} ppm {usage}: {accepted}");
        }
    }
}

#[test]
fn owners_of_the_rule_before_cannot_resync_beyond_twenty_steps() {
    let outcome = simulation(Rule::Today, constant(20.0, Usage::WEEKLY)).run();
    let mended = outcome.total.mended_by_owner_percent();
    assert!((0.0..10.0).contains(&mended), "{mended}");
    let (first, last) = (outcome.years.first(), outcome.years.last());
    let admins = [first, last].map(|year| year.map_or(0, |year| year.admin_pairs));
    assert!(admins[0] < admins[1] / 4, "{admins:?}: a token ages out of reach");
}

#[test]
fn a_fixed_window_fails_once_a_clock_has_left_it() {
    let still = simulation(Rule::Fixed(2), constant(0.0, Usage::DAILY)).run().total;
    assert!(still.accepted_percent() > 99.99, "{still:?}");
    let fast = simulation(Rule::Fixed(2), constant(20.0, Usage::DAILY)).run().total;
    assert!(fast.accepted_percent() < 5.0, "{fast:?}");
    assert_eq!(fast.mean_candidates(), 5.0);
}

#[test]
fn a_second_code_may_serve_where_a_policy_asks_for_it() {
    let few = simulation(Rule::Today, constant(20.0, Usage::DAILY));
    let codes_before_pair = CodesBeforePair::try_from(3).unwrap();
    let patient = Policy { codes_before_pair, ..few.policy };
    let [hasty, patient] = [few.policy, patient]
        .map(|policy| Simulation { policy, tokens: 10, years: 2, ..few }.run().total);
    assert_eq!(hasty.second_codes, 0, "{hasty:?}");
    assert!(patient.second_codes > 0, "{patient:?}");
}

#[test]
fn guesses_lock_devices_and_a_pair_opens_them() {
    let world = World { attacks: 4.0, ..World::default() };
    for rule in [Rule::Model, Rule::Today] {
        let attacked = Simulation { years: 1, ..simulation(rule, world) }.run().total;
        assert!(attacked.guesses > 20 * u64::from(tokens()), "{attacked:?}");
        assert!(attacked.lockouts > 0 && attacked.kept_out > 0, "{attacked:?}");
        assert_eq!(attacked.lost, 0, "{attacked:?}");
        let found = attacked.first_tries - attacked.accepted;
        assert_eq!(attacked.owner_pairs + attacked.admin_pairs, found, "{attacked:?}");
    }
}
