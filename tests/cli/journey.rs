//! From the first device to the last session, through the program and an agent of its own.
//!
//! Codes are taken from steps ahead of time, as far as the windows reach: no test waits for the
//! next code.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use test_support::people::now;
use twostep::otp::{Counter, Hotp, Seed, TimeStepSize, Totp};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

use super::program::Agent;

/// A token, and the time at which its device was added.
pub(crate) struct Token {
    codes: SimulatedToken,
    added: UnixTime,
}

impl Token {
    /// Adds a device and returns the token that has its secret.
    pub(crate) fn added(document: &Value) -> Token {
        let secret = document["provisioning"]["secret"]
            .as_str()
            .unwrap_or_else(|| panic!("no secret: {document}"));
        let codes = SimulatedToken::totp(&Seed::from_base32(secret).unwrap(), Totp::default());
        Token { codes, added: now() }
    }

    /// The code that it shows so many steps after its device was added: a step that ends between
    /// two codes moves neither.
    pub(crate) fn code(&self, steps: i64) -> String {
        self.shown(self.added, steps)
    }

    /// The code that it shows so many steps from now.
    pub(crate) fn code_from_now(&self, steps: i64) -> String {
        self.shown(now(), steps)
    }

    fn shown(&self, from: UnixTime, steps: i64) -> String {
        self.codes.text_at(UnixTime(from.0.checked_add_signed(steps * 30).unwrap()))
    }

    /// The code that it shows so many steps after its device was added, and the next one, one a
    /// line.
    pub(crate) fn pair(&self, steps: i64) -> String {
        format!("{}\n{}\n", self.code(steps), self.code(steps + 1))
    }
}

/// A token with a button.
pub(crate) struct Button(SimulatedToken);

impl Button {
    /// The token that has the secret of a device which was added.
    pub(crate) fn added(document: &Value) -> Button {
        let secret = document["provisioning"]["secret"].as_str().unwrap();
        let seed = Seed::from_base32(secret).unwrap();
        Button(SimulatedToken::hotp(&seed, Hotp::default(), Counter(0)))
    }

    /// The next code.
    pub(crate) fn code(&mut self) -> String {
        self.0.press_text()
    }

    /// The next two codes, one a line.
    pub(crate) fn pair(&mut self) -> String {
        format!("{}\n{}\n", self.code(), self.code())
    }
}

/// Leaves no step's end between a code that is computed and its use.
pub(crate) fn away_from_the_end_of_a_step() {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    let left = 30_000 - now.as_millis() % 30_000;
    if left < 8_000 {
        std::thread::sleep(Duration::from_millis(u64::try_from(left).unwrap() + 50));
    }
}

