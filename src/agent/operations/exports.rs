//! Exports of devices with their secrets, encrypted. For administrators of all accounts.

use std::io;
use std::sync::Arc;

use tokio::sync::mpsc;

use crate::agent::access::{Caller, Failure};
use crate::agent::operations::imports::must_administer_all;
use crate::agent::operations::scope;
use crate::agent::state::State;
use crate::device::DeviceState;
use crate::id::{AccountId, SerialNumber};
use crate::import::{Exported, PskcWriter};
use crate::secret::Secret;
use crate::store::{DeviceList, random};
use crate::verifier::{Error, Verifier};

/// A choice of devices, and the passphrase of their file.
pub(crate) struct Order {
    pub(crate) passphrase: Secret,
    pub(crate) account: Option<AccountId>,
    pub(crate) state: Option<DeviceState>,
}

/// A piece of the file, or the reason why it breaks off.
pub(crate) type Piece = io::Result<Vec<u8>>;

/// Exports the devices that show codes, as PSKC. The export is in the audit log before its first
/// byte is handed on.
pub(crate) async fn export(
    state: &Arc<State>,
    caller: &Caller,
    order: Order,
) -> Result<mpsc::Receiver<Piece>, Failure> {
    must_administer_all(caller)?;
    let verifier = scope::verifier(state, caller);
    verifier.note_export(order.account.as_ref()).await?;
    let issuer = state.config.display_name().to_owned();
    let (devices, waiting) = mpsc::channel(WAITING);
    let (pieces, file) = mpsc::channel(WAITING);
    let (account, in_state) = (order.account, order.state);
    tokio::spawn(async move {
        let list = DeviceList { account, state: in_state, limit: PAGE, ..DeviceList::default() };
        if let Err(error) = read(&verifier, list, &issuer, &devices).await {
            // A writer that is gone has told its own fault.
            let _ = devices.send(Err(io::Error::other(error.to_string()))).await;
        }
    });
    let passphrase = order.passphrase;
    tokio::task::spawn_blocking(move || write(waiting, &passphrase, &pieces));
    Ok(file)
}

/// Reads the devices page by page, each with its seed.
async fn read(
    verifier: &Verifier,
    list: DeviceList,
    issuer: &str,
    devices: &mpsc::Sender<io::Result<Exported>>,
) -> Result<(), Error> {
    let mut after: Option<SerialNumber> = None;
    loop {
        let page = DeviceList { after, ..list.clone() };
        let page = verifier.store().devices(page).await?;
        for device in &page {
            let Some(exported) = verifier.exported(device, issuer).await? else { continue };
            if devices.send(Ok(exported)).await.is_err() {
                return Ok(());
            }
        }
        after = page.last().map(|device| device.serial.clone());
        if !scope::is_full(&page, PAGE) {
            return Ok(());
        }
    }
}

/// Writes the file, on a thread of its own.
fn write(
    mut devices: mpsc::Receiver<io::Result<Exported>>,
    passphrase: &Secret,
    pieces: &mpsc::Sender<Piece>,
) {
    let mut file = Pieces { pieces, waiting: Vec::new() };
    let mut unpredictable = |buffer: &mut [u8]| {
        for part in buffer.chunks_mut(16) {
            let bytes = random::<16>().map_err(|error| io::Error::other(error.to_string()))?;
            part.copy_from_slice(&bytes[..part.len()]);
        }
        Ok(())
    };
    let written = (|| {
        let mut writer = PskcWriter::begin(&mut file, passphrase, &mut unpredictable)?;
        while let Some(device) = devices.blocking_recv() {
            writer.add(&device?)?;
        }
        writer.end()?;
        io::Write::flush(&mut file)
    })();
    if let Err(error) = written {
        // A reader that is gone needs no reason.
        let _ = pieces.blocking_send(Err(error));
    }
}

/// The file, handed on in pieces.
struct Pieces<'a> {
    pieces: &'a mpsc::Sender<Piece>,
    waiting: Vec<u8>,
}

impl io::Write for Pieces<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= LONG {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let piece = std::mem::take(&mut self.waiting);
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.pieces.blocking_send(Ok(piece)).map_err(gone)
    }
}

const PAGE: u32 = 500;

/// Devices, or pieces, that wait for their reader.
const WAITING: usize = 16;

/// Bytes of a piece.
const LONG: usize = 64 * 1_024;
