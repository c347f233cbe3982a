//! Calls to libpam and to the host's conversation, behind a safe interface.

#![allow(unsafe_code, reason = "libpam speaks C")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::{ptr, slice};

use zeroize::{Zeroize, Zeroizing};

use crate::failure::Failure;

/// `pam_handle_t`.
#[repr(C)]
pub(crate) struct Handle {
    _opaque: [u8; 0],
}

/// One call into this module.
pub(crate) struct Pam<'call> {
    handle: *mut Handle,
    /// The host wants no messages.
    silent: bool,
    _call: PhantomData<&'call mut Handle>,
}

/// Items of the transaction that the host sets.
#[derive(Clone, Copy)]
pub(crate) enum Item {
    Service,
    Tty,
    RemoteHost,
}

/// The display of an answer while it is typed.
#[derive(Clone, Copy)]
pub(crate) enum Echo {
    Off,
    On,
}

#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

#[repr(C)]
struct Response {
    text: *mut c_char,
    code: c_int,
}

#[repr(C)]
struct Conversation {
    call: Option<
        unsafe extern "C" fn(
            c_int,
            *const *const Message,
            *mut *mut Response,
            *mut c_void,
        ) -> c_int,
    >,
    data: *mut c_void,
}

unsafe extern "C" {
    fn pam_get_user(handle: *mut Handle, user: *mut *const c_char, prompt: *const c_char) -> c_int;
    fn pam_get_item(handle: *const Handle, item: c_int, value: *mut *const c_void) -> c_int;
    fn pam_syslog(handle: *const Handle, priority: c_int, format: *const c_char, ...);
}

impl<'call> Pam<'call> {
    /// # Safety
    ///
    /// `handle` is null, or what libpam passes to a module, and outlives `'call`.
    pub(crate) unsafe fn new(handle: *mut Handle, flags: c_int) -> Result<Pam<'call>, Failure> {
        if handle.is_null() {
            return Err(Failure::System);
        }
        Ok(Pam { handle, silent: flags & PAM_SILENT != 0, _call: PhantomData })
    }

    /// The name of the person to verify. The host asks for it if it is not set yet.
    pub(crate) fn user(&self) -> Result<String, Failure> {
        let mut user = ptr::null();
        // SAFETY: the handle is libpam's; the name stays libpam's and is copied.
        let code = unsafe { pam_get_user(self.handle, &raw mut user, ptr::null()) };
        match code {
            PAM_SUCCESS if !user.is_null() => copied(user).ok_or(Failure::Refused),
            PAM_SUCCESS => Err(Failure::Refused),
            PAM_BUF_ERR => Err(Failure::Memory),
            _ => Err(Failure::Conversation),
        }
    }

    /// The name as currently set, without asking.
    pub(crate) fn user_item(&self) -> Result<String, Failure> {
        self.text_item(PAM_USER)
    }

    /// An item set by the host; empty if it is not set.
    pub(crate) fn item(&self, item: Item) -> Result<String, Failure> {
        self.text_item(match item {
            Item::Service => PAM_SERVICE,
            Item::Tty => PAM_TTY,
            Item::RemoteHost => PAM_RHOST,
        })
    }

    /// Asks the person. A missing answer counts as empty text.
    pub(crate) fn ask(&self, echo: Echo, prompt: &str) -> Result<Zeroizing<String>, Failure> {
        let style = match echo {
            Echo::Off => PAM_PROMPT_ECHO_OFF,
            Echo::On => PAM_PROMPT_ECHO_ON,
        };
        self.converse(style, prompt)?.ok_or(Failure::Conversation)
    }

    /// Shows the person an instruction, unless the host wants silence. Failure to show it is
    /// ignored.
    pub(crate) fn tell(&self, text: &str) {
        if !self.silent {
            let _ = self.converse(PAM_TEXT_INFO, text);
        }
    }

    /// Shows the person an error.
    pub(crate) fn complain(&self, text: &str) {
        if !self.silent {
            let _ = self.converse(PAM_ERROR_MSG, text);
        }
    }

    /// Writes a line to the system log.
    pub(crate) fn log(&self, text: &str) {
        if let Ok(text) = CString::new(text) {
            // SAFETY: the handle is good, and `%s` takes one text.
            unsafe { pam_syslog(self.handle, libc::LOG_NOTICE, c"%s".as_ptr(), text.as_ptr()) };
        }
    }

    fn text_item(&self, item: c_int) -> Result<String, Failure> {
        let mut value = ptr::null();
        // SAFETY: the handle is libpam's; the items asked for are texts, which stay libpam's and
        // are copied.
        let code = unsafe { pam_get_item(self.handle, item, &raw mut value) };
        match code {
            PAM_SUCCESS if value.is_null() => Ok(String::new()),
            PAM_SUCCESS => copied(value.cast()).ok_or(Failure::System),
            PAM_BUF_ERR => Err(Failure::Memory),
            _ => Err(Failure::System),
        }
    }

    fn converse(&self, style: c_int, text: &str) -> Result<Option<Zeroizing<String>>, Failure> {
        let text = CString::new(text).map_err(|_| Failure::System)?;
        let mut conversation = ptr::null();
        // SAFETY: the handle is libpam's; this item is a `pam_conv`.
        let code = unsafe { pam_get_item(self.handle, PAM_CONV, &raw mut conversation) };
        if code != PAM_SUCCESS {
            return Err(Failure::System);
        }
        // SAFETY: null, or the host's for as long as the transaction lasts.
        let conversation =
            unsafe { conversation.cast::<Conversation>().as_ref() }.ok_or(Failure::Conversation)?;
        let call = conversation.call.ok_or(Failure::Conversation)?;
        let message = Message { style, text: text.as_ptr() };
        let messages = [&raw const message];
        let mut responses: *mut Response = ptr::null_mut();
        // SAFETY: one message, whose text lives until the call returns.
        let code = unsafe { call(1, messages.as_ptr(), &raw mut responses, conversation.data) };
        if code != PAM_SUCCESS {
            // The content of `responses` is undefined after an error.
            return Err(Failure::Conversation);
        }
        // SAFETY: on success, null or an array of one response, ours to free (pam_conv(3)).
        Ok(unsafe { responses.as_mut() }.and_then(taken))
    }
}