#[test]
fn an_operator_enrols_a_token_and_its_owner_opens_a_session() {
    let mut agent = Agent::start("");
    away_from_the_end_of_a_step();
    let added = agent
        .done(&["--json", "device", "add", "--account", "alice", "--serial", "GAHT12345678"], "")
        .json();
    let token = Token::added(&added);
    let shown = agent.done(&["device", "show", "GAHT12345678"], "").out;
    assert!(
        shown.contains("pending") && shown.contains("twostep device activate GAHT12345678"),
        "{shown}"
    );

    let activated = agent.done(&["device", "activate", "GAHT12345678"], &token.pair(-1));
    assert_eq!(activated.out, "GAHT12345678 is active.\n");
    assert_eq!(
        agent.run(&["device", "activate", "GAHT12345678"], &token.pair(0)).exit,
        1,
        "it is active already"
    );

    // Displays show codes in groups.
    let code = token.code(1);
    let (left, right) = code.split_at(3);
    let opened = agent.done(&["login", "--account", "alice"], &format!("{left} {right}\n"));
    let session = opened.out.trim();
    assert_eq!(session.split('.').count(), 3, "the token alone: {session}");
    let shown = agent.done(&["session", "show", "-"], session).out;
    assert!(shown.contains("alice") && shown.contains("GAHT12345678 (totp)"), "{shown}");

    a_spent_code_is_refused(&agent, &code);
    let found = agent.done(&["device", "resync", "GAHT12345678"], &token.pair(5)).out;
    // A step may have ended since the device was added.
    let now = ["+6 steps (+1", "+5 steps (+1"].map(|drift| format!("Drift now     {drift}"));
    assert!(
        found.contains("Drift before  none") && now.iter().any(|now| found.contains(now)),
        "{found}"
    );
    agent.done(&["login", "--account", "alice"], &token.code(7));
    agent.done(&["login", "--account", "alice", "--resync"], &token.pair(9));
    agent.done(&["session", "revoke", "--account", "alice"], "");
    let dead = agent.run(&["session", "show", "-"], session);
    assert_eq!((dead.exit, dead.out.starts_with("not active")), (1, true), "{dead:?}");
    agent.done(&["device", "deactivate", "GAHT12345678"], "");
    agent.done(&["device", "remove", "GAHT12345678", "--yes"], "");
    let gone = agent.run(&["device", "show", "GAHT12345678"], "");
    assert_eq!(gone.exit, 1, "{gone:?}");
    assert_eq!(agent.done(&["audit", "verify", "--json"], "").json()["ok"], true);
    assert_eq!(agent.stop(), Some(0));
}

fn a_spent_code_is_refused(agent: &Agent, code: &str) {
    let again = agent.run(&["login", "--account", "alice"], code);
    assert_eq!((again.exit, again.out.as_str()), (1, ""));
    assert!(again.err.contains("used already"), "{}", again.err);
    let again = agent.run(&["--json", "login", "--account", "alice"], code);
    assert_eq!(
        (again.exit, again.json()["reason"].as_str(), again.err.as_str()),
        (1, Some("replayed"), "")
    );
    let wrong = agent.run(&["login", "--account", "nobody-here"], "123456");
    assert_eq!(wrong.exit, 1);
}

#[test]
fn an_administrator_looks_after_the_agent() {
    let agent = Agent::start("");
    let added = agent
        .done(&["--json", "device", "add", "--account", "bob", "--serial", "BOBS00001"], "")
        .json();
    let token = Token::added(&added);
    agent.done(&["device", "activate", "BOBS00001"], &token.pair(-1));
    agent.done(&["device", "rename", "BOBS00001", "Bob's phone"], "");
    let listed = agent.done(&["device", "list"], "").out;
    assert!(listed.contains("Bob's phone"), "{listed}");

    let sheet = agent.done(&["device", "add", "--account", "bob", "--kind", "recovery"], "").out;
    assert_eq!(sheet.lines().count(), 10, "{sheet}");
    agent.done(&["login", "--account", "bob"], sheet.lines().next().unwrap());
    let bypass = agent.done(&["account", "bypass", "bob", "--ttl", "60"], "").out;
    let opened = agent.done(&["--json", "login", "--account", "bob"], &bypass).json();
    assert_eq!(opened["context"]["kind"], "bypass");

    let session = opened["token"].as_str().unwrap().to_owned();
    let keys = agent.done(&["--json", "session", "keys", "list"], "").json();
    let kid = keys["signing_keys"][0]["kid"].as_str().unwrap().to_owned();
    for (named, algorithm) in [("EdDSA", "EdDSA"), ("ed25519", "Ed25519"), ("Es256", "ES256")] {
        let made = agent
            .done(&["--json", "session", "keys", "rotate", "--algorithm", named], "")
            .json();
        assert_eq!(made["algorithm"], algorithm);
    }
    assert_eq!(agent.run(&["session", "keys", "rotate", "--algorithm", "RS256"], "").exit, 2);
    assert_eq!(
        agent.done(&["--json", "session", "keys", "rotate"], "").json()["algorithm"],
        "EdDSA"
    );
    agent.done(&["session", "show", "-"], &session);
    agent.done(&["session", "keys", "drop", &kid, "--yes"], "");
    assert_eq!(agent.run(&["session", "show", "-"], &session).exit, 1, "its key is gone");

    let key = agent
        .done(
            &["api-key", "create", "--role", "verifier", "--name", "web", "--accounts", "bob"],
            "",
        )
        .out;
    assert!(key.starts_with("twostep_"));
    let listed = agent.done(&["--json", "api-key", "list"], "").json();
    assert!(!listed.to_string().contains(key.trim()), "it is shown once");
    agent.done(&["api-key", "revoke", listed["api_keys"][0]["id"].as_str().unwrap()], "");
    agent.done(&["clock", "accept", "--yes"], "");
    let happened = agent.done(&["audit", "list", "--limit", "3"], "").out;
    assert_eq!(happened.lines().count(), 4, "a heading and three entries: {happened}");
    assert_eq!(agent.done(&["doctor", "--json"], "").json()["ok"], true);

    a_backup_is_restored(agent);
}

