//! A survey of a fleet: how its clocks are, by batch and model, and which tokens need attention.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::device::Batch;
use crate::fleet::histogram::Histogram;
use crate::fleet::quantiles::Quantiles;
use crate::fleet::token::{Attention, Model, Token};
use crate::time::UnixTime;

/// A survey. Its size does not depend on the number of tokens, but on that of their batches.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// Time of the survey.
    pub at: UnixTime,
    /// Number of tokens in use.
    pub tokens: u64,
    /// Distances of their clocks from ours, in seconds; positive if they are ahead.
    pub offset: Quantiles,
    /// The same distances, counted.
    pub histogram: Histogram,
    /// Rates of their clocks, in parts per million.
    pub rate: Quantiles,
    /// Half-widths of their windows, in steps.
    pub half_width: Quantiles,
    /// The groups of tokens of one batch and model, the largest first.
    pub groups: Vec<Group>,
    /// Tokens that need attention, by the reason.
    pub attention: BTreeMap<Attention, Listed>,
}

/// The tokens of one batch and model.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The batch.
    pub batch: Batch,
    /// The model.
    pub model: Model,
    /// Number of tokens in use.
    pub tokens: u64,
    /// As in [`Survey`].
    pub offset: Quantiles,
    /// As in [`Survey`].
    pub rate: Quantiles,
}

/// Tokens that need attention for one reason.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Listed {
    /// Number of tokens.
    pub count: u64,
    /// Tokens that need it most, the worst first; at most [`MOST_LISTED`].
    pub first: Vec<Token>,
}

/// A survey in the making: tokens are added one by one.
#[derive(Debug)]
pub struct Surveyor {
    at: UnixTime,
    within: Duration,
    groups: BTreeMap<(Batch, Model), Members>,
    half_width: Vec<f32>,
    attention: BTreeMap<Attention, Listed>,
}

/// The readings of a group, and its extremes, among which its outliers are.
#[derive(Debug, Default)]
struct Members {
    offset: Vec<f32>,
    rate: Vec<f32>,
    extremes: Vec<Token>,
}

impl Surveyor {
    /// A survey at this time, of tokens that need attention within so long.
    pub fn new(at: UnixTime, within: Duration) -> Surveyor {
        Surveyor {
            at,
            within,
            groups: BTreeMap::new(),
            half_width: Vec::new(),
            attention: BTreeMap::new(),
        }
    }

    /// Adds a token in use.
    pub fn add(&mut self, token: Token) {
        for reason in token.attention(self.at, self.within) {
            self.attention.entry(reason).or_default().add(reason, &token, self.at);
        }
        self.half_width.push(f32::from(token.half_width));
        let key = (token.batch.clone(), token.model);
        let key = match self.groups.len() < MOST_GROUPS || self.groups.contains_key(&key) {
            true => key,
            // A fleet of as many batches as tokens is one of no batches.
            false => (Batch::unknown(), token.model),
        };
        let members = self.groups.entry(key).or_default();
        members.offset.push(narrow(token.offset));
        members.rate.push(narrow(token.rate));
        members.note(token);
    }

    /// The survey.
    pub fn finish(mut self) -> Survey {
        let (mut offset, mut rate, mut groups) = (Vec::new(), Vec::new(), Vec::new());
        for ((batch, model), members) in self.groups {
            let tokens = u64::try_from(members.offset.len()).unwrap_or(u64::MAX);
            offset.extend_from_slice(&members.offset);
            rate.extend_from_slice(&members.rate);
            let quantiles = Quantiles::of(members.rate);
            for token in members.extremes.iter().filter(|token| token.is_outlier(&quantiles)) {
                let outliers = self.attention.entry(Attention::Outlier).or_default();
                outliers.add(Attention::Outlier, token, self.at);
            }
            let offset = Quantiles::of(members.offset);
            groups.push(Group { batch, model, tokens, offset, rate: quantiles });
        }
        groups.sort_by_key(|group| Reverse(group.tokens));
        Survey {
            at: self.at,
            tokens: u64::try_from(offset.len()).unwrap_or(u64::MAX),
            histogram: Histogram::of(&offset),
            offset: Quantiles::of(offset),
            rate: Quantiles::of(rate),
            half_width: Quantiles::of(self.half_width),
            groups,
            attention: self.attention,
        }
    }
}

