//! Keys with which AWS's clients sign.

use serde_json::{Value, json};
use test_support::http::Client;
use test_support::people::{enrol, now, text};

/// A listener for AWS's clients.
pub(super) const AWS: &str = "[aws]\nlisten = [\"127.0.0.1:0\"]\n";

/// Each route is asked, and answers.
pub(super) fn what_succeeds(admin: &Client) {
    let keys = "/v1/access-keys";
    let made = [(); 2].map(|()| admin.post(keys, json!({"account": "alice"})).is(201));
    admin.post(keys, json!({"account": "alice"})).refused(409, "LimitExceeded");
    admin.post(keys, json!({"account": "nobody-here"})).refused(404, "NoSuchEntity");
    admin.get(keys).is(200);
    admin.post("/v1/aws/verify", question()).is(200);
    let key = key_question(&text(&made[0]["access_key_id"]));
    admin.post("/v1/aws/signing-keys", key).is(200);
    let code = enrol(admin, "sam").code();
    let body = json!({"account": "sam", "code": code, "audience": "sts.amazonaws.com"});
    let token = text(&admin.post("/v1/sessions", body).is(201)["token"]);
    admin.post("/v1/aws/credentials", json!({"token": token})).is(201);
    let paths = made.map(|made| format!("{keys}/{}", text(&made["access_key_id"])));
    admin.patch(&paths[0], json!({"active": false})).is(204);
    for path in &paths {
        admin.delete(path).is(204);
    }
}

/// A question about a request that an unknown key signed.
pub(super) fn question() -> Value {
    let time = now().to_string().replace(['-', ':'], "");
    let scope = format!("AKIAAAAAAAAAAAAAAAAA/{}/eu-central-1/s3/aws4_request", &time[..8]);
    let signed = "SignedHeaders=host;x-amz-content-sha256;x-amz-date";
    let (zeros, algorithm) = ("0".repeat(64), "AWS4-HMAC-SHA256");
    let signature = format!("{algorithm} Credential={scope}, {signed}, Signature={zeros}");
    let headers = json!([
        ["host", "a.example"],
        ["x-amz-date", time],
        ["x-amz-content-sha256", zeros],
        ["authorization", signature],
    ]);
    json!({"service": "s3", "method": "GET", "path": "/", "headers": headers})
}

/// Without a listener there are no such routes.
pub(super) fn what_is_not_there(admin: &Client) {
    let key = key_question("AKIAAAAAAAAAAAAAAAAA");
    admin.get("/v1/access-keys").refused(404, "NoSuchEntity");
    let token = json!({"token": "e30.e30.e30"});
    admin.post("/v1/aws/credentials", token).refused(404, "NoSuchEntity");
    admin.post("/v1/aws/verify", question()).refused(404, "NoSuchEntity");
    admin.post("/v1/aws/signing-keys", key).refused(404, "NoSuchEntity");
}

/// The question for the signing key of today.
pub(super) fn key_question(id: &str) -> Value {
    let today = now().to_string().split('T').next().unwrap().replace('-', "");
    json!({"access_key_id": id, "date": today, "region": "eu-central-1", "service": "s3"})
}
