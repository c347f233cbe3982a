//! Portable Symmetric Key Container (RFC 6030), a draft of it that `ActivIdentity` writes, and the
//! spelling of privacyIDEA.
//!
//! One package is in memory at a time. What is encrypted is decrypted when the token that needs it
//! is complete.

mod cipher;
mod extension;
mod judged;
mod key;
mod keys;
mod mac;
mod policy;
mod protection;
mod refusal;
mod sealed;
mod value;
mod write;

pub use write::{Exported, ExportedFactor, PskcWriter};

use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::xml::{Fault, Xml, root_of};
use crate::import::{Place, Problem, ProblemCode, Settings, Stop};
use judged::Package;
use key::Key;
use keys::Keys;
use policy::Policy;
use protection::FileCipher;

pub(super) fn recognises(head: &Head<'_>) -> bool {
    root_of(head).is_some_and(|root| root.eq_ignore_ascii_case("KeyContainer"))
}

pub(super) fn read(
    input: &mut dyn BufRead,
    settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    container(input, settings, out).map_err(|fault| fault.end(out))
}

fn container(input: &mut dyn BufRead, settings: &Settings, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut xml = Xml::of(input, NAMESPACES)?;
    if xml.child()? != Some("keycontainer") {
        let detail = "the root element is no KeyContainer of PSKC";
        return Err(xml.fault(ProblemCode::Syntax, detail));
    }
    if !matches!(xml.attribute("version").unwrap_or("1.0"), "1.0" | "1") {
        let detail = "the version of PSKC is not 1.0, and no other is known";
        return Err(xml.fault(ProblemCode::Syntax, detail));
    }
    let is_of_privacyidea = xml.is_in_small_letters();
    let mut keys = Keys::of(settings);
    keys.mac_of_plaintext = xml.namespace() == DRAFT;
    let mut file = None;
    let mut packages = 0;
    while let Some(name) = xml.child()? {
        match name {
            "encryptionkey" | "macmethod" | "encryptionmethod" | "digestmethod" if packages > 0 => {
                let detail = "the encryption is told behind the first key, and not before it";
                return Err(xml.fault(ProblemCode::Syntax, detail));
            }
            "encryptionkey" => protection::encryption_key(&mut xml, &mut keys)?,
            "macmethod" | "digestmethod" if keys.mac.is_some() => {
                return Err(xml.fault(ProblemCode::Syntax, "MACMethod is there twice"));
            }
            "macmethod" => protection::mac_method(&mut xml, &mut keys)?,
            "encryptionmethod" => file = Some(FileCipher::read(&mut xml)?),
            "digestmethod" => protection::digest_method(&mut xml, &mut keys)?,
            "keypackage" | "device" => {
                packages += 1;
                let (package, read) = package(&mut xml, Place::Entry(packages), file.as_ref())?;
                let package = Package { is_of_privacyidea, ..package };
                for key in read {
                    package.judge(key, settings, &mut keys, out)?;
                }
            }
            "signature" if !settings.unchecked_signature => {
                out.problem(Problem::of_file(ProblemCode::Signed, SIGNED))?;
                xml.skip()?;
            }
            _ => xml.skip()?,
        }
    }
    // Behind the root element is nothing.
    xml.child()?;
    Ok(())
}

/// Reads `KeyPackage`: a device, and its keys.
fn package(
    xml: &mut Xml<'_>,
    place: Place,
    file: Option<&FileCipher>,
) -> Result<(Package, Vec<Key>), Fault> {
    let (mut serial, mut policy, mut keys) = (None, Policy::default(), Vec::new());
    let is_of_privacyidea = false;
    while let Some(name) = xml.child()? {
        match name {
            "deviceinfo" | "deviceid" => device(xml, &mut serial, &mut policy)?,
            "key" if keys.len() == MOST_KEYS => {
                return Err(xml.fault(ProblemCode::TooLarge, "a package has more than 64 keys"));
            }
            "key" => keys.push(Key::read(xml, file)?),
            _ => xml.skip()?,
        }
    }
    Ok((Package { place, serial, policy, is_of_privacyidea }, keys))
}

fn device(
    xml: &mut Xml<'_>,
    serial: &mut Option<String>,
    policy: &mut Policy,
) -> Result<(), Fault> {
    while let Some(name) = xml.child()? {
        match name {
            "serialno" | "serialnumber" => {
                let text = xml.text()?.to_owned();
                if serial.replace(text).is_some() {
                    return Err(xml.fault(ProblemCode::Syntax, "SerialNo is there twice"));
                }
            }
            "startdate" => policy.start(xml)?,
            "expirydate" | "expiry" => policy.expiry(xml)?,
            _ => xml.skip()?,
        }
    }
    *serial = serial.take().filter(|serial| !serial.is_empty());
    Ok(())
}

const SIGNED: &str = "the file is signed, and signatures are not checked here: check it with \
                      `pskctool --verify`, then import it with --signature ignore";

/// The namespace of `ActivIdentity`'s draft.
const DRAFT: &str = "urn:ietf:params:xml:ns:keyprov:container:1.0";

const NAMESPACES: &[&str] = &[
    "urn:ietf:params:xml:ns:keyprov:pskc",
    DRAFT,
    "http://www.w3.org/2000/09/xmldsig#",
    "http://www.w3.org/2001/04/xmlenc#",
    "http://www.w3.org/2009/xmlenc11#",
    "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#",
    extension::NAMESPACE,
];

const MOST_KEYS: usize = 64;
