//! The child process's side: one task on one key, through `ctap-hid-fido2`.

use ctap_hid_fido2::public_key_credential_descriptor::PublicKeyCredentialDescriptor;
use ctap_hid_fido2::{FidoKeyHid, FidoKeyHidFactory, HidParam, LibCfg};

use super::{Fingerprint, Held, Info, Reply, Request, Verb};
use crate::usb::key::Text;
use crate::usb::status;

/// The library's errors are texts.
type Asked<T> = Result<T, Box<dyn std::error::Error>>;

/// May panic, hang or print; see [`super::serve`].
pub(super) fn done(request: &Request) -> Reply {
    let mut config = LibCfg::init();
    config.enable_keep_alive_msg = false;
    // Keys that know only the drafts of these commands are older than CTAP 2.1.
    (config.use_pre_credential_management, config.use_pre_bio_enrollment) = (false, false);
    let Some(path) = request.path.to_str() else {
        return Reply::Failed("the path is no text".to_owned());
    };
    let mut key =
        match FidoKeyHidFactory::create_by_params(&[HidParam::Path(path.to_owned())], &config) {
            Ok(key) => key,
            Err(error) => return refused(error.as_ref(), None),
        };
    match asked(&mut key, request) {
        Ok(reply) => reply,
        Err(error) => refused(error.as_ref(), Some(&key)),
    }
}

fn asked(key: &mut FidoKeyHid, request: &Request) -> Asked<Reply> {
    if request.verb == Verb::Info {
        return about(key).map(Reply::Info);
    }
    let info = key.get_info()?;
    if info.pin_uv_auth_protocols.contains(&2) {
        key.pin_protocol_version = 2;
    }
    let on = |name: &str| info.options.iter().any(|(option, on)| option == name && *on);
    let knows = |name: &str| info.options.iter().any(|(option, _)| option == name);
    key.use_pre_credential_management = !on("credMgmt");
    key.use_pre_bio_enrollment = !knows("bioEnroll");
    let pin = Some(request.pin.as_str());
    let can = match request.verb {
        Verb::Info => true,
        Verb::SetPin | Verb::ChangePin => knows("clientPin"),
        Verb::Credentials | Verb::DeleteCredential => on("credMgmt") || on("credentialMgmtPreview"),
        Verb::Fingerprints => knows("bioEnroll") || knows("userVerificationMgmtPreview"),
    };
    if !can {
        return Ok(Reply::Unfit);
    }
    match request.verb {
        Verb::Info => about(key).map(Reply::Info),
        Verb::SetPin if on("clientPin") => Ok(Reply::Status(status::NOT_ALLOWED, None)),
        Verb::SetPin => Ok(key.set_new_pin(&request.new).map(|()| Reply::Done)?),
        _ if !on("clientPin") => Ok(Reply::Status(status::PIN_NOT_SET, None)),
        Verb::ChangePin => Ok(key.change_pin(&request.pin, &request.new).map(|()| Reply::Done)?),
        Verb::Credentials => held(key, pin).map(Reply::Credentials),
        Verb::DeleteCredential => {
            let credential = PublicKeyCredentialDescriptor {
                id: request.credential.clone(),
                ctype: "public-key".to_owned(),
            };
            Ok(key
                .credential_management_delete_credential(pin, credential)
                .map(|()| Reply::Done)?)
        }
        Verb::Fingerprints => {
            let known = key.bio_enrollment_enumerate_enrollments(&request.pin)?;
            let finger = known.into_iter().map(|finger| Fingerprint {
                id: hex(&finger.template_id),
                name: Text::new(finger.template_friendly_name.as_deref().unwrap_or_default()),
            });
            Ok(Reply::Fingerprints(finger.collect()))
        }
    }
}

fn held(key: &FidoKeyHid, pin: Option<&str>) -> Asked<Vec<Held>> {
    // A key that holds none refuses to enumerate them.
    if key
        .credential_management_get_creds_metadata(pin)?
        .existing_resident_credentials_count
        == 0
    {
        return Ok(Vec::new());
    }
    let mut held = Vec::new();
    for rp in key.credential_management_enumerate_rps(pin)? {
        let rp_id = Text::new(&rp.public_key_credential_rp_entity.id);
        let credentials = key.credential_management_enumerate_credentials(pin, &rp.rpid_hash)?;
        // The library repeats the first where there is more than one.
        for credential in credentials {
            let id = hex(&credential.public_key_credential_descriptor.id);
            let user = Text::new(&credential.public_key_credential_user_entity.name);
            let found = Held { rp_id: rp_id.clone(), id, user };
            if !held.contains(&found) {
                held.push(found);
            }
        }
    }
    Ok(held)
}

fn about(key: &FidoKeyHid) -> Asked<Info> {
    let info = key.get_info()?;
    let texts = |texts: &[String]| texts.iter().map(|text| Text::new(text)).collect();
    Ok(Info {
        versions: texts(&info.versions),
        extensions: texts(&info.extensions),
        aaguid: hex(&info.aaguid),
        options: info.options.iter().map(|(name, on)| (Text::new(name), *on)).collect(),
        transports: texts(&info.transports),
        algorithms: info.algorithms.iter().map(|(_, name)| Text::new(name)).collect(),
        firmware: info.firmware_version,
        min_pin_length: info.min_pin_length,
        force_pin_change: info.force_pin_change,
        remaining_credentials: info.remaining_discoverable_credentials,
    })
}

/// The library has no error type: the status is in its text, `… err = 0x31 CTAP2_ERR_PIN_INVALID
/// …`.
fn refused(error: &dyn std::error::Error, key: Option<&FidoKeyHid>) -> Reply {
    let text = error.to_string();
    let status = text
        .split_once("err = 0x")
        .and_then(|(_, rest)| u8::from_str_radix(rest.get(..2)?, 16).ok());
    match status {
        Some(status::PIN_INVALID) => {
            let left = key
                .and_then(|key| key.get_pin_retries().ok())
                .and_then(|left| u8::try_from(left).ok());
            Reply::Status(status::PIN_INVALID, left)
        }
        Some(status) => Reply::Status(status, None),
        None => Reply::Failed(Text::new(&text).as_str().to_owned()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
