//! Requests of other local users. They are curl, run as another user: only root can.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::tools;

/// The user that every system has for those who own nothing.
pub const NOBODY: u32 = 65_534;

/// True if a test can run a program as another user, which takes root.
pub fn can_be_others() -> bool {
    tools::have("curl,root")
}

/// The response to this user: status and body.
pub fn ask(socket: &Path, uid: u32, method: &str, path: &str, body: &Value) -> (u16, Value) {
    let (status, body) = ask_for_text(socket, uid, method, path, body);
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// The same, with the body as it came.
pub fn ask_for_text(
    socket: &Path,
    uid: u32,
    method: &str,
    path: &str,
    body: &Value,
) -> (u16, String) {
    let mut curl = Command::new("curl");
    curl.args([
        "-s",
        "-S",
        "-X",
        method,
        "-w",
        "\n%{http_code}",
        "-H",
        "Content-Type: application/json",
        "--data-binary",
    ]);
    curl.arg(body.to_string())
        .arg("--unix-socket")
        .arg(socket)
        .arg(format!("http://agent{path}"));
    let told = curl
        .uid(uid)
        .gid(uid)
        .current_dir("/")
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let told = String::from_utf8(told.stdout).unwrap();
    let (body, status) = told.rsplit_once('\n').unwrap_or_else(|| panic!("curl says {told:?}"));
    (status.parse().unwrap(), body.to_owned())
}

/// A shell of this user. It reads from us.
pub fn shell(uid: u32, script: &str) -> Child {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", script])
        .uid(uid)
        .gid(uid)
        .current_dir("/")
        .stdin(Stdio::piped())
        .stdout(Stdio::null());
    shell.spawn().unwrap()
}
