//! A virtual security key: OpenSK, the firmware of a real key, on a wire to the kernel.

mod board;
mod control;
mod env;
mod flash;

pub use board::Finger;
pub use control::tell;
pub use flash::Flash;

use std::cell::RefCell;
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

use opensk::api::persist::{Attestation, AttestationId, Persist};
use opensk::{Ctap, Transport};

use crate::wire::Wire;
use board::{Board, Touch};
use control::Control;
use env::Surroundings;

/// The kind of key.
#[derive(Clone, Debug)]
pub struct Options {
    /// The behaviour of the button.
    pub finger: Finger,
    /// True for a key with CTAP1 only.
    pub u2f_only: bool,
    /// True for a key that needs a PIN or a fingerprint for everything.
    pub always_uv: bool,
    /// True for a key with an enrolled fingerprint.
    pub fingerprint: bool,
    /// Private key (32 bytes) and certificate (DER) that sign CTAP1 registrations.
    pub attestation: Option<(Vec<u8>, Vec<u8>)>,
    /// The control socket.
    pub control: Option<PathBuf>,
    /// Memory from an earlier run.
    pub flash: Flash,
    /// True for a key that stays unplugged until it is told to plug itself in.
    pub unplugged: bool,
}

/// Runs a key on this wire until it is told to quit.
pub fn run(wire: Box<dyn Wire>, options: Options) -> io::Result<()> {
    let flash = Rc::new(RefCell::new(options.flash));
    if let Some((private_key, certificate)) = options.attestation {
        let attestation = Attestation { wrapped_private_key: private_key, certificate };
        let mut flash = flash.borrow_mut();
        flash.set_attestation(AttestationId::Batch, None).map_err(firmware_fault)?;
        flash
            .set_attestation(AttestationId::Batch, Some(&attestation))
            .map_err(firmware_fault)?;
    }
    if options.fingerprint {
        flash.borrow_mut().store_template_id(vec![1]).map_err(firmware_fault)?;
    }
    let control = options.control.as_deref().map(Control::listen).transpose()?;
    let board = Rc::new(RefCell::new(Board::new(wire, control, &flash, options.finger)));
    if !options.unplugged {
        board.borrow_mut().plug().map_err(io::Error::other)?;
    }
    let firmware = env::firmware(options.always_uv);
    let power_up = || Ctap::new(Surroundings::new(&board, &flash, firmware.clone()));
    let mut ctap = power_up();
    while !board.borrow().leaving() {
        if board.borrow_mut().take_power_cycle() {
            ctap = power_up();
        }
        let next = board.borrow_mut().next_report();
        match next {
            Some(report) if options.u2f_only => {
                let reply = u2f_only(&mut ctap, &report);
                board.borrow_mut().answer(&reply);
            }
            Some(report) => {
                let reply: Vec<[u8; 64]> =
                    ctap.process_hid_packet(&report, Transport::MainHid).collect();
                board.borrow_mut().answer(&reply);
            }
            None => {
                let pause = if board.borrow().blinking() {
                    Duration::from_millis(20)
                } else {
                    Duration::from_secs(1)
                };
                board.borrow_mut().pump(Instant::now() + pause);
            }
        }
        u2f_touch(&mut ctap, &board);
    }
    Ok(())
}

/// CTAP1 does not wait for a touch: a touch between two requests counts for the next one.
fn u2f_touch(ctap: &mut Ctap<Surroundings>, board: &RefCell<Board>) {
    let wanted = ctap.u2f_needs_user_presence();
    let mut board = board.borrow_mut();
    if wanted && !board.blinking() {
        board.touch_wanted();
    }
    if !wanted && board.blinking() {
        board.touch_over();
    }
    if wanted && board.touch() == Touch::Given {
        drop(board);
        ctap.u2f_grant_user_presence();
    }
}

/// The replies of a key without CTAP2.
fn u2f_only(ctap: &mut Ctap<Surroundings>, report: &[u8; 64]) -> Vec<[u8; 64]> {
    let [a, b, c, d, command, ..] = *report;
    if command == CBOR {
        let mut refusal = [0; 64];
        refusal[..8].copy_from_slice(&[a, b, c, d, ERROR, 0, 1, INVALID_COMMAND]);
        return vec![refusal];
    }
    let mut reply: Vec<[u8; 64]> = ctap.process_hid_packet(report, Transport::MainHid).collect();
    for first in reply.iter_mut().filter(|first| first[4] == INIT) {
        first[CAPABILITIES] &= !CAN_CBOR;
    }
    reply
}

fn firmware_fault(status: impl std::fmt::Debug) -> io::Error {
    io::Error::other(format!("the firmware says {status:?}"))
}

/// CTAPHID commands and the capability bit for CTAP2 (CTAP 2.1 §11.2.9).
const INIT: u8 = 0x86;
const CBOR: u8 = 0x90;
const ERROR: u8 = 0xbf;
const INVALID_COMMAND: u8 = 1;
const CAPABILITIES: usize = 23;
const CAN_CBOR: u8 = 0x04;
