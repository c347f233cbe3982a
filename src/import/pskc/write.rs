//! The writer of our exports: encrypted, as the standard has it, and with an element of our own for
//! what it has no place for.

use std::io::{self, Write};

use aes::Aes256;
use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use crate::import::pskc::extension::NAMESPACE;
use crate::import::pskc::mac::Mac;
use crate::otp::Algorithm;
use crate::secret::Secret;
use crate::xml::escaped;

/// A device in an export.
#[derive(Clone, Debug)]
pub struct Exported {
    /// The serial number.
    pub serial: String,
    /// The owner.
    pub account: Option<String>,
    /// The name given by its owner.
    pub name: Option<String>,
    /// The party that issued it.
    pub issuer: String,
    /// The seed.
    pub secret: Secret,
    /// The hash function.
    pub algorithm: Algorithm,
    /// Number of digits of a code.
    pub digits: u64,
    /// The moving factor.
    pub factor: ExportedFactor,
    /// True if the device is switched off.
    pub disabled: bool,
    /// True for a token of hardware.
    pub hardware: bool,
}

/// The moving factor of a device in an export.
#[derive(Clone, Debug)]
pub enum ExportedFactor {
    /// Counter-based.
    Hotp {
        /// The next counter; `None` if a pair of codes has to tell it.
        next: Option<u64>,
    },
    /// Time-based.
    Totp {
        /// Seconds of a step.
        period: u64,
        /// Seconds since 1970 at which its steps begin.
        t0: u64,
        /// Offset of its clock, in steps; positive if it is ahead.
        drift: i64,
        /// The highest step consumed.
        watermark: Option<u64>,
        /// The model of its clock, as JSON.
        clock: Option<String>,
    },
}

/// An export that is being written.
pub struct PskcWriter<'a> {
    out: &'a mut dyn Write,
    random: &'a mut dyn FnMut(&mut [u8]) -> io::Result<()>,
    key: Secret,
    mac_key: Secret,
}

