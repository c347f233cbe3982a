//! A site with a console, and its visitors: cookies, forms and pages, without a browser.

use std::collections::BTreeMap;
use std::net::TcpListener;

use serde_json::json;
use test_support::agent::Agent;
use test_support::http::{Answer, Client};
use test_support::people::text;

/// An agent with a console.
pub(super) struct Site {
    pub(super) agent: Agent,
    pub(super) port: u16,
}

/// A visitor with the cookies that it was given.
#[derive(Clone)]
pub(super) struct Visitor {
    port: u16,
    pub(super) cookies: BTreeMap<String, String>,
}

/// A page, or another answer of the console.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) answer: Answer,
    pub(super) html: String,
}

impl Site {
    /// An agent whose console has these settings more.
    pub(super) fn new(more: &str) -> Site {
        // Another program may take the port in between; then the agent says so.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let config = format!(
            "origins = [\"http://localhost:*\"]\n[console]\norigin = \"http://localhost:{port}\"\n\
             listen = [\"127.0.0.1:{port}\"]\n{more}"
        );
        Site { agent: Agent::start(&config), port }
    }

    pub(super) fn visitor(&self) -> Visitor {
        Visitor { port: self.port, cookies: BTreeMap::new() }
    }

    pub(super) fn admin(&self) -> Client {
        Client::unix(self.agent.socket())
    }

    pub(super) fn origin(&self) -> String {
        format!("http://localhost:{}", self.port)
    }

    /// The code of a new one-time link.
    pub(super) fn link(&self, account: &str) -> String {
        self.link_of(json!({ "account": account }))
    }

    /// The code of a new link that was asked for so.
    pub(super) fn link_of(&self, asked: serde_json::Value) -> String {
        let url = text(&self.admin().post("/v1/console/links", asked).is(201)["url"]);
        url.split_once('#').unwrap().1.to_owned()
    }
}

impl Visitor {
    pub(super) fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, &[], b"")
    }

    /// Sends a form as the console's own page does.
    pub(super) fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let origin = format!("http://localhost:{}", self.port);
        self.post_with(path, fields, &[("Origin", &origin)])
    }

    /// Sends a form with these headers.
    pub(super) fn post_with(
        &mut self,
        path: &str,
        fields: &[(&str, &str)],
        headers: &[(&str, &str)],
    ) -> Page {
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(fields);
        let kind = ("Content-Type", "application/x-www-form-urlencoded");
        let headers: Vec<_> = headers.iter().copied().chain([kind]).collect();
        self.send("POST", path, &headers, form.finish().as_bytes())
    }

    /// Sends a request to this host, and keeps the cookies of the answer.
    pub(super) fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Page {
        self.send_to(&format!("localhost:{}", self.port), method, path, (headers, body))
    }

    pub(super) fn send_to(
        &mut self,
        host: &str,
        method: &str,
        path: &str,
        (headers, body): (&[(&str, &str)], &[u8]),
    ) -> Page {
        let client = Client::tcp(format!("127.0.0.1:{}", self.port)).to_host(host);
        let pairs: Vec<_> =
            self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let cookies = pairs.join("; ");
        let mut headers = headers.to_vec();
        if !cookies.is_empty() {
            headers.push(("Cookie", &cookies));
        }
        let answer = client.raw(method, path, &headers, body);
        for (_, cookie) in answer.headers.iter().filter(|(name, _)| name == "set-cookie") {
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            match attributes.contains("Max-Age=0") {
                true => self.cookies.remove(name),
                false => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let html = answer.text();
        Page { answer, html }
    }

    /// The value of its session.
    pub(super) fn session(&self) -> Option<&str> {
        self.cookies.get(SESSION).map(String::as_str)
    }
}

impl Page {
    /// The heading of a page with this status.
    #[track_caller]
    pub(super) fn is(&self, status: u16, heading: &str) -> &Page {
        assert_eq!((self.answer.status, self.heading()), (status, heading), "{}", self.html);
        self
    }

    /// An answer that leads to another page.
    #[track_caller]
    pub(super) fn leads_to(&self, path: &str) -> &Page {
        let location = self.answer.header("location").unwrap_or_default();
        let (status, leads) = (self.answer.status, location.starts_with(path));
        assert!(status == 303 && leads, "{status} {location:?} {}", self.html);
        self
    }

    #[track_caller]
    pub(super) fn says(&self, words: &str) -> &Page {
        assert!(self.html.contains(words), "{words:?} is not in {}", self.html);
        self
    }

    pub(super) fn heading(&self) -> &str {
        self.between("<h1>", "</h1>").unwrap_or_default()
    }

    /// The text between two others.
    pub(super) fn between(&self, before: &str, after: &str) -> Option<&str> {
        Some(self.html.split_once(before)?.1.split_once(after)?.0)
    }

    /// The value of a field of a form.
    pub(super) fn field(&self, name: &str) -> String {
        let before = format!("name=\"{name}\" value=\"");
        self.between(&before, "\"")
            .unwrap_or_else(|| panic!("{name}: {}", self.html))
            .to_owned()
    }
}

/// The cookie of a session.
pub(super) const SESSION: &str = "__Host-twostep";
