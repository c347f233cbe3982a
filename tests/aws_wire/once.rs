//! A code is accepted once, whichever way it takes; and all refusals of MFA are one.

use std::thread;

use serde_json::json;

use super::verify::with_code;
use super::wire::{Wire, element, refused};

fn by_code(serial: &str, code: &str) -> String {
    format!("Action=GetSessionToken&SerialNumber={serial}&TokenCode={code}")
}

#[test]
fn a_code_of_one_way_is_refused_on_the_other() {
    let mut wire = Wire::start("");
    let serial = wire.alice.serial.clone();
    let code = wire.alice.code();
    assert_eq!(wire.sts(&wire.key, &by_code(&serial, &code)).status, 200);
    let body = json!({"account": "alice", "serial": serial, "code": code});
    wire.admin.post("/v1/sessions", body).refused(403, "AccessDenied");
    refused(&wire.sts(&wire.key, &by_code(&serial, &code)), 403, "AccessDenied");
    let code = wire.alice.code();
    let body = json!({"account": "alice", "serial": serial, "code": code});
    wire.admin.post("/v1/sessions", body).is(201);
    refused(&wire.sts(&wire.key, &by_code(&serial, &code)), 403, "AccessDenied");
}

#[test]
fn of_nine_requests_with_one_code_one_is_accepted() {
    let mut wire = Wire::start("");
    for _ in 0..5 {
        let (serial, code) = (wire.alice.serial.clone(), wire.alice.code());
        let shared = &wire;
        let opened: usize = thread::scope(|scope| {
            let (serial, code) = (&serial, &code);
            let asking: Vec<_> = (0..9)
                .map(|way| {
                    scope.spawn(move || {
                        let admin = shared.admin.with("X", "Y");
                        let opened = match way % 3 {
                            0 => shared.sts(&shared.key, &by_code(serial, code)).status == 200,
                            1 => {
                                let body =
                                    json!({"account": "alice", "serial": serial, "code": code});
                                admin.post("/v1/sessions", body).status == 201
                            }
                            _ => {
                                let question = with_code(&shared.key, serial, code);
                                admin.post("/v1/aws/verify", question).json()["valid"] == true
                            }
                        };
                        usize::from(opened)
                    })
                })
                .collect();
            asking.into_iter().map(|asked| asked.join().unwrap()).sum()
        });
        assert_eq!(opened, 1);
    }
}

#[test]
fn every_fault_of_mfa_has_one_answer() {
    let mut wire = Wire::start("");
    let serial = wire.alice.serial.clone();
    let (used, wrong) = (wire.alice.code(), wire.alice.wrong().to_owned());
    assert_eq!(wire.sts(&wire.key, &by_code(&serial, &used)).status, 200);
    let bob = test_support::people::enrol(&wire.admin, "bob");
    let mut bodies: Vec<String> = Vec::new();
    for form in [
        by_code(&serial, &wrong),
        by_code(&serial, &used),
        by_code("NOT-THERE-000", &used),
        by_code(&bob.serial, &used),
        by_code(&serial, "12345"),
        by_code(&serial, "abcdef"),
        by_code("%20", &used),
        format!("Action=GetSessionToken&SerialNumber={serial}"),
        format!("Action=GetSessionToken&TokenCode={used}"),
    ] {
        let answer = wire.sts(&wire.key, &form);
        refused(&answer, 403, "AccessDenied");
        let id = element(&answer, "RequestId");
        bodies.push(answer.text().replace(&id, ""));
    }
    bodies.dedup();
    let [body] = &bodies[..] else { panic!("{bodies:#?}") };
    assert!(body.contains(
        "<Message>MultiFactorAuthentication failed with invalid MFA one time pass code. </Message>"
    ));
}
