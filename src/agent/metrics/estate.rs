//! The estate of the agent: devices by state, the last backup, the certificate.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::gauge::ConstGauge;

use crate::device::DeviceState;
use crate::time::UnixTime;

/// The estate as it was last looked at. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Estate(Arc<Mutex<Facts>>);

#[derive(Debug, Default)]
struct Facts {
    devices: Vec<(DeviceState, u64)>,
    last_backup: Option<UnixTime>,
    certificate: Option<Validity>,
}

/// The time in which a certificate is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Validity {
    pub(crate) not_before: UnixTime,
    pub(crate) not_after: UnixTime,
}

/// Devices by state, read at each scrape: administrators alone see them, since a lock tells how a
/// code was judged.
#[derive(Debug)]
pub(super) struct DeviceGauges(pub(super) Estate);

/// Times, read at each scrape.
#[derive(Debug)]
pub(super) struct TimeGauges(pub(super) Estate);

impl Estate {
    pub(crate) fn devices(&self, devices: Vec<(DeviceState, u64)>) {
        self.set(|facts| facts.devices = devices);
    }

    pub(crate) fn backed_up(&self, last: Option<UnixTime>) {
        self.set(|facts| facts.last_backup = last);
    }

    pub(crate) fn certificate(&self, certificate: Option<Validity>) {
        self.set(|facts| facts.certificate = certificate);
    }

    fn set(&self, change: impl FnOnce(&mut Facts)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Collector for DeviceGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Estate(facts) = &self.0;
        let devices = facts.lock().unwrap_or_else(PoisonError::into_inner).devices.clone();
        let mut family =
            encoder.encode_descriptor("devices", "Devices by state", None, MetricType::Gauge)?;
        for (state, count) in devices {
            let count = ConstGauge::new(i64::try_from(count).unwrap_or(i64::MAX));
            count.encode(family.encode_family(&[("state", state.name())])?)?;
        }
        Ok(())
    }
}

impl Collector for TimeGauges {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> std::fmt::Result {
        let Estate(facts) = &self.0;
        let (last_backup, certificate) = {
            let facts = facts.lock().unwrap_or_else(PoisonError::into_inner);
            (facts.last_backup, facts.certificate)
        };
        let mut gauge = |name, help, time: UnixTime| {
            let time = ConstGauge::new(i64::try_from(time.0).unwrap_or(i64::MAX));
            time.encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        gauge(
            "last_backup_timestamp_seconds",
            "Time of the last backup; 0 if there was none",
            last_backup.unwrap_or(UnixTime(0)),
        )?;
        let Some(Validity { not_before, not_after }) = certificate else { return Ok(()) };
        gauge(
            "tls_certificate_not_before_timestamp_seconds",
            "Time from which the certificate for TCP is valid",
            not_before,
        )?;
        gauge(
            "tls_certificate_not_after_timestamp_seconds",
            "Time until which the certificate for TCP is valid",
            not_after,
        )
    }
}
