//! Use of a store: people and administrators at work while an agent serves. Each acknowledged
//! change goes into the ledger.

use serde_json::{Value, json};
use test_support::http::{Answer, segment};

use super::ledger::{Device, Fault, Held, Kind, Life, Session, State, Token, step_now};
use super::round::Round;

/// The outcome of a request.
pub(crate) enum Told {
    Done(Value),
    Refused(u16, Value),
    /// 503, or another failure of the agent.
    Unavailable,
    /// No answer was received.
    Silence,
}

impl Round {
    /// Asks one of the agents. Where nothing is wrong there is an answer.
    pub(crate) fn ask(&mut self, method: &str, path: &str, body: &Value) -> Result<Told, Fault> {
        let which = self.random.below(self.agents.len());
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers: &[(&str, &str)] =
            if body.is_empty() { &[] } else { &[("Content-Type", "application/json")] };
        let answer = self.agents[which].client.try_raw(method, path, headers, body.as_bytes());
        let told = told(answer.as_ref().ok());
        if let (Told::Unavailable | Told::Silence, true) = (&told, self.calm) {
            return Err(format!("{method} {path}, and nothing is wrong: {answer:?}"));
        }
        Ok(told)
    }

    /// Adds a device and, mostly, activates it.
    pub(crate) fn enrol(&mut self) -> Result<(), Fault> {
        self.made += 1;
        let (account, serial) =
            (format!("person-{}", self.random.below(4)), format!("TORTURE{:05}", self.made));
        if self.ledger.serials(|device| device.account == account).len() >= 6 {
            return Ok(());
        }
        let kind = if self.random.once_in(4) { Kind::Totp } else { Kind::Hotp };
        let token = Token::new(&mut self.random);
        let body = match kind {
            Kind::Totp => {
                json!({
                    "account": account, "serial": serial, "kind": "totp",
                    "secret": token.secret(), "digits": 8, "period": 10
                })
            }
            _ => {
                json!({
                    "account": account, "serial": serial, "kind": "hotp",
                    "secret": token.secret(), "digits": 8, "counter": 0
                })
            }
        };
        let device = Device { account, kind, name: None, state: State::Pending, restored: false };
        self.ledger.tokens.insert(serial.clone(), token);
        self.note(format!("add {serial}: {kind:?} of {}", device.account));
        self.change("POST", "/v1/devices", &body, &serial, Some(device))?;
        if self.random.once_in(6) { Ok(()) } else { self.activate(&serial) }
    }

    /// A change of one device; what is not answered is in doubt.
    fn change(
        &mut self,
        method: &str,
        path: &str,
        body: &Value,
        serial: &str,
        after: Option<Device>,
    ) -> Result<bool, Fault> {
        match self.ask(method, path, body)? {
            Told::Done(_) => {
                self.ledger.changed(serial, after);
                Ok(true)
            }
            Told::Refused(status, problem) => {
                Err(format!("{method} {path} is refused with {status}: {problem}"))
            }
            Told::Unavailable | Told::Silence => {
                self.note("… not answered");
                self.ledger.doubts.insert(serial.to_owned(), after);
                Ok(false)
            }
        }
    }

    fn activate(&mut self, serial: &str) -> Result<(), Fault> {
        let Some(device) = self.ledger.devices.0.get(serial).cloned() else { return Ok(()) };
        if self.ledger.doubts.contains_key(serial)
            || (device.restored && device.kind == Kind::Totp)
            || device.kind == Kind::Recovery
        {
            return Ok(());
        }
        let Some(token) = self.ledger.tokens.get_mut(serial) else { return Ok(()) };
        if device.kind == Kind::Totp && token.next >= step_now() {
            return Ok(());
        }
        let pair = token.pair(device.kind);
        let after = Device { state: State::Active, restored: false, ..device };
        self.note(format!("activate {serial}"));
        if self.change(
            "POST",
            &path(serial, "/activate"),
            &json!({"codes": pair}),
            serial,
            Some(after),
        )? {
            self.token(serial).accepted(pair);
        }
        Ok(())
    }

    pub(crate) fn token(&mut self, serial: &str) -> &mut Token {
        self.ledger.tokens.get_mut(serial).unwrap()
    }

