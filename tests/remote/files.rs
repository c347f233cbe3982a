//! The typed client's way with files of tokens.

use std::sync::Arc;

use twostep::client::{Client, TokenFile};
use twostep::device::DeviceState;
use twostep::id::AccountId;
use twostep::wire::{ExportDevices, ExportFormat, ImportDevices};

/// A device of a file goes into stock and to its owner, and all of them go into a file.
pub(super) async fn ask_about_files(client: &Client, owner: &AccountId) {
    let file = TokenFile {
        bytes: "otpauth://totp/ann?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJR\n".into(),
        key: None,
        passphrase: None,
        sent: Arc::default(),
    };
    let import = client.import_devices(&file, &ImportDevices::default()).await.unwrap();
    assert_eq!((import.imported, import.states.unassigned), (1, 1));
    let device = client.assign_device(&import.tokens[0].serial, owner).await.unwrap();
    assert_eq!(device.state, DeviceState::Pending);
    client.remove_device(&device.serial).await.unwrap();
    let passphrase = "correct horse".into();
    let (account, state, format) = (None, None, ExportFormat::Pskc);
    let order = ExportDevices { format, passphrase, account, state };
    assert!(client.export_devices(&order).await.unwrap().starts_with(b"<?xml"));
}
