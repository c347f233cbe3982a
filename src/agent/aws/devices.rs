//! Actions of IAM on the devices of users.

use crate::agent::access::Denied;
use crate::agent::aws::call::Call;
use crate::agent::aws::fault::Fault;
use crate::agent::aws::page;
use crate::agent::aws::page::Page;
use crate::agent::aws::xml::Xml;
use crate::agent::operations::aws_devices;
use crate::aws::UserName;
use crate::device::Device;
use crate::id::SerialNumber;
use crate::otp::Code;

/// `EnableMFADevice`: two consecutive codes make a device the user's, and active.
pub(super) async fn enable(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let (user, serial, [one, two]) = by_pair(&mut call)?;
    let device = (&user, &serial);
    aws_devices::enable(call.state, call.signer, device, [&one, &two]).await?;
    Ok(None)
}

/// `ResyncMFADevice`: two consecutive codes find a device again.
pub(super) async fn resync(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let (user, serial, [one, two]) = by_pair(&mut call)?;
    let device = (&user, &serial);
    aws_devices::resync(call.state, call.signer, device, [&one, &two]).await?;
    Ok(None)
}

/// `DeactivateMFADevice`: a device is taken from its user.
pub(super) async fn deactivate(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let user: Option<UserName> = call.form.parsed("UserName")?;
    let serial: SerialNumber = call.form.required_as("SerialNumber")?;
    call.form.finish()?;
    aws_devices::deactivate(call.state, call.signer, (user.as_ref(), &serial)).await?;
    Ok(None)
}

/// `GetMFADevice`: one device in use.
pub(super) async fn get(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let serial: SerialNumber = call.form.required_as("SerialNumber")?;
    let user: Option<UserName> = call.form.parsed("UserName")?;
    call.form.finish()?;
    let action = "iam:GetMFADevice";
    let devices = aws_devices::in_use(call.state, call.signer, action, user.as_ref()).await?;
    let found = devices.iter().find(|device| device.serial == serial);
    Ok(Some(outline(found.ok_or(Denied::NotFound("device"))?)))
}

/// `ListMFADevices`: the devices of a user that are in use, by serial number.
pub(super) async fn list(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let user: Option<UserName> = call.form.parsed("UserName")?;
    let page = Page::read(&mut call).await?;
    call.form.finish()?;
    let action = "iam:ListMFADevices";
    let devices = aws_devices::in_use(call.state, call.signer, action, user.as_ref()).await?;
    let (devices, last) = page.cut(devices, |device: &Device| device.serial.to_string());
    let list = Xml::default().list("MFADevices", devices.iter().map(outline));
    Ok(Some(page::end(&call, list, last).await?))
}

/// The user, the device and its two codes, for an action that these prove.
fn by_pair(call: &mut Call<'_>) -> Result<(UserName, SerialNumber, [Code; 2]), Fault> {
    let user = call.form.required_as("UserName")?;
    let serial = call.form.required_as("SerialNumber")?;
    let codes = [
        call.form.required_as("AuthenticationCode1")?,
        call.form.required_as("AuthenticationCode2")?,
    ];
    call.form.finish()?;
    Ok((user, serial, codes))
}

fn outline(device: &Device) -> Xml {
    Xml::default()
        .text("UserName", device.owner())
        .text("SerialNumber", &device.serial)
        .optional("EnableDate", device.activated_at)
}