    /// Opens a session with the next code of some device.
    pub(crate) fn verify(&mut self) -> Result<(), Fault> {
        let active = self
            .ledger
            .serials(|device| device.state == State::Active && device.kind != Kind::Recovery);
        match self.random.pick(active) {
            Some(serial) => self.verify_with(&serial),
            None => Ok(()),
        }
    }

    pub(crate) fn verify_with(&mut self, serial: &str) -> Result<(), Fault> {
        let device = self.ledger.devices.0[serial].clone();
        let token = self.token(serial);
        let pair_needed =
            device.kind == Kind::Hotp && (device.restored || token.lag >= 7 || token.failures >= 2);
        if device.kind == Kind::Totp && (device.restored || token.failures >= 2) {
            return Ok(());
        }
        if pair_needed {
            return self.verify_pair(serial, &device);
        }
        let held = token.held.take();
        let code = match &held {
            Some(Held::Good(code) | Held::Maybe(code)) => code.clone(),
            None if device.kind == Kind::Totp => {
                let step = token.next.max(step_now());
                if step > step_now() + 1 {
                    return Ok(());
                }
                token.next = step + 1;
                token.code(device.kind, step)
            }
            None => {
                let counter = token.press();
                token.code(device.kind, counter)
            }
        };
        self.note(format!(
            "verify {serial} with {code}{}",
            if held.is_some() { " again" } else { "" }
        ));
        let body = json!({"account": device.account, "serial": serial, "code": code});
        match self.ask("POST", "/v1/sessions", &body)? {
            Told::Done(session) => self.opened(serial, &device, &session, [code]),
            // The code was spent, and its answer was lost.
            Told::Refused(403, problem) if matches!(held, Some(Held::Maybe(_))) => {
                let token = self.token(serial);
                token.failures += u32::from(problem["reason"] != "replayed");
                token.spent.push(code);
                Ok(())
            }
            // The window of a clock moves on.
            Told::Refused(403, problem)
                if held.is_some()
                    && device.kind == Kind::Totp
                    && (problem["reason"] == "no_match" || problem["reason"] == "out_of_sync") =>
            {
                self.token(serial).failures += 1;
                Ok(())
            }
            Told::Refused(status, problem) => {
                Err(format!("a fresh code of {serial} is refused with {status}: {problem}"))
            }
            Told::Unavailable if held.is_none() => {
                self.token(serial).held = Some(Held::Good(code));
                Ok(())
            }
            Told::Unavailable | Told::Silence => {
                self.token(serial).held = Some(Held::Maybe(code));
                Ok(())
            }
        }
    }

    fn verify_pair(&mut self, serial: &str, device: &Device) -> Result<(), Fault> {
        let pair = self.token(serial).pair(device.kind);
        self.note(format!("verify {serial} with the pair {pair:?}"));
        let body = json!({"account": device.account, "serial": serial, "codes": pair});
        match self.ask("POST", "/v1/sessions", &body)? {
            Told::Done(session) => {
                self.opened(serial, device, &session, pair)?;
                self.ledger.changed(serial, Some(Device { restored: false, ..device.clone() }));
                Ok(())
            }
            Told::Refused(status, problem) => {
                Err(format!("a fresh pair of {serial} is refused with {status}: {problem}"))
            }
            Told::Unavailable | Told::Silence => Ok(()),
        }
    }

    /// A session was opened with these codes, which may never open another one.
    pub(crate) fn opened<const N: usize>(
        &mut self,
        serial: &str,
        device: &Device,
        session: &Value,
        codes: [String; N],
    ) -> Result<(), Fault> {
        let token = self.token(serial);
        if let Some(code) = codes.iter().find(|code| token.spent.contains(code)) {
            return Err(format!("the code {code} of {serial} is accepted twice"));
        }
        token.accepted(codes);
        let session = session["token"].as_str().ok_or("a session has no token")?.to_owned();
        self.ledger.sessions.push(Session {
            token: session,
            account: device.account.clone(),
            serial: Some(serial.to_owned()),
            life: Life::Alive,
        });
        Ok(())
    }

