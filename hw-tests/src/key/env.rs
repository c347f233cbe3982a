//! The environment of the firmware: random numbers, time, memory, a button, a wire.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::time::{Duration, Instant};

use opensk::api::clock::Clock;
use opensk::api::connection::{HidConnection, RecvStatus, UsbEndpoint};
use opensk::api::crypto::rust_crypto::SoftwareCrypto;
use opensk::api::customization::{CustomizationImpl, DEFAULT_CUSTOMIZATION};
use opensk::api::fingerprint::{
    Ctap2EnrollFeedback, Fingerprint, FingerprintCheckError, FingerprintKind,
};
use opensk::api::key_store;
use opensk::api::persist::{Persist, PersistIter};
use opensk::api::rng::{Rng, rand_core};
use opensk::api::user_presence::{UserPresence, UserPresenceError, UserPresenceWaitResult};
use opensk::ctap::status_code::CtapResult;
use opensk::env::Env;
use rand_core::{CryptoRng, RngCore};

use super::board::{Board, Touch};
use super::flash::Flash;

/// The configuration of this kind of firmware.
pub(super) fn firmware(always_uv: bool) -> CustomizationImpl {
    CustomizationImpl {
        enforce_always_uv: always_uv,
        max_credential_count_in_list: Some(8),
        ..DEFAULT_CUSTOMIZATION.clone()
    }
}

/// The environment of one key from one power-up to the next.
pub(super) struct Surroundings {
    chance: Chance,
    body: Body,
    memory: Memory,
    clock: Ticks,
    firmware: CustomizationImpl,
}

impl Surroundings {
    pub(super) fn new(
        board: &Rc<RefCell<Board>>,
        flash: &Rc<RefCell<Flash>>,
        firmware: CustomizationImpl,
    ) -> Surroundings {
        Surroundings {
            chance: Chance,
            body: Body(Rc::clone(board)),
            memory: Memory(Rc::clone(flash)),
            clock: Ticks,
            firmware,
        }
    }
}

impl key_store::Helper for Surroundings {}

impl Env for Surroundings {
    type Rng = Chance;
    type UserPresence = Body;
    type Persist = Memory;
    type KeyStore = Self;
    type Write = Silence;
    type Customization = CustomizationImpl;
    type HidConnection = Body;
    type Clock = Ticks;
    type Crypto = SoftwareCrypto;
    type Fingerprint = Body;

    fn rng(&mut self) -> &mut Chance {
        &mut self.chance
    }

    fn user_presence(&mut self) -> &mut Body {
        &mut self.body
    }

    fn persist(&mut self) -> &mut Memory {
        &mut self.memory
    }

    fn key_store(&mut self) -> &mut Surroundings {
        self
    }

    fn clock(&mut self) -> &mut Ticks {
        &mut self.clock
    }

    fn fingerprint(&mut self) -> &mut Body {
        &mut self.body
    }

    fn write(&mut self) -> Silence {
        Silence
    }

    fn customization(&self) -> &CustomizationImpl {
        &self.firmware
    }

    fn hid_connection(&mut self) -> &mut Body {
        &mut self.body
    }

    fn boots_after_soft_reset(&self) -> bool {
        false
    }

    fn firmware_version(&self) -> Option<u64> {
        Some(10_000)
    }
}

/// The kernel's random numbers.
pub(super) struct Chance;

impl RngCore for Chance {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    #[allow(
        clippy::expect_used,
        reason = "the trait has no way to fail, and a kernel without random numbers runs no test"
    )]
    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("a kernel that gives random numbers");
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(bytes);
        Ok(())
    }
}

impl CryptoRng for Chance {}

impl Rng for Chance {}

/// Real time with a tolerance: a pause of a busy host must not look like a broken message.
pub(super) struct Ticks;

impl Clock for Ticks {
    type Timer = Option<Instant>;

    fn make_timer(&mut self, milliseconds: usize) -> Option<Instant> {
        // The firmware allows 100 ms between two packets, which an emulated host can exceed.
        let stretched = if milliseconds < 1_000 { milliseconds * 10 } else { milliseconds };
        Instant::now()
            .checked_add(Duration::from_millis(u64::try_from(stretched).unwrap_or(u64::MAX)))
    }

    fn is_elapsed(&mut self, timer: &Option<Instant>) -> bool {
        timer.is_none_or(|end| Instant::now() >= end)
    }
}

/// Persistent memory.
pub(super) struct Memory(Rc<RefCell<Flash>>);

impl Persist for Memory {
    fn find(&self, key: usize) -> CtapResult<Option<Vec<u8>>> {
        self.0.borrow().find(key)
    }

