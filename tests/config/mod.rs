//! The configuration file: what it may say, and what it hears when it says something else.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on stops")]

mod console;
mod reference;

use std::path::Path;

use twostep::agent::Config;
use twostep::agent::config::{AccountPattern, Fold, Role, StoreUrl, Who};

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("/etc/twostep/twostep.toml")).map_err(|error| error.to_string())
}

#[track_caller]
fn assert_refused(text: &str, line: usize, says: &[&str]) {
    let error = parse(text).unwrap_err();
    assert!(error.starts_with(&format!("/etc/twostep/twostep.toml, line {line}: ")), "{error}");
    for word in says {
        assert!(error.contains(word), "{word:?} is not in {error}");
    }
}

#[test]
fn the_example_is_the_default() {
    assert_eq!(parse(Config::EXAMPLE).unwrap(), Config::default());
}

#[test]
fn every_line_of_the_example_shows_the_default() {
    let set = |line: &str| {
        line.strip_prefix('#')
            .filter(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()))
            .map(str::to_owned)
    };
    let lines: Vec<String> = Config::EXAMPLE
        .lines()
        .map(|line| set(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    let mut expected = Config::default();
    expected.socket.path = Some("/run/twostep/agent.sock".into());
    expected.verify_socket.path = Some("/run/twostep/verify.sock".into());
    expected.store.url = Some(StoreUrl::Sqlite("/var/lib/twostep/twostep.db".into()));
    expected.store.key_file = Some("/var/lib/twostep/sealing.key".into());
    assert_eq!(parse(&lines.join("\n")).unwrap(), expected);
}

#[test]
fn commented_settings_of_the_example_are_valid() {
    let set = |line: &str| {
        line.strip_prefix("# ")
            .filter(|rest| rest.starts_with('[') || rest.contains(" = "))
            .map(str::to_owned)
    };
    let lines: Vec<String> = Config::EXAMPLE
        .lines()
        .map(|line| set(line).unwrap_or_else(|| line.to_owned()))
        .collect();
    let config = parse(&lines.join("\n").replace("\"www-data\"", "33")).unwrap();
    assert_eq!(config.tls.unwrap().cert, Path::new("/etc/twostep/tls.crt"));
    assert_eq!(config.peers[0].role, Role::Verifier);
    assert_eq!(config.socket.owner.unwrap().0, 0);
    assert_eq!(
        (config.policies.names().count(), config.forward.cookie.as_deref()),
        (1, Some("mfa"))
    );
    assert_eq!(config.policy_file.unwrap(), Path::new("/etc/twostep/policies.toml"));
}

#[test]
fn an_unknown_key_is_named_with_its_line() {
    assert_refused(
        "issuer = \"a\"\n\nlisten_on = []\n",
        3,
        &["there is no key `listen_on` here; did you mean `listen`?"],
    );
    assert_refused("[limits]\nburts = 1\n", 2, &["`burts`", "`burst`"]);
    assert_refused(
        "[[peer]]\nuid = 1\nrole = \"admin\"\naccount = []\n",
        4,
        &["`account`", "`accounts`"],
    );
}

#[test]
fn every_fault_is_told_in_one_run() {
    let text = "lisen = []\n\
        listen = \"127.0.0.1:8443\"\n\
        insecure_listen = \"yes\"\n\
        [limts]\n\
        burst = 1\n\
        [sessions]\n\
        default_seconds = 60\n\
        algorithm = \"none\"\n\
        [[peer]]\n\
        uid = \"root\"\n\
        role = \"king\"\n\
        [[peer]]\n\
        uid = 1\n\
        role = \"admin\"\n\
        acounts = []\n\
        [policy.nine]\n\
        moon = \"full\"\n";
    let told = parse(text).unwrap_err();
    for fault in [
        "line 1: there is no key `lisen` here; did you mean `listen`?\n  lisen = []",
        "line 2: a list in brackets, [\"…\"], is expected, and this is string",
        "line 3: true or false is expected, and this is string \"yes\"",
        "line 4: there is no key `limts` here; did you mean `limits`?",
        "line 7: ",
        "line 8: ",
        "line 11: unknown variant `king`",
        "line 15: there is no key `acounts` here; did you mean `accounts`?",
        "line 17: policy nine: ",
    ] {
        assert!(told.contains(&format!("/etc/twostep/twostep.toml, {fault}")), "{fault}: {told}");
    }
    assert_eq!(told.matches("twostep.toml, line").count(), 9, "{told}");
    assert!(told.ends_with(": twostep config check /etc/twostep/twostep.toml"), "{told}");
    assert_refused("issuer = \"a\n", 1, &["issuer"]);
}

#[test]
fn a_value_that_cannot_be_meant_is_refused_where_it_stands() {
    assert_refused(
        "[sessions]\ndefault_seconds = 60\n",
        2,
        &["900 to 129600", "default_seconds = 60"],
    );
    assert_refused("[sessions]\ndefault_seconds = \"3600\"\n", 2, &["string", "default_seconds"]);
    for algorithm in ["\"RS256\"", "\"eddsa\"", "\"\"", "\"none\"", "true", "[\"ES256\"]"] {
        assert_refused(&format!("[sessions]\nalgorithm = {algorithm}\n"), 2, &["algorithm = "]);
    }
    assert_refused("[sessions]\nalgorithm = \"ed25519\"\n", 2, &["EdDSA, Ed25519 or ES256"]);
    assert!(parse("[sessions]\nalgorithm = \"Ed25519\"\n").is_ok());
    assert_refused("[limits]\ndevices_per_account = 0\n", 2, &["devices_per_account"]);
    assert_refused(
        "[limits]\npending_devices_per_account = 0\n",
        2,
        &["pending_devices_per_account"],
    );
    assert_refused("[accounts]\nfold = \"lower\"\n", 2, &["`case`", "`nfc`", "`both`"]);
    assert_refused("[accounts]\nfolds = \"case\"\n", 2, &["`folds`", "`fold`"]);
    assert_refused("[limits]\nburst = 0\n", 2, &["burst"]);
    assert_refused("listen = [\"localhost:80\"]\n", 1, &["listen"]);
    assert_refused("metrics = \"public\"\n", 1, &["`open`", "`verifier`", "`admin`", "`off`"]);
    assert_refused("origins = [\"http://example.com\"]\n", 1, &["origin"]);
    assert_refused("rp_id = \"https://example.com\"\n", 1, &["RP ID"]);
    assert_refused("\nrp_id = \"com\"\norigins = [\"https://com\"]\n", 2, &["RP ID", "rp_id"]);
    assert_refused(
        "issuer = \"a\"\nrp_id = \"example.com\"\n",
        2,
        &["http://localhost", "example.com"],
    );
    assert_refused(
        "rp_id = \"example.com\"\norigins = [\"https://example.com\", \"https://example.org\"]\n",
        2,
        &["example.org", "cannot"],
    );
    assert_refused("[security_keys]\nuser_verification = \"always\"\n", 2, &["`required`"]);
    assert_refused("[security_keys]\nattestation = \"enterprise\"\n", 2, &["`direct`"]);
    assert_refused(
        "[security_keys]\ndeny = [\"00000000-0000-0000-0000-000000000000\"]\n",
        2,
        &["AAGUID"],
    );
    assert_refused("[security_keys]\n\napp_id = \"http://example.com\"\n", 3, &["AppID"]);
    assert_refused(
        "origins = [\"android:apk-key-hash:abc\"]\n",
        1,
        &["43 characters of base64url"],
    );
    assert_refused(
        "[security_keys]\ntop_origins = [\"android:apk-key-hash:abc\"]\n",
        2,
        &["origin of a page"],
    );
    assert_refused(
        "[security_keys]\n\nrelated_origins = [\"example.co.uk\"]\n",
        3,
        &["related origin", "https://NAME"],
    );
    assert_refused(
        "[security_keys]\nrelated_origins = [\"http://localhost\"]\n",
        2,
        &["related origin"],
    );
    assert_refused(
        "[security_keys]\nalgorithms = [\"ES512\"]\n",
        2,
        &["`ES256`", "`EdDSA`", "`ES384`", "`RS256`"],
    );
    assert_refused("[security_keys]\n\nalgorithms = []\n", 3, &["signature algorithm"]);
    assert_refused("[security_keys]\nalgorithms = [\"ES256\", \"ES256\"]\n", 2, &["once"]);
    assert_refused(
        "[security_keys]\nhints = [\"phone\"]\n",
        2,
        &["`security-key`", "`client-device`", "`hybrid`"],
    );
    assert_refused("[security_keys]\n\nhints = [\"hybrid\", \"hybrid\"]\n", 3, &["once"]);
    assert_refused("[security_keys]\nresident_key = \"always\"\n", 2, &["`preferred`"]);
    assert_refused("[security_keys]\nusernameless = \"yes\"\n", 2, &["true or false"]);
    assert_refused(
        "[security_keys]\nusernameless = true\nresident_key = \"discouraged\"\n",
        3,
        &["preferred", "usernameless"],
    );
    assert_refused("issuer = \"two step\"\n", 1, &["visible"]);
    assert_refused("hosts = [\"Example.com:80\"]\n", 1, &["port"]);
    assert_refused("[socket]\nmode = \"rw\"\n", 2, &["octal"]);
    assert_refused("[socket]\nmode = \"1777\"\n", 2, &["octal"]);
    assert_refused(
        "[socket]\ngroup = \"no-such-group\"\n",
        2,
        &["no group \"no-such-group\"", "create it"],
    );
    assert_refused("[store]\nurl = \"mysql://x\"\n", 2, &["sqlite:PATH"]);
    assert_refused("[tls]\ncert = \"a\"\n", 1, &["key"]);
    assert_refused("issuer = \n", 1, &["issuer ="]);
}

/// One wrong value for each kind of value, on a line of its own, with other lines around it.
#[test]
fn an_error_names_the_line_and_the_key_of_its_value() {
    let cases: &[(&str, &str)] = &[
        ("", "issuer = \"two step\""),
        ("", "rp_id = \"corp\""),
        ("", "rp_id = \"192.0.2.1\""),
        ("", "origins = []"),
        ("", "origins = [\"https://other.example\"]"),
        ("", "origins = [\"http://localhost:80\"]"),
        ("", "hosts = [\"Example.com\"]"),
        ("", "audiences = [\"a b\"]"),
        ("", "listen = [\"localhost:80\"]"),
        ("", "local_users = 1"),
        ("", "metrics = \"public\""),
        ("", "policy_file = 7"),
        ("[socket]\n", "path = 1"),
        ("[socket]\n", "mode = \"1777\""),
        ("[socket]\n", "owner = \"no-such-user\""),
        ("[socket]\n", "group = -1"),
        ("[local]\n", "reuse = { sudo = 0 }"),
        ("[local]\n", "account_prefix = \" host:\""),
        ("[local]\n", "account_prefix = \"host\\u0007\""),
        ("[presence]\n", "hook_seconds = 61"),
        ("[store]\n", "url = \"mysql://x\""),
        ("[store]\n", "lanes = 17"),
        ("[store]\n", "audit_days = 0"),
        ("[sessions]\n", "default_seconds = 60"),
        ("[sessions]\n", "algorithm = \"RS256\""),
        ("[security_keys]\n", "user_verification = \"always\""),
        ("[security_keys]\n", "attestation = \"enterprise\""),
        ("[security_keys]\n", "deny = [\"00000000-0000-0000-0000-000000000000\"]"),
        ("[security_keys]\n", "app_id = \"http://example.com\""),
        ("[security_keys]\n", "top_origins = [\"shop.example\"]"),
        ("[security_keys]\n", "related_origins = [\"http://localhost\"]"),
        ("[security_keys]\n", "algorithms = []"),
        ("[security_keys]\n", "hints = [\"hybrid\", \"hybrid\"]"),
        ("[security_keys]\nusernameless = true\n", "resident_key = \"discouraged\""),
        ("[events]\n", "only = [\"birthday\"]"),
        ("[accounts]\n", "fold = \"lower\""),
        ("[limits]\n", "burst = 0"),
        ("[limits]\n", "connections = 3"),
        ("[log]\n", "level = \"loud\""),
        ("[policy.site]\n", "max_age = 0"),
        ("[forward]\n", "cookie = \"a b\""),
        ("[forward]\n", "sign_in = \"login\""),
        ("[forward]\n", "return_to = [\"*\"]"),
        ("[[peer]]\nuid = 1\n", "role = \"owner\""),
        ("[[peer]]\nuid = 1\nrole = \"verifier\"\n", "accounts = [\"*\"]"),
    ];
    for (before, wrong) in cases {
        let before = format!("# rp_id, origins: a comment\nexplain = false\n{before}");
        let text = format!("{before}{wrong}\n\n[log]\nformat = \"json\"\n");
        let text = text.replace("\n[log]\nlevel = \"loud\"\n\n[log]", "\n[log]\nlevel = \"loud\"");
        let key = wrong.split(' ').next().unwrap();
        assert_refused(&text, before.lines().count() + 1, &[key]);
    }
}

#[test]
fn an_error_in_a_long_list_names_its_line() {
    for (before, key, good, wrong) in [
        ("", "origins", "http://localhost", "http://example.com"),
        ("", "origins", "http://localhost", "https://example.com"),
        ("", "hosts", "mfa.example.com", "MFA"),
        ("", "audiences", "mail", "my mail"),
        ("[security_keys]\n", "top_origins", "https://a.example", "a.example"),
        ("[security_keys]\n", "related_origins", "https://a.example", "a.example"),
        ("[security_keys]\n", "algorithms", "ES256", "ES512"),
        ("[forward]\n", "return_to", "https://a.example", "https://a.example:*"),
        ("[[peer]]\nuid = 1\nrole = \"verifier\"\n", "accounts", "alice", "*"),
    ] {
        let text = format!("{before}{key} = [\n  \"{good}\",\n  \"{wrong}\",\n]\n");
        assert_refused(&text, before.lines().count() + 3, &[wrong]);
    }
}

#[test]
fn passkeys_are_configured_by_origins_algorithms_hints_and_storage() {
    use twostep::webauthn::{Hint, ResidentKey, SignatureAlgorithm};
    let app = "android:apk-key-hash:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    let config = parse(&format!(
        "rp_id = \"example.com\"\norigins = [\"{app}\", \"https://login.example.com\"]\n"
    ))
    .unwrap();
    assert_eq!(
        config.own_origin().unwrap().to_string(),
        "https://login.example.com",
        "a key that is plugged in here is in no app"
    );
    let config = parse(&format!("rp_id = \"example.com\"\norigins = [\"{app}\"]\n")).unwrap();
    assert_eq!(config.own_origin(), None);
    assert_eq!(Config::default().own_origin().unwrap().to_string(), "http://localhost");

    let keys = "[security_keys]\nalgorithms = [\"EdDSA\", \"ES256\"]\nhints = [\"hybrid\", \
        \"client-device\"]\nresident_key = \"required\"\n";
    let keys = parse(keys).unwrap().security_keys;
    assert_eq!(keys.algorithms, [SignatureAlgorithm::EdDsa, SignatureAlgorithm::Es256]);
    assert_eq!(
        (keys.hints, keys.resident_key),
        (vec![Hint::Hybrid, Hint::ClientDevice], Some(ResidentKey::Required))
    );
    for (text, resident) in [
        ("", "discouraged"),
        ("[security_keys]\nusernameless = true\n", "preferred"),
        ("[security_keys]\nusernameless = true\nresident_key = \"required\"\n", "required"),
        ("[security_keys]\nresident_key = \"preferred\"\n", "preferred"),
    ] {
        let party = parse(text)
            .unwrap()
            .relying_party(twostep::time::UnixTime(1_800_000_000))
            .unwrap();
        let user = twostep::webauthn::UserEntity { handle: vec![1], name: "alice".to_owned() };
        let (options, _) = party.start_registration(&user, &[]).unwrap();
        assert_eq!(
            serde_json::to_value(options.authenticator_selection.resident_key).unwrap(),
            resident,
            "{text}"
        );
    }
}

