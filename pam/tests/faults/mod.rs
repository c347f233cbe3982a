//! Each allocation and each system call of the module fails in turn: once, or from then on. In
//! every case, only the agent's yes leads to success, no result is one that stacks ignore, the host
//! survives, and no descriptor stays open.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

use std::ffi::{CStr, c_int, c_long};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::SeqCst;

use serde_json::json;
use test_support::tools;

use crate::support::fake::{CHUNKED, Fake, chunk, context, device, reply};
use crate::support::host::{self, IGNORE, Items, SUCCESS, Style, Transaction, descriptors};

/// The scenes: the person's input, and whether the agent accepts it.
const SCENES: &[(&str, &[&str], bool)] = &[
    ("a code", &["123456", "1"], true),
    ("a wrong code", &["654321", "1"], false),
    ("a password", &["correct horse"], false),
    ("a key with a PIN", &["", "1234"], true),
    ("a foreign key, and a wrong code", &["", "9999", "654321", "1"], false),
];

#[test]
fn under_any_fault_only_the_agents_yes_succeeds() {
    if !tools::have("cc,script") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let shim = folder.path().join("shim.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults/shim.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&shim, &source])
        .status()
        .unwrap();
    assert!(built.success());
    std::thread::scope(|scope| {
        for (scene, ..) in SCENES {
            let (shim, log) = (&shim, folder.path().join(scene));
            scope.spawn(move || play(scene, shim, &log));
        }
    });
}

fn play(scene: &str, shim: &Path, log: &Path) {
    let agent = agent();
    // In a terminal, so that reuse of fresh verifications is exercised as well.
    let command = format!(
        "{} --exact faults::a_host_of_faults --nocapture",
        std::env::current_exe().unwrap().display()
    );
    let mut host = Command::new("script");
    host.args(["-qefc", &command])
        .arg(log)
        .env("LD_PRELOAD", shim)
        .env("TWOSTEP_SCENE", scene)
        .env("TWOSTEP_FAKE", agent.socket());
    let output = host.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains("faults:"),
        "{scene}: {} {said}",
        output.status
    );
    println!("{scene}: {}", said.lines().find(|line| line.contains("faults:")).unwrap_or_default());
}

/// The host itself, when this process was started as one with the shim preloaded.
#[test]
fn a_host_of_faults() {
    let Some(socket) = std::env::var_os("TWOSTEP_FAKE") else { return };
    let named = std::env::var("TWOSTEP_SCENE").unwrap();
    let (_, types, good) = SCENES.iter().find(|(scene, ..)| *scene == named).unwrap();
    let socket = Path::new(&socket);
    let stack = host::line(&format!("socket={} timeout=2 key=always reuse", socket.display()));
    // Allocations that happen once in a process come before the count.
    for _ in 0..2 {
        assert_eq!(call(&stack, types, 0, Mode::Once(libc::EIO)).0 == SUCCESS, *good);
    }
    let open = descriptors();
    let (mut faults, mut successes) = (0, 0);
    for mode in [
        Mode::Once(libc::EIO),
        Mode::Once(libc::EINTR),
        Mode::Once(libc::EMFILE),
        Mode::EverSince(libc::ENOMEM),
    ] {
        for nth in 1.. {
            let before = yeses(socket);
            let (code, calls) = call(&stack, types, nth, mode);
            let yes = yeses(socket) > before;
            assert_ne!(code, IGNORE, "{named}: {mode:?} {nth}");
            assert!(
                code != SUCCESS || yes && *good,
                "{named}: {mode:?} {nth}: success without the agent's yes"
            );
            assert_eq!(descriptors(), open, "{named}: {mode:?} {nth}");
            if calls < nth {
                assert_eq!(code == SUCCESS, *good, "{named}: nothing failed");
                break;
            }
            faults += 1;
            successes += u32::from(code == SUCCESS);
        }
    }
    assert!(faults > 200, "{faults}: is the shim before libc?");
    println!("faults: {faults}, and the agent's yes arrived nevertheless {successes} times");
}

#[derive(Clone, Copy, Debug)]
enum Mode {
    Once(c_int),
    EverSince(c_int),
}