    fn insert(&mut self, key: usize, value: &[u8]) -> CtapResult<()> {
        self.0.borrow_mut().insert(key, value)
    }

    fn remove(&mut self, key: usize) -> CtapResult<()> {
        self.0.borrow_mut().remove(key)
    }

    fn iter(&self) -> CtapResult<PersistIter<'_>> {
        let keys: Vec<usize> = self.0.borrow().iter()?.collect::<CtapResult<_>>()?;
        Ok(Box::new(keys.into_iter().map(Ok)))
    }
}

/// The button and the plug.
pub(super) struct Body(Rc<RefCell<Board>>);

impl HidConnection for Body {
    fn send(&mut self, report: &[u8; 64], _: UsbEndpoint) -> CtapResult<()> {
        self.0.borrow_mut().send(report);
        Ok(())
    }

    fn recv(&mut self, report: &mut [u8; 64], timeout_ms: usize) -> CtapResult<RecvStatus> {
        let until =
            Instant::now() + Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(u64::MAX));
        let mut board = self.0.borrow_mut();
        while Instant::now() < until && board.plugged() {
            if let Some(received) = board.next_report() {
                *report = received;
                return Ok(RecvStatus::Received(UsbEndpoint::MainHid));
            }
            board.pump(until);
        }
        Ok(RecvStatus::Timeout)
    }
}

impl UserPresence for Body {
    fn check_init(&mut self) {
        self.0.borrow_mut().touch_wanted();
    }

    fn wait_with_timeout(
        &mut self,
        report: &mut [u8; 64],
        timeout_ms: usize,
    ) -> UserPresenceWaitResult {
        let until =
            Instant::now() + Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(u64::MAX));
        loop {
            let mut board = self.0.borrow_mut();
            match board.touch() {
                _ if !board.powered() => {
                    return Ok((Err(UserPresenceError::Canceled), RecvStatus::Timeout));
                }
                Touch::Given => return Ok((Ok(()), RecvStatus::Timeout)),
                Touch::Denied => {
                    return Ok((Err(UserPresenceError::Declined), RecvStatus::Timeout));
                }
                Touch::Awaited => {}
            }
            if let Some(received) = board.next_report() {
                *report = received;
                return Ok((
                    Err(UserPresenceError::Timeout),
                    RecvStatus::Received(UsbEndpoint::MainHid),
                ));
            }
            if Instant::now() >= until {
                return Ok((Err(UserPresenceError::Timeout), RecvStatus::Timeout));
            }
            board.pump(until);
        }
    }

    fn check_complete(&mut self) {
        self.0.borrow_mut().touch_over();
    }
}

impl Fingerprint for Body {
    fn prepare_enrollment(&mut self) -> CtapResult<()> {
        Ok(())
    }

    fn capture_sample(
        &mut self,
        _: Option<usize>,
    ) -> CtapResult<(Ctap2EnrollFeedback, usize, Option<Vec<u8>>)> {
        Ok((Ctap2EnrollFeedback::FpGood, 0, Some(vec![1])))
    }

    fn cancel_enrollment(&mut self) -> CtapResult<()> {
        Ok(())
    }

    fn remove_enrollment(&mut self, _: &[u8]) -> CtapResult<()> {
        Ok(())
    }

    fn check_fingerprint_init(&mut self) -> CtapResult<()> {
        self.0.borrow_mut().touch_wanted();
        Ok(())
    }

    fn check_fingerprint(&mut self, timeout_ms: usize) -> Result<(), FingerprintCheckError> {
        match self.wait_with_timeout(&mut [0; 64], timeout_ms) {
            Ok((Ok(()), _)) if self.0.borrow().right_finger() => Ok(()),
            Ok((Ok(()), _)) => {
                self.0.borrow_mut().touch_wanted();
                Err(FingerprintCheckError::NoMatch)
            }
            Ok((Err(UserPresenceError::Timeout), _)) => Err(FingerprintCheckError::Timeout),
            _ => Err(FingerprintCheckError::Other),
        }
    }

    fn check_fingerprint_complete(&mut self) -> CtapResult<()> {
        self.0.borrow_mut().touch_over();
        Ok(())
    }

    fn fingerprint_kind(&self) -> FingerprintKind {
        FingerprintKind::Touch
    }

    fn max_capture_samples_required_for_enroll(&self) -> usize {
        1
    }
}

/// A sink for the firmware's log.
pub(super) struct Silence;

impl fmt::Write for Silence {
    fn write_str(&mut self, _: &str) -> fmt::Result {
        Ok(())
    }
}
