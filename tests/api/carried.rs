//! Tokens in requests, at each place that reads them: API keys of the agent, its route for proxies,
//! a guard's extractor and its layer.

use axum::Router;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use axum::routing::get;
use serde_json::json;
use test_support::agent::Agent;
use test_support::http::Client;
use test_support::people::{api_key, enrol};
use tokio::runtime::{Builder, Runtime};
use tower::ServiceExt;
use twostep::guard::{MfaGuard, MfaLayer, MfaPresent};
use twostep::policy::Policy;
use twostep::session::{JwkSet, Validator};

use super::{TCP, admin};

/// The verdict on a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read {
    /// The token, which is valid.
    Token,
    /// A token that is not valid.
    Wrong,
    /// No token.
    Nothing,
    /// Two tokens, or what cannot be read.
    Ambiguous,
}

/// The doors, and a token that opens each.
struct Doors {
    runtime: Runtime,
    agent: Agent,
    proxy: Client,
    guard: Router,
    api_key: String,
    session: String,
}

const CONFIG: &str = "[forward]\ncookie = \"mfa\"\n[policy.mfa]\npresent = true\n";

impl Doors {
    fn new() -> Doors {
        let agent = Agent::start(&format!("{TCP}{CONFIG}"));
        let admin = admin(&agent);
        let session = enrol(&admin, "alice").session(&admin, "alice");
        let keys = JwkSet::from_json(&admin.get("/.well-known/jwks.json").body).unwrap();
        let guard =
            MfaGuard::new(Validator::new(keys, "twostep", "twostep"), Policy::mfa_present())
                .with_cookie("mfa".parse().unwrap());
        let layer = Router::new()
            .route("/layer", get(async || ""))
            .layer(MfaLayer::new(guard.clone()));
        let guard = Router::new()
            .route("/extractor", get(async |_: MfaPresent| ""))
            .with_state(guard)
            .merge(layer);
        let api_key = api_key(&admin, json!({"role": "admin"}));
        Doors {
            runtime: Builder::new_current_thread().build().unwrap(),
            proxy: admin,
            agent,
            guard,
            api_key,
            session,
        }
    }

    fn of_the_guard(&self, path: &str, headers: &[(&str, Vec<u8>)]) -> Read {
        let request = headers.iter().fold(Request::get(path), |request, (name, value)| {
            request.header(*name, value.as_slice())
        });
        let answer = self
            .runtime
            .block_on(self.guard.clone().oneshot(request.body(Body::empty()).unwrap()))
            .unwrap();
        let challenge = answer
            .headers()
            .get("www-authenticate")
            .map(|challenge| challenge.to_str().unwrap().to_owned())
            .unwrap_or_default();
        match answer.status() {
            StatusCode::OK => Read::Token,
            StatusCode::BAD_REQUEST if challenge.contains("invalid_request") => Read::Ambiguous,
            StatusCode::UNAUTHORIZED if challenge.contains("invalid_token") => Read::Wrong,
            StatusCode::UNAUTHORIZED if !challenge.contains("error") => Read::Nothing,
            status => panic!("{status} {challenge}"),
        }
    }

    fn of_the_proxy_route(&self, headers: &[(&str, Vec<u8>)]) -> Read {
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        let answer = self.proxy.octets("GET", "/v1/authz/mfa", &headers);
        let challenge = answer.header("www-authenticate").unwrap_or_default().to_owned();
        match answer.status {
            200 => Read::Token,
            // Some proxies hand no 400 on.
            401 if challenge.contains("invalid_token") && challenge.contains("send one token") => {
                Read::Ambiguous
            }
            401 if challenge.contains("invalid_token") => Read::Wrong,
            401 if !challenge.contains("error") => Read::Nothing,
            status => panic!("{status} {challenge}"),
        }
    }

