//! `twostep simulate`: the rule that judges codes, tried on tokens of many years. Nothing is asked
//! of an agent.

use std::fs;
use std::path::{Path, PathBuf};

use clap::value_parser;
use serde_json::json;

use crate::cli::output::{Exit, Failure, Report};
use crate::cli::words;
use crate::simulate::{
    Delay, Outcome, Place, Policy, Rate, Rule, Silence, Simulation, Stock, Tally, Usage, World, svg,
};

/// Try the rule that judges codes on a fleet of simulated tokens, over years
///
/// Devices, codes, waits and locks are the agent's own code; the tokens' clocks, their owners and
/// attackers are simulated. Equal arguments give equal results, on any number of cores.
#[derive(clap::Args)]
pub(super) struct Simulate {
    /// A file of TOML with decisions about the devices: rule, period, digits, algorithm,
    /// codes_before_pair
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// model: the rule in force; today: the rule before the clock model, whole steps up to ±20;
    /// fixed:N: N steps either way of the time [default: model, or that of --policy]
    #[arg(long, value_name = "RULE")]
    rule: Option<Rule>,
    /// Number of tokens
    #[arg(long, value_name = "N", default_value_t = 1_000,
        value_parser = value_parser!(u32).range(1..=100_000))]
    tokens: u32,
    /// Years of use
    #[arg(long, value_name = "Y", default_value_t = 5,
        value_parser = value_parser!(u32).range(1..=30))]
    years: u32,
    /// Rates of the tokens' clocks in ppm: normal:12, uniform:1-60, const:5
    #[arg(long, value_name = "RATE", default_value_t = World::default().rate)]
    rate: Rate,
    /// Temperature over the year: office (22 ± 3 °C), outdoors (14 ± 11 °C), constant (25 °C, and
    /// no ageing)
    #[arg(long, value_name = "PLACE", default_value_t = World::default().place)]
    place: Place,
    /// Days between the maker's setting of the clocks and the activation: DAYS or LEAST-MOST
    #[arg(long, value_name = "DAYS", default_value_t = World::default().stock)]
    stock: Stock,
    /// Time between sign-ins: daily, weekly, monthly, quarterly, days:N
    #[arg(long = "use", value_name = "USE", default_value_t = World::default().usage)]
    usage: Usage,
    /// Time from reading a code to its arrival, log-normal: MEDIAN in seconds, or MEDIAN:SPREAD
    #[arg(long, value_name = "DELAY", default_value_t = World::default().delay)]
    delay: Delay,
    /// Jumps of each clock a year, by 0.5 to 120 s
    #[arg(long, value_name = "N", default_value_t = 0.0, value_parser = events)]
    jumps: f64,
    /// Times without use a year, of 60 to 365 days
    #[arg(long, value_name = "N", default_value_t = 0.0, value_parser = events)]
    idle: f64,
    /// Changes of the battery a year: each sets the clock anew, up to 60 s off
    #[arg(long, value_name = "N", default_value_t = 0.0, value_parser = events)]
    batteries: f64,
    /// Attacks on each device a year, of up to 20 guesses
    #[arg(long, value_name = "N", default_value_t = 0.0, value_parser = events)]
    attacks: f64,
    /// The day is known on which the maker set each clock
    #[arg(long)]
    clock_set: bool,
    /// Seed of the random numbers
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Writes a picture of the results
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
}

impl Simulate {
    pub(super) fn run(&self) -> Result<Report, Failure> {
        let mut policy = self.policy.as_deref().map_or(Ok(Policy::default()), read)?;
        policy.rule = self.rule.unwrap_or(policy.rule);
        let world = World {
            rate: self.rate,
            place: self.place,
            stock: self.stock,
            usage: self.usage,
            delay: self.delay,
            jumps: self.jumps,
            idle: self.idle,
            batteries: self.batteries,
            attacks: self.attacks,
            clock_set: self.clock_set,
        };
        let simulation =
            Simulation { world, policy, tokens: self.tokens, years: self.years, seed: self.seed };
        let (outcome, silence) = (simulation.run(), simulation.silence());
        if let Some(file) = &self.svg {
            fs::write(file, svg(&heading(&simulation), &outcome, &silence)).map_err(|error| {
                let message = format!("cannot write {}: {error}", file.display());
                Failure::new(Exit::Unavailable, message)
            })?;
        }
        let document = document(&simulation, &outcome, &silence);
        Ok(Report::new(document, text(&simulation, &outcome, &silence)))
    }
}

fn read(file: &Path) -> Result<Policy, Failure> {
    let text = fs::read_to_string(file)
        .map_err(|error| Failure::bad_input(format!("cannot read {}: {error}", file.display())))?;
    toml::from_str(&text)
        .map_err(|error| Failure::bad_input(format!("{}: {}", file.display(), error.message())))
}

/// A number of events a year.
fn events(text: &str) -> Result<f64, &'static str> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=100.0).contains(number));
    number.ok_or("a number of events a year is 0 to 100")
}