    /// Presents the last code of some device that was accepted.
    pub(crate) fn replay(&mut self) -> Result<(), Fault> {
        let with_spent = |(serial, token): (&String, &Token)| {
            token.spent.last().map(|code| (serial.clone(), code.clone()))
        };
        let spent: Vec<(String, String)> =
            self.ledger.tokens.iter().filter_map(with_spent).collect();
        let Some((serial, code)) = self.random.pick(spent) else { return Ok(()) };
        let Some(account) = self.ledger.devices.0.get(&serial).map(|device| device.account.clone())
        else {
            return Ok(());
        };
        if self.token(&serial).failures >= 2 {
            Ok(())
        } else {
            self.must_be_refused(&account, Some(&serial), &code)
        }
    }

    /// Presents everything that was ever accepted, the newest first, and what is void.
    pub(crate) fn replay_everything(&mut self) -> Result<(), Fault> {
        self.note("present every code that is over");
        let devices = self.ledger.devices.clone();
        for (serial, device) in &devices.0 {
            let Some(token) = self.ledger.tokens.get(serial) else { continue };
            for code in token.spent.clone().iter().rev().take(6) {
                self.must_be_refused(&device.account, Some(serial), code)?;
            }
        }
        for (account, serial, code) in self.ledger.over.clone() {
            self.must_be_refused(&account, serial.as_deref(), &code)?;
        }
        Ok(())
    }

    pub(crate) fn must_be_refused(
        &mut self,
        account: &str,
        serial: Option<&str>,
        code: &str,
    ) -> Result<(), Fault> {
        let mut body = json!({"account": account, "code": code});
        if let Some(serial) = serial {
            body["serial"] = serial.into();
        }
        match self.ask("POST", "/v1/sessions", &body)? {
            Told::Done(_) => Err(format!(
                "the code {code} of {serial:?} of {account} is accepted, and it was accepted \
                 before or is void"
            )),
            Told::Refused(_, problem) => {
                if let (Some(serial), "no_match" | "out_of_sync") =
                    (serial, problem["reason"].as_str().unwrap_or_default())
                {
                    self.token(serial).failures += 1;
                }
                Ok(())
            }
            Told::Unavailable | Told::Silence => Ok(()),
        }
    }

    /// Renames, deactivates, activates again or removes a device.
    pub(crate) fn change_a_device(&mut self) -> Result<(), Fault> {
        let Some(serial) = self.random.pick(self.ledger.serials(|_| true)) else { return Ok(()) };
        let device = self.ledger.devices.0[&serial].clone();
        match (self.random.below(4), device.state) {
            (0, State::Active) => {
                self.note(format!("deactivate {serial}"));
                let after = Device { state: State::Disabled, ..device };
                let done = self.change(
                    "POST",
                    &path(&serial, "/deactivate"),
                    &Value::Null,
                    &serial,
                    Some(after),
                )?;
                self.end_sessions_of(&serial, done);
            }
            (1, State::Active | State::Pending | State::Disabled)
                if self.ledger.devices.0.len() > 2 =>
            {
                self.note(format!("remove {serial}"));
                let done =
                    self.change("DELETE", &path(&serial, ""), &Value::Null, &serial, None)?;
                self.end_sessions_of(&serial, done);
            }
            (_, State::Disabled | State::Pending) => self.activate(&serial)?,
            _ => {
                let name = format!("name {}", self.random.below(1_000));
                self.note(format!("rename {serial} to {name}"));
                let after = Device { name: Some(name.clone()), ..device };
                self.change(
                    "PATCH",
                    &path(&serial, ""),
                    &json!({"name": name}),
                    &serial,
                    Some(after),
                )?;
            }
        }
        Ok(())
    }

    fn end_sessions_of(&mut self, serial: &str, done: bool) {
        let life = if done { Life::Over } else { Life::Doubtful };
        self.ledger
            .end_sessions(life, |session| session.serial.as_deref() == Some(serial));
    }

    /// Revokes all sessions of an account.
    pub(crate) fn revoke(&mut self) -> Result<(), Fault> {
        let accounts: Vec<String> =
            self.ledger.devices.0.values().map(|device| device.account.clone()).collect();
        let Some(account) = self.random.pick(accounts) else { return Ok(()) };
        self.note(format!("revoke the sessions of {account}"));
        let life = match self.ask(
            "POST",
            &format!("/v1/accounts/{account}/revoke-sessions"),
            &json!({}),
        )? {
            Told::Done(_) => Life::Over,
            Told::Refused(status, problem) => {
                return Err(format!("revoking is refused with {status}: {problem}"));
            }
            Told::Unavailable | Told::Silence => Life::Doubtful,
        };
        self.ledger.end_sessions(life, |session| session.account == account);
        Ok(())
    }

