//! The six functions that libpam calls (pam(3), "Module writers").

#![allow(unsafe_code, reason = "libpam speaks C")]

use std::ffi::{CStr, c_char, c_int};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook};

use crate::failure::Failure;
use crate::libpam::{Handle, Pam};
use crate::options::Options;
use crate::verified::Verified;
use crate::{login, reserve};

/// Verifies the person. Only the agent's verdict leads to success.
///
/// # Safety
///
/// Called by libpam, as pam_sm_authenticate(3) says.
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_authenticate(
    handle: *mut Handle,
    flags: c_int,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    let verify = || {
        // SAFETY: libpam's handle, for this call.
        let pam = unsafe { Pam::new(handle, flags) }?;
        // SAFETY: libpam's arguments, for this call.
        let arguments = unsafe { arguments(argc, argv) }.ok_or(Failure::Misconfigured)?;
        match Options::parse(&arguments) {
            Ok(options) => login::authenticate(&pam, &options),
            Err(bad) => {
                pam.log(&format!("the option \"{}\" is invalid: verification fails", bad.0));
                Err(Failure::Misconfigured)
            }
        }
    };
    result(verify)
}

/// Sets no credentials, and always succeeds.
///
/// Success does not depend on a verification in this process: sshd authenticates in another one. It
/// lets no person in, since libpam decides by the result of `pam_sm_authenticate` wherever that was
/// called. `PAM_IGNORE` would make the whole call fail in a stack with this module alone.
///
/// # Safety
///
/// Called by libpam.
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_setcred(
    _: *mut Handle,
    _: c_int,
    _: c_int,
    _: *const *const c_char,
) -> c_int {
    SUCCESS
}

/// Refuses the group `account`: a line `account … pam_twostep.so` is a mistake.
///
/// # Safety
///
/// Called by libpam.
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_acct_mgmt(
    _: *mut Handle,
    _: c_int,
    _: c_int,
    _: *const *const c_char,
) -> c_int {
    Failure::Misconfigured.code()
}

/// Refuses the group `password`.
///
/// # Safety
///
/// Called by libpam.
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_chauthtok(
    _: *mut Handle,
    _: c_int,
    _: c_int,
    _: *const *const c_char,
) -> c_int {
    Failure::Misconfigured.code()
}

/// Refuses the group `session`.
///
/// # Safety
///
/// Called by libpam.
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_open_session(
    _: *mut Handle,
    _: c_int,
    _: c_int,
    _: *const *const c_char,
) -> c_int {
    Failure::Misconfigured.code()
}

/// Refuses the group `session`.
///
/// # Safety
///
/// Called by libpam.
#[unsafe(no_mangle)]
unsafe extern "C" fn pam_sm_close_session(
    _: *mut Handle,
    _: c_int,
    _: c_int,
    _: *const *const c_char,
) -> c_int {
    Failure::Misconfigured.code()
}

/// Turns the outcome into a return code. Panics end here, and a call that ran out of memory fails.
fn result(verify: impl FnOnce() -> Result<Verified, Failure>) -> c_int {
    reserve::begin();
    // Only panics of this module arrive here; standard error belongs to the host.
    set_hook(Box::new(|_| {}));
    let verdict = catch_unwind(AssertUnwindSafe(verify)).unwrap_or(Err(Failure::Fault));
    match verdict {
        _ if reserve::is_touched() => Failure::Memory.code(),
        Ok(Verified { .. }) => SUCCESS,
        Err(failure) => failure.code(),
    }
}

/// # Safety
///
/// `argv` holds `argc` texts that end with zero.
unsafe fn arguments<'a>(argc: c_int, argv: *const *const c_char) -> Option<Vec<&'a str>> {
    let count = usize::try_from(argc).ok()?;
    let mut arguments = Vec::with_capacity(count.min(64));
    for at in 0..count {
        // SAFETY: within the array; each is a text of libpam's for the time of the call.
        let argument = unsafe { argv.add(at).read() };
        // SAFETY: as above.
        arguments.push(unsafe { CStr::from_ptr(argument) }.to_str().ok()?);
    }
    Some(arguments)
}

const SUCCESS: c_int = 0;

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    /// Held by each test that asks for a result: the mark of the reserve is one for the process.
    static RESERVE: Mutex<()> = Mutex::new(());

    #[test]
    fn a_verification_that_used_the_reserve_fails() {
        let _alone = RESERVE.lock();
        let hook = std::panic::take_hook();
        assert_eq!(result(|| Ok(Verified::sample())), SUCCESS);
        let short_of_memory = || {
            reserve::touch();
            Ok(Verified::sample())
        };
        assert_eq!(result(short_of_memory), Failure::Memory.code());
        assert_eq!(result(|| Ok(Verified::sample())), SUCCESS, "the next call begins anew");
        std::panic::set_hook(hook);
    }

    #[test]
    #[allow(clippy::panic, reason = "panics must not reach the host")]
    fn a_panic_ends_here() {
        let _alone = RESERVE.lock();
        let hook = std::panic::take_hook();
        assert_eq!(result(|| panic!("a fault")), 26);
        std::panic::set_hook(hook);
    }

    #[test]
    fn the_other_groups_fail() {
        let none = std::ptr::null_mut();
        for call in [pam_sm_acct_mgmt, pam_sm_chauthtok, pam_sm_open_session, pam_sm_close_session]
        {
            // SAFETY: these functions ignore their arguments.
            assert_eq!(unsafe { call(none, 0, 0, std::ptr::null()) }, 3);
        }
    }

    #[test]
    fn a_missing_handle_is_a_failure() {
        let _alone = RESERVE.lock();
        // SAFETY: a null handle and no arguments are allowed.
        assert_eq!(unsafe { pam_sm_authenticate(std::ptr::null_mut(), 0, 0, std::ptr::null()) }, 4);
    }
}
