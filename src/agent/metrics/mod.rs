//! Metrics for Prometheus. No label names an account, a device or a caller.
//!
//! The outcome of verifications is counted in steps, and only administrators see it: a count that
//! moved by one would tell the reason of a refusal to anyone who can send a request.

mod estate;

pub(crate) use estate::{Estate, Validity};

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::agent::fleet::Fleet;
use crate::agent::log::Lossy;
use crate::fleet::LEVELS;
use crate::session::AnyContext;
use crate::verifier::Verifier;
use crate::{store, verifier};

/// The agent's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// Condition of the agent.
    health: Registry,
    /// Outcomes of verifications.
    outcomes: Registry,
    requests: Family<RequestLabels, Counter>,
    duration: Family<RouteLabels, Histogram, fn() -> Histogram>,
    refusals: Arc<Refusals>,
    issued: Family<IssuedLabels, Counter>,
    events: Family<EventLabels, Counter>,
    panics: Counter,
    pub(crate) connections: Gauge,
    pub(crate) estate: Estate,
    store_ok: Gauge,
    store_went_back: Gauge,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    route: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct IssuedLabels {
    mfa: &'static str,
    kind: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct EventLabels {
    by: &'static str,
    told: &'static str,
}

/// The metrics that a scrape shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Detail {
    All,
    /// Without the outcome of verifications.
    Health,
}

/// Refusals by reason.
#[derive(Debug)]
struct Refusals {
    counts: Mutex<BTreeMap<&'static str, u64>>,
    steps: Steps,
}

/// Refusals, read at each scrape.
#[derive(Debug)]
struct RefusalCounts(Arc<Refusals>);

/// Counts are shown in steps of [`STEP`], the first of which is shorter by an unknown number.
#[derive(Clone, Copy, Debug)]
struct Steps {
    ahead: u64,
}

/// The counts of the verifier, read at each scrape.
#[derive(Debug)]
struct VerifierCounts(Verifier, Steps);

/// The state of the clock and the sealing keys, read at each scrape.
#[derive(Debug)]
struct VerifierHealth(Verifier);

/// The last survey of the tokens' clocks, read at each scrape.
#[derive(Debug)]
struct FleetGauges(Arc<Fleet>);

/// The suspicion that all tokens cast on the server's clock, read at each scrape.
#[derive(Debug)]
struct ClockSuspicion(Arc<Fleet>);

/// The counts of the log, read at each scrape.
#[derive(Debug)]
struct LogCounts(Lossy);

/// The gauges of open connections, of a store that answers, and of one that lost changes.
fn gauges(health: &mut Registry) -> [Gauge; 3] {
    let gauges = [
        ("connections", "Open connections"),
        ("store_ok", "Whether the store answers"),
        ("store_went_back", "Whether the store has lost changes that it had acknowledged"),
    ];
    gauges.map(|(name, help)| {
        let gauge = Gauge::default();
        health.register(name, help, Gauge::<i64>::clone(&gauge));
        gauge
    })
}

