//! Managing a key: what it is, its PIN, the credentials and fingerprints it stores (CTAP 2.1 §6.5, §6.7, §6.8).
//!
//! `ctap-hid-fido2` does it. It can hang, panic and print, so it runs in a child process of the same program: [`Child::run`]
//! starts one and ends it at a deadline, [`child`] is what it runs. A PIN goes through a pipe, never through arguments.

use std::ffi::OsString;
use std::io;
use std::io::Read;
use std::io::Write;
use std::panic;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;
use std::time::Instant;

use ctap_hid_fido2::FidoKeyHid;
use ctap_hid_fido2::FidoKeyHidFactory;
use ctap_hid_fido2::HidParam;
use ctap_hid_fido2::LibCfg;
use ctap_hid_fido2::public_key_credential_descriptor::PublicKeyCredentialDescriptor;
use serde::Deserialize;
use serde::Serialize;
use zeroize::Zeroizing;

use super::ctap2::PinEntry;
use super::error::Error;
use super::key::Text;
use super::person::Pin;
use super::status;

/// What is to be done with the key at a path.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// Say what it is.
    Info {
        /// The device node.
        path: PathBuf,
    },
    /// Set the first PIN.
    SetPin {
        /// The device node.
        path: PathBuf,
        /// The PIN to be.
        #[serde(with = "typed")]
        pin: Pin,
    },
    /// Change the PIN.
    ChangePin {
        /// The device node.
        path: PathBuf,
        /// The PIN until now.
        #[serde(with = "typed")]
        old: Pin,
        /// The PIN to be.
        #[serde(with = "typed")]
        new: Pin,
    },
    /// List the credentials that it stores.
    Credentials {
        /// The device node.
        path: PathBuf,
        /// Its PIN.
        #[serde(with = "typed")]
        pin: Pin,
    },
    /// Delete a credential that it stores. Nobody can bring it back.
    DeleteCredential {
        /// The device node.
        path: PathBuf,
        /// Its PIN.
        #[serde(with = "typed")]
        pin: Pin,
        /// Which one.
        id: Vec<u8>,
    },
    /// List the fingers that it knows.
    Fingerprints {
        /// The device node.
        path: PathBuf,
        /// Its PIN.
        #[serde(with = "typed")]
        pin: Pin,
    },
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is done.
    Done,
    /// What the key is.
    Info(Info),
    /// What it stores.
    Credentials(Vec<StoredCredential>),
    /// The fingers it knows.
    Fingerprints(Vec<Fingerprint>),
}

/// What a FIDO2 key says of itself in full.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Info {
    /// The protocols.
    pub versions: Vec<Text>,
    /// The extensions.
    pub extensions: Vec<Text>,
    /// The model.
    pub aaguid: Vec<u8>,
    /// Its options, by their names in CTAP 2.1 §6.4.
    pub options: Vec<(Text, bool)>,
    /// The shortest PIN it takes, in characters; 0 if it does not say.
    pub min_pin_length: u32,
    /// The version of its software; 0 if it does not say.
    pub firmware: u32,
    /// How it can be reached.
    pub transports: Vec<Text>,
    /// How many more credentials it can store; 0 if it does not say.
    pub remaining_credentials: u32,
}

/// A credential that a key stores.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredCredential {
    /// Its id.
    pub id: Vec<u8>,
    /// The RP ID that it is for.
    pub rp_id: Text,
    /// The account's name there.
    pub user_name: Text,
    /// The person's name there.
    pub user_display_name: Text,
}

/// A finger that a key knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The key's id for it.
    pub id: Vec<u8>,
    /// What its person calls it.
    pub name: Text,
}

/// The program that is started to manage keys.
#[derive(Clone, Debug)]
pub struct Child {
    /// The program, usually this one.
    pub program: PathBuf,
    /// The arguments by which it comes to call [`child`].
    pub arguments: Vec<OsString>,
}

/// The last line that a child prints.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Reply(Reply),
    /// The key's status byte.
    Refused(u8),
    Failed(String),
    /// Not a PIN that any key has.
    BadPin,
}

/// A request is shorter, and what a child prints too.
const LONGEST_REQUEST: u64 = 64 << 10;
const LONGEST_OUTPUT: u64 = 1 << 20;

/// How often the child is asked whether it has ended.
const PACE: Duration = Duration::from_millis(5);

