//! A host in this process: it runs libpam on a stack of its own and answers in the person's place.

#![allow(dead_code, reason = "not every test file needs every helper")]
#![allow(unsafe_code, reason = "libpam speaks C")]

use std::cell::{Cell, RefCell};
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, ptr};

pub(crate) const SUCCESS: c_int = 0;
pub(crate) const SERVICE_ERR: c_int = 3;
pub(crate) const BUF_ERR: c_int = 5;
pub(crate) const AUTH_ERR: c_int = 7;
pub(crate) const UNAVAIL: c_int = 9;
pub(crate) const CONV_ERR: c_int = 19;
pub(crate) const IGNORE: c_int = 25;

/// The style in which the host shows a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Hidden,
    Shown,
    Error,
    Info,
}

/// The person's answers; `None` if the host cannot ask.
pub(crate) type Person<'a> = dyn FnMut(&mut Transaction, Style, &str) -> Option<String> + 'a;

/// A transaction that has been started.
pub(crate) struct Transaction {
    handle: *mut c_void,
    _folder: tempfile::TempDir,
}

/// The person's location as set by the host.
#[derive(Clone, Copy, Default)]
pub(crate) struct Items<'a> {
    pub(crate) tty: Option<&'a str>,
    pub(crate) rhost: Option<&'a str>,
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
    call: unsafe extern "C" fn(
        c_int,
        *const *const Message,
        *mut *mut Response,
        *mut c_void,
    ) -> c_int,
    data: *mut c_void,
}

