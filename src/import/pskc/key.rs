//! A key as it stands in the file (RFC 6030 §4.3), of the standard or of a draft.

use crate::import::ProblemCode;
use crate::import::pskc::extension::Extension;
use crate::import::pskc::policy::Policy;
use crate::import::pskc::protection::FileCipher;
use crate::import::pskc::refusal::Refusal;
use crate::import::pskc::value::{Content, Value};
use crate::import::xml::{Fault, Xml};

/// A key, undecrypted and unjudged.
#[derive(Default)]
pub(super) struct Key {
    pub(super) id: Option<String>,
    /// URI of its algorithm.
    pub(super) algorithm: Option<String>,
    pub(super) name: Option<String>,
    /// True if the secret is to be found elsewhere, by a name.
    pub(super) is_reference: bool,
    pub(super) suite: Option<String>,
    pub(super) digits: Option<u64>,
    pub(super) encoding: Option<String>,
    pub(super) has_check_digit: bool,
    pub(super) secret: Option<Value>,
    pub(super) counter: Option<Value>,
    pub(super) interval: Option<Value>,
    pub(super) drift: Option<Value>,
    pub(super) policy: Policy,
    pub(super) extension: Extension,
    /// Faults found so far.
    pub(super) refusals: Vec<Refusal>,
}

impl Key {
    /// Reads `Key`.
    pub(super) fn read(xml: &mut Xml<'_>, file: Option<&FileCipher>) -> Result<Key, Fault> {
        let attribute = |names: [&str; 2]| {
            let value = names.iter().find_map(|name| xml.attribute(name));
            value.filter(|value| !value.is_empty()).map(str::to_owned)
        };
        let mut key = Key {
            id: attribute(["id", "keyid"]),
            algorithm: attribute(["algorithm", "keyalgorithm"]),
            ..Key::default()
        };
        while let Some(name) = xml.child()? {
            match name {
                "algorithmparameters" => key.parameters(xml)?,
                "usage" => {
                    let uses = |name| matches!(xml.attribute(name), Some("true" | "1"));
                    key.policy.usage(uses("otp"));
                    key.parameters(xml)?;
                }
                "data" => key.data(xml, file)?,
                "friendlyname" => {
                    let name = xml.text()?;
                    key.name = Some(name.to_owned()).filter(|name| !name.is_empty());
                }
                "keyreference" | "keyprofileid" => {
                    key.is_reference = true;
                    xml.skip()?;
                }
                "policy" => key.policy.read(xml)?,
                "startdate" => key.policy.start(xml)?,
                "expirydate" => key.policy.expiry(xml)?,
                "extensions" => key.extension.read(xml, &mut key.refusals)?,
                _ => xml.skip()?,
            }
        }
        Ok(key)
    }

    fn parameters(&mut self, xml: &mut Xml<'_>) -> Result<(), Fault> {
        while let Some(name) = xml.child()? {
            match name {
                "suite" => {
                    let hash = xml.attribute("hashalgo").map(str::to_owned);
                    let text = xml.text()?;
                    let suite = hash.unwrap_or_else(|| text.to_owned());
                    self.suite = Some(suite).filter(|suite| !suite.is_empty());
                }
                "responseformat" => {
                    let text = |name| xml.attribute(name).filter(|text| !text.is_empty());
                    match text("length").map(str::parse) {
                        Some(Err(_)) => {
                            let detail = "Length of ResponseFormat is no number";
                            self.refusals.push(Refusal::new(ProblemCode::Value, detail));
                        }
                        Some(Ok(digits)) => self.digits = Some(digits),
                        None => {}
                    }
                    let check = text("checkdigits").or_else(|| text("checkdigit"));
                    self.has_check_digit = matches!(check, Some("true" | "1"));
                    self.encoding = text("encoding").or_else(|| text("format")).map(str::to_owned);
                    xml.skip()?;
                }
                _ => xml.skip()?,
            }
        }
        Ok(())
    }

    fn data(&mut self, xml: &mut Xml<'_>, file: Option<&FileCipher>) -> Result<(), Fault> {
        // Drafts have a `Data` for each value, with its name.
        if let Some(name) = xml.attribute("name").map(str::to_ascii_lowercase) {
            return self.value(&name, xml, file);
        }
        while let Some(name) = xml.child()? {
            let name = name.to_owned();
            self.value(&name, xml, file)?;
        }
        Ok(())
    }

    fn value(
        &mut self,
        name: &str,
        xml: &mut Xml<'_>,
        file: Option<&FileCipher>,
    ) -> Result<(), Fault> {
        let (slot, content) = match name {
            "secret" => (&mut self.secret, Content::Secret),
            "counter" => (&mut self.counter, Content::Number),
            "timeinterval" | "time_interval" => (&mut self.interval, Content::Number),
            "timedrift" | "time_drift" => (&mut self.drift, Content::Number),
            _ => return xml.skip(),
        };
        match Value::read(xml, content, file)? {
            Err(refusal) => self.refusals.push(refusal),
            Ok(None) => {}
            Ok(Some(value)) if slot.is_none() => *slot = Some(value),
            Ok(Some(_)) => {
                let detail = format!("{name} is there twice, and which one holds is unknown");
                self.refusals.push(Refusal::new(ProblemCode::Syntax, detail));
            }
        }
        Ok(())
    }
}