#[test]
fn more_names_of_related_origins_than_browsers_support_are_pointed_out() {
    let with = |hosts: &[&str]| {
        let origins: Vec<String> = hosts.iter().map(|host| format!("\"https://{host}\"")).collect();
        let text = format!(
            "rp_id = \"example.com\"\norigins = [\"https://example.com\"]\n[security_keys]\n\
             related_origins = [{}]\n",
            origins.join(", ")
        );
        parse(&text).unwrap().advice()
    };
    assert!(
        with(&[
            "a.example",
            "b.example",
            "c.example",
            "d.example",
            "e.example",
            "www.e.com",
            "e.co.uk"
        ])
        .is_empty()
    );
    let advice =
        with(&["a.example", "b.example", "c.example", "d.example", "e.example", "f.example"]);
    assert!(
        advice.len() == 1
            && advice[0].contains("related_origins")
            && advice[0].contains("6 different names"),
        "{advice:?}"
    );
    assert!(Config::default().advice().is_empty());
}

#[test]
fn a_rule_is_for_one_user_or_one_group() {
    let config = "[[peer]]\nuser = \"root\"\nrole = \"verifier\"\naccounts = [\"$user\", \
        \"alice\", \"svc-*\"]\n\
                  [[peer]]\ngid = 7\nrole = \"enroller\"\nexplain = true\n";
    let config = parse(config).unwrap();
    assert_eq!(config.peers[0].who, Who::User(0));
    assert!(config.peer_rule(1, &[1, 7]).unwrap().explain);
    assert_eq!(config.peer_rule(1, &[1]), None);
    let accounts = config.peers[0].accounts.as_ref().unwrap();
    assert_eq!(accounts[0], AccountPattern::LoginName);
    let covered = |account: &str| {
        accounts
            .iter()
            .any(|pattern| pattern.covers(&account.parse().unwrap(), Some("root")))
    };
    assert!(covered("root") && covered("alice") && covered("svc-mail"));
    assert!(!covered("alice2") && !covered("svc") && !covered("$user"));

    assert_refused("\n[[peer]]\nrole = \"verifier\"\n", 2, &["exactly one of"]);
    assert_refused(
        "[[peer]]\nuid = 1\ngroup = \"root\"\nrole = \"verifier\"\n",
        1,
        &["exactly one of"],
    );
    assert_refused("[[peer]]\nuid = -1\nrole = \"verifier\"\n", 2, &["uid = -1"]);
    assert_refused("[[peer]]\nuid = 4294967295\nrole = \"verifier\"\n", 2, &["uid = 4294967295"]);
    assert_refused("[[peer]]\nuid = 1\nrole = \"owner\"\n", 3, &["`admin`"]);
    for pattern in ["*", "a*b", "$users", "", "a*b*"] {
        assert_refused(
            &format!("[[peer]]\nuid = 1\nrole = \"verifier\"\naccounts = [\"{pattern}\"]\n"),
            4,
            &["$user"],
        );
    }
    for pattern in ["al\u{ad}ice", "al\u{2800}*"] {
        assert_refused(
            &format!("[[peer]]\nuid = 1\nrole = \"verifier\"\naccounts = [\"{pattern}\"]\n"),
            4,
            &["$user", "U+"],
        );
    }
    assert_refused("[[peer]]\nuid = 1\nrole = \"admin\"\naccounts = [\"a\"]\n", 1, &["everything"]);
}

