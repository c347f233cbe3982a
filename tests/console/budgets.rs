//! Guesses: one budget, whichever door they come through.

use serde_json::json;
use test_support::people::{Token, enrol, text};

use super::bypass;
use super::visitor::Site;

/// The refused codes of a device until its codes wait (`device::throttle`).
const BEFORE_A_WAIT: usize = 3;

fn guess_at_the_api(site: &Site, token: &Token) -> String {
    let guess = json!({"account": "alice", "serial": token.serial, "code": token.wrong()});
    let problem = site.admin().post("/v1/sessions", guess).refused(403, "AccessDenied");
    problem["reason"].as_str().unwrap_or_default().to_owned()
}

#[test]
fn guesses_at_a_page_are_guesses_at_the_api() {
    for page in ["/sign-in/code", "/login/code"] {
        let site = Site::new(
            "open_codes = true\n[[console.service]]\nname = \"Orders\"\nreceive = \"/mfa\"\n\
             origin = \"https://orders.example.com\"\naudience = \"orders\"\n",
        );
        let mut token = enrol(&site.admin(), "alice");
        let wrong = [
            ("account", "alice"),
            ("code", token.wrong()),
            ("return_to", "https://orders.example.com/"),
        ];
        for _ in 0..BEFORE_A_WAIT {
            let refused = site.visitor().post(page, &wrong);
            assert_eq!(refused.answer.status, 403, "{}", refused.html);
        }
        assert_eq!(guess_at_the_api(&site, &token), "throttled", "{page}");
        let right = json!({"account": "alice", "serial": token.serial, "code": token.code()});
        let problem = site.admin().post("/v1/sessions", right).refused(403, "AccessDenied");
        assert_eq!(problem["reason"], "throttled", "{page}");
    }
}

#[test]
fn guesses_at_the_api_are_guesses_at_a_page() {
    let site = Site::new("open_codes = true\n");
    let mut token = enrol(&site.admin(), "alice");
    for _ in 0..BEFORE_A_WAIT {
        assert_eq!(guess_at_the_api(&site, &token), "no_match");
    }
    let mut visitor = site.visitor();
    let right = [("account", "alice"), ("code", &token.code())];
    visitor.post("/sign-in/code", &right).is(403, "Sign in");
    // Bypass codes are not refused by the wait.
    let spare = bypass(&site, "alice");
    visitor
        .post("/sign-in/code", &[("account", "alice"), ("code", &spare)])
        .leads_to("/devices");
}

#[test]
fn refusals_differ_in_the_account_that_was_typed_alone() {
    let site = Site::new("open_codes = true\nbehind = [\"127.0.0.1\"]\n");
    let admin = site.admin();
    let mut used = enrol(&admin, "typed-1");
    let code = used.code();
    admin
        .post("/v1/sessions", json!({"account": "typed-1", "serial": used.serial, "code": code}))
        .is(201);
    let locked = enrol(&admin, "typed-2");
    admin.post(&locked.path("/deactivate"), json!({})).is(200);
    enrol(&admin, "typed-3");
    let mut pages = Vec::new();
    for (number, (account, code)) in [
        ("typed-1", code.as_str()),
        ("typed-2", "000000"),
        ("typed-3", "000000"),
        ("typed-4", "000000"),
    ]
    .into_iter()
    .enumerate()
    {
        let address = format!("192.0.2.{number}");
        let origin = site.origin();
        let headers = [("Origin", origin.as_str()), ("X-Forwarded-For", address.as_str())];
        let fields = [("account", account), ("code", code)];
        let page = site.visitor().post_with("/sign-in/code", &fields, &headers);
        page.is(403, "Sign in");
        let ceremony = page.field("ceremony");
        let options = page.between("data-options=\"", "\"").unwrap().to_owned();
        let html = page.html.replace(&ceremony, "").replace(&options, "").replace(account, "");
        pages.push((account, html, members(&options)));
    }
    for (account, html, members) in &pages {
        assert_eq!((html, members), (&pages[0].1, &pages[0].2), "{account}");
    }
}

/// The names of the members of the key's options, in their order, and the types of its credentials,
/// of which an account may have any number.
fn members(options: &str) -> Vec<String> {
    let options = options.replace("&#34;", "\"").replace("&quot;", "\"");
    let options: serde_json::Value = serde_json::from_str(&options).unwrap();
    let mut names: Vec<String> = options.as_object().unwrap().keys().cloned().collect();
    let credentials = options["allowCredentials"].as_array().into_iter().flatten();
    names.extend(credentials.map(|known| text(&known["type"])));
    names.dedup();
    names
}