fn a_backup_is_restored(mut agent: Agent) {
    let copy = agent.folder.path().join("copy.db");
    let copy = copy.to_str().unwrap();
    agent.done(&["store", "backup", copy], "");
    agent.done(&["clock", "accept", "--yes"], "");
    let log = agent.folder.path().join("audit.json");
    std::fs::write(&log, agent.done(&["audit", "export"], "").out).unwrap();
    let store = agent.folder.path().join("state/twostep.db");
    let held = agent.run(&["store", "check", store.to_str().unwrap()], "");
    assert_eq!(held.exit, 1, "{held:?}");
    assert!(held.err.contains("an agent serves from"), "{}", held.err);
    assert_eq!(agent.run(&["audit", "verify", "--store", store.to_str().unwrap()], "").exit, 1);
    assert_eq!(agent.stop(), Some(0));

    assert_eq!(agent.done(&["--json", "store", "check", copy], "").json()["copy"], true);
    let key = agent.folder.path().join("state/sealing.key");
    let key = key.to_str().unwrap();
    let without = agent.run(&["store", "restore", copy, "--yes"], "");
    assert!(without.exit == 1 && without.err.contains("--key"), "{without:?}");
    let restore = ["store", "restore", "--yes", copy, "--key", key];
    let bad = agent.run(&[&restore[..], &["--audit", "/etc/passwd"]].concat(), "");
    assert_eq!(bad.exit, 1, "{bad:?}");
    let with_log = [&["--json"], &restore[..], &["--audit", log.to_str().unwrap()]].concat();
    let told = agent.done(&with_log, "").json();
    assert!(told["audit"]["rows"].as_u64().unwrap() >= 1 && told["audit"]["until"].is_string());
    let restored = agent.done(&restore, "");
    for told in ["deactivated", "API keys that were revoked", "--accept", "found far ahead"] {
        assert!(restored.err.contains(told), "{told}: {restored:?}");
    }
    assert_eq!(agent.done(&["--json", "store", "check", copy], "").json()["copy"], false);
    // A restored store is restored again, and what is known of it is said in JSON.
    let again = ["--json", "store", "restore", "--yes", copy, "--none-ahead", "--key", key];
    let again = agent.done(&again, "").json();
    assert_eq!((&again["restored"], again["unknown"].as_array().unwrap().len()), (&true.into(), 4));
    assert_eq!(agent.run(&["store", "restore"], "").exit, 2);
    assert_eq!(agent.run(&["store", "restore", copy, "--accept"], "").exit, 2);
    let store = store.to_str().unwrap();
    let verified = agent.done(&["audit", "verify", "--store", store, "--json"], "").json();
    assert_eq!((&verified["ok"], &verified["authenticated"]), (&true.into(), &true.into()));
}

