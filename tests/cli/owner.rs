//! An owner without administrator's rights, who looks after their own devices.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use test_support::tools;

use super::journey::{Token, away_from_the_end_of_a_step};
use super::program::{Agent, Ended, command, copy_program, fed};

/// Every local user may enrol devices for their own account.
const OPEN: &str = "local_users = true\n[socket]\nmode = \"0666\"\n";

/// Runs the program as a user without any rights.
pub(crate) fn without_rights(agent: &Agent, arguments: &[&str], input: &str) -> Ended {
    let mut command = command("setpriv");
    command
        .args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"])
        .arg(agent.folder.path().join("twostep"));
    command.arg("--socket").arg(agent.socket()).args(arguments);
    fed(command, input)
}

fn open_to_all(path: &Path) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
}

#[test]
fn a_protected_account_changes_with_a_session_of_its_owner() {
    // Only root can become another user.
    if !tools::have("setpriv,root") {
        return;
    }
    let agent = Agent::start(OPEN);
    away_from_the_end_of_a_step();
    open_to_all(agent.folder.path());
    copy_program(agent.folder.path());

    let added =
        without_rights(&agent, &["--json", "device", "add", "--serial", "PHONE0001"], "").json();
    assert_eq!(added["device"]["account"], "nobody", "the account is that of whoever runs it");
    let token = Token::added(&added);
    assert_eq!(
        without_rights(&agent, &["device", "activate", "PHONE0001"], &token.pair(-1)).exit,
        0
    );

    let refused = without_rights(&agent, &["device", "add", "--serial", "TABLET001"], "");
    assert_eq!(refused.exit, 1, "{refused:?}");
    assert!(
        refused.err.contains("--mfa-context") && refused.err.contains("twostep login"),
        "{}",
        refused.err
    );

    let session = without_rights(&agent, &["login"], &token.code(1)).out;
    let file = agent.folder.path().join("session.jwt");
    std::fs::write(&file, &session).unwrap();
    open_to_all(&file);
    let context = file.to_str().unwrap();
    let added = without_rights(
        &agent,
        &["--json", "--mfa-context", context, "device", "add", "--serial", "TABLET001"],
        "",
    )
    .json();
    let tablet = Token::added(&added);
    // The session comes first, the codes after it.
    let activated = without_rights(
        &agent,
        &["--mfa-context", "-", "device", "activate", "TABLET001"],
        &(session + &tablet.pair(-1)),
    );
    assert_eq!(activated.exit, 0, "{activated:?}");
    let remove = ["device", "remove", "PHONE0001", "--yes"];
    assert_eq!(without_rights(&agent, &remove, "").exit, 1);
    let remove = ["--mfa-context", context, "device", "remove", "TABLET001", "--yes"];
    assert_eq!(without_rights(&agent, &remove, "").exit, 0);

    let theirs = without_rights(&agent, &["device", "list", "--account", "root"], "");
    assert!(theirs.out.is_empty() || theirs.exit == 1, "{theirs:?}");
    assert_eq!(without_rights(&agent, &["account", "list"], "").exit, 1, "administrators only");
    let doctor = without_rights(&agent, &["doctor"], "");
    assert!(doctor.out.contains("you are enroller"), "{}", doctor.out);
}

#[test]
fn a_socket_that_is_closed_says_for_whom_it_is() {
    if !tools::have("setpriv,root") {
        return;
    }
    let agent = Agent::start("");
    open_to_all(agent.folder.path());
    copy_program(agent.folder.path());
    let closed = without_rights(&agent, &["device", "list"], "");
    assert_eq!(closed.exit, 3, "{closed:?}");
    assert!(closed.err.contains("You are nobody") && closed.err.contains("sudo"), "{}", closed.err);
    assert_eq!(without_rights(&agent, &["doctor"], "").exit, 3);
}

pub(crate) fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}