/// Takes the text of a response, and wipes and frees the host's allocation.
fn taken(response: &mut Response) -> Option<Zeroizing<String>> {
    let mut answer = None;
    if !response.text.is_null() {
        // SAFETY: a text that ends with zero, allocated by the host and now ours.
        let bytes = unsafe {
            slice::from_raw_parts_mut(response.text.cast::<u8>(), libc::strlen(response.text))
        };
        // Text that is not UTF-8 is an invalid answer, but still an answer.
        answer = Some(Zeroizing::new(str::from_utf8(bytes).unwrap_or("\u{fffd}").to_owned()));
        bytes.zeroize();
        // SAFETY: allocated by malloc (pam_conv(3)), and not used again.
        unsafe { libc::free(response.text.cast()) };
    }
    // SAFETY: the array itself, the same.
    unsafe { libc::free((&raw mut *response).cast()) };
    answer
}

/// Copies a text of libpam's; `None` if it is not UTF-8.
fn copied(text: *const c_char) -> Option<String> {
    // SAFETY: callers pass texts that libpam keeps; they end with zero.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().ok().map(str::to_owned)
}

// Linux-PAM, `security/_pam_types.h`.
const PAM_SUCCESS: c_int = 0;
const PAM_BUF_ERR: c_int = 5;
const PAM_SILENT: c_int = 0x8000;
const PAM_SERVICE: c_int = 1;
const PAM_USER: c_int = 2;
const PAM_TTY: c_int = 3;
const PAM_RHOST: c_int = 4;
const PAM_CONV: c_int = 5;
const PAM_PROMPT_ECHO_OFF: c_int = 1;
const PAM_PROMPT_ECHO_ON: c_int = 2;
const PAM_ERROR_MSG: c_int = 3;
const PAM_TEXT_INFO: c_int = 4;
