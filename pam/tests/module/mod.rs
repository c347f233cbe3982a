//! The module in a host of ours, with somebody in the agent's place: what it asks, whom it
//! believes, and what it never does.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod hostile;
mod key;
mod reuse;

use serde_json::{Value, json};

use crate::support::fake::{Fake, device};
use crate::support::host::{
    self, AUTH_ERR, CONV_ERR, Items, SERVICE_ERR, SUCCESS, Style, Transaction, Typist, UNAVAIL,
    authenticate,
};

const HERE: Items<'static> = Items { tty: None, rhost: None };
const REMOTE: Items<'static> = Items { tty: Some("ssh"), rhost: Some("192.0.2.1") };

fn one_token() -> Value {
    json!([device("TOKEN-0001", "totp", "Phone")])
}

#[test]
fn the_right_code_of_the_right_account_is_success() {
    let agent = Fake::agent(&one_token());
    let (code, typist) = authenticate("alice", &agent.line(""), HERE, &["123456"]);
    assert_eq!(code, SUCCESS, "{}", typist.saw());
    assert_eq!(typist.shown, [(Style::Hidden, "Code of alice for probe: ".to_owned())]);
    let asked = agent.heard().pop().unwrap();
    assert_eq!(
        asked.json(),
        json!({"account": "alice", "code": "123456", "duration_seconds": 900})
    );
}

#[test]
fn a_wrong_code_and_an_unknown_account_are_refused_alike() {
    let agent = Fake::agent(&one_token());
    let (wrong, seen) = authenticate("alice", &agent.line(""), HERE, &["654321"]);
    let (unknown, other) = authenticate("nobody", &agent.line(""), HERE, &["123456"]);
    assert_eq!((wrong, unknown), (AUTH_ERR, AUTH_ERR));
    assert_eq!(seen.saw().replace("alice", "nobody"), other.saw());
}

#[test]
fn what_is_no_code_is_not_sent() {
    let agent = Fake::agent(&one_token());
    for typed in ["", "12345", "hunter2", "correct horse battery"] {
        assert_eq!(authenticate("alice", &agent.line(""), HERE, &[typed]).0, AUTH_ERR);
    }
    assert!(agent.heard().iter().all(|request| request.method == "GET"), "{:?}", agent.heard());
}

#[test]
fn a_name_that_cannot_be_an_accounts_is_refused_before_anybody_is_asked() {
    let agent = Fake::agent(&one_token());
    for name in ["", " alice", "alice\u{1b}[2J", "a\u{202e}b"] {
        let (code, typist) = authenticate(name, &agent.line(""), HERE, &["123456"]);
        assert_eq!((code, typist.saw().as_str()), (AUTH_ERR, ""), "{name:?}");
    }
    assert!(agent.heard().is_empty());
}

#[test]
fn an_option_that_cannot_be_meant_lets_nobody_in() {
    let agent = Fake::agent(&one_token());
    for option in [
        "debug",
        "nullok",
        "use_first_pass",
        "timeout=none",
        "key=yes",
        "reuse=1",
        "socket=/elsewhere",
    ] {
        let (code, typist) = authenticate("alice", &agent.line(option), HERE, &["123456"]);
        assert_eq!((code, typist.saw().as_str()), (SERVICE_ERR, ""), "{option}");
    }
}

#[test]
fn a_name_that_changes_meanwhile_is_nobodys_success() {
    let agent = Fake::agent(&one_token());
    let mut transaction = Transaction::start("probe", Some("alice"), &agent.line(""));
    let mut asked = 0;
    let code = transaction.authenticate(&mut |transaction, _, _| {
        asked += 1;
        transaction.set_user("root");
        Some("123456".to_owned())
    });
    assert_eq!((code, asked), (AUTH_ERR, 1));
}

#[test]
fn a_host_that_cannot_ask_is_a_failure() {
    let agent = Fake::agent(&one_token());
    let mut transaction = Transaction::start("probe", Some("alice"), &agent.line(""));
    assert_eq!(transaction.authenticate(&mut |_, _, _| None), CONV_ERR);
}