#[test]
fn missing_or_wrong_input_ends_with_2() {
    let agent = Agent::start("");
    agent.done(&["device", "add", "--account", "carol", "--serial", "CAROLS001"], "");
    for input in
        ["", "123456", "123456\n", "12345\n123456\n", "123456\nabcdef\n", "123456\n123456\n"]
    {
        let ended = agent.run(&["device", "activate", "CAROLS001"], input);
        assert_eq!((ended.exit, ended.out.as_str()), (2, ""), "{input:?}: {ended:?}");
        assert!(!ended.err.contains("123456"), "what was typed is not repeated: {}", ended.err);
    }
    assert_eq!(agent.run(&["device", "activate", "CAROLS001"], "123456\n654321\n").exit, 1);
    assert_eq!(agent.run(&["login", "--account", "carol"], "").exit, 2);
    let short = agent.run(&["device", "add", "--account", "carol", "--secret-stdin"], "MFRGG\n");
    assert_eq!(short.exit, 2, "{short:?}");
    let given = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n";
    let known = agent
        .done(&["--json", "device", "add", "--account", "carol", "--secret-stdin"], given)
        .json();
    assert!(known["provisioning"].is_null(), "what somebody knows already is not shown: {known}");
    assert_eq!(
        agent.run(&["device", "add", "--account", "dave", "--secret-stdin"], given).exit,
        1,
        "one secret, one device"
    );
}

#[test]
fn a_wrong_pair_says_what_helps_and_spent_pairs_say_when() {
    let agent = Agent::start("");
    agent.done(&["device", "add", "--account", "erin", "--serial", "ERINS0001"], "");
    let activate = |options: &[&str]| {
        agent.run(&[options, &["device", "activate", "ERINS0001"]].concat(), "123456\n654321\n")
    };
    let wrong = activate(&[]);
    assert_eq!(wrong.exit, 1, "{wrong:?}");
    assert!(wrong.err.contains("not two consecutive codes of this device"), "{}", wrong.err);
    assert!(wrong.err.contains("Wait for a new code") && !wrong.err.contains("login"), "{wrong:?}");
    let spent = (0..20)
        .map(|_| activate(&[]))
        .find(|ended| ended.err.contains("too many pairs"));
    let spent = spent.expect("an end to the allowance");
    assert!(spent.err.contains("Try again in") && !spent.err.contains("device activate"));
    assert_eq!(activate(&["--json"]).json()["reason"], "pairs_spent");
}

#[test]
fn a_diagnosis_names_the_cause_and_the_command() {
    let agent = Agent::start("");
    let given = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\n";
    let add = ["device", "add", "--account", "frank", "--serial", "AC26000014", "--secret-stdin"];
    agent.done(&add, given);
    let minute = Totp { step_size: TimeStepSize::try_from(60).unwrap(), ..Totp::default() };
    let token = SimulatedToken::totp(&Seed::from_base32(given.trim()).unwrap(), minute);
    let now = now();
    let [before, shown] = [UnixTime(now.0 - 60), now].map(|at| token.text_at(at));
    let pair = format!("{before}\n{shown}\n");

    let told = agent.done(&["device", "diagnose", "AC26000014"], &pair);
    assert_eq!(told.out, "AC26000014: this is a 60-second token.\n");
    let (_, mends) = told.err.split_once("This mends it: ").unwrap();
    let told = agent.done(&["--json", "device", "diagnose", "AC26000014"], &pair).json();
    assert_eq!(told["causes"], serde_json::json!([{"cause": "time_step", "period": 60}]));
    assert_eq!(told["command"], mends.trim());

    // The command is one that mends it.
    for (command, input) in mends.trim().split(" && ").zip(["", given]) {
        let mut words: Vec<&str> = command.split(' ').skip(1).collect();
        if words.contains(&"remove") {
            words.push("--yes");
        }
        agent.done(&words, input);
    }
    agent.done(&["device", "activate", "AC26000014"], &pair);

    let missing = agent.run(&["device", "diagnose", "NOT-THERE-000"], &pair);
    assert_eq!(missing.exit, 1, "{missing:?}");
}
