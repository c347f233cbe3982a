//! People who enrol devices through the API, and the devices in their hands.

use std::collections::VecDeque;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use twostep::otp::{Counter, Hotp, LOOK_AHEAD, Seed, Totp};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

use crate::http::{Client, segment};

/// A counter-based device that is active, and the token that shows its codes.
pub struct Token {
    pub serial: String,
    pub secret: String,
    button: SimulatedToken,
    /// Codes that it shows next.
    coming: VecDeque<String>,
}

/// Adds a counter-based device to an account. It is pending, and its first code is the next one.
#[track_caller]
pub fn add(client: &Client, account: &str) -> Token {
    let added = client.post("/v1/devices", json!({"account": account, "kind": "hotp"})).is(201);
    let secret = added["provisioning"]["secret"].as_str().unwrap().to_owned();
    Token::new(&text(&added["device"]["serial"]), &secret)
}

/// Adds a counter-based device and activates it.
#[track_caller]
pub fn enrol(client: &Client, account: &str) -> Token {
    let mut token = add(client, account);
    let codes = token.pair();
    client.post(&token.path("/activate"), json!({"codes": codes})).is(200);
    token
}

impl Token {
    /// A counter-based token that has shown nothing yet.
    pub fn new(serial: &str, secret: &str) -> Token {
        Token {
            serial: serial.to_owned(),
            secret: secret.to_owned(),
            button: counting(secret),
            coming: VecDeque::new(),
        }
    }

    /// The next code, without those that appear again within the look-ahead window: such a code
    /// is accepted at its last place, and the codes before that are refused.
    pub fn code(&mut self) -> String {
        loop {
            let code = self.press();
            if !self.coming.contains(&code) {
                return code;
            }
        }
    }

    /// The next two codes.
    pub fn pair(&mut self) -> [String; 2] {
        [self.press(), self.press()]
    }

    fn press(&mut self) -> String {
        let window = usize::try_from(LOOK_AHEAD).unwrap();
        while self.coming.len() < window {
            self.coming.push_back(self.button.press_text());
        }
        self.coming.pop_front().unwrap()
    }

    /// A code that this token shows nowhere near.
    pub fn wrong(&self) -> &'static str {
        let mut token = counting(&self.secret);
        let shown: Vec<String> = (0..2_000).map(|_| token.press_text()).collect();
        let wrong = ["000000", "111111", "222222", "333333"]
            .into_iter()
            .find(|code| !shown.iter().any(|shown| shown == code));
        wrong.expect("no token shows all of these among its first codes")
    }

    /// The device's path in the API, with this behind it.
    pub fn path(&self, verb: &str) -> String {
        format!("/v1/devices/{}{verb}", segment(&self.serial))
    }

    /// Opens a session with the next code, and returns its token.
    #[track_caller]
    pub fn session(&mut self, client: &Client, account: &str) -> String {
        let body = json!({"account": account, "serial": self.serial, "code": self.code()});
        text(&client.post("/v1/sessions", body).is(201)["token"])
    }
}

/// An app with this secret in base32.
pub fn app(secret: &str) -> SimulatedToken {
    SimulatedToken::totp(&Seed::from_base32(secret).unwrap(), Totp::default())
}

fn counting(secret: &str) -> SimulatedToken {
    SimulatedToken::hotp(&Seed::from_base32(secret).unwrap(), Hotp::default(), Counter(0))
}

/// The time by the clock on the wall.
pub fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

/// Makes an API key, and returns the key itself.
#[track_caller]
pub fn api_key(admin: &Client, body: Value) -> String {
    text(&admin.post("/v1/api-keys", body).is(201)["key"])
}

/// True if the agent says that a token is active.
#[track_caller]
pub fn alive(client: &Client, token: &str) -> bool {
    client.post("/v1/sessions/introspect", json!({"token": token})).is(200)["active"]
        .as_bool()
        .unwrap()
}

#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}