impl Metrics {
    pub(crate) fn new(verifier: Verifier, log: Lossy, fleet: Arc<Fleet>) -> Metrics {
        let [mut health, mut outcomes] = [(); 2].map(|()| Registry::with_prefix("twostep"));
        let requests = Family::default();
        let buckets: fn() -> Histogram = buckets;
        let duration = Family::new_with_constructor(buckets);
        let (issued, events) = (Family::default(), Family::default());
        let [connections, store_ok, store_went_back] = gauges(&mut health);
        let panics = Counter::default();
        let steps = Steps::new();
        let refusals = Arc::new(Refusals { counts: Mutex::default(), steps });
        health.register("requests", "Requests answered", Family::clone(&requests));
        health.register(
            "request_duration_seconds",
            "Time from a request's head to its answer",
            Family::clone(&duration),
        );
        health.register("panics", "Requests that ended in a panic", Counter::clone(&panics));
        health.register(
            "build",
            "What is running",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        outcomes.register(
            "sessions_issued",
            "Sessions issued, with and without MFA, by the kind of device",
            Family::clone(&issued),
        );
        outcomes.register(
            "events",
            "Attempts to tell an event, by how, and whether it was told",
            Family::clone(&events),
        );
        outcomes.register_collector(Box::new(RefusalCounts(Arc::clone(&refusals))));
        outcomes.register_collector(Box::new(VerifierCounts(verifier.clone(), steps)));
        outcomes.register_collector(Box::new(FleetGauges(Arc::clone(&fleet))));
        let estate = Estate::default();
        outcomes.register_collector(Box::new(estate::DeviceGauges(estate.clone())));
        health.register_collector(Box::new(estate::TimeGauges(estate.clone())));
        health.register_collector(Box::new(VerifierHealth(verifier)));
        health.register_collector(Box::new(LogCounts(log)));
        health.register_collector(Box::new(ClockSuspicion(fleet)));
        Metrics {
            health,
            outcomes,
            requests,
            duration,
            refusals,
            issued,
            events,
            panics,
            connections,
            estate,
            store_ok,
            store_went_back,
        }
    }

    /// Counts an answered request. `route` is a pattern, never a path.
    pub(crate) fn observe(&self, route: &str, status: u16, duration: Duration) {
        self.requests
            .get_or_create(&RequestLabels { route: route.to_owned(), status })
            .inc();
        self.duration
            .get_or_create(&RouteLabels { route: route.to_owned() })
            .observe(duration.as_secs_f64());
    }

    /// Counts a refusal.
    pub(crate) fn refused(&self, reason: &'static str) {
        let mut counts = self.refusals.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(reason).or_default();
        *count = count.saturating_add(1);
    }

    /// Counts an issued session.
    pub(crate) fn issued(&self, context: &AnyContext) {
        let labels = match context {
            AnyContext::Mfa(context) => IssuedLabels { mfa: "true", kind: context.kind().name() },
            AnyContext::WithoutMfa(_) => IssuedLabels { mfa: "false", kind: "none" },
        };
        self.issued.get_or_create(&labels).inc();
    }

    /// Counts an attempt to deliver an event.
    pub(crate) fn told(&self, by: &'static str, told: bool) {
        let told = if told { "true" } else { "false" };
        self.events.get_or_create(&EventLabels { by, told }).inc();
    }

    /// Counts a request that ended in a panic.
    pub(crate) fn panicked(&self) {
        self.panics.inc();
    }

    /// Records the result of probing the verifier.
    pub(crate) fn probed(&self, ready: &Result<(), verifier::Error>) {
        let store = match ready {
            // The store answered before the clock was judged.
            Ok(()) | Err(verifier::Error::Clock(_)) => 1,
            Err(_) => 0,
        };
        self.store_ok.set(store);
        let went_back = matches!(ready, Err(verifier::Error::Store(store::Error::WentBack(_))));
        self.store_went_back.set(i64::from(went_back));
    }

    /// Records a probe without an answer in time.
    pub(crate) fn not_answered(&self) {
        self.store_ok.set(0);
    }

    /// The metrics in the text format of Prometheus.
    pub(crate) fn text(&self, detail: Detail) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode_registry(&mut text, &self.health);
        if detail == Detail::All {
            let _ = encode_registry(&mut text, &self.outcomes);
        }
        let _ = encode_eof(&mut text);
        text
    }
}

impl Steps {
    fn new() -> Steps {
        // Without randomness the first step is as long as the others.
        let random = crate::store::random::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        Steps { ahead: random % STEP }
    }

    fn shown(self, count: u64) -> u64 {
        let count = count.saturating_add(self.ahead);
        count - count % STEP
    }
}

impl Collector for RefusalCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Refusals by reason, in steps of 20; reasons with fewer are left out";
        let mut refusals =
            encoder.encode_descriptor("refusals", help, None, MetricType::Counter)?;
        let Refusals { counts, steps } = &*self.0;
        let counts = counts.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for (reason, count) in counts {
            let shown = steps.shown(count);
            if shown > 0 {
                let counter = ConstCounter::new(shown);
                counter.encode(refusals.encode_family(&[("reason", reason)])?)?;
            }
        }
        Ok(())
    }
}

