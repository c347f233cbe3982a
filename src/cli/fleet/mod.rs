//! `twostep fleet`: all tokens together.

mod svg;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;

use crate::cli::console::Console;
use crate::cli::output::{Exit, Failure, Report};
use crate::cli::refusal::Task;
use crate::cli::words;
use crate::wire::{AskFleet, FleetAttention, FleetDrift, FleetGroup, FleetToken, Quantiles};

/// Look at all tokens together: whose clock is off, and which tokens need attention
#[derive(Subcommand)]
pub(super) enum Fleet {
    /// Show how the tokens' clocks are distributed, which tokens need attention, and whether all of
    /// them moved at once, as they do if the server's own clock is off
    Drift {
        /// List tokens that will need two codes, or a battery, within so many days
        #[arg(long, value_name = "N", default_value_t = 30,
            value_parser = clap::value_parser!(u32).range(1..=3_650))]
        within_days: u32,
        /// Draw the rates and offsets of each batch into this file
        #[arg(long, value_name = "FILE")]
        svg: Option<PathBuf>,
    },
}

impl Fleet {
    pub(super) async fn run(&self, console: &Console) -> Result<Report, Failure> {
        let Fleet::Drift { within_days, svg } = self;
        let ask = AskFleet { within_days: Some(*within_days) };
        let fleet = console.client().fleet_drift(&ask).await;
        let fleet = fleet.map_err(console.failing(Task::Other))?;
        if let Some(file) = svg {
            draw(&fleet, file)?;
        }
        let note = format!("{}.", words::text(&fleet.note));
        let text = in_words(&fleet);
        Ok(Report::new(fleet, text).note(note))
    }
}

fn draw(fleet: &FleetDrift, file: &Path) -> Result<(), Failure> {
    fs::write(file, svg::drawn(fleet)).map_err(|error| {
        Failure::new(Exit::BadInput, format!("{} cannot be written: {error}", file.display()))
    })
}

fn in_words(fleet: &FleetDrift) -> String {
    let mut text = format!("{} in use, at {}\n", words::count(fleet.tokens, "token"), fleet.at);
    for alarm in &fleet.alarms {
        text.push_str(&format!("\nALARM  {}\n", words::text(&alarm.message)));
    }
    if fleet.tokens == 0 {
        return text;
    }
    let heading = ["", "1 %", "5 %", "25 %", "MEDIAN", "75 %", "95 %", "99 %"];
    let rows = [
        ("Offset (s)", &fleet.offset_seconds),
        ("Rate (ppm)", &fleet.rate_ppm),
        ("Window (±steps)", &fleet.window_steps),
    ]
    .map(|(name, quantiles)| {
        let values = values(quantiles).into_iter().map(number);
        std::iter::once(name.to_owned()).chain(values).collect::<Vec<String>>()
    });
    text.push('\n');
    text.push_str(&words::table(&heading, &rows));
    let heading = ["BATCH", "MODEL", "TOKENS", "RATE 5 %", "MEDIAN", "95 %", "OFFSET MEDIAN"];
    let rows: Vec<Vec<String>> = fleet.groups.iter().map(group).collect();
    text.push('\n');
    text.push_str(&words::table(&heading, &rows));
    for attention in &fleet.attention {
        text.push('\n');
        text.push_str(&listed(attention));
    }
    text
}

fn group(group: &FleetGroup) -> Vec<String> {
    vec![
        batch(group),
        model(group),
        group.tokens.to_string(),
        number(group.rate_ppm.p05),
        number(group.rate_ppm.p50),
        number(group.rate_ppm.p95),
        number(group.offset_seconds.p50),
    ]
}

/// The serial numbers of a group, with a star for what differs.
fn batch(group: &FleetGroup) -> String {
    format!("{}*", words::text(&group.batch))
}

fn model(group: &FleetGroup) -> String {
    let kind = if group.hardware { "token" } else { "app" };
    let algorithm = words::text(&group.algorithm);
    format!("{kind}, {algorithm}, {} digits, {} s", group.digits, group.period)
}