#[test]
fn a_rule_covers_every_folded_spelling_of_a_name() {
    let config = "[accounts]\nfold = \"both\"\n[[peer]]\nuid = 1\nrole = \"verifier\"\naccounts = \
        [\"$user\", \"Zo\u{eb}\", \"SVC-*\"]\n";
    let config = parse(config).unwrap();
    let accounts = config.peers[0].accounts.as_ref().unwrap();
    let covered = |account: &str, fold| {
        accounts
            .iter()
            .any(|pattern| pattern.covers_folded(&account.parse().unwrap(), Some("Alice"), fold))
    };
    for account in ["alice", "ALICE", "zoe\u{308}", "ZO\u{cb}", "svc-mail", "Svc-Mail"] {
        assert!(covered(account, config.accounts.fold), "{account}");
        assert!(!covered(account, Fold::None), "{account}");
    }
    assert!(!covered("bob", config.accounts.fold) && !covered("svc", config.accounts.fold));
}

#[test]
fn policies_are_read_here_or_from_a_file_of_their_own() {
    let config =
        parse("issuer = \"a\"\n[policy.site]\nmax_age = 900\n[limits]\nburst = 5\n").unwrap();
    assert_eq!(config.policies.names().collect::<Vec<_>>(), ["site"]);
    assert_refused(
        "issuer = \"a\"\n[policy.site]\nmax_age = 0\n",
        3,
        &["policy site", "max_age = 0"],
    );
    assert_refused("[policy.site]\nnot = { present = true }\n", 1, &["allow_without_mfa"]);
    assert_refused("[policy.site]\nmax_ages = 9\n", 2, &["`max_ages`"]);

    let folder = tempfile::tempdir().unwrap();
    let (main, file) = (folder.path().join("twostep.toml"), folder.path().join("policies.toml"));
    std::fs::write(&main, "policy_file = \"policies.toml\"\n").unwrap();
    let said = |text: &str| {
        std::fs::write(&file, text).unwrap();
        Config::load(Some(&main))
            .map(|config| config.policies.names().count())
            .map_err(|error| error.to_string())
    };
    assert_eq!(said("[policy.a]\npresent = true\n[policy.b]\nmax_age = 9\n"), Ok(2));
    assert!(
        said("[policy.a]\npresent = true\n[limits]\n")
            .unwrap_err()
            .contains("policies.toml, line 3: `limits` is not known")
    );
    std::fs::write(&main, "policy_file = \"policies.toml\"\n[policy.a]\npresent = true\n").unwrap();
    assert!(
        said("[policy.b]\npresent = true\n")
            .unwrap_err()
            .contains("keep them in one place")
    );
    std::fs::write(&main, "policy_file = \"not-there.toml\"\n").unwrap();
    assert!(said("").unwrap_err().contains("not-there.toml"));
}