    /// Without and with a wrong key a caller is answered alike.
    fn of_api_keys(&self, headers: &[(&str, Vec<u8>)]) -> Read {
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (*name, value.as_slice())).collect();
        match Client::tcp(self.agent.address()).octets("GET", "/v1/accounts", &headers).status {
            200 => Read::Token,
            401 => Read::Wrong,
            400 => Read::Ambiguous,
            status => panic!("{status}"),
        }
    }

    /// `T` stands for the token of the door.
    #[track_caller]
    fn all_read(&self, sent: &[(&'static str, &[u8])], read: Read) {
        let filled = |token: &str| {
            let fill =
                |byte: &u8| if *byte == b'T' { token.as_bytes().to_vec() } else { vec![*byte] };
            sent.iter()
                .map(|(name, value)| (*name, value.iter().flat_map(fill).collect()))
                .collect::<Vec<(&str, Vec<u8>)>>()
        };
        let session = filled(&self.session);
        for path in ["/extractor", "/layer"] {
            assert_eq!(self.of_the_guard(path, &session), read, "{path}: {sent:?}");
        }
        assert_eq!(self.of_the_proxy_route(&session), read, "the route for proxies: {sent:?}");
        if sent.iter().all(|(name, _)| *name == "authorization") {
            let read = if read == Read::Nothing { Read::Wrong } else { read };
            assert_eq!(self.of_api_keys(&filled(&self.api_key)), read, "API keys: {sent:?}");
        }
    }
}

#[test]
fn a_bearer_token_is_read_alike_at_every_door() {
    let doors = Doors::new();
    for (value, read) in [
        (&b"Bearer T"[..], Read::Token),
        (b"bearer T", Read::Token),
        (b"BEARER T", Read::Token),
        (b"bEARER T", Read::Token),
        (b"Bearer  T", Read::Token),
        (b"bearer     T", Read::Token),
        (b"Bearer\tT", Read::Token),
        (b"Bearer \t T", Read::Token),
        (b"Bearer T ", Read::Token),
        (b"Bearer T \t", Read::Token),
        (b"Bearer", Read::Wrong),
        (b"Bearer ", Read::Wrong),
        (b"Bearer x", Read::Wrong),
        (b"Bearer Bearer T", Read::Wrong),
        (b"Bearer T T", Read::Wrong),
        (b"Bearer T, Bearer T", Read::Wrong),
        (b"Bearer T,", Read::Wrong),
        (b"Bearer T;", Read::Wrong),
        (b"Bearer T=", Read::Wrong),
        (b"Bearer =T", Read::Wrong),
        (b"Bearer \"T\"", Read::Wrong),
        (b"Bearer 'T'", Read::Wrong),
        (b"Bearer <T>", Read::Wrong),
        (b"Bearer token=T", Read::Wrong),
        (b"T", Read::Nothing),
        (b"BearerT", Read::Nothing),
        (b"Bearers T", Read::Nothing),
        (b"Basic T", Read::Nothing),
        (b"Negotiate", Read::Nothing),
        (b"Basic REZ\xc9", Read::Nothing),
        (b"Digest username=\"REZ\xc3\x89\"", Read::Nothing),
        (b"", Read::Ambiguous),
        (b"Bearer,T", Read::Ambiguous),
        (b"Bearer: T", Read::Ambiguous),
        (b"Bearer=T", Read::Ambiguous),
        (b"\"Bearer\" T", Read::Ambiguous),
        (b"Bear\xc9r T", Read::Ambiguous),
        (b"Bearer\xa0T", Read::Ambiguous),
        (b"Bearer \xff", Read::Ambiguous),
        (b"Bearer T\xc2\xa0", Read::Ambiguous),
    ] {
        doors.all_read(&[("authorization", value)], read);
    }
    let one: &[u8] = b"Bearer T";
    for other in [one, b"bearer T", b"Bearer x", b"Basic YTpi", b"Bearer", b""] {
        doors.all_read(&[("authorization", one), ("authorization", other)], Read::Ambiguous);
        doors.all_read(&[("authorization", other), ("authorization", one)], Read::Ambiguous);
    }
}

#[test]
fn a_cookie_is_read_alike_at_every_door() {
    let doors = Doors::new();
    let bearer = ("authorization", &b"Bearer T"[..]);
    let cookie = |value: &'static [u8]| ("cookie", value);
    for value in [
        &b"mfa=T"[..],
        b"store=REZ\xc9; mfa=T",
        b"store=REZ\xc3\x89; mfa=T",
        b"mfa=T; store=REZ\xc9",
        b"\xff\xfe; mfa=T;\xfd=\xfc;",
        b"REZ\xc9=mfa; mfa=T",
        b"mfa=T;a=b",
        b"a=b;mfa=T ;",
        b"a=b; \tmfa = T\t; c",
        b"a; mfa=T; =; ;;",
        b"a=\"x, y\"; mfa=T",
        b"Mfa=x; MFA=x; mfa2=x; xmfa=x; mfa=T",
        b"mfa=T; mfa=T",
        b"mfa=; mfa=T",
        b"mfa=T; mfa=",
    ] {
        doors.all_read(&[cookie(value)], Read::Token);
        doors.all_read(&[bearer, cookie(value)], Read::Token);
    }
    for (headers, read) in [
        (&[cookie(b"store=REZ\xc9"), cookie(b"mfa=T"), cookie(b"a=b")][..], Read::Token),
        (&[cookie(b"mfa=T"), cookie(b"mfa=T")], Read::Token),
        (&[bearer, cookie(b"mfa=")], Read::Token),
        (&[bearer, cookie(b"mfa= ; store=REZ\xc9")], Read::Token),
        (&[("authorization", b"Basic REZ\xc9"), cookie(b"mfa=T")], Read::Token),
        (&[bearer, cookie(b"mfa=x")], Read::Ambiguous),
        (&[bearer, cookie(b"mfa=\xff")], Read::Ambiguous),
        (&[cookie(b"mfa=T; mfa=x")], Read::Ambiguous),
        (&[cookie(b"mfa=x"), cookie(b"mfa=T")], Read::Ambiguous),
        (&[cookie(b"mfa=; mfa=x; mfa=T")], Read::Ambiguous),
        (&[cookie(b"mfa=T"), ("authorization", b"Bearer")], Read::Ambiguous),
        (&[cookie(b"mfa=T"), ("authorization", b"")], Read::Ambiguous),
        (&[cookie(b"mfa=\"T\"")], Read::Wrong),
        (&[cookie(b"mfa=T=")], Read::Wrong),
        (&[cookie(b"mfa=\xff\xfe")], Read::Wrong),
        (&[cookie(b"mfa=")], Read::Wrong),
        (&[cookie(b"mfa")], Read::Nothing),
        (&[cookie(b"mfa2=T; MFA=T; \"mfa\"=T; m\xc9=T")], Read::Nothing),
        (&[cookie(b"store=REZ\xc9")], Read::Nothing),
        (&[cookie(b"")], Read::Nothing),
    ] {
        doors.all_read(headers, read);
    }
}

#[test]
fn a_context_beside_an_api_key_is_sent_once() {
    let agent = Agent::start(TCP);
    let admin = admin(&agent);
    let session = enrol(&admin, "alice").session(&admin, "alice");
    let enroller =
        Client::tcp(agent.address()).bearing(&api_key(&admin, json!({"role": "enroller"})));
    let add = |client: &Client, contexts: &[&[u8]]| {
        let body = json!({"account": "alice", "kind": "hotp"}).to_string();
        let mut headers = vec![("Content-Type", &b"application/json"[..])];
        headers.extend(contexts.iter().map(|context| ("X-MFA-Context", *context)));
        client.octets_with("POST", "/v1/devices", &headers, body.as_bytes())
    };
    let blank = format!("\t{session} \t");
    for context in [session.as_bytes(), blank.as_bytes()] {
        add(&enroller, &[context]).is(201);
    }
    for none in [&[][..], &[&b""[..]], &[&b"\xff\xfe"[..]], &[&b"x"[..]]] {
        assert_eq!(
            add(&enroller, none).refused(403, "AccessDenied")["reason"],
            "mfa_required",
            "{none:?}"
        );
    }
    for second in [session.as_bytes(), b"", b"x", b"\xff"] {
        for contexts in [[session.as_bytes(), second], [second, session.as_bytes()]] {
            add(&enroller, &contexts).refused(400, "InvalidInput");
            add(&admin, &contexts).refused(400, "InvalidInput");
        }
    }
}
