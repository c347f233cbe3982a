//! Token files, and devices in stock.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use zeroize::Zeroizing;

use crate::client::{Client, Error, call, sensitive};
use crate::http::{Bounds, Upload};
use crate::id::{AccountId, SerialNumber};
use crate::secret::Secret;
use crate::wire::{Assign, Device, ExportDevices, Import, ImportDevices};

/// A file of tokens.
#[derive(Clone, Debug)]
pub struct TokenFile {
    /// The file's bytes.
    pub bytes: Bytes,
    /// The key of an encrypted file, as text.
    pub key: Option<Secret>,
    /// The passphrase of an encrypted file.
    pub passphrase: Option<Secret>,
    /// Counts the bytes that were sent.
    pub sent: Arc<AtomicU64>,
}

impl Client {
    /// Imports a file of tokens, whole or not at all; with `dry_run`, tells what would happen.
    ///
    /// # Errors
    /// [`Error`]; its problem holds the reasons for which a file is refused.
    pub async fn import_devices(
        &self,
        file: &TokenFile,
        settings: &ImportDevices,
    ) -> Result<Import, Error> {
        let call = self.post(&["v1", "devices", "import"]).query_of(settings);
        let (mut head, _) = call.request()?.into_parts();
        let binary = HeaderValue::from_static("application/octet-stream");
        head.headers.insert(CONTENT_TYPE, binary);
        for (name, secret) in
            [("x-twostep-import-key", &file.key), ("x-twostep-import-passphrase", &file.passphrase)]
        {
            if let Some(secret) = secret {
                head.headers
                    .insert(name, sensitive(&Zeroizing::new(STANDARD.encode(secret.expose())))?);
            }
        }
        let upload = Upload::new(file.bytes.clone(), Arc::clone(&file.sent));
        let request = hyper::Request::from_parts(head, upload);
        let mut connection = self.connect().await?;
        let bounds = Bounds { within: LONGEST, longest: LARGEST };
        let answer = connection.upload(request, bounds).await.map_err(|error| self.error(error))?;
        self.observe("POST /v1/devices/import", Ok(answer.status.as_u16()));
        if !answer.status.is_success() {
            return Err(call::problem(answer.status, &answer.body));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|error| Error::Malformed(format!("it answers something else: {error}")))
    }

    /// Devices with their secrets, as an encrypted file.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn export_devices(&self, which: &ExportDevices) -> Result<Bytes, Error> {
        let request = self.post(&["v1", "devices", "export"]).json(which)?.request()?;
        let mut connection = self.connect().await?;
        let bounds = Bounds { within: LONGEST, longest: LARGEST_FILE };
        let answer = connection.send(request, bounds).await.map_err(|error| self.error(error))?;
        self.observe("POST /v1/devices/export", Ok(answer.status.as_u16()));
        if !answer.status.is_success() {
            return Err(call::problem(answer.status, &answer.body));
        }
        Ok(answer.body)
    }

    /// Gives a device of no account to an account.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn assign_device(
        &self,
        serial: &SerialNumber,
        account: &AccountId,
    ) -> Result<Device, Error> {
        let body = Assign { account: account.as_str().to_owned() };
        self.post(&["v1", "devices", serial.as_str(), "assign"])
            .json(&body)?
            .read()
            .await
    }
}

/// The longest time that a file may take.
const LONGEST: Duration = Duration::from_secs(3_600);

/// The longest answer that is read.
const LARGEST: usize = 16 * 1_024 * 1_024;

/// The longest file that is received.
const LARGEST_FILE: usize = 1_024 * 1_024 * 1_024;
