//! Users and the uses of their keys, by AWS's own client.

use serde_json::{Value, json};
use test_support::people::{add, enrol};

use super::boto::{Boto, rooted};

fn user(name: &str) -> Value {
    json!({"UserName": name})
}

#[test]
fn a_user_is_made_listed_and_deleted_when_empty() {
    let Some((wire, mut boto, root)) = rooted() else { return };
    let made = boto.told(&root, "iam", "create_user", &user("carol"));
    let (id, arn) = (&made["User"]["UserId"], &made["User"]["Arn"]);
    assert_eq!(arn, "arn:aws:iam::100000000000:user/carol");
    let class = ["EntityAlreadyExistsException", "EntityAlreadyExists"];
    assert_eq!(boto.error(&root, "iam", "create_user", &user("carol")), class);
    assert_eq!(boto.error(&root, "iam", "create_user", &user("alice")), class);
    let with_path = json!({"UserName": "dave", "Path": "/staff/"});
    assert_eq!(boto.error(&root, "iam", "create_user", &with_path)[1], "ValidationError");
    assert_eq!(&boto.told(&root, "iam", "get_user", &user("carol"))["User"]["UserId"], id);
    let denied = boto.error(&wire.key, "iam", "create_user", &user("dave"));
    assert_eq!(denied[1], "AccessDenied");

    // A user with a key, a policy or a device is not deleted.
    let conflict = ["DeleteConflictException", "DeleteConflict"];
    let key = boto.told(&root, "iam", "create_access_key", &user("carol"));
    assert_eq!(boto.error(&root, "iam", "delete_user", &user("carol")), conflict);
    let key = json!({"UserName": "carol", "AccessKeyId": key["AccessKey"]["AccessKeyId"]});
    boto.told(&root, "iam", "delete_access_key", &key);
    let policy = json!({
        "UserName": "carol", "PolicyName": "none",
        "PolicyDocument": r#"{"Statement": {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}}"#,
    });
    boto.told(&root, "iam", "put_user_policy", &policy);
    assert_eq!(boto.error(&root, "iam", "delete_user", &user("carol")), conflict);
    let policy = json!({"UserName": "carol", "PolicyName": "none"});
    boto.told(&root, "iam", "delete_user_policy", &policy);
    let device = add(&wire.admin, "carol");
    assert_eq!(boto.error(&root, "iam", "delete_user", &user("carol")), conflict);
    wire.admin.delete(&format!("/v1/devices/{}", device.serial)).is(204);
    boto.told(&root, "iam", "delete_user", &user("carol"));
    let missing = ["NoSuchEntityException", "NoSuchEntity"];
    assert_eq!(boto.error(&root, "iam", "delete_user", &user("carol")), missing);
    assert_eq!(boto.error(&root, "iam", "get_user", &user("carol")), missing);
    let again = boto.told(&root, "iam", "create_user", &user("carol"));
    assert_eq!(again["User"]["UserName"], "carol");
    let events = wire.admin.get("/v1/audit?account=carol").is(200).to_string();
    assert!(events.contains("account.added") && events.contains("account.removed"));
}

#[test]
fn users_are_listed_page_by_page_in_order() {
    let Some((wire, mut boto, root)) = rooted() else { return };
    let mut names = vec!["alice".to_owned()];
    for at in (1..=9).rev() {
        let name = format!("user-{at}");
        boto.told(&root, "iam", "create_user", &user(&name));
        names.push(name);
    }
    names.sort();
    // An account whose name is no name of a user is invisible.
    enrol(&wire.admin, "Zoë Müller");
    let (mut listed, mut marker) = (Vec::new(), None::<Value>);
    for pages in 1.. {
        let mut with = json!({"MaxItems": 5});
        if let Some(marker) = &marker {
            with["Marker"] = marker.clone();
        }
        let page = boto.told(&root, "iam", "list_users", &with);
        let users = page["Users"].as_array().unwrap();
        listed.extend(users.iter().map(|user| user["UserName"].as_str().unwrap().to_owned()));
        if page["IsTruncated"] == json!(false) {
            assert_eq!((pages, page["Marker"].clone()), (2, Value::Null), "a full last page");
            break;
        }
        marker = Some(page["Marker"].clone());
    }
    assert_eq!(listed, names);
    let elsewhere = boto.told(&root, "iam", "list_users", &json!({"PathPrefix": "/staff/"}));
    assert_eq!(elsewhere["Users"], json!([]));
    assert_eq!(boto.error(&wire.key, "iam", "list_users", &json!({}))[1], "AccessDenied");
}

#[test]
fn the_last_use_of_a_key_survives_a_restart() {
    let Some((mut wire, mut boto, root)) = rooted() else { return };
    let asked = json!({"AccessKeyId": wire.key.id});
    let told = boto.told(&root, "iam", "get_access_key_last_used", &asked);
    assert_eq!(told["UserName"], "alice");
    assert_eq!(told["AccessKeyLastUsed"], json!({"ServiceName": "N/A", "Region": "N/A"}));
    let session = wire.session();
    let used = |told: &Value| {
        let last = &told["AccessKeyLastUsed"];
        assert_ne!(last["LastUsedDate"], Value::Null);
        [last["ServiceName"].clone(), last["Region"].clone()]
    };
    let told = boto.told(&root, "iam", "get_access_key_last_used", &asked);
    assert_eq!(used(&told), ["sts", "us-east-1"]);
    // The use of a session is one of the key that opened it.
    boto.told(&session, "iam", "list_mfa_devices", &json!({}));
    let told = boto.told(&root, "iam", "get_access_key_last_used", &asked);
    assert_eq!(used(&told), ["iam", "us-east-1"]);
    let unknown = json!({"AccessKeyId": "AKIAAAAAAAAAAAAAAAAA"});
    let class = ["NoSuchEntityException", "NoSuchEntity"];
    assert_eq!(boto.error(&root, "iam", "get_access_key_last_used", &unknown), class);

    let wire = wire.restarted();
    let mut boto = Boto::start(&wire);
    let told = boto.told(&root, "iam", "get_access_key_last_used", &asked);
    assert_eq!(used(&told), ["iam", "us-east-1"]);
}