fn listed(attention: &FleetAttention) -> String {
    let heading = ["SERIAL NUMBER", "OFFSET", "RATE", "FIRST CODES WORK", "LAST USED", "ADDED"];
    let rows: Vec<Vec<String>> = attention.tokens.iter().map(token).collect();
    let more = usize::try_from(attention.count)
        .unwrap_or(usize::MAX)
        .saturating_sub(rows.len());
    let more = if more > 0 { format!("… and {more} more\n") } else { String::new() };
    format!(
        "{}: {}\n{}{more}",
        attention.reason.heading(),
        attention.count,
        words::table(&heading, &rows)
    )
}

fn token(token: &FleetToken) -> Vec<String> {
    let until = token.expected_to_work_until;
    vec![
        token.serial.to_string(),
        format!("{} s", number(token.offset_seconds)),
        format!("{} ± {} ppm", number(token.rate_ppm), number(token.rate_ppm_doubt)),
        until.map_or_else(|| "-".to_owned(), |until| format!("until {}", words::when(Some(until)))),
        words::when(token.last_used_at),
        words::when(Some(token.added_at)),
    ]
}

fn values(quantiles: &Quantiles) -> [f64; 7] {
    let Quantiles { p01, p05, p25, p50, p75, p95, p99 } = *quantiles;
    [p01, p05, p25, p50, p75, p95, p99]
}

fn number(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::cli::page::Page;
    use crate::wire::{AlarmCause, AlarmKind, AttentionReason, FleetAlarm};

    pub(super) fn fleet() -> FleetDrift {
        let quantiles = |middle: f64| Quantiles {
            p01: middle - 30.0,
            p05: middle - 20.0,
            p25: middle - 8.0,
            p50: middle,
            p75: middle + 8.0,
            p95: middle + 20.0,
            p99: middle + 30.0,
        };
        let at = crate::time::UnixTime(1_795_528_800).into();
        let group = |batch: &str, tokens| FleetGroup {
            batch: batch.to_owned(),
            hardware: true,
            algorithm: "SHA1".to_owned(),
            digits: 6,
            period: 30,
            tokens,
            offset_seconds: quantiles(4.0),
            rate_ppm: quantiles(-3.0),
        };
        let token = FleetToken {
            serial: "AC26000014".parse().unwrap(),
            offset_seconds: 95.0,
            rate_ppm: 81.25,
            rate_ppm_doubt: 2.5,
            expected_to_work_until: Some(at),
            last_used_at: None,
            added_at: at,
        };
        FleetDrift {
            at,
            within_days: 30,
            tokens: 120,
            alarms: vec![FleetAlarm {
                event: AlarmKind::ServerClockSuspect,
                since: at,
                told_at: at,
                seconds: -12.0,
                seconds_doubt: 1.0,
                causes: vec![AlarmCause::ServerClock, AlarmCause::SignInPage],
                message: "since Tuesday all tokens are 12 s behind".to_owned(),
            }],
            clock_synchronised: true,
            note: "the weather".to_owned(),
            offset_seconds: quantiles(4.0),
            rate_ppm: quantiles(-3.0),
            window_steps: quantiles(1.0),
            groups: vec![group("AC2600", 100), group("<&>", 20)],
            attention: vec![FleetAttention {
                reason: AttentionReason::FailingRate,
                count: 102,
                tokens: vec![token],
            }],
        }
    }

    #[test]
    fn a_fleet_is_told_in_words() {
        let text = Page::default().lay_out(&in_words(&fleet()));
        for part in [
            "120 tokens in use, at 2026-11-24T14:00:00Z\n",
            "ALARM  since Tuesday all tokens are 12 s behind\n",
            "Rate (ppm)       -33.0  -23.0  -11.0  -3.0    5.0   17.0  27.0\n",
            "AC2600*  token, SHA1, 6 digits, 30 s  100",
            "Crystal fails: rate beyond 60 ppm: 102\n",
            "AC26000014     95.0 s  81.2 ± 2.5 ppm",
            "… and 101 more\n",
        ] {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
    }

    #[test]
    fn a_fleet_without_tokens_is_one_line() {
        let fleet = FleetDrift { tokens: 0, alarms: Vec::new(), ..fleet() };
        assert_eq!(in_words(&fleet), "0 tokens in use, at 2026-11-24T14:00:00Z\n");
    }
}
