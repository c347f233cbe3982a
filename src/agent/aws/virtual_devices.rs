//! Actions of IAM on virtual devices: authenticator apps that are set up here.

use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::agent::aws::call::Call;
use crate::agent::aws::fault::Fault;
use crate::agent::aws::page::Page;
use crate::agent::aws::xml::Xml;
use crate::agent::aws::{page, picture, users};
use crate::agent::operations::aws_devices;
use crate::agent::operations::aws_devices::{Assignment, Deletion, Virtual};
use crate::id::SerialNumber;
use crate::otp::{KeyUri, MovingFactor, Seed, Totp};

/// `CreateVirtualMFADevice`: a device of no user, with its secret and the QR code of it.
pub(super) async fn create(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let name = call.form.required("VirtualMFADeviceName")?;
    let path = call.form.take("Path");
    call.form.finish()?;
    let path = path.as_ref().map_or("/", |path| path.as_str());
    let number = &call.state.plane.number;
    let serial = number.virtual_device(path, &name);
    let serial = serial.map_err(|error| Fault::invalid(error.to_string()))?;
    let made = aws_devices::make(call.state, call.signer, &serial).await?;
    let seed = made.seed.ok_or_else(|| Fault::unavailable("no seed was made"))?;
    let base32 = seed.to_base32();
    let uri = uri(call.state.config.display_name(), &name, seed);
    let picture = picture::qr_png(&uri).unwrap_or_default();
    let device = Xml::default()
        .text("SerialNumber", &made.device.serial)
        .text("Base32StringSeed", STANDARD.encode(base32.as_bytes()))
        .text("QRCodePNG", STANDARD.encode(picture));
    Ok(Some(Xml::default().group("VirtualMFADevice", device)))
}

/// `DeleteVirtualMFADevice`: a device that no user has.
pub(super) async fn delete(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let serial: SerialNumber = call.form.required_as("SerialNumber")?;
    call.form.finish()?;
    match aws_devices::delete(call.state, call.signer, &serial).await? {
        Deletion::Done => Ok(None),
        Deletion::InUse => Err(Fault::delete_conflict("a user has this device: deactivate it")),
    }
}

/// `ListVirtualMFADevices`: by serial number, without their secrets.
pub(super) async fn list(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let wanted: Option<Assignment> = call.form.parsed("AssignmentStatus")?;
    let page = Page::read(&mut call).await?;
    call.form.finish()?;
    let after = page.after.as_ref().map(|after| after.parse()).transpose();
    let after = after.map_err(|_| Fault::invalid("Marker: take that of the page before"))?;
    let wanted = wanted.unwrap_or(Assignment::Any);
    let bounds = (after, page.most);
    let (found, more) = aws_devices::list(call.state, call.signer, wanted, bounds).await?;
    let last = found.last().filter(|_| more).map(|it| it.device.serial.to_string());
    let mut outlines = Vec::with_capacity(found.len());
    for Virtual { device, user } in found {
        let outline = Xml::default().text("SerialNumber", &device.serial);
        outlines.push(match user {
            None => outline,
            Some((name, account)) => outline
                .group("User", users::of(&call, name, &account).await?)
                .optional("EnableDate", device.activated_at),
        });
    }
    let list = Xml::default().list("VirtualMFADevices", outlines.into_iter());
    Ok(Some(page::end(&call, list, last).await?))
}

/// The URI of an authenticator app. Apps read the issuer up to the first colon.
fn uri(display_name: &str, name: &str, seed: Seed) -> Zeroizing<String> {
    let parameters = Totp::default();
    let uri = KeyUri {
        issuer: Some(display_name.replace(':', " ")),
        account: name.to_owned(),
        seed,
        algorithm: parameters.algorithm,
        digits: parameters.digits,
        factor: MovingFactor::Time(parameters.step_size),
    };
    uri.to_text()
}

impl FromStr for Assignment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Assignment, &'static str> {
        match text {
            "Assigned" => Ok(Assignment::Assigned),
            "Unassigned" => Ok(Assignment::Unassigned),
            "Any" => Ok(Assignment::Any),
            _ => Err("Assigned, Unassigned or Any"),
        }
    }
}
