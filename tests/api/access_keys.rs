//! Keys with which AWS's clients sign.

use serde_json::json;
use test_support::http::Client;
use test_support::people::text;

/// A listener for AWS's clients.
pub(super) const AWS: &str = "[aws]\nlisten = [\"127.0.0.1:0\"]\n";

/// Each route is asked, and answers.
pub(super) fn what_succeeds(admin: &Client) {
    let keys = "/v1/access-keys";
    let made = [(); 2].map(|()| admin.post(keys, json!({"account": "alice"})).is(201));
    admin.post(keys, json!({"account": "alice"})).refused(409, "LimitExceeded");
    admin.post(keys, json!({"account": "nobody-here"})).refused(404, "NoSuchEntity");
    admin.get(keys).is(200);
    let paths = made.map(|made| format!("{keys}/{}", text(&made["access_key_id"])));
    admin.patch(&paths[0], json!({"active": false})).is(204);
    for path in &paths {
        admin.delete(path).is(204);
    }
}
