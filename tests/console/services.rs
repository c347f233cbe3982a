//! The sign-in page of other services: who gets a token, where to, and what for.

use serde_json::json;
use test_support::people::{alive, enrol, text};

use super::bypass;
use super::visitor::Site;

const ORDERS: &str = "[[console.service]]\nname = \"Orders\"\n\
    origin = \"https://orders.example.com\"\nreceive = \"/mfa\"\naudience = \"orders\"\n";

#[test]
fn a_started_sign_in_hands_a_token_to_its_service() {
    let site = Site::new(ORDERS);
    enrol(&site.admin(), "alice");
    let asked = json!({
        "account": "alice", "return_to": "https://orders.example.com/cart?a=b", "state": "s\"<1>",
    });
    let url = text(&site.admin().post("/v1/console/sign-ins", asked).is(201)["url"]);
    let path = url.strip_prefix(&site.origin()).unwrap();
    let mut visitor = site.visitor();
    let page = visitor.get(path);
    page.is(200, "Sign in to Orders").says("Orders asks for a second step");
    let started = page.field("started");
    let fields =
        |code: &str| [("started".to_owned(), started.clone()), ("code".into(), code.into())];
    let mut send = |code: &str| {
        let fields = fields(code);
        let fields: Vec<(&str, &str)> =
            fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        visitor.post("/login/code", &fields)
    };
    send("000000").is(403, "Sign in to Orders");
    let done = send(&bypass(&site, "alice"));
    done.is(200, "Signed in").says("action=\"https://orders.example.com/mfa\"");
    done.says("https://orders.example.com/cart?a=b").says("s&#34;&#60;1&#62;");
    let policy = done.answer.header("content-security-policy").unwrap();
    assert!(policy.contains("form-action 'self' https://orders.example.com;"), "{policy}");
    assert_eq!(done.answer.header("referrer-policy"), Some("strict-origin"));
    let token = done.field("token");
    let introspected = site
        .admin()
        .post("/v1/sessions/introspect", json!({"token": token, "audience": "orders"}))
        .is(200);
    assert_eq!(introspected["context"]["account"], "alice");
    assert!(!alive(&site.admin(), &token), "for that service alone");
    // The sign-in is used up, and no session of the console was opened.
    send(&bypass(&site, "alice")).is(422, "This sign-in cannot go on");
    visitor.get("/devices").leads_to("/sign-in");
}

#[test]
fn a_sign_in_that_anybody_may_open_takes_keys_alone() {
    let site = Site::new(ORDERS);
    enrol(&site.admin(), "alice");
    let mut visitor = site.visitor();
    let address = "/login?return_to=https%3A%2F%2Forders.example.com%2F&login_hint=alice";
    let page = visitor.get(address);
    page.is(200, "Sign in to Orders")
        .says("On this page only security keys are taken");
    let fields = [
        ("return_to", "https://orders.example.com/"),
        ("account", "alice"),
        ("code", &bypass(&site, "alice")),
    ];
    visitor.post("/login/code", &fields).is(403, "Sign in to Orders");
    visitor.post("/sign-in/code", &[("account", "alice"), ("code", "000000")]);
    assert_eq!(visitor.session(), None);

    let open = Site::new(&format!("open_codes = true\n{ORDERS}"));
    enrol(&open.admin(), "alice");
    let code = bypass(&open, "alice");
    let fields =
        [("return_to", "https://orders.example.com/"), ("account", "alice"), ("code", &code)];
    open.visitor().post("/login/code", &fields).is(200, "Signed in");
    // A service that asks for phishing resistance gets no codes.
    let only_keys = format!("{address}&acr_values=phr");
    open.visitor().get(&only_keys).says("On this page only security keys are taken");
}

#[test]
fn a_return_address_is_on_the_origin_of_a_service() {
    let site = Site::new(ORDERS);
    let mut visitor = site.visitor();
    for address in [
        "https://evil.example/",
        "https://orders.example.com.evil.example/",
        "orders.example.com",
        "https://orders.example.com:444/",
        "http://orders.example.com/",
        "//orders.example.com/",
        "https://a@orders.example.com/",
        "https://a:b@orders.example.com/",
        "javascript:alert(1)",
        "https://orders.example.com@evil.example/",
        "data:text/html,x",
        "/devices",
        "",
        "https://evil.example/https://orders.example.com/",
        "ftp://orders.example.com/",
        "https://orders.example.com%2eevil.example/",
        "https://xn--orders-.example.com/",
        "https://evil.example\\@orders.example.com/",
        "https://evil.example#orders.example.com",
        "https:///evil.example/",
        "https://orders.example.com.:8443/",
    ] {
        let encoded: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
        let page = visitor.get(&format!("/login?return_to={encoded}&login_hint=alice"));
        page.is(422, "This sign-in cannot go on");
        assert!(!page.html.contains("evil.example"), "{address}");
    }
}