/// One call in which the nth call below it fails; also returns the number of such calls.
fn call(stack: &str, types: &[&'static str], nth: c_long, mode: Mode) -> (c_int, c_long) {
    let mut types = types.iter();
    let mut transaction = Transaction::start("probe", Some("root"), stack)
        .with(Items { tty: Some("tty1"), rhost: None });
    let (ever, error) = match mode {
        Mode::Once(error) => (0, error),
        Mode::EverSince(error) => (1, error),
    };
    let person = &mut |_: &mut Transaction, style: Style, _: &str| match style {
        Style::Hidden | Style::Shown => Some(types.next().copied().unwrap_or_default().to_owned()),
        Style::Error | Style::Info => Some(String::new()),
    };
    let arm: extern "C" fn(c_long, c_int, c_int) = shim(c"fault_arm");
    let disarm: extern "C" fn() -> c_long = shim(c"fault_disarm");
    let pause: extern "C" fn(c_int) = shim(c"fault_pause");
    let mut paused = |transaction: &mut Transaction, style: Style, text: &str| {
        pause(1);
        person(transaction, style, text)
    };
    arm(nth, ever, error);
    let code = transaction.authenticate_resuming(&mut paused, pause);
    (code, disarm())
}

/// Looks up a function of the shim.
#[allow(unsafe_code, reason = "functions of a preloaded library")]
fn shim<F: Copy>(name: &CStr) -> F {
    assert_eq!(size_of::<F>(), size_of::<*const u8>());
    // SAFETY: the name ends with zero.
    let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) };
    assert!(!found.is_null(), "the shim is not here");
    // SAFETY: callers name the type from the shim's source.
    unsafe { std::mem::transmute_copy(&found) }
}

/// The number of times that the agent has said yes.
fn yeses(socket: &Path) -> u64 {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.write_all(b"GET /yeses HTTP/1.1\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text.lines().last().unwrap().parse().unwrap()
}

/// An agent that knows one code of root's, and one PIN of the key.
fn agent() -> Fake {
    let yeses = AtomicU64::new(0);
    let pin = std::sync::Mutex::new(String::new());
    let devices = [
        device("TOKEN-0001", "totp", "Phone"),
        device("TOKEN-0002", "totp", "Drawer"),
        device("KEY-00001", "security_key", "Blue"),
    ];
    Fake::start(move |request, stream| {
        let said_yes = || yeses.fetch_add(1, SeqCst);
        let answer = match (request.method.as_str(), request.path.as_str()) {
            ("GET", "/yeses") => reply(200, &json!(0))
                .replace("\r\n\r\n0", &format!("\r\n\r\n{}", yeses.load(SeqCst))),
            ("GET", _) => reply(200, &json!({"devices": devices, "next": null})),
            ("PUT", "/v1/local/fresh") => "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
            (_, "/v1/local/fresh") => reply(200, &json!({"fresh": false})),
            (_, "/v1/sessions") if request.json()["code"] == "123456" => {
                said_yes();
                reply(201, &json!({"token": "a.b.c", "context": context("root")}))
            }
            (_, "/v1/sessions") => reply(403, &json!({"code": "AccessDenied"})),
            (_, "/v1/local/key-ceremonies") => {
                pin.lock().unwrap().clear();
                let need = json!({"event": "need_pin", "retries": 8, "wrong_before": false});
                let begun = CHUNKED.to_owned()
                    + &chunk(&json!({"event": "begun", "ceremony_id": "c-1"}))
                    + &chunk(&need);
                if stream.write_all(begun.as_bytes()).is_err() {
                    return;
                }
                let typed = wait_for_pin(&pin, stream);
                match typed.as_str() {
                    "1234" => {
                        said_yes();
                        let context = context("root");
                        let done = json!({"event": "done", "token": "a.b.c", "context": context});
                        chunk(&json!({"event": "need_touch"})) + &chunk(&done)
                    }
                    "" => return,
                    _ => chunk(&json!({"event": "failed", "code": "not_enrolled", "detail": ""})),
                }
            }
            (_, path) if path.ends_with("/pin") => {
                *pin.lock().unwrap() = request.json()["pin"].as_str().unwrap().to_owned();
                "HTTP/1.1 204 No Content\r\n\r\n".to_owned()
            }
            _ => reply(404, &json!({})),
        };
        let _ = stream.write_all(answer.as_bytes());
    })
}

/// Waits for the typed PIN; empty once the connection is closed.
fn wait_for_pin(pin: &std::sync::Mutex<String>, stream: &mut UnixStream) -> String {
    stream.set_read_timeout(Some(std::time::Duration::from_millis(1))).unwrap();
    loop {
        let typed = pin.lock().unwrap().clone();
        if !typed.is_empty() || stream.read(&mut [0]).is_ok() {
            return typed;
        }
    }
}