#[test]
fn proxies_get_only_valid_addresses() {
    let config = parse(
        "[forward]\ncookie = \"__Host-mfa\"\nsign_in = \"https://login.example.com/mfa\"\n\
         return_to = [\"https://a.example.com\"]\n",
    );
    assert_eq!(
        config.unwrap().forward.sign_in.unwrap().to_string(),
        "https://login.example.com/mfa"
    );
    assert!(parse("[forward]\nsign_in = \"https://login.example.com\"\n").is_ok());
    for page in [
        "login",
        "http://login.example.com/",
        "https://login.example.com/?a=b",
        "https://a@b.example/",
        "javascript:alert(1)",
        "//x.example/",
    ] {
        assert_refused(&format!("[forward]\nsign_in = \"{page}\"\n"), 2, &["a sign-in page is"]);
    }
    for origin in [
        "https://*.example.com",
        "https://a.example.com/",
        "http://a.example.com",
        "*",
        "https://a.example.com:*",
    ] {
        assert_refused(
            &format!("[forward]\nreturn_to = [\"{origin}\"]\n"),
            2,
            &["is not an origin"],
        );
    }
    assert_refused("[forward]\ncookie = \"a b\"\n", 2, &["a cookie's name"]);
    assert!(
        parse("[[peer]]\nuid = 33\nrole = \"verifier\"\nforward = true\n")
            .unwrap()
            .peers[0]
            .forward
    );
}

