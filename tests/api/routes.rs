//! Every route of the contract that this version builds, with who may ask and how it may answer.

use serde_json::{Value, json};

use super::access_keys;

/// A route, and its answers beside those that all routes have.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// The lowest role that may ask; none where anybody may.
    pub(crate) role: Option<Role>,
    pub(crate) success: u16,
    pub(crate) refusals: &'static [(u16, &'static str)],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Verifier,
    Enroller,
    Admin,
}

use Role::{Admin, Enroller, Verifier};

pub(crate) const ROLES: [Role; 3] = [Verifier, Enroller, Admin];

pub(crate) const ROUTES: &[Route] = &[
    route("POST", "/v1/devices", Enroller, 201, &[NOT_THERE, THERE_ALREADY, TOO_MANY]),
    route("GET", "/v1/devices", Verifier, 200, &[]),
    route("POST", "/v1/devices/import", Admin, 200, &[]),
    route("POST", "/v1/devices/export", Admin, 200, &[]),
    route("GET", "/v1/devices/{serial}", Enroller, 200, &[NOT_THERE]),
    route("PATCH", "/v1/devices/{serial}", Enroller, 200, &[NOT_THERE]),
    route("DELETE", "/v1/devices/{serial}", Enroller, 204, &[NOT_THERE]),
    route(
        "POST",
        "/v1/devices/{serial}/activate",
        Enroller,
        200,
        &[NOT_THERE, NOT_PROVED, THERE_ALREADY, NOT_NOW],
    ),
    route("POST", "/v1/devices/{serial}/resync", Enroller, 200, &[NOT_THERE, NOT_PROVED, NOT_NOW]),
    route("POST", "/v1/devices/{serial}/diagnose", Admin, 200, &[NOT_THERE]),
    route("POST", "/v1/devices/{serial}/deactivate", Enroller, 200, &[NOT_THERE]),
    route("POST", "/v1/devices/{serial}/unlock", Admin, 200, &[NOT_THERE]),
    route("POST", "/v1/devices/{serial}/assign", Admin, 200, &[NOT_THERE]),
    route("GET", "/v1/fleet/drift", Admin, 200, &[]),
    route("GET", "/v1/accounts", Admin, 200, &[]),
    route("DELETE", "/v1/accounts/{account}", Admin, 204, &[NOT_THERE]),
    route("POST", "/v1/accounts/{account}/bypass", Admin, 201, &[NOT_THERE]),
    route("POST", "/v1/accounts/{account}/recover", Admin, 201, &[NOT_THERE]),
    route("POST", "/v1/accounts/{account}/revoke-sessions", Enroller, 200, &[NOT_THERE]),
    route("POST", "/v1/security-keys/register/begin", Enroller, 200, &[NOT_THERE, TOO_MANY]),
    route(
        "POST",
        "/v1/security-keys/register/finish",
        Enroller,
        201,
        &[NOT_PROVED, NOT_THERE, THERE_ALREADY, TOO_MANY],
    ),
    route("POST", "/v1/security-keys/authenticate/begin", Verifier, 200, &[]),
    route("POST", "/v1/sessions", Verifier, 201, &[]),
    route("POST", "/v1/sessions/introspect", Verifier, 200, &[]),
    route("POST", "/v1/sessions/revoke", Enroller, 204, &[]),
    route("GET", "/v1/authz/{policy}", Verifier, 200, &[NOT_THERE, (302, "")]),
    route("POST", "/v1/authz-return", Verifier, 303, &[NOT_THERE]),
    route("POST", "/v1/local/key-ceremonies", Verifier, 200, &[]),
    route("POST", "/v1/local/key-ceremonies/{id}/pin", Verifier, 204, &[NOT_THERE]),
    route("POST", "/v1/local/fresh", Verifier, 200, &[]),
    route("PUT", "/v1/local/fresh", Verifier, 204, &[]),
    route("POST", "/v1/console/links", Enroller, 201, &[NOT_THERE]),
    route("GET", "/v1/console/links", Enroller, 200, &[NOT_THERE]),
    route("DELETE", "/v1/console/links/{id}", Enroller, 204, &[NOT_THERE]),
    route("POST", "/v1/console/sign-ins", Verifier, 201, &[NOT_THERE]),
    route("POST", "/v1/access-keys", Admin, 201, &[NOT_THERE, TOO_MANY]),
    route("GET", "/v1/access-keys", Admin, 200, &[NOT_THERE]),
    route("PATCH", "/v1/access-keys/{id}", Admin, 204, &[NOT_THERE]),
    route("DELETE", "/v1/access-keys/{id}", Admin, 204, &[NOT_THERE]),
    route("POST", "/v1/aws/verify", Verifier, 200, &[NOT_THERE]),
    route("POST", "/v1/aws/credentials", Verifier, 201, &[NOT_THERE]),
    route("POST", "/v1/aws/signing-keys", Verifier, 200, &[NOT_THERE]),
    route("GET", "/v1/audit", Admin, 200, &[]),
    route("GET", "/v1/audit/verify", Admin, 200, &[]),
    route("GET", "/v1/audit/checkpoint", Admin, 200, &[]),
    route("POST", "/v1/api-keys", Admin, 201, &[]),
    route("GET", "/v1/api-keys", Admin, 200, &[]),
    route("DELETE", "/v1/api-keys/{id}", Admin, 204, &[NOT_THERE]),
    route("GET", "/v1/signing-keys", Admin, 200, &[]),
    route("POST", "/v1/signing-keys", Admin, 201, &[]),
    route("DELETE", "/v1/signing-keys/{kid}", Admin, 204, &[NOT_THERE]),
    route("POST", "/v1/store/backup", Admin, 201, &[]),
    route("POST", "/v1/clock/accept", Admin, 200, &[]),
    route("POST", "/v1/store/accept", Admin, 200, &[]),
    open("/.well-known/jwks.json", &[AWAY]),
    open("/.well-known/mfa-revocations", &[AWAY, UNCHANGED]),
    open("/.well-known/webauthn", &[NOT_THERE]),
    open("/healthz", &[]),
    open("/readyz", &[AWAY]),
    open("/metrics", &[NOT_THERE, UNKNOWN_CALLER, TOO_FAST]),
    open("/openapi.json", &[]),
];