fn heading(simulation: &Simulation) -> String {
    let Simulation { world, policy, tokens, years, seed } = simulation;
    let mut heading = format!(
        "{}, {} of use: rule {}, rates {} ppm, {}, {}, delay {} s, seed {seed}",
        words::count(*tokens, "token"),
        words::count(*years, "year"),
        policy.rule,
        world.rate,
        world.place,
        world.usage,
        world.delay.median,
    );
    for (count, what) in [
        (world.jumps, "jumps"),
        (world.idle, "idle times"),
        (world.batteries, "batteries"),
        (world.attacks, "attacks"),
    ] {
        if count > 0.0 {
            heading += &format!(", {count} {what} a year");
        }
    }
    if world.clock_set { heading + ", setting of the clocks known" } else { heading }
}

fn text(simulation: &Simulation, outcome: &Outcome, silence: &[Silence]) -> String {
    let mut text = format!("{}\n\n", heading(simulation));
    let years = outcome
        .years
        .iter()
        .enumerate()
        .map(|(year, tally)| ((year + 1).to_string(), tally));
    let rows: Vec<Vec<String>> = years
        .chain([("all".to_owned(), &outcome.total)])
        .map(|(year, tally)| row(year, tally))
        .collect();
    text += &words::table(&HEADING, &rows);
    text += "\n";
    text += &words::facts(&facts(simulation, &outcome.total));
    text += "\nSilence until more than 1 first try in 10,000 misses 3 steps either way:\n";
    for silence in silence {
        let expected = silence
            .expected_days
            .map_or_else(String::new, |days| format!(" (expected by the model: {days:.0})"));
        text += &format!("  {:<38}{:.0} days{expected}\n", silence.history.words(), silence.days);
    }
    text
}

fn row(year: String, tally: &Tally) -> Vec<String> {
    vec![
        year,
        tally.first_tries.to_string(),
        format!("{:.3} %", tally.accepted_percent()),
        tally.owner_pairs.to_string(),
        tally.admin_pairs.to_string(),
        format!("{:.2}", tally.mean_candidates_around()),
        format!("{:.2}", tally.mean_candidates()),
    ]
}

fn facts(simulation: &Simulation, total: &Tally) -> Vec<(&'static str, String)> {
    let mended = format!("{:.2} %", total.mended_by_owner_percent());
    let mut facts = vec![
        ("failures mended by the owner alone", mended),
        ("odds of a guess", format!("{:.1e} a code", odds(simulation, total))),
    ];
    if let (Some(usual), Some(wide)) = (total.coverage_95_percent(), total.coverage_9999_percent())
    {
        facts.push(("intervals of 95 % that hold", format!("{usual:.2} %")));
        facts.push(("intervals of 99.99 % that hold", format!("{wide:.3} %")));
    }
    if simulation.world.jumps + simulation.world.batteries > 0.0 {
        let without = format!("{:.3} %", total.accepted_without_jump_percent());
        facts.push(("accepted, unless after a jump > 25 s", without));
    }
    if simulation.world.attacks > 0.0 {
        let accepted = format!("{} of {}", total.guesses_accepted, total.guesses);
        facts.push(("guesses accepted", accepted));
        facts.push(("devices locked by guesses", total.lockouts.to_string()));
        facts.push(("first tries kept out by guesses", total.kept_out.to_string()));
    }
    if total.lost > 0 {
        facts.push(("sign-ins that no pair opened", total.lost.to_string()));
    }
    facts
}

/// Mean odds of a guess: candidates over possible codes.
fn odds(simulation: &Simulation, total: &Tally) -> f64 {
    total.mean_candidates() / 10f64.powi(i32::from(simulation.policy.digits.count()))
}

fn document(simulation: &Simulation, outcome: &Outcome, silence: &[Silence]) -> serde_json::Value {
    let world = &simulation.world;
    json!({
        "tokens": simulation.tokens, "years_of_use": simulation.years, "seed": simulation.seed,
        "policy": simulation.policy,
        "world": {
            "rate": world.rate.to_string(), "place": world.place.to_string(),
            "stock": world.stock.to_string(), "use": world.usage.to_string(),
            "delay": world.delay.to_string(),
            "jumps": world.jumps, "idle": world.idle, "batteries": world.batteries,
            "attacks": world.attacks, "clock_set": world.clock_set,
        },
        "total": tallied(simulation, &outcome.total),
        "years": outcome.years.iter().map(|year| tallied(simulation, year)).collect::<Vec<_>>(),
        "silence": silence,
    })
}

/// The counts, and the shares that follow from them.
fn tallied(simulation: &Simulation, tally: &Tally) -> serde_json::Value {
    json!({
        "counts": tally,
        "accepted_percent": tally.accepted_percent(),
        "accepted_without_jump_percent": tally.accepted_without_jump_percent(),
        "mended_by_owner_percent": tally.mended_by_owner_percent(),
        "mean_candidates": tally.mean_candidates_around(),
        "mean_candidates_with_present": tally.mean_candidates(),
        "guess_odds": odds(simulation, tally),
        "coverage_95_percent": tally.coverage_95_percent(),
        "coverage_9999_percent": tally.coverage_9999_percent(),
    })
}

/// Candidates: around the expected step, and all, with those around the server's time.
const HEADING: [&str; 7] = [
    "YEAR",
    "FIRST TRIES",
    "ACCEPTED",
    "OWNER'S PAIRS",
    "ADMIN'S PAIRS",
    "CANDIDATES",
    "WITH T ± 1",
];
