//! Metrics for Prometheus. No label names an account, a device or a caller.

use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::agent::log::Lossy;
use crate::session::AnyContext;
use crate::verifier;
use crate::verifier::Verifier;

/// The agent's metrics.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<RequestLabels, Counter>,
    duration: Family<RouteLabels, Histogram, fn() -> Histogram>,
    refusals: Family<ReasonLabels, Counter>,
    issued: Family<IssuedLabels, Counter>,
    events: Family<EventLabels, Counter>,
    panics: Counter,
    pub(crate) connections: Gauge,
    store_ok: Gauge,
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
struct ReasonLabels {
    reason: &'static str,
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

/// The counts of the verifier, read at each scrape.
#[derive(Debug)]
struct VerifierCounts(Verifier);

/// The counts of the log, read at each scrape.
#[derive(Debug)]
struct LogCounts(Lossy);

impl Metrics {
    pub(crate) fn new(verifier: Verifier, log: Lossy) -> Metrics {
        let mut registry = Registry::with_prefix("twostep");
        let requests = Family::default();
        let buckets: fn() -> Histogram = buckets;
        let duration = Family::new_with_constructor(buckets);
        let (refusals, issued, events) = (Family::default(), Family::default(), Family::default());
        let (connections, store_ok) = (Gauge::default(), Gauge::default());
        let panics = Counter::default();
        registry.register("requests", "Requests answered", Family::clone(&requests));
        registry.register(
            "request_duration_seconds",
            "Time from a request's head to its answer",
            Family::clone(&duration),
        );
        registry.register("refusals", "Refusals by reason", Family::clone(&refusals));
        registry.register(
            "sessions_issued",
            "Sessions issued, with and without MFA, by the kind of device",
            Family::clone(&issued),
        );
        registry.register(
            "events",
            "Attempts to tell an event, by how, and whether it was told",
            Family::clone(&events),
        );
        registry.register("panics", "Requests that ended in a panic", Counter::clone(&panics));
        registry.register("connections", "Open connections", Gauge::<i64>::clone(&connections));
        registry.register("store_ok", "Whether the store answers", Gauge::<i64>::clone(&store_ok));
        registry.register(
            "build",
            "What is running",
            Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]),
        );
        registry.register_collector(Box::new(VerifierCounts(verifier)));
        registry.register_collector(Box::new(LogCounts(log)));
        Metrics {
            registry,
            requests,
            duration,
            refusals,
            issued,
            events,
            panics,
            connections,
            store_ok,
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
        self.refusals.get_or_create(&ReasonLabels { reason }).inc();
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
    }

    /// Records a probe without an answer in time.
    pub(crate) fn not_answered(&self) {
        self.store_ok.set(0);
    }

    /// All metrics in the text format of Prometheus.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

impl Collector for VerifierCounts {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let counts = self.0.counts();
        for (name, help, count) in [
            (
                "judged",
                "Codes, pairs and assertions that were computed and compared",
                counts.judged,
            ),
            ("accepted", "Codes, pairs and assertions that were accepted", counts.accepted),
            (
                "unjudged",
                "Codes, pairs and assertions that were refused without being judged",
                counts.unjudged,
            ),
        ] {
            let counter = ConstCounter::new(count);
            counter.encode(encoder.encode_descriptor(
                name,
                help,
                None,
                counter.metric_type(),
            )?)?;
        }
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