impl Child {
    /// Starts the child, hands it the request and waits for its reply. At the deadline it is killed.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Silent`] after the deadline.
    pub fn run(&self, request: &Request, deadline: Duration) -> Result<Reply, Error> {
        let failed = |error: io::Error| Error::Child(error.to_string());
        let begun = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn().map_err(failed)?;
        let written = hand_over(request, process.stdin.take());
        let output = collect(process.stdout.take());
        let ended = loop {
            match process.try_wait() {
                Ok(None) if begun.elapsed() < deadline => thread::sleep(PACE),
                other => break other,
            }
        };
        if !matches!(ended, Ok(Some(_))) {
            // Either may fail only if it has ended just now.
            let _ = process.kill();
            let _ = process.wait();
            return Err(Error::Silent);
        }
        written.map_err(failed)?;
        let output = output.recv_timeout(deadline.saturating_sub(begun.elapsed()).max(PACE)).unwrap_or_default();
        judge(request, &output)
    }
}

/// Writes the request into a buffer that is wiped, and from there into the pipe.
fn hand_over(request: &Request, pipe: Option<impl Write>) -> io::Result<()> {
    let mut text = Zeroizing::new(Vec::with_capacity(4096));
    serde_json::to_writer(&mut *text, request)?;
    pipe.map_or(Ok(()), |mut pipe| pipe.write_all(&text))
}

/// Reads what the child prints, in a thread of its own: a child of the child may keep the pipe open.
fn collect(pipe: Option<impl Read + Send + 'static>) -> std::sync::mpsc::Receiver<Vec<u8>> {
    let (line, output) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(pipe) = pipe {
            // What could be read is what there is.
            let _ = pipe.take(LONGEST_OUTPUT).read_to_end(&mut bytes);
        }
        let _ = line.send(bytes);
    });
    output
}

fn judge(request: &Request, output: &[u8]) -> Result<Reply, Error> {
    let last = output.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
    let changes_pin = matches!(request, Request::SetPin { .. } | Request::ChangePin { .. });
    match serde_json::from_slice(last) {
        Ok(Outcome::Reply(reply)) => Ok(reply),
        Ok(Outcome::BadPin) => Err(Error::BadRequest("a PIN has 4 characters at least and 63 bytes at most".to_owned())),
        Ok(Outcome::Refused(status::PIN_POLICY_VIOLATION)) if changes_pin => {
            Err(Error::BadRequest("the security key wants a longer or a less simple PIN".to_owned()))
        }
        Ok(Outcome::Refused(status::INVALID_COMMAND)) => {
            Err(Error::Unfit("it has no PIN and stores no credentials, or does not let them be managed"))
        }
        Ok(Outcome::Refused(status::NO_CREDENTIALS)) => Ok(Reply::Credentials(Vec::new())),
        Ok(Outcome::Refused(code)) => Err(status::error(code)),
        Ok(Outcome::Failed(why)) => Err(Error::Child(Text::new(&why).to_string())),
        Err(_) => Err(Error::Child("its child process ended without an answer".to_owned())),
    }
}

/// Reads one request, does it, and writes the outcome as the last line. To be called in a process that may be killed.
///
/// # Errors
/// Those of `output`.
pub fn child(input: impl Read, mut output: impl Write) -> io::Result<()> {
    let mut text = Zeroizing::new(Vec::with_capacity(4096));
    let outcome = match input.take(LONGEST_REQUEST).read_to_end(&mut text) {
        Ok(_) => match serde_json::from_slice::<Request>(&text) {
            Ok(request) => {
                panic::catch_unwind(|| perform(&request)).unwrap_or_else(|_| Outcome::Failed("the key's answer cannot be read".to_owned()))
            }
            Err(_) => Outcome::Failed("the request cannot be read".to_owned()),
        },
        Err(error) => Outcome::Failed(error.to_string()),
    };
    // The library may have left a line unfinished.
    writeln!(output, "\n{}", serde_json::to_string(&outcome)?)?;
    output.flush()
}

fn perform(request: &Request) -> Outcome {
    let (path, pins) = match request {
        Request::Info { path } => (path, vec![]),
        Request::SetPin { path, pin }
        | Request::Credentials { path, pin }
        | Request::DeleteCredential { path, pin, .. }
        | Request::Fingerprints { path, pin } => (path, vec![pin]),
        Request::ChangePin { path, old, new } => (path, vec![old, new]),
    };
    let Some(pins) = pins.into_iter().map(PinEntry::parse).collect::<Option<Vec<_>>>() else { return Outcome::BadPin };
    let pins: Vec<&str> = pins.iter().map(PinEntry::expose).collect();
    match open(path).and_then(|key| act(&key, request, &pins)) {
        Ok(reply) => Outcome::Reply(reply),
        Err(error) => match status_in(&error.to_string()) {
            Some(status) => Outcome::Refused(status),
            None => Outcome::Failed(error.to_string()),
        },
    }
}

type Answer<T> = Result<T, Box<dyn std::error::Error>>;

