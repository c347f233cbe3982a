//! The beginning of a container: how its values are encrypted (RFC 6030 §6).

use crate::import::ProblemCode;
use crate::import::pskc::keys::{Derivation, Keys, MacMethod};
use crate::import::pskc::mac::Mac;
use crate::import::pskc::refusal::{Refusal, algorithm_name};
use crate::import::pskc::sealed::{Sealed, base64};
use crate::import::xml::{Fault, Xml};

/// Reads `EncryptionKey`: a key that both sides know, or a passphrase.
pub(super) fn encryption_key(xml: &mut Xml<'_>, keys: &mut Keys<'_>) -> Result<(), Fault> {
    while let Some(name) = xml.child()? {
        match name {
            "derivedkey" => derived_key(xml, keys)?,
            "x509data" | "keyvalue" | "encryptedkey" | "pgpdata" => {
                let detail = "the file is encrypted to a certificate (RSA), which is not \
                              supported: ask for a key or a passphrase that both sides know";
                return Err(xml.fault(ProblemCode::Encryption, detail));
            }
            _ => xml.skip()?,
        }
    }
    Ok(())
}

/// Reads `MACMethod`. One that names no algorithm is none: python-pskc writes it beside ciphers
/// that need no code.
pub(super) fn mac_method(xml: &mut Xml<'_>, keys: &mut Keys<'_>) -> Result<(), Fault> {
    if xml.attribute("algorithm").is_none() {
        return xml.skip();
    }
    let mut method = digest(xml)?;
    while let Some(name) = xml.child()? {
        match name {
            "mackey" if method.key.is_none() => {
                let sealed = Sealed::read(xml)?;
                method.key = Some(fine(xml, sealed)?);
            }
            "mackey" => return Err(xml.fault(ProblemCode::Syntax, "MACKey is there twice")),
            _ => xml.skip()?,
        }
    }
    keys.mac = Some(method);
    Ok(())
}

/// Reads `DigestMethod` of drafts: the encryption key serves, and the code covers the plaintext.
pub(super) fn digest_method(xml: &mut Xml<'_>, keys: &mut Keys<'_>) -> Result<(), Fault> {
    keys.mac = Some(digest(xml)?);
    xml.skip()
}

fn digest(xml: &Xml<'_>) -> Result<MacMethod, Fault> {
    let mac = fine(xml, Mac::named(xml.attribute("algorithm").unwrap_or_default()))?;
    Ok(MacMethod { mac, key: None })
}

/// The cipher that drafts tell once for the file.
#[derive(Debug, Default)]
pub(super) struct FileCipher {
    pub(super) method: String,
    pub(super) iv: Option<Vec<u8>>,
}

impl FileCipher {
    pub(super) fn read(xml: &mut Xml<'_>) -> Result<FileCipher, Fault> {
        let method = xml.attribute("algorithm").unwrap_or_default().to_owned();
        let mut iv = None;
        while let Some(name) = xml.child()? {
            if name == "iv" {
                iv = base64(xml.text()?).map(|iv| iv.to_vec());
            } else {
                xml.skip()?;
            }
        }
        Ok(FileCipher { method, iv })
    }
}

fn derived_key(xml: &mut Xml<'_>, keys: &mut Keys<'_>) -> Result<(), Fault> {
    while let Some(name) = xml.child()? {
        if name != "keyderivationmethod" {
            xml.skip()?;
            continue;
        }
        let name = algorithm_name(xml.attribute("algorithm").unwrap_or_default());
        if name != "pbkdf2" {
            let detail = format!("the key is derived by `{name}`, and PBKDF2 is what is supported");
            return Err(xml.fault(ProblemCode::Encryption, &detail));
        }
        while let Some(name) = xml.child()? {
            match name {
                "pbkdf2-params" => keys.derivation = Some(parameters(xml)?),
                _ => xml.skip()?,
            }
        }
        if keys.derivation.is_none() {
            return Err(xml.fault(ProblemCode::Encryption, "PBKDF2 has no parameters"));
        }
    }
    Ok(())
}

/// Reads the parameters of PBKDF2 (RFC 8018 appendix A.2), each within its bounds.
fn parameters(xml: &mut Xml<'_>) -> Result<Derivation, Fault> {
    let (mut salt, mut iterations, mut length, mut prf) = (None, None, None, Mac::Sha1);
    while let Some(name) = xml.child()? {
        match name {
            "salt" => {
                while let Some(name) = xml.child()? {
                    match name {
                        "specified" => salt = base64(xml.text()?).map(|salt| salt.to_vec()),
                        _ => xml.skip()?,
                    }
                }
            }
            "iterationcount" => iterations = xml.text()?.parse::<u32>().ok(),
            "keylength" => length = xml.text()?.parse::<usize>().ok(),
            "prf" => {
                // python-pskc writes the name as a text, and not as an attribute.
                let uri = xml.attribute("algorithm").map(str::to_owned);
                let text = xml.text()?;
                let uri = uri.unwrap_or_else(|| text.to_owned());
                if !uri.is_empty() {
                    prf = fine(xml, Mac::named(&uri))?;
                }
            }
            _ => xml.skip()?,
        }
    }
    let refused = |detail| Err(xml.fault(ProblemCode::Encryption, detail));
    let Some(salt) = salt.filter(|salt| !salt.is_empty()) else {
        return refused("PBKDF2 has no salt");
    };
    let Some(iterations) = iterations.filter(|count| (1..=MOST_ITERATIONS).contains(count)) else {
        return refused("the iterations of PBKDF2 are none of 1 to 10,000,000");
    };
    let Some(length) = length.filter(|length| [16, 24, 32].contains(length)) else {
        return refused("the key length of PBKDF2 is none of 16, 24 and 32 bytes");
    };
    Ok(Derivation { prf, salt, iterations, length })
}

fn fine<T>(xml: &Xml<'_>, result: Result<T, Refusal>) -> Result<T, Fault> {
    result.map_err(|refusal| xml.fault(refusal.code, &refusal.detail))
}

const MOST_ITERATIONS: u32 = 10_000_000;
