//! Search for leaked secrets: after a visit with marked secrets, all that the agent wrote, and all
//! that its pages told, is searched for each of them in every encoding.

use std::collections::BTreeMap;
use std::fs;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;
use test_support::canaries::Canaries;
use test_support::people::{self, app, text};
use twostep::otp::Seed;
use twostep::time::UnixTime;

use super::visitor::{Page, SESSION, Site, Visitor};

const MORE: &str = "open_codes = true\n[[console.service]]\nname = \"Orders\"\nreceive = \"/mfa\"\n\
    origin = \"https://orders.example.com\"\naudience = \"orders\"\n[log]\nlevel = \"debug\"\n";

/// What the pages told, and what no place may hold.
#[derive(Default)]
struct Search {
    canaries: Canaries,
    /// Headers of all answers, and pages that have no secret to show.
    told: Vec<u8>,
}

impl Search {
    /// Keeps the headers of an answer, but for the one that gives a session its value.
    fn headers(&mut self, page: &Page) {
        let headers = page.answer.headers.iter().filter(|(name, _)| name != "set-cookie");
        headers.for_each(|header| self.told.extend(format!("{header:?}\n").bytes()));
        let kept = page.answer.header("cache-control");
        assert_eq!(kept, Some("no-store"), "an answer that a cache may keep");
    }

    fn whole(&mut self, page: &Page) {
        self.headers(page);
        self.told.extend(page.html.bytes());
    }

    fn session(&mut self, visitor: &Visitor) {
        self.canaries.keep("a session", visitor.session().unwrap());
        let value = URL_SAFE_NO_PAD.decode(visitor.session().unwrap()).unwrap();
        self.canaries.keep("a session's bytes", value);
    }

    fn code(&mut self, what: &'static str, code: &str) {
        self.canaries.keep(what, code);
        self.canaries.keep(what, code.replace('-', ""));
    }

    fn token(&mut self, token: &str) {
        self.canaries.keep("a token", token);
        let signature = URL_SAFE_NO_PAD.decode(token.rsplit('.').next().unwrap()).unwrap();
        self.canaries.keep("a token's signature", signature);
    }
}

#[test]
fn no_secret_of_a_page_leaks() {
    let (site, mut search) = (Site::new(MORE), Search::default());
    let mut owner = enrols(&site, &mut search);
    signs_in(&site, &mut owner, &mut search);
    signs_in_elsewhere(&site, &mut search);
    operates(&site, &mut search);
    looks_around(&mut owner, &mut search);
    let admin = site.admin();
    let audit = admin.get("/v1/audit?limit=1000");
    assert!(audit.text().contains("link.opened"), "{}", audit.text());
    let mut places = BTreeMap::from([
        ("pages".to_owned(), search.told),
        ("audit".to_owned(), audit.body),
        ("metrics".to_owned(), admin.get("/metrics").body),
        ("links".to_owned(), admin.get("/v1/console/links").body),
    ]);
    for entry in fs::read_dir(site.agent.folder.path()).unwrap() {
        let path = entry.unwrap().path();
        // The one file that keeps a secret. Sockets hold nothing.
        if path.is_file() && !path.ends_with("sealing.key") {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            places.insert(name, fs::read(&path).unwrap());
        }
    }
    for place in ["log", "store.db", "pages", "audit", "metrics"] {
        assert!(places[place].len() > 20, "{place} is there, and is searched");
    }
    assert!(String::from_utf8_lossy(&places["log"]).contains("/devices/{serial}/activate"));
    assert_eq!(search.canaries.found_in(&places), Vec::<String>::new());
    search.canaries.are_found_where_planted();
}