impl Collector for VerifierCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let counts = self.0.counts();
        for (name, help, count) in [
            (
                "judged",
                "Codes, pairs and assertions that were computed and compared, in steps of 20",
                counts.judged,
            ),
            (
                "accepted",
                "Codes, pairs and assertions that were accepted, in steps of 20",
                counts.accepted,
            ),
            (
                "unjudged",
                "Codes, pairs and assertions that were refused unjudged, in steps of 20",
                counts.unjudged,
            ),
            (
                "looks",
                "Codes that missed and were looked for further away, in steps of 20",
                counts.looks,
            ),
            (
                "looks_out_of_sync",
                "Codes among them that were found: their devices are out of sync, in steps of 20",
                counts.out_of_sync,
            ),
        ] {
            let counter = ConstCounter::new(self.1.shown(count));
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
        Ok(())
    }
}

impl Collector for VerifierHealth {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let help = "Secrets that are sealed under an older sealing key, by its id: for as long as \
                    there are any, the key is needed";
        let mut older =
            encoder.encode_descriptor("secrets_under_older_keys", help, None, MetricType::Gauge)?;
        for need in self.0.known_older_sealing_keys() {
            let secrets = ConstGauge::new(i64::try_from(need.secrets).unwrap_or(i64::MAX));
            secrets.encode(older.encode_family(&[("key", need.key.to_string())])?)?;
        }
        let clock_ok = ConstGauge::new(i64::from(self.0.clock_fault().is_none()));
        clock_ok.encode(encoder.encode_descriptor(
            "clock_ok",
            "Whether the clock is trusted",
            None,
            clock_ok.metric_type(),
        )?)?;
        Ok(())
    }
}

impl Collector for FleetGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Some(survey) = self.0.latest() else { return Ok(()) };
        for (name, help, quantiles) in [
            (
                "fleet_offset_seconds",
                "Expected distances of tokens' clocks from the server's, by quantile",
                &survey.offset,
            ),
            ("fleet_rate_ppm", "Expected rates of tokens' clocks, by quantile", &survey.rate),
            (
                "fleet_window_steps",
                "Half-widths of the windows in which codes are looked for, by quantile",
                &survey.half_width,
            ),
        ] {
            let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            for (level, value) in LEVELS.iter().zip(quantiles.values) {
                let labels = [("quantile", level.to_string())];
                ConstGauge::new(value).encode(family.encode_family(&labels)?)?;
            }
        }
        let (name, help) = ("fleet_attention", "Tokens that need attention, by the reason");
        let mut family = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
        for (reason, listed) in &survey.attention {
            let count = ConstGauge::new(i64::try_from(listed.count).unwrap_or(i64::MAX));
            count.encode(family.encode_family(&[("reason", reason.name())])?)?;
        }
        let tokens = ConstGauge::new(i64::try_from(survey.tokens).unwrap_or(i64::MAX));
        let help = "Time-based devices in use";
        tokens.encode(encoder.encode_descriptor("fleet_tokens", help, None, MetricType::Gauge)?)
    }
}

impl Collector for ClockSuspicion {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let suspicion = self.0.suspicion();
        let suspect = ConstGauge::new(i64::from(suspicion.is_some()));
        let (name, help) = (
            "server_clock_suspect",
            "Whether all tokens moved at once, as the server's clock would",
        );
        suspect.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)?;
        let shift = ConstGauge::new(suspicion.map_or(0.0, |suspicion| suspicion.seconds()));
        let (name, help) =
            ("server_clock_shift_seconds", "How far all tokens moved; 0 without suspicion");
        shift.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
    }
}

impl Collector for LogCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let counter = ConstCounter::new(self.0.dropped());
        let help = "Lines of the log that were dropped: its reader is gone, stopped or too slow";
        counter.encode(encoder.encode_descriptor(
            "log_lines_dropped",
            help,
            None,
            counter.metric_type(),
        )?)
    }
}

/// From the time of a cached read to that of a queue at a slow disk.
fn buckets() -> Histogram {
    Histogram::new([
        0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
    ])
}

/// The length of a step: the share of requests that move a count, and so may tell something, is one
/// in so many.
const STEP: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_moves_by_whole_steps_from_an_unknown_point() {
        for ahead in 0..STEP {
            let steps = Steps { ahead };
            let shown: Vec<u64> = (0..=3 * STEP).map(|count| steps.shown(count)).collect();
            assert_eq!(shown[0], 0);
            let moves = shown.windows(2).filter(|pair| pair[0] != pair[1]).count();
            assert_eq!(moves, 3, "{ahead}: {shown:?}");
            assert!(shown.iter().all(|count| count % STEP == 0));
        }
    }
}