    /// Makes or uses a recovery code or a bypass code.
    pub(crate) fn single_use_codes(&mut self) -> Result<(), Fault> {
        let sheets = self
            .ledger
            .serials(|device| device.kind == Kind::Recovery && device.state == State::Active);
        let sheet = self
            .random
            .pick(sheets)
            .filter(|serial| !self.ledger.tokens[serial].sheet.is_empty());
        if let Some((account, code)) = self.ledger.bypass.pop() {
            self.note(format!("use the bypass code of {account}"));
            return match self.ask(
                "POST",
                "/v1/sessions",
                &json!({"account": account, "code": code}),
            )? {
                Told::Done(_) => {
                    self.ledger.over.push((account, None, code));
                    Ok(())
                }
                Told::Refused(status, problem) => {
                    Err(format!("a fresh bypass code is refused with {status}: {problem}"))
                }
                Told::Unavailable | Told::Silence => Ok(()),
            };
        }
        if let Some(serial) = sheet {
            let (account, code) = (
                self.ledger.devices.0[&serial].account.clone(),
                self.token(&serial).sheet.pop().unwrap(),
            );
            self.note(format!("use a recovery code of {serial}"));
            return match self.ask(
                "POST",
                "/v1/sessions",
                &json!({"account": account, "serial": serial, "code": code}),
            )? {
                Told::Done(_) => {
                    self.ledger.over.push((account, Some(serial), code));
                    Ok(())
                }
                Told::Refused(status, problem) => {
                    Err(format!("a fresh recovery code is refused with {status}: {problem}"))
                }
                Told::Unavailable | Told::Silence => Ok(()),
            };
        }
        let Some(serial) = self.random.pick(
            self.ledger
                .serials(|device| device.state == State::Active && device.kind != Kind::Recovery),
        ) else {
            return Ok(());
        };
        let account = self.ledger.devices.0[&serial].account.clone();
        if self.random.once_in(2) { self.make_bypass(account) } else { self.make_sheet(account) }
    }

    fn make_bypass(&mut self, account: String) -> Result<(), Fault> {
        self.note(format!("a bypass code for {account}"));
        if let Told::Done(made) =
            self.ask("POST", &format!("/v1/accounts/{account}/bypass"), &json!({}))?
        {
            self.ledger
                .bypass
                .push((account, made["code"].as_str().unwrap_or_default().to_owned()));
        }
        Ok(())
    }

    fn make_sheet(&mut self, account: String) -> Result<(), Fault> {
        if !self
            .ledger
            .serials(|device| device.kind == Kind::Recovery && device.account == account)
            .is_empty()
        {
            return Ok(());
        }
        self.note(format!("a sheet of recovery codes for {account}"));
        if let Told::Done(made) =
            self.ask("POST", "/v1/devices", &json!({"account": account, "kind": "recovery"}))?
        {
            let serial = made["device"]["serial"].as_str().unwrap_or_default().to_owned();
            let codes = made["recovery_codes"]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str)
                .map(str::to_owned)
                .collect();
            let token = Token { sheet: codes, ..Token::new(&mut self.random) };
            self.ledger.tokens.insert(serial.clone(), token);
            self.ledger.changed(
                &serial,
                Some(Device {
                    account,
                    kind: Kind::Recovery,
                    name: None,
                    state: State::Active,
                    restored: false,
                }),
            );
        }
        Ok(())
    }
}

pub(crate) fn told(answer: Option<&Answer>) -> Told {
    match answer {
        None => Told::Silence,
        Some(answer) if answer.status >= 500 => Told::Unavailable,
        Some(answer) => {
            let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
            if answer.status < 300 { Told::Done(body) } else { Told::Refused(answer.status, body) }
        }
    }
}

fn path(serial: &str, verb: &str) -> String {
    format!("/v1/devices/{}{verb}", segment(serial))
}