unsafe extern "C" {
    fn pam_start_confdir(
        service: *const c_char,
        user: *const c_char,
        conversation: *const Conversation,
        folder: *const c_char,
        handle: *mut *mut c_void,
    ) -> c_int;
    fn pam_set_item(handle: *mut c_void, item: c_int, value: *const c_void) -> c_int;
    fn pam_authenticate(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_setcred(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_acct_mgmt(handle: *mut c_void, flags: c_int) -> c_int;
    fn pam_end(handle: *mut c_void, status: c_int) -> c_int;
}

/// The path of the module that cargo built for this test.
pub(crate) fn module() -> PathBuf {
    let path = std::env::current_exe().unwrap();
    path.parent().unwrap().join("libpam_twostep.so")
}

/// One line of a stack, with these options. The agent runs as the user of the test, unless they say
/// otherwise.
pub(crate) fn line(options: &str) -> String {
    let agent = match options.contains("agent=") {
        true => String::new(),
        false => format!("agent={}", fs::metadata("/proc/self").unwrap().uid()),
    };
    format!("auth required {} {agent} {options}\n", module().display())
}

impl Transaction {
    /// Starts libpam with this stack alone.
    pub(crate) fn start(service: &str, user: Option<&str>, stack: &str) -> Transaction {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(service), stack).unwrap();
        let (service, user) =
            (CString::new(service).unwrap(), user.map(|user| CString::new(user).unwrap()));
        let place = CString::new(folder.path().to_str().unwrap()).unwrap();
        let conversation = Conversation { call: converse, data: ptr::null_mut() };
        let mut handle = ptr::null_mut();
        // SAFETY: texts that end with zero; libpam copies them and the conversation.
        let code = unsafe {
            let user = user.as_ref().map_or(ptr::null(), |user| user.as_ptr());
            pam_start_confdir(
                service.as_ptr(),
                user,
                &raw const conversation,
                place.as_ptr(),
                &raw mut handle,
            )
        };
        assert_eq!(code, SUCCESS);
        Transaction { handle, _folder: folder }
    }

    pub(crate) fn with(self, items: Items<'_>) -> Transaction {
        for (item, value) in [(3, items.tty), (4, items.rhost)] {
            if let Some(value) = value {
                self.set(item, value);
            }
        }
        self
    }

    /// Changes `PAM_USER`, as other modules can.
    pub(crate) fn set_user(&self, user: &str) {
        self.set(2, user);
    }

    fn set(&self, item: c_int, value: &str) {
        let value = CString::new(value).unwrap();
        // SAFETY: the handle is open, and libpam copies the text.
        assert_eq!(unsafe { pam_set_item(self.handle, item, value.as_ptr().cast()) }, SUCCESS);
    }

    pub(crate) fn authenticate(&mut self, person: &mut Person<'_>) -> c_int {
        self.authenticate_with(0, person)
    }

    pub(crate) fn authenticate_with(&mut self, flags: c_int, person: &mut Person<'_>) -> c_int {
        // SAFETY: the extended lifetime ends with this call, which takes the reference out again.
        let person: &'static mut Person<'static> = unsafe { std::mem::transmute(person) };
        PERSON.set(Some((person, &raw mut *self)));
        // SAFETY: the handle is open.
        let code = unsafe { pam_authenticate(self.handle, flags) };
        PERSON.set(None);
        code
    }

    /// Verifies and calls `resume` after each answer of the person.
    pub(crate) fn authenticate_resuming(
        &mut self,
        person: &mut Person<'_>,
        resume: extern "C" fn(c_int),
    ) -> c_int {
        RESUME.set(Some(resume));
        let code = self.authenticate(person);
        RESUME.set(None);
        code
    }

    pub(crate) fn setcred(&mut self) -> c_int {
        // SAFETY: the handle is open.
        unsafe { pam_setcred(self.handle, 2) }
    }

    pub(crate) fn acct_mgmt(&mut self) -> c_int {
        // SAFETY: the handle is open.
        unsafe { pam_acct_mgmt(self.handle, 0) }
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        // SAFETY: the handle is open, and not used again.
        unsafe { pam_end(self.handle, SUCCESS) };
    }
}

thread_local! {
    static RESUME: Cell<Option<extern "C" fn(c_int)>> = const { Cell::new(None) };
    static PERSON: RefCell<Option<(&'static mut Person<'static>, *mut Transaction)>> =
        const { RefCell::new(None) };
}

/// A host's conversation function (pam_conv(3)).
unsafe extern "C" fn converse(
    count: c_int,
    messages: *const *const Message,
    responses: *mut *mut Response,
    _: *mut c_void,
) -> c_int {
    assert_eq!(count, 1);
    // SAFETY: one message of libpam's.
    let message = unsafe { &**messages };
    // SAFETY: the text ends with zero.
    let text = unsafe { CStr::from_ptr(message.text) }.to_str().unwrap();
    let style = match message.style {
        1 => Style::Hidden,
        2 => Style::Shown,
        3 => Style::Error,
        _ => Style::Info,
    };
    let (person, transaction) = PERSON.take().unwrap();
    // SAFETY: `authenticate` owns it, and waits.
    let answer = person(unsafe { &mut *transaction }, style, text);
    PERSON.set(Some((person, transaction)));
    let Some(answer) = answer else { return CONV_ERR };
    let answer = CString::new(answer).unwrap();
    // SAFETY: allocated as pam_conv(3) requires, for the module to free.
    unsafe {
        let response = libc::calloc(1, size_of::<Response>()).cast::<Response>();
        assert!(!response.is_null());
        (*response).text = libc::strdup(answer.as_ptr());
        *responses = response;
    }
    if let Some(resume) = RESUME.get() {
        resume(0);
    }
    SUCCESS
}

/// A person who types prepared answers, and the prompts that were shown.
#[derive(Default)]
pub(crate) struct Typist {
    pub(crate) types: Vec<&'static str>,
    pub(crate) shown: Vec<(Style, String)>,
}

impl Typist {
    /// Types these answers, one at each prompt, and then empty lines.
    pub(crate) fn of(types: &[&'static str]) -> Typist {
        Typist { types: types.to_vec(), shown: Vec::new() }
    }

    pub(crate) fn answer(&mut self, style: Style, text: &str) -> Option<String> {
        self.shown.push((style, text.to_owned()));
        let is_prompt = matches!(style, Style::Hidden | Style::Shown);
        let typed = if is_prompt && !self.types.is_empty() { self.types.remove(0) } else { "" };
        Some(typed.to_owned())
    }

    /// All prompts and messages, in lines.
    pub(crate) fn saw(&self) -> String {
        self.shown.iter().map(|(_, text)| format!("{text}\n")).collect()
    }
}

/// Runs one verification; returns the code and the person.
pub(crate) fn authenticate(
    user: &str,
    stack: &str,
    items: Items<'_>,
    types: &[&'static str],
) -> (c_int, Typist) {
    let mut typist = Typist::of(types);
    let mut transaction = Transaction::start("probe", Some(user), stack).with(items);
    let code = transaction.authenticate(&mut |_, style, text| typist.answer(style, text));
    (code, typist)
}

/// The open descriptors of this process.
pub(crate) fn descriptors() -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir("/proc/self/fd").unwrap().flatten();
    let mut open: Vec<(String, PathBuf)> = entries
        .filter_map(|entry| {
            Some((entry.file_name().into_string().ok()?, fs::read_link(entry.path()).ok()?))
        })
        .filter(|(_, to)| !to.starts_with(Path::new("/proc")))
        .collect();
    open.sort();
    open
}