/// A link, an app with its secret, and recovery codes.
fn enrols(site: &Site, search: &mut Search) -> Visitor {
    let mut owner = site.visitor();
    let link = site.link("alice");
    search.code("a link", &link);
    search.headers(&owner.post("/link", &[("code", &link)]));
    search.session(&owner);
    // A used link is refused, and is not shown again.
    search.whole(&site.visitor().post("/link", &[("code", &link)]));
    let begun = owner.post("/devices/add/app", &[]);
    let path = begun.answer.header("location").unwrap().to_owned();
    search.headers(&begun);
    let page = owner.get(&path);
    search.headers(&page);
    let secret = page.between("id=\"secret\" value=\"", "\"").unwrap().replace(' ', "");
    search.canaries.keep("a seed's text", &secret);
    search.canaries.keep("a seed", Seed::from_base32(&secret).unwrap().expose());
    let (app, now) = (app(&secret), people::now());
    let (first, second) = (app.text_at(UnixTime(now.0 - 30)), app.text_at(now));
    let fields = [("name", "Phone"), ("first", first.as_str()), ("second", second.as_str())];
    let added = owner.post(&path, &fields);
    added.leads_to("/devices");
    search.whole(&added);
    search.session(&owner);
    let sheet = owner.post("/recovery", &[]);
    search.headers(&sheet);
    let list = sheet.between("<ul class=\"sheet\"", "</ul>").unwrap();
    let codes: Vec<&str> =
        list.split("<li>").skip(1).map(|it| it.split('<').next().unwrap()).collect();
    assert_eq!(codes.len(), 10);
    codes.iter().for_each(|code| search.code("a recovery code", code));
    let mut other = site.visitor();
    let fields = [("account", "alice"), ("code", codes[0])];
    let signed_in = other.post("/sign-in/code", &fields);
    signed_in.leads_to("/devices");
    search.whole(&signed_in);
    search.session(&other);
    search.whole(&other.post("/sign-in/code", &fields));
    owner
}

/// A proof anew, by a bypass code, and one that is refused.
fn signs_in(site: &Site, owner: &mut Visitor, search: &mut Search) {
    let code = super::bypass(site, "alice");
    search.code("a bypass code", &code);
    search.whole(&owner.post("/prove/code", &[("code", &code), ("next", "/recovery")]));
    search.session(owner);
    search.whole(&owner.post("/prove/code", &[("code", &code)]));
    search
        .canaries
        .keep("a planted session", "planted-session-planted-session-planted-ses");
    let mut planted = site.visitor();
    let value = "planted-session-planted-session-planted-ses".to_owned();
    planted.cookies.insert(SESSION.to_owned(), value);
    search.whole(&planted.get("/devices"));
}

/// A sign-in that a service starts: its page is found by a secret, and ends in a token.
fn signs_in_elsewhere(site: &Site, search: &mut Search) {
    let asked = json!({
        "account": "alice",
        "return_to": "https://orders.example.com/",
        "state": "state-of-orders-9",
    });
    let url = text(&site.admin().post("/v1/console/sign-ins", asked).is(201)["url"]);
    let started = url.rsplit('/').next().unwrap().to_owned();
    search.code("a started sign-in", &started);
    search.canaries.keep("a service's state", "state-of-orders-9");
    let mut visitor = site.visitor();
    search.headers(&visitor.get(&format!("/login/{started}")));
    let code = super::bypass(site, "alice");
    search.code("a bypass code", &code);
    let done = visitor.post("/login/code", &[("started", &started), ("code", &code)]);
    search.headers(&done);
    search.token(&done.field("token"));
}

/// An operator's API key, and a recovery link.
fn operates(site: &Site, search: &mut Search) {
    let body = json!({"role": "admin", "operator": "alice"});
    let key = text(&site.admin().post("/v1/api-keys", body).is(201)["key"]);
    // In `twostep_ID_SECRET` the id is public.
    search.canaries.keep("an API key", key.splitn(3, '_').nth(2).unwrap());
    let mut operator = site.visitor();
    for typed in ["twostep_AAAA_wrong-key-wrong-key-wrong-key-wrong-key-wro", &key] {
        let fields = [("account", "alice"), ("api_key", typed)];
        search.whole(&operator.post("/operator/sign-in", &fields));
    }
    search
        .canaries
        .keep("a wrong API key", "wrong-key-wrong-key-wrong-key-wrong-key-wro");
    let code = super::bypass(site, "alice");
    search.code("a bypass code", &code);
    operator
        .post("/operator/sign-in/code", &[("code", &code)])
        .leads_to("/operator");
    search.session(&operator);
    let made = operator.post("/operator/accounts/bert/link", &[]);
    search.headers(&made);
    let url = made.between("id=\"link\" value=\"", "\"").unwrap();
    search.code("a link", url.split_once('#').unwrap().1);
    for path in ["/operator", "/operator/links", "/operator/audit", "/operator/accounts/alice"] {
        search.whole(&operator.get(path));
    }
}

/// Pages that show none of it again.
fn looks_around(owner: &mut Visitor, search: &mut Search) {
    for path in ["/devices", "/recovery", "/sign-ins", "/activity", "/lost", "/prove", "/link"] {
        search.whole(&owner.get(path));
    }
    search.whole(&owner.post("/sign-out", &[]));
}