fn open(path: &std::path::Path) -> Answer<FidoKeyHid> {
    let path = path.to_str().ok_or("a path that is not UTF-8")?;
    let mut config = LibCfg::init();
    config.enable_keep_alive_msg = false;
    let mut key = FidoKeyHidFactory::create_by_params(&[HidParam::Path(path.to_owned())], &config)?;
    key.set_pin_uv_auth_protocol_two()?;
    Ok(key)
}

fn act(key: &FidoKeyHid, request: &Request, pins: &[&str]) -> Answer<Reply> {
    match (request, pins) {
        (Request::Info { .. }, _) => Ok(Reply::Info(info(key)?)),
        (Request::SetPin { .. }, [pin]) => {
            key.set_new_pin(pin)?;
            Ok(Reply::Done)
        }
        (Request::ChangePin { .. }, [old, new]) => {
            key.change_pin(old, new)?;
            Ok(Reply::Done)
        }
        (Request::Credentials { .. }, [pin]) => Ok(Reply::Credentials(credentials(key, pin)?)),
        (Request::DeleteCredential { id, .. }, [pin]) => {
            let descriptor = PublicKeyCredentialDescriptor { id: id.clone(), ctype: "public-key".to_owned() };
            key.credential_management_delete_credential(Some(pin), descriptor)?;
            Ok(Reply::Done)
        }
        (Request::Fingerprints { .. }, [pin]) => {
            let known = key.bio_enrollment_enumerate_enrollments(pin)?;
            let known = known
                .into_iter()
                .map(|known| Fingerprint { id: known.template_id, name: Text::new(&known.template_friendly_name.unwrap_or_default()) });
            Ok(Reply::Fingerprints(known.collect()))
        }
        _ => Err("the request cannot be read".into()),
    }
}

fn info(key: &FidoKeyHid) -> Answer<Info> {
    let info = key.get_info()?;
    let texts = |texts: &[String]| texts.iter().map(|text| Text::new(text)).collect();
    Ok(Info {
        versions: texts(&info.versions),
        extensions: texts(&info.extensions),
        aaguid: info.aaguid,
        options: info.options.iter().map(|(name, value)| (Text::new(name), *value)).collect(),
        min_pin_length: info.min_pin_length,
        firmware: info.firmware_version,
        transports: texts(&info.transports),
        remaining_credentials: info.remaining_discoverable_credentials,
    })
}

fn credentials(key: &FidoKeyHid, pin: &str) -> Answer<Vec<StoredCredential>> {
    let mut stored = Vec::new();
    for rp in key.credential_management_enumerate_rps(Some(pin))? {
        for credential in key.credential_management_enumerate_credentials(Some(pin), &rp.rpid_hash)? {
            stored.push(StoredCredential {
                id: credential.public_key_credential_descriptor.id,
                rp_id: Text::new(&rp.public_key_credential_rp_entity.id),
                user_name: Text::new(&credential.public_key_credential_user_entity.name),
                user_display_name: Text::new(&credential.public_key_credential_user_entity.display_name),
            });
        }
    }
    Ok(stored)
}

/// The status byte in the library's words, "… err = 0x31 CTAP2_ERR_PIN_INVALID …": it has no other form.
fn status_in(words: &str) -> Option<u8> {
    let (_, after) = words.split_once("err = 0x")?;
    u8::from_str_radix(after.get(..2)?, 16).ok()
}

/// A PIN on its way through the pipe.
mod typed {
    use serde::Deserialize;
    use serde::Deserializer;
    use serde::Serializer;

    use super::Pin;

    pub(super) fn serialize<S: Serializer>(pin: &Pin, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(pin.expose())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Pin, D::Error> {
        String::deserialize(deserializer).map(Pin::new)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_byte_is_found_in_the_words_of_the_library() {
        let words = "response_status err = 0x31 CTAP2_ERR_PIN_INVALID   PIN Invalid.";
        assert_eq!(status_in(words), Some(status::PIN_INVALID));
        for other in ["Failed to open device.", "err = 0x", "err = 0xé"] {
            assert_eq!(status_in(other), None, "{other}");
        }
    }

    #[test]
    fn the_last_line_is_the_outcome_whatever_was_printed_before() {
        let request = Request::Info { path: "/dev/hidraw0".into() };
        let judged = |output: &str| judge(&request, output.as_bytes());
        assert_eq!(judged("- anything error\nAnything Extension!\n{\"reply\":\"done\"}\n"), Ok(Reply::Done));
        assert_eq!(judged("\n{\"refused\":49}\n"), Err(Error::PinWrong { retries: None }));
        assert!(matches!(judged("noise"), Err(Error::Child(_))));
        assert!(matches!(judged(""), Err(Error::Child(_))));
    }

    #[test]
    fn no_pin_is_shown() {
        let request = Request::SetPin { path: "/dev/hidraw0".into(), pin: Pin::new("123456".to_owned()) };
        assert!(!format!("{request:?}").contains("123456"));
    }
}
