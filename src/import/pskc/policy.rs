//! Policies of keys (RFC 6030 §5): a key whose policy cannot be kept is not imported.

use crate::import::pskc::refusal::Refusal;
use crate::import::xml::{Fault, Xml};
use crate::import::{ProblemCode, Settings};
use crate::time::UnixTime;

/// Demands of a policy.
#[derive(Debug, Default)]
pub(super) struct Policy {
    start: Option<UnixTime>,
    expiry: Option<UnixTime>,
    /// True if one of the uses is one-time passwords; `None` if no use is named.
    is_for_codes: Option<bool>,
    refusals: Vec<Refusal>,
    /// Refusals that vanish with the PIN.
    of_pin: Vec<Refusal>,
}

impl Policy {
    /// Reads `Policy`.
    pub(super) fn read(&mut self, xml: &mut Xml<'_>) -> Result<(), Fault> {
        while let Some(name) = xml.child()? {
            match name {
                "startdate" => self.start(xml)?,
                "expirydate" => self.expiry(xml)?,
                "pinpolicy" => self.pin(xml)?,
                "keyusage" => {
                    let is_for_codes = xml.text()? == "OTP";
                    self.is_for_codes = Some(self.is_for_codes == Some(true) || is_for_codes);
                }
                "numberoftransactions" => {
                    self.refuse("the key may be used for a number of times, which is not kept");
                    xml.skip()?;
                }
                _ => {
                    self.refuse("the policy of the key has a rule that is not known");
                    xml.skip()?;
                }
            }
        }
        Ok(())
    }

    /// Reads the date from which on the key may be used.
    pub(super) fn start(&mut self, xml: &mut Xml<'_>) -> Result<(), Fault> {
        match date(xml.text()?) {
            Some(date) => self.start = self.start.max(Some(date)),
            None => self.refusals.push(no_date("StartDate")),
        }
        Ok(())
    }

    /// Reads the date from which on the key may not be used.
    pub(super) fn expiry(&mut self, xml: &mut Xml<'_>) -> Result<(), Fault> {
        match date(xml.text()?) {
            Some(date) => self.expiry = Some(self.expiry.map_or(date, |other| other.min(date))),
            None => self.refusals.push(no_date("ExpiryDate")),
        }
        Ok(())
    }

    /// Takes the uses that drafts name by attributes.
    pub(super) fn usage(&mut self, is_for_codes: bool) {
        self.is_for_codes = Some(is_for_codes);
    }

    /// The reasons not to import a key of this policy, and of its device's.
    pub(super) fn judge(self, device: &Policy, settings: &Settings) -> Vec<Refusal> {
        let mut refusals = self.refusals;
        let copies = device.refusals.iter();
        refusals.extend(copies.map(|other| Refusal::new(other.code, other.detail.clone())));
        if !settings.drop_pins {
            refusals.extend(self.of_pin);
        }
        if self.is_for_codes == Some(false) {
            let detail = "the key is for other uses than one-time passwords";
            refusals.push(Refusal::new(ProblemCode::Policy, detail));
        }
        let expiry = [self.expiry, device.expiry].into_iter().flatten().min();
        let start = self.start.max(device.start);
        if let Some(expiry) = expiry.filter(|expiry| *expiry <= settings.now && !settings.expired) {
            let day = day(expiry);
            refusals.push(Refusal::new(
                ProblemCode::Expired,
                format!("the key expired on {day}: import it nevertheless with --expired import"),
            ));
        }
        if let Some(start) = start.filter(|start| *start > settings.now && !settings.expired) {
            let day = day(start);
            refusals.push(Refusal::new(
                ProblemCode::Expired,
                format!(
                    "the key is valid from {day}: import it nevertheless with --expired import"
                ),
            ));
        }
        refusals
    }

    fn pin(&mut self, xml: &mut Xml<'_>) -> Result<(), Fault> {
        let mode = xml.attribute("pinusagemode").unwrap_or("Local");
        if !mode.eq_ignore_ascii_case("local") {
            self.of_pin.push(Refusal::new(
                ProblemCode::Policy,
                "codes of the key come with a PIN, which is not checked here: import it without \
                 PIN with --drop-pins",
            ));
        }
        let known = |name: &str| name.starts_with("xmlns") || PIN_ATTRIBUTES.contains(&name);
        let mut is_known = xml.attributes().all(known);
        while xml.child()?.is_some() {
            is_known = false;
            xml.skip()?;
        }
        if !is_known {
            let detail = "the PIN of the key has a rule that is not known: import the key without \
                          PIN with --drop-pins";
            self.of_pin.push(Refusal::new(ProblemCode::Policy, detail));
        }
        Ok(())
    }

    fn refuse(&mut self, detail: &'static str) {
        self.refusals.push(Refusal::new(ProblemCode::Policy, detail));
    }
}

/// A date and time of XML Schema; without a time zone it is UTC (RFC 6030 §5).
fn date(text: &str) -> Option<UnixTime> {
    let zoned = |text: &str| text.parse().ok();
    zoned(text)
        .or_else(|| zoned(&format!("{text}Z")))
        .or_else(|| zoned(&format!("{text}T00:00:00Z")))
}

fn day(time: UnixTime) -> String {
    time.to_string().chars().take("2026-11-22".len()).collect()
}

fn no_date(name: &str) -> Refusal {
    Refusal::new(ProblemCode::Value, format!("{name} is no date"))
}

const PIN_ATTRIBUTES: [&str; 6] =
    ["pinkeyid", "pinusagemode", "maxfailedattempts", "minlength", "maxlength", "pinencoding"];
