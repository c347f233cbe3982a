//! Virtual devices, users and access keys by AWS's own client.

use std::fs;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use test_support::people::{add, app, enrol, now, text};
use test_support::tools;
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

use super::boto::Boto;
use super::wire::{Key, Wire, refused};

/// The ARN of the first virtual device.
const PHONE: &str = "arn:aws:iam::100000000000:mfa/alice-phone";

/// The code that the app shows at this distance from now, in steps.
fn code(app: &SimulatedToken, steps: i64) -> String {
    app.text_at(UnixTime(now().0.saturating_add_signed(steps * 30)))
}

/// The bytes of a blob, as the client prints them.
fn blob(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// The text that `zbarimg` reads from a picture.
fn read(png: &[u8]) -> String {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("qr.png");
    fs::write(&file, png).unwrap();
    let read = Command::new("zbarimg").args(["--quiet", "--raw"]).arg(&file).output().unwrap();
    assert!(read.status.success(), "{read:?}");
    String::from_utf8(read.stdout).unwrap().trim().to_owned()
}

fn enable(pair: [String; 2]) -> Value {
    json!({
        "UserName": "alice", "SerialNumber": PHONE,
        "AuthenticationCode1": pair[0], "AuthenticationCode2": pair[1],
    })
}

#[test]
fn a_virtual_device_lives_from_its_making_to_its_deletion() {
    if !tools::have("python:boto3,zbarimg") {
        return;
    }
    let mut wire = Wire::start("");
    let mut boto = Boto::start(&wire);
    let session = wire.session();
    let (phone, none) = (json!({"SerialNumber": PHONE}), json!({}));
    let named = json!({"VirtualMFADeviceName": "alice-phone"});
    let mut iam = |key: &Key, call: &str, with: &Value| boto.told(key, "iam", call, with);
    let made = iam(&session, "create_virtual_mfa_device", &named);
    let made = &made["VirtualMFADevice"];
    assert_eq!(made["SerialNumber"], PHONE);
    let secret = String::from_utf8(blob(&made["Base32StringSeed"])).unwrap();
    let uri = read(&blob(&made["QRCodePNG"]));
    assert!(uri.starts_with("otpauth://totp/twostep:alice-phone?"), "{uri}");
    assert!(uri.contains(&format!("secret={secret}")), "{uri}");
    let app = app(&secret);

    let list = |status: &str| json!({"AssignmentStatus": status});
    let free = iam(&session, "list_virtual_mfa_devices", &list("Unassigned"));
    assert_eq!(free["VirtualMFADevices"], json!([{"SerialNumber": PHONE}]));
    let taken = iam(&session, "list_virtual_mfa_devices", &list("Assigned"));
    assert_eq!(taken["VirtualMFADevices"], json!([]));
    let pair = || [code(&app, -2), code(&app, -1)];
    iam(&session, "enable_mfa_device", &enable(pair()));
    let taken = iam(&session, "list_virtual_mfa_devices", &none);
    let taken = &taken["VirtualMFADevices"][0];
    assert_eq!(
        (&taken["SerialNumber"], &taken["User"]["UserName"]),
        (&phone["SerialNumber"], &json!("alice"))
    );
    assert_eq!(taken["User"]["Arn"], "arn:aws:iam::100000000000:user/alice");
    let user = iam(&session, "get_user", &none);
    assert_eq!(user["User"]["UserId"], taken["User"]["UserId"]);

    // A code of it opens one session.
    let with = json!({"SerialNumber": PHONE, "TokenCode": code(&app, 0)});
    let opened = boto.told(&wire.key, "sts", "get_session_token", &with);
    let part = |name: &str| text(&opened["Credentials"][name]);
    let by_phone = Key {
        id: part("AccessKeyId"),
        secret: part("SecretAccessKey"),
        token: Some(part("SessionToken")),
    };
    assert_eq!(boto.error(&wire.key, "sts", "get_session_token", &with)[1], "AccessDenied");

    let in_use = boto.error(&session, "iam", "delete_virtual_mfa_device", &phone);
    assert_eq!(in_use, ["DeleteConflictException", "DeleteConflict"]);
    let bare = boto.error(&wire.key, "iam", "deactivate_mfa_device", &phone);
    assert_eq!(bare[1], "AccessDenied", "a key without MFA");
    boto.told(&session, "iam", "deactivate_mfa_device", &phone);
    let dead = boto.error(&by_phone, "sts", "get_caller_identity", &none);
    assert_eq!(dead[1], "InvalidClientTokenId", "its sessions ended");
    let again = boto.error(&session, "iam", "deactivate_mfa_device", &phone);
    assert_eq!(again, ["NoSuchEntityException", "NoSuchEntity"]);

    // Spent codes stay spent, and the device can be enabled again.
    let spent = boto.error(&session, "iam", "enable_mfa_device", &enable(pair()));
    assert_eq!(spent[1], "InvalidAuthenticationCode");
    let later = [code(&app, 2), code(&app, 3)];
    boto.told(&session, "iam", "enable_mfa_device", &enable(later));
    boto.told(&session, "iam", "deactivate_mfa_device", &phone);
    boto.told(&session, "iam", "delete_virtual_mfa_device", &phone);
    let gone = boto.error(&session, "iam", "delete_virtual_mfa_device", &phone);
    assert_eq!(gone, ["NoSuchEntityException", "NoSuchEntity"]);
    boto.told(&session, "iam", "create_virtual_mfa_device", &named);
    let taken = boto.error(&session, "iam", "create_virtual_mfa_device", &named);
    assert_eq!(taken, ["EntityAlreadyExistsException", "EntityAlreadyExists"]);
    let audit = wire.admin.get("/v1/audit?limit=1000").is(200).to_string();
    assert!(!audit.contains(&secret) && audit.contains(PHONE));
}

#[test]
fn a_virtual_device_has_a_name_that_a_policy_allows() {
    let mut wire = Wire::start("");
    let session = wire.session();
    let make = |rest: &str| wire.iam(&session, &format!("Action=CreateVirtualMFADevice{rest}"));
    for (rest, status, code) in [
        ("", 400, "ValidationError"),
        ("&VirtualMFADeviceName=", 400, "ValidationError"),
        ("&VirtualMFADeviceName=a%2Fb", 400, "ValidationError"),
        ("&VirtualMFADeviceName=alice&Path=x", 400, "ValidationError"),
        ("&VirtualMFADeviceName=alice&Tags.member.1.Key=a", 400, "ValidationError"),
        ("&VirtualMFADeviceName=bob", 403, "AccessDenied"),
        ("&VirtualMFADeviceName=alice&Path=%2Fstaff%2F", 403, "AccessDenied"),
    ] {
        refused(&make(rest), status, code);
    }
    assert_eq!(make("&VirtualMFADeviceName=alice-1").status, 200);
    refused(&make("&VirtualMFADeviceName=alice-1"), 409, "EntityAlreadyExists");
    // Pages are whole, in order, and end.
    for number in 2..=7 {
        assert_eq!(make(&format!("&VirtualMFADeviceName=alice-{number}")).status, 200);
    }
    let mut found = Vec::new();
    let mut marker = String::new();
    loop {
        let form = format!("Action=ListVirtualMFADevices&MaxItems=3{marker}");
        let page = wire.iam(&session, &form);
        let serials = page.text();
        let serials = serials.split("<SerialNumber>").skip(1);
        found.extend(serials.map(|rest| rest.split('<').next().unwrap().to_owned()));
        match page.text().contains("<IsTruncated>true") {
            true => marker = format!("&Marker={}", super::wire::element(&page, "Marker")),
            false => break,
        }
    }
    let all: Vec<String> =
        (1..=7).map(|it| format!("arn:aws:iam::100000000000:mfa/alice-{it}")).collect();
    assert_eq!(found, all);
}

#[test]
fn codes_claim_no_device_that_another_user_has() {
    let mut wire = Wire::start("");
    let session = wire.session();
    let mut bobs = enrol(&wire.admin, "bob");
    let [one, two] = bobs.pair();
    let form = format!(
        "Action=EnableMFADevice&UserName=alice&SerialNumber={}&AuthenticationCode1={one}\
         &AuthenticationCode2={two}",
        bobs.serial
    );
    refused(&wire.iam(&session, &form), 404, "NoSuchEntity");
    let take = format!("Action=DeactivateMFADevice&SerialNumber={}", bobs.serial);
    refused(&wire.iam(&session, &take), 404, "NoSuchEntity");
    let of_bob = format!("{take}&UserName=bob");
    refused(&wire.iam(&session, &of_bob), 403, "AccessDenied");
    let root = Key::make(&wire.admin, json!({"root": true}));
    assert_eq!(wire.iam(&root, &of_bob).status, 200);

    // Root sees all devices, and still names the user who has one.
    let mut fresh = add(&wire.admin, "bob");
    let [one, two] = fresh.pair();
    let enable = |user: &str| {
        format!(
            "Action=EnableMFADevice&UserName={user}&SerialNumber={}&AuthenticationCode1={one}\
             &AuthenticationCode2={two}",
            fresh.serial
        )
    };
    for other in ["alice", "root"] {
        refused(&wire.iam(&root, &enable(other)), 404, "NoSuchEntity");
    }
    assert_eq!(wire.iam(&root, &enable("bob")).status, 200);
}

#[test]
fn boto3_manages_access_keys() {
    if !tools::have("python:boto3") {
        return;
    }
    let mut wire = Wire::start("");
    let mut boto = Boto::start(&wire);
    let (session, none) = (wire.session(), json!({}));
    let made = boto.told(&session, "iam", "create_access_key", &none);
    let made = &made["AccessKey"];
    let (id, secret) = (text(&made["AccessKeyId"]), text(&made["SecretAccessKey"]));
    let second = Key { id: id.clone(), secret: secret.clone(), token: None };
    boto.told(&second, "sts", "get_caller_identity", &none);
    let third = boto.error(&session, "iam", "create_access_key", &none);
    assert_eq!(third, ["LimitExceededException", "LimitExceeded"]);
    let listed = boto.told(&session, "iam", "list_access_keys", &json!({"UserName": "alice"}));
    let listed = listed["AccessKeyMetadata"].to_string();
    assert!(listed.contains(&id) && listed.contains(&wire.key.id) && !listed.contains(&secret));
    let off = json!({"AccessKeyId": id, "Status": "Inactive"});
    boto.told(&session, "iam", "update_access_key", &off);
    let dead = boto.error(&second, "sts", "get_caller_identity", &none);
    assert_eq!(dead[1], "InvalidClientTokenId");
    boto.told(&session, "iam", "delete_access_key", &json!({"AccessKeyId": id}));
    let gone = boto.error(&session, "iam", "delete_access_key", &json!({"AccessKeyId": id}));
    assert_eq!(gone, ["NoSuchEntityException", "NoSuchEntity"]);
    let without = boto.error(&wire.key, "iam", "create_access_key", &none);
    assert_eq!(without[1], "AccessDenied", "the policy asks for MFA");
}