impl Members {
    /// Keeps the tokens of the lowest and of the highest rates.
    fn note(&mut self, token: Token) {
        self.extremes.push(token);
        if self.extremes.len() > 4 * EXTREMES {
            self.extremes.sort_by(|one, other| one.rate.total_cmp(&other.rate));
            let last = self.extremes.len() - EXTREMES;
            self.extremes.drain(EXTREMES..last);
        }
    }
}

impl Listed {
    fn add(&mut self, reason: Attention, token: &Token, at: UnixTime) {
        self.count = self.count.saturating_add(1);
        let place = self
            .first
            .partition_point(|listed| listed.urgency(reason, at) >= token.urgency(reason, at));
        if place < MOST_LISTED {
            self.first.insert(place, token.clone());
            self.first.truncate(MOST_LISTED);
        }
    }
}

/// A reading of a clock, to seven digits.
fn narrow(value: f64) -> f32 {
    #[allow(clippy::as_conversions, reason = "the nearest value is meant, or infinity")]
    let narrow = value as f32;
    narrow
}

/// The most tokens that are listed for one reason.
pub const MOST_LISTED: usize = 100;

/// The most groups that are told apart.
const MOST_GROUPS: usize = 1_000;

/// Tokens of a group that are kept at either end of its rates.
const EXTREMES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::token::tests::token;

    const NOW: UnixTime = UnixTime(1_795_528_800);
    const MONTH: Duration = Duration::from_secs(30 * 86_400);

    fn survey(tokens: impl Iterator<Item = Token>) -> Survey {
        let mut surveyor = Surveyor::new(NOW, MONTH);
        tokens.for_each(|token| surveyor.add(token));
        surveyor.finish()
    }

    #[test]
    fn tokens_are_grouped_by_batch_and_model() {
        let numbered = |batch: &str, n: u16| token(&format!("{batch}{n:04}"));
        let many = (0..101_u16)
            .map(|n| Token { rate: f64::from(n) / 10.0, ..numbered("AC2600", n) })
            .chain((0..20).map(|n| Token { offset: 60.0, ..numbered("AC2700", n) }));
        let survey = survey(many);
        assert_eq!(survey.tokens, 121);
        let groups: Vec<(&str, u64)> =
            survey.groups.iter().map(|group| (group.batch.as_str(), group.tokens)).collect();
        assert_eq!(groups, [("AC2600", 101), ("AC2700", 20)]);
        assert!((survey.groups[0].rate.median() - 5.0).abs() < 1e-5);
        assert!((survey.groups[1].offset.median() - 60.0).abs() < 1e-5);
        assert_eq!(survey.histogram.thirds(), [0, 101, 20]);
        assert!(survey.attention.is_empty(), "{:?}", survey.attention);
    }

    #[test]
    fn an_outlier_is_told_by_its_batch_alone() {
        let batch = |batch: &str, usual: f64| {
            (0..100_u16)
                .map(|n| Token {
                    rate: usual + f64::from(n % 10),
                    ..token(&format!("{batch}{n:04}"))
                })
                .collect::<Vec<Token>>()
        };
        let strange = Token { rate: 0.0, ..token("AC27009999") };
        let survey =
            survey(batch("AC2600", 0.0).into_iter().chain(batch("AC2700", 30.0)).chain([strange]));
        let outliers = &survey.attention[&Attention::Outlier];
        assert_eq!(outliers.count, 1);
        assert_eq!(outliers.first[0].serial.as_str(), "AC27009999");
    }

    #[test]
    fn the_worst_are_listed_and_all_are_counted() {
        let failing = (0..250_u16).map(|n| Token {
            rate: 100.0 + f64::from(n * 7 % 250),
            rate_doubt: 1.0,
            ..token(&format!("AC2600{n:04}"))
        });
        let survey = survey(failing);
        let listed = &survey.attention[&Attention::Rate];
        assert_eq!((listed.count, listed.first.len()), (250, MOST_LISTED));
        let rates: Vec<f64> = listed.first.iter().map(|token| token.rate).collect();
        assert!((rates[0] - 349.0).abs() < 1e-9 && rates.is_sorted_by(|a, b| a >= b), "{rates:?}");
    }

    #[test]
    fn a_fleet_without_batches_takes_no_more_room() {
        let survey = survey((0..3_000_u16).map(|n| token(&format!("T{n:04}-0000"))));
        assert_eq!((survey.tokens, survey.groups.len()), (3_000, MOST_GROUPS + 1));
    }

    #[test]
    fn a_fleet_of_no_tokens_is_surveyed() {
        let survey = survey(std::iter::empty());
        assert_eq!((survey.tokens, survey.offset.values), (0, [0.0; 7]));
    }
}
