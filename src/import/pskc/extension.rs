//! The element in which our own exports carry what the standard has no place for.

use crate::import::ProblemCode;
use crate::import::pskc::refusal::Refusal;
use crate::import::xml::{Fault, Xml};

/// Content of the element.
#[derive(Debug, Default)]
pub(super) struct Extension {
    pub(super) account: Option<String>,
    pub(super) watermark: Option<u64>,
    /// The model of the clock, as JSON.
    pub(super) clock: Option<String>,
    pub(super) t0: Option<u64>,
    /// True if the counter is unknown.
    pub(super) pair_needed: bool,
    pub(super) is_disabled: bool,
    pub(super) is_hardware: Option<bool>,
}

/// The namespace of the element.
pub(super) const NAMESPACE: &str = "urn:twostep:device:1";

impl Extension {
    /// Reads `Extensions`, and leaves out what others put there.
    pub(super) fn read(
        &mut self,
        xml: &mut Xml<'_>,
        refusals: &mut Vec<Refusal>,
    ) -> Result<(), Fault> {
        while xml.child()?.is_some() {
            if xml.namespace() == NAMESPACE {
                self.device(xml, refusals)?;
            } else {
                xml.skip()?;
            }
        }
        Ok(())
    }

    fn device(&mut self, xml: &mut Xml<'_>, refusals: &mut Vec<Refusal>) -> Result<(), Fault> {
        let mut number = |text: &str| {
            let number = text.parse().ok();
            if number.is_none() {
                let detail = "an extension of twostep has something that is no number";
                refusals.push(Refusal::new(ProblemCode::Value, detail));
            }
            number
        };
        while let Some(name) = xml.child()? {
            match name {
                "account" => self.account = Some(xml.text()?.to_owned()),
                "watermark" => self.watermark = number(xml.text()?),
                "t0" => self.t0 = number(xml.text()?),
                "clock" => self.clock = Some(xml.text()?.to_owned()),
                "pairneeded" => self.pair_needed = xml.text()? == "true",
                "disabled" => self.is_disabled = xml.text()? == "true",
                "hardware" => self.is_hardware = Some(xml.text()? == "true"),
                _ => xml.skip()?,
            }
        }
        Ok(())
    }
}
