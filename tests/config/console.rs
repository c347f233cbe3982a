//! The console's settings, and what does not fit together in them.

use super::{assert_refused, parse};

/// A console with this text behind its origin's line.
fn console(before: &str, more: &str) -> Vec<String> {
    let text = format!("{before}\n[console]\norigin = \"https://mfa.example.com\"\n{more}");
    let problems = parse(&text).unwrap().problems();
    problems.into_iter().filter(|problem| problem.starts_with("console")).collect()
}

const FITTING: &str = "rp_id = \"example.com\"\norigins = [\"https://mfa.example.com\"]";

const SERVICE: &str = "[[console.service]]\nname = \"Orders\"\n\
    origin = \"https://orders.example.com\"\nreceive = \"/mfa\"\naudience = \"orders\"\n";

#[test]
fn a_console_stands_on_an_origin_of_security_keys() {
    assert_eq!(console(FITTING, SERVICE), Vec::<String>::new());
    let elsewhere = console("rp_id = \"example.com\"\norigins = [\"https://example.com\"]", "");
    assert!(elsewhere[0].contains("add https://mfa.example.com to origins"), "{elsewhere:?}");
}

#[test]
fn codes_do_not_travel_in_the_clear() {
    let open = "listen = [\"0.0.0.0:7443\"]";
    assert!(console(FITTING, open)[0].contains("0.0.0.0:7443 can be reached"));
    // A proxy that encrypts talks to the console over the network all the same.
    let behind = format!("{open}\nbehind = [\"10.0.0.7\"]");
    assert_eq!(console(FITTING, &behind).len(), 1);
    let accepted = format!("insecure_listen = true\n{FITTING}");
    assert_eq!(console(&accepted, &behind), Vec::<String>::new());
}

#[test]
fn a_service_needs_its_policy_and_its_audience() {
    let policy = format!("{SERVICE}policy = \"payments\"");
    assert!(console(FITTING, &policy)[0].contains("there is no policy payments"));
    let audiences = format!("audiences = [\"shop\"]\n{FITTING}");
    assert!(console(&audiences, SERVICE)[0].contains("add it to audiences"));
    let own = SERVICE.replace("orders.example.com", "mfa.example.com");
    assert!(console(FITTING, &own)[0].contains("a service has another one"));
}

#[test]
fn values_that_cannot_be_meant_are_told_with_their_line() {
    assert_refused("[console]\nminutes = 5\n", 2, &["15 to 720"]);
    assert_refused("[console]\norigin = \"mfa.example.com\"\n", 2, &["origin"]);
    for path in ["mfa", "//evil.example/", "/mfa?x", "/a b"] {
        let text = SERVICE.replace("\"/mfa\"", &format!("{path:?}"));
        assert_refused(&text, 4, &["one slash"]);
    }
}