#[test]
fn a_password_in_a_store_url_is_never_printed() {
    for url in ["postgres://u:canary@h/db", "postgres://u:canary@h/db?no=1"] {
        let config = parse(&format!("[store]\nurl = \"{url}\"\n")).unwrap();
        let problems = config.problems();
        assert!(matches!(&problems[..], [told] if told.starts_with("store.url: ")), "{problems:?}");
        assert!(!format!("{config:?} {} {problems:?}", config.store_url()).contains("canary"));
    }
    let config = parse("[store]\nurl = \"postgres://u@h/db?sslmode=require\"\n").unwrap();
    assert_eq!(config.store_url().to_string(), "postgres://h:5432/db");
    assert!(config.problems().is_empty(), "{:?}", config.problems());
}

#[test]
fn relative_paths_begin_where_the_file_is() {
    let config = parse("[tls]\ncert = \"a.pem\"\nkey = \"/b.pem\"\n").unwrap();
    let tls = config.tls.unwrap();
    assert_eq!(
        (tls.cert.as_path(), tls.key.as_path()),
        (Path::new("/etc/twostep/a.pem"), Path::new("/b.pem"))
    );
}

#[test]
fn no_audiences_are_all_audiences() {
    let mut config = Config::default();
    assert!(config.allows_audience("payments"));
    config.audiences = vec!["mail".to_owned()];
    assert!(config.allows_audience("mail") && config.allows_audience("twostep"));
    assert!(!config.allows_audience("payments"));
}