#[test]
fn a_quiet_host_is_told_nothing_and_still_asked() {
    let mut typist = Typist::of(&["123456"]);
    let stack = host::line("socket=/nonexistent/verify.sock");
    let mut transaction = Transaction::start("probe", Some("alice"), &stack);
    let code =
        transaction.authenticate_with(0x8000, &mut |_, style, text| typist.answer(style, text));
    assert_eq!((code, typist.saw().as_str()), (UNAVAIL, ""));
}

#[test]
fn credentials_are_set_wherever_the_verification_was() {
    let agent = Fake::agent(&one_token());
    let mut typist = Typist::of(&["123456"]);
    let mut transaction = Transaction::start("probe", Some("alice"), &agent.line(""));
    assert_eq!(transaction.authenticate(&mut |_, style, text| typist.answer(style, text)), SUCCESS);
    assert_eq!(transaction.setcred(), SUCCESS);
    // As sshd does, which verifies in another process.
    assert_eq!(Transaction::start("probe", Some("alice"), &agent.line("")).setcred(), SUCCESS);
}

#[test]
fn a_line_in_the_wrong_group_fails() {
    let agent = Fake::agent(&one_token());
    let stack = agent.line("").replace("auth ", "account ");
    assert_eq!(Transaction::start("probe", Some("alice"), &stack).acct_mgmt(), SERVICE_ERR);
}

#[test]
fn who_has_several_devices_says_which_one_showed_the_code() {
    let devices = json!([
        device("TOKEN-0001", "totp", "Phone\u{1b}[2J"),
        device("SHEET-0003", "recovery", "Sheet"),
        device("TOKEN-0002", "hotp", "Drawer"),
    ]);
    let agent = Fake::agent(&devices);
    let (code, typist) = authenticate("alice", &agent.line(""), HERE, &["123456", "2"]);
    assert_eq!(
        (code, typist.shown[1].clone()),
        (SUCCESS, (Style::Shown, "Which device showed it (1 Phone[2J, 2 Drawer)? ".to_owned()))
    );
    assert_eq!(agent.heard().pop().unwrap().json()["serial"], "TOKEN-0002");
    for answer in ["", "0", "3", "-1", "Phone", "18446744073709551617"] {
        let before = agent.heard().len();
        assert_eq!(authenticate("alice", &agent.line(""), HERE, &["123456", answer]).0, AUTH_ERR);
        assert_eq!(agent.heard().len(), before + 1, "{answer}: only the devices were asked for");
    }
}

#[test]
fn the_names_of_devices_are_not_shown_far_away() {
    let devices =
        json!([device("TOKEN-0001", "totp", "Phone"), device("TOKEN-0002", "totp", "Drawer")]);
    let agent = Fake::agent(&devices);
    let (code, typist) = authenticate("alice", &agent.line(""), REMOTE, &["123456", "1"]);
    assert_eq!(code, SUCCESS);
    assert_eq!(typist.shown[1].1, "Which device showed it (1 …0001, 2 …0002)? ");
}

#[test]
fn a_recovery_code_goes_to_the_sheet_and_a_bypass_code_to_no_device() {
    let devices = json!([
        device("TOKEN-0001", "totp", "A"),
        device("TOKEN-0002", "totp", "B"),
        device("SHEET-0003", "recovery", "Sheet")
    ]);
    let agent = Fake::agent(&devices);
    let last = |typed| {
        assert_eq!(authenticate("alice", &agent.line(""), HERE, &[typed]).0, AUTH_ERR);
        agent.heard().pop().unwrap().json()
    };
    assert_eq!(last("7K3M-9QXV-1ZB0-HT5W")["serial"], "SHEET-0003");
    assert_eq!(last("7K3M-9QXV-1ZB0-HT5W-7K3M")["serial"], Value::Null);
}

#[test]
fn an_audience_is_asked_for_and_insisted_on() {
    let agent = Fake::agent(&one_token());
    let (code, _) = authenticate("alice", &agent.line("audience=workstation"), HERE, &["123456"]);
    assert_eq!(code, UNAVAIL, "the session is for somebody else");
    assert_eq!(agent.heard().pop().unwrap().json()["audience"], "workstation");
    assert_eq!(
        authenticate("alice", &agent.line("audience=twostep"), HERE, &["123456"]).0,
        SUCCESS
    );
}
