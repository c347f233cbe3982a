//! The module in a test host with a simulated agent: its prompts, the answers that it accepts, and
//! its refusals.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on stops")]

mod hostile;
mod key;
mod reuse;

use std::io::Write;

use serde_json::{Value, json};

use crate::support::fake::{Fake, context, device, reply};
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
fn the_right_code_of_the_right_account_succeeds() {
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

/// Wrong codes from elsewhere do not count against this place, and a lock by them ends here.
#[test]
fn the_persons_host_or_terminal_is_named_to_the_agent() {
    let console = Items { tty: Some("/dev/tty1"), rhost: None };
    let mut locked = device("TOKEN-0001", "totp", "Phone");
    locked["state"] = "locked".into();
    let agent = Fake::agent(&json!([locked, device("TOKEN-0002", "totp", "Spare")]));
    for (items, client) in
        [(REMOTE, json!("rhost=192.0.2.1")), (console, json!("tty=/dev/tty1")), (HERE, Value::Null)]
    {
        let (code, typist) = authenticate("alice", &agent.line(""), items, &["123456", "1"]);
        assert_eq!(code, SUCCESS, "{}", typist.saw());
        let asked = agent.heard().pop().unwrap().json();
        assert_eq!((&asked["client"], &asked["serial"]), (&client, &json!("TOKEN-0001")));
    }
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
fn a_token_out_of_sync_is_asked_for_two_codes() {
    let answers = Fake::answers(&one_token());
    let agent = Fake::start(move |request, stream| {
        if request.path != "/v1/sessions" {
            return answers(request, stream);
        }
        let asked = request.json();
        let answer = if asked["codes"] == json!(["111111", "222222"]) {
            reply(201, &json!({"token": "a.b.c", "context": context("alice")}))
        } else {
            reply(403, &json!({"code": "AccessDenied", "status": 403, "reason": "out_of_sync"}))
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let typed = ["654321", "111 111", "222222"];
    let (code, typist) = authenticate("alice", &agent.line(""), HERE, &typed);
    assert_eq!(code, SUCCESS, "{}", typist.saw());
    assert!(typist.saw().contains("out of sync"), "{}", typist.saw());
    let asked = agent.heard().pop().unwrap().json();
    assert_eq!((&asked["serial"], asked.get("code")), (&json!("TOKEN-0001"), None));
    for typed in [["654321", "111111", "333333"], ["654321", "password", "222222"]] {
        assert_eq!(authenticate("alice", &agent.line(""), HERE, &typed).0, AUTH_ERR);
    }
}

#[test]
fn text_other_than_a_code_is_not_sent() {
    let agent = Fake::agent(&one_token());
    for typed in ["", "12345", "hunter2", "correct horse battery"] {
        assert_eq!(authenticate("alice", &agent.line(""), HERE, &[typed]).0, AUTH_ERR);
    }
    assert!(agent.heard().iter().all(|request| request.method == "GET"), "{:?}", agent.heard());
}

#[test]
fn an_impossible_account_name_is_refused_without_a_prompt() {
    let agent = Fake::agent(&one_token());
    for name in ["", " alice", "alice\u{1b}[2J", "a\u{202e}b"] {
        let (code, typist) = authenticate(name, &agent.line(""), HERE, &["123456"]);
        assert_eq!((code, typist.saw().as_str()), (AUTH_ERR, ""), "{name:?}");
    }
    assert!(agent.heard().is_empty());
}

/// The person of that name on this machine is another one than the account of the same name.
#[test]
fn a_prefix_makes_another_account_of_a_login_name() {
    let agent = Fake::agent(&one_token());
    let (code, typist) = authenticate("ice", &agent.line("prefix=al"), HERE, &["123456"]);
    assert_eq!(code, SUCCESS, "{}", typist.saw());
    assert!(agent.heard().iter().all(|request| {
        request.path.contains("account=alice&") || request.json()["account"] == "alice"
    }));
    assert_eq!(authenticate("alice", &agent.line("prefix=al"), HERE, &["123456"]).0, AUTH_ERR);
}

#[test]
fn an_invalid_option_fails_the_verification() {
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
fn a_name_changed_during_verification_is_refused() {
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
fn a_silent_host_gets_prompts_but_no_messages() {
    let mut typist = Typist::of(&["123456"]);
    let stack = host::line("socket=/nonexistent/verify.sock");
    let mut transaction = Transaction::start("probe", Some("alice"), &stack);
    let code =
        transaction.authenticate_with(0x8000, &mut |_, style, text| typist.answer(style, text));
    assert_eq!((code, typist.saw().as_str()), (UNAVAIL, ""));
}

#[test]
fn setting_credentials_succeeds_in_any_process() {
    let agent = Fake::agent(&one_token());
    let mut typist = Typist::of(&["123456"]);
    let mut transaction = Transaction::start("probe", Some("alice"), &agent.line(""));
    assert_eq!(transaction.authenticate(&mut |_, style, text| typist.answer(style, text)), SUCCESS);
    assert_eq!(transaction.setcred(), SUCCESS);
    // sshd sets credentials in another process than the one that verified.
    assert_eq!(Transaction::start("probe", Some("alice"), &agent.line("")).setcred(), SUCCESS);
}

#[test]
fn a_line_in_the_wrong_group_fails() {
    let agent = Fake::agent(&one_token());
    let stack = agent.line("").replace("auth ", "account ");
    assert_eq!(Transaction::start("probe", Some("alice"), &stack).acct_mgmt(), SERVICE_ERR);
}

#[test]
fn the_owner_of_several_devices_is_asked_which_one() {
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
fn device_names_are_hidden_from_remote_people() {
    let devices =
        json!([device("TOKEN-0001", "totp", "Phone"), device("TOKEN-0002", "totp", "Drawer")]);
    let agent = Fake::agent(&devices);
    let (code, typist) = authenticate("alice", &agent.line(""), REMOTE, &["123456", "1"]);
    assert_eq!(code, SUCCESS);
    assert_eq!(typist.shown[1].1, "Which device showed it (1 …0001, 2 …0002)? ");
}

#[test]
fn recovery_codes_name_their_sheet_and_bypass_codes_no_device() {
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
fn a_configured_audience_is_requested_and_required() {
    let agent = Fake::agent(&one_token());
    let (code, _) = authenticate("alice", &agent.line("audience=workstation"), HERE, &["123456"]);
    assert_eq!(code, UNAVAIL, "the session is for another audience");
    assert_eq!(agent.heard().pop().unwrap().json()["audience"], "workstation");
    assert_eq!(
        authenticate("alice", &agent.line("audience=twostep"), HERE, &["123456"]).0,
        SUCCESS
    );
}