#[test]
fn faults_of_the_machine_are_reported_in_advance() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::write(at("sealing.key"), "short\n").unwrap();
    std::fs::write(at("agent.sock"), "").unwrap();
    let text = "listen = [\"0.0.0.0:0\", \"[::1]:0\", \"[::ffff:127.0.0.1]:0\"]\n\
                [socket]\npath = \"agent.sock\"\n[store]\nkey_file = \"sealing.key\"\n";
    let problems = Config::parse(text, &at("twostep.toml")).unwrap().problems();
    let told = |words: &str| {
        assert!(
            problems.iter().any(|problem| problem.contains(words)),
            "{words:?} is not in {problems:?}"
        )
    };
    told("listen: 0.0.0.0:0 can be reached from other machines");
    told("is there and is no socket");
    told("can be read by others; run: chmod 600");
    let text = "[security_keys]\ntrust = [\"makers.pem\"]\n[socket]\npath = \"twostep.sock\"\n\
        [store]\nurl = \"sqlite:/tmp/x.db\"\n";
    let of_keys =
        |text: &str| Config::parse(text, &at("twostep.toml")).unwrap().problems().join("\n");
    assert!(
        of_keys(text)
            .contains(&format!("security_keys.trust: cannot read {}", at("makers.pem").display())),
        "{}",
        of_keys(text)
    );
    std::fs::write(at("makers.pem"), "no certificate\n").unwrap();
    assert!(
        of_keys(text).contains("security_keys.trust: ")
            && of_keys(text).contains("neither one certificate"),
        "{}",
        of_keys(text)
    );
    let text = text.replace(
        "trust = [\"makers.pem\"]",
        "attestation = \"direct\"\nrequire_attestation = true",
    );
    assert!(of_keys(&text).contains("security_keys: a required attestation"), "{}", of_keys(&text));
    assert!(!problems.iter().any(|problem| problem.contains("::")), "{problems:?}");
}