const fn route(
    method: &'static str,
    path: &'static str,
    role: Role,
    success: u16,
    refusals: &'static [(u16, &'static str)],
) -> Route {
    Route { method, path, role: Some(role), success, refusals }
}

const fn open(path: &'static str, refusals: &'static [(u16, &'static str)]) -> Route {
    Route { method: "GET", path, role: None, success: 200, refusals }
}

impl Route {
    /// The route that this request was for, with its query left out.
    pub(crate) fn of(method: &str, path: &str) -> Option<&'static Route> {
        let path = path.split('?').next().unwrap_or_default();
        // The first that fits: the ones without a variable part stand before those with one.
        let fits = |route: &&Route| {
            let alike = path
                .split('/')
                .zip(route.path.split('/'))
                .all(|(part, name)| part == name || name.starts_with('{'));
            route.method == method
                && alike
                && route.path.matches('/').count() == path.matches('/').count()
        };
        ROUTES.iter().find(fits)
    }

    /// A well-formed request, for something that is not there.
    pub(crate) fn request(&self) -> (String, Option<Value>) {
        let path = self
            .path
            .replace("{serial}", "NOT-THERE-000")
            .replace("{account}", "nobody-here");
        let path = path
            .replace("{id}", "NOTTHERE0000")
            .replace("{kid}", "NOTTHERE")
            .replace("{policy}", "not-there");
        let body = match (self.method, self.path) {
            ("POST", "/v1/devices") => json!({"account": "nobody-here", "kind": "hotp"}),
            ("POST", "/v1/devices/export") => json!({"format": "pskc", "passphrase": "p"}),
            ("POST", path) if path.ends_with("/assign") => json!({"account": "nobody-here"}),
            ("GET", "/v1/devices") => return ("/v1/devices?account=nobody-here".to_owned(), None),
            ("PATCH", "/v1/access-keys/{id}") => json!({"active": true}),
            ("PATCH", _) => json!({"name": "a name"}),
            ("POST", path)
                if ["/activate", "/resync", "/diagnose"].iter().any(|end| path.ends_with(end)) =>
            {
                json!({"codes": ["123456", "654321"]})
            }
            ("POST", "/v1/security-keys/register/finish") => {
                let response = json!({"clientDataJSON": "e30", "attestationObject": "oA"});
                let credential = json!({
                    "id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": response,
                });
                json!({"ceremony_id": "AAAAAAAAAAAAAAAAAAAAAA", "credential": credential})
            }
            ("POST", path) if path.starts_with("/v1/security-keys/") => {
                json!({"account": "nobody-here"})
            }
            ("POST", "/v1/sessions") => {
                json!({"account": "nobody-here", "serial": "NOT-THERE-000", "code": "123456"})
            }
            ("POST", "/v1/sessions/introspect" | "/v1/sessions/revoke") => json!({"token": "none"}),
            ("POST", "/v1/local/key-ceremonies") => {
                json!({"account": "nobody-here", "service": "sudo", "wait_seconds": 1})
            }
            ("POST", path) if path.ends_with("/pin") => json!({"pin": "123456"}),
            ("POST", "/v1/local/fresh") => place(),
            ("PUT", "/v1/local/fresh") => {
                let mut place = place();
                place["token"] = "none".into();
                place
            }
            ("POST", "/v1/console/links") => json!({"account": "nobody-here"}),
            ("POST", "/v1/console/sign-ins") => {
                json!({"account": "nobody-here", "return_to": "https://orders.example.com/"})
            }
            ("POST", "/v1/api-keys") => json!({"role": "verifier"}),
            ("POST", "/v1/access-keys") => json!({"account": "nobody-here"}),
            ("POST", "/v1/aws/credentials") => json!({"token": "e30.e30.e30"}),
            ("POST", "/v1/aws/verify") => access_keys::question(),
            ("POST", "/v1/aws/signing-keys") => access_keys::key_question("AKIAAAAAAAAAAAAAAAAA"),
            ("POST", _) => json!({}),
            _ => return (path, None),
        };
        (path, Some(body))
    }

    /// All its answers: by status and code, and the success without one.
    pub(crate) fn answers(&self) -> Vec<(u16, String)> {
        // Cases of every route: a body that is too long, and a request of a web page.
        let mut all = vec![
            (self.success, String::new()),
            named((400, "InvalidInput")),
            named((403, "AccessDenied")),
        ];
        all.extend(self.refusals.iter().copied().map(named));
        if self.role.is_some() {
            all.extend([UNKNOWN_CALLER, TOO_FAST].map(named));
        }
        // A PIN is for a key, and nothing is looked up for it.
        if self.role.is_some() && !self.path.ends_with("/pin") {
            all.push(named(AWAY));
        }
        all
    }
}

/// An empty terminal.
fn place() -> Value {
    let boot_id = "00000000-0000-0000-0000-000000000000";
    json!({
        "account": "nobody-here", "uid": 1000, "service": "sudo", "tty": "pts/1",
        "leader_pid": 1, "leader_started": 1, "boot_id": boot_id,
    })
}

fn named((status, code): (u16, &str)) -> (u16, String) {
    (status, code.to_owned())
}

/// No refusal: the client has the document already.
const UNCHANGED: (u16, &str) = (304, "");
const UNKNOWN_CALLER: (u16, &str) = (401, "Unauthorized");
const NOT_PROVED: (u16, &str) = (403, "InvalidAuthenticationCode");
const NOT_THERE: (u16, &str) = (404, "NoSuchEntity");
const THERE_ALREADY: (u16, &str) = (409, "EntityAlreadyExists");
const TOO_MANY: (u16, &str) = (409, "LimitExceeded");
const NOT_NOW: (u16, &str) = (409, "EntityTemporarilyUnmodifiable");
const TOO_FAST: (u16, &str) = (429, "Throttled");
const AWAY: (u16, &str) = (503, "ServiceUnavailable");