impl<'a> PskcWriter<'a> {
    /// Begins a container whose key is derived from the passphrase. `random` fills buffers with
    /// unpredictable bytes.
    ///
    /// # Errors
    /// Errors of `out` and of `random`.
    pub fn begin(
        out: &'a mut dyn Write,
        passphrase: &Secret,
        random: &'a mut dyn FnMut(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<PskcWriter<'a>> {
        let mut salt = [0; 16];
        random(&mut salt)?;
        let mut mac_key = Zeroizing::new(vec![0; 32]);
        random(&mut mac_key)?;
        let key = Mac::Sha256.derive(passphrase.expose(), &salt, ITERATIONS, 32);
        let mac_key = Secret::new(std::mem::take(&mut mac_key));
        let mut writer = PskcWriter { out, random, key, mac_key };
        let sealed_key = writer.sealed(&writer.mac_key.clone())?.0;
        write!(
            writer.out,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <pskc:KeyContainer Version=\"1.0\" \
             xmlns:pskc=\"urn:ietf:params:xml:ns:keyprov:pskc\" xmlns:xenc=\"{XENC}\" \
             xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" xmlns:pkcs5=\"{PKCS5}\" \
             xmlns:twostep=\"{NAMESPACE}\">\n\
             <pskc:EncryptionKey><xenc11:DerivedKey>\
             <xenc11:KeyDerivationMethod Algorithm=\"{PKCS5}pbkdf2\"><pkcs5:PBKDF2-params>\
             <Salt><Specified>{}</Specified></Salt>\
             <IterationCount>{ITERATIONS}</IterationCount><KeyLength>32</KeyLength>\
             <PRF Algorithm=\"{HMAC}\"/></pkcs5:PBKDF2-params></xenc11:KeyDerivationMethod>\
             </xenc11:DerivedKey></pskc:EncryptionKey>\n\
             <pskc:MACMethod Algorithm=\"{HMAC}\"><pskc:MACKey>{sealed_key}</pskc:MACKey>\
             </pskc:MACMethod>\n",
            BASE64_STANDARD.encode(salt),
        )?;
        Ok(writer)
    }

    /// Writes a device.
    ///
    /// # Errors
    /// Errors of the output and of the random numbers.
    pub fn add(&mut self, device: &Exported) -> io::Result<()> {
        let serial = escaped(&device.serial);
        let (sealed, code) = self.sealed(&device.secret)?;
        let kind = match device.factor {
            ExportedFactor::Hotp { .. } => "hotp",
            ExportedFactor::Totp { .. } => "totp",
        };
        let suite = match device.algorithm {
            Algorithm::Sha1 => "",
            Algorithm::Sha256 => "<pskc:Suite>HMAC-SHA256</pskc:Suite>",
            Algorithm::Sha512 => "<pskc:Suite>HMAC-SHA512</pskc:Suite>",
        };
        let name = device.name.as_deref().map(|name| element("pskc:FriendlyName", &escaped(name)));
        writeln!(
            self.out,
            "<pskc:KeyPackage><pskc:DeviceInfo><pskc:SerialNo>{serial}</pskc:SerialNo>\
             </pskc:DeviceInfo><pskc:Key Id=\"{serial}\" \
             Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:{kind}\">\
             <pskc:Issuer>{}</pskc:Issuer><pskc:AlgorithmParameters>{suite}\
             <pskc:ResponseFormat Length=\"{}\" Encoding=\"DECIMAL\"/></pskc:AlgorithmParameters>\
             {}<pskc:Data><pskc:Secret><pskc:EncryptedValue>{sealed}</pskc:EncryptedValue>\
             <pskc:ValueMAC>{code}</pskc:ValueMAC></pskc:Secret>{}</pskc:Data>\
             <pskc:Extensions><twostep:Device>{}</twostep:Device></pskc:Extensions></pskc:Key>\
             </pskc:KeyPackage>",
            escaped(&device.issuer),
            device.digits,
            name.unwrap_or_default(),
            numbers(&device.factor),
            own(device),
        )
    }

    /// Ends the container.
    ///
    /// # Errors
    /// Errors of the output.
    pub fn end(self) -> io::Result<()> {
        self.out.write_all(b"</pskc:KeyContainer>\n")?;
        self.out.flush()
    }

    /// The element of a ciphertext, and its code.
    fn sealed(&mut self, secret: &Secret) -> io::Result<(String, String)> {
        let mut iv = [0; BLOCK];
        (self.random)(&mut iv)?;
        let plain = secret.expose();
        let mut bytes = Zeroizing::new(vec![0; plain.len() + BLOCK]);
        let encryptor = cbc::Encryptor::<Aes256>::new_from_slices(self.key.expose(), &iv)
            .map_err(io::Error::other)?;
        let sealed = encryptor
            .encrypt_padded_b2b::<Pkcs7>(plain, &mut bytes)
            .map_err(|_| io::Error::other("a secret is too long"))?;
        let sealed = [&iv, sealed].concat();
        let code = Mac::Sha256.code(self.mac_key.expose(), &sealed);
        let element = format!(
            "<xenc:EncryptionMethod Algorithm=\"{XENC}aes256-cbc\"/><xenc:CipherData>\
             <xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData>",
            BASE64_STANDARD.encode(sealed),
        );
        Ok((element, BASE64_STANDARD.encode(code)))
    }
}

/// The values beside the secret, as the standard has them.
fn numbers(factor: &ExportedFactor) -> String {
    let plain = |name: &str, value: &dyn std::fmt::Display| {
        element(name, &element("pskc:PlainValue", &value.to_string()))
    };
    match factor {
        ExportedFactor::Hotp { next } => plain("pskc:Counter", &next.unwrap_or(0)),
        ExportedFactor::Totp { period, drift, .. } => [
            plain("pskc:Time", &0),
            plain("pskc:TimeInterval", period),
            plain("pskc:TimeDrift", drift),
        ]
        .concat(),
    }
}

/// The values of our own element.
fn own(device: &Exported) -> String {
    let mut own = String::new();
    let mut add = |name: &str, value: &str| own.push_str(&element(name, &escaped(value)));
    if let Some(account) = &device.account {
        add("twostep:Account", account);
    }
    match &device.factor {
        ExportedFactor::Hotp { next: None } => add("twostep:PairNeeded", "true"),
        ExportedFactor::Hotp { .. } => {}
        ExportedFactor::Totp { t0, watermark, clock, .. } => {
            add("twostep:T0", &t0.to_string());
            if let Some(watermark) = watermark {
                add("twostep:Watermark", &watermark.to_string());
            }
            if let Some(clock) = clock {
                add("twostep:Clock", clock);
            }
        }
    }
    add("twostep:Disabled", if device.disabled { "true" } else { "false" });
    add("twostep:Hardware", if device.hardware { "true" } else { "false" });
    own
}

fn element(name: &str, inside: &str) -> String {
    format!("<{name}>{inside}</{name}>")
}

/// Iterations of PBKDF2 (OWASP, for HMAC-SHA-256).
const ITERATIONS: u32 = 600_000;

/// Bytes of a block.
const BLOCK: usize = 16;

const XENC: &str = "http://www.w3.org/2001/04/xmlenc#";
const PKCS5: &str = "http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#";
const HMAC: &str = "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256";
