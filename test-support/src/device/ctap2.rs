//! The commands of CTAP2.

use ciborium::{Value, cbor};
use sha2::{Digest, Sha256};

use super::wire::{bool_of, bytes, get, ids, int, ok, text, text_at};
use super::{Device, Outcome};

impl Device {
    pub(super) fn execute(&mut self, message: &[u8], touched: Option<bool>) -> Outcome {
        let parameters = if message.len() > 1 && message[0] != 0x04 {
            ciborium::from_reader(&message[1..]).unwrap()
        } else {
            Value::Null
        };
        let denied = touched == Some(false);
        match message[0] {
            _ if denied => Outcome::Reply(vec![0x27]),
            0x01 => self.make_credential(&parameters, touched.is_some()),
            0x02 => self.get_assertion(&parameters, touched.is_some()),
            0x04 => Outcome::Reply(ok(&self.info())),
            0x06 if int(&parameters, 2) == Some(6) => {
                self.token_by_finger(&parameters, touched.is_some())
            }
            0x06 => Outcome::Reply(self.pin.answer(&parameters)),
            0x0b if self.versions.contains(&"FIDO_2_1") && touched.is_some() => {
                Outcome::Reply(vec![0])
            }
            0x0b if self.versions.contains(&"FIDO_2_1") => Outcome::NeedsTouch,
            _ => Outcome::Reply(vec![0x01]),
        }
    }

    fn token_by_finger(&mut self, parameters: &Value, touched: bool) -> Outcome {
        match (&mut self.finger, touched) {
            (None, _) => Outcome::Reply(vec![0x3c]),
            (_, false) => Outcome::NeedsTouch,
            (Some(wrong), true) if *wrong > 0 => {
                *wrong -= 1;
                Outcome::Reply(vec![0x3f])
            }
            (Some(_), true) => Outcome::Reply(self.pin.grant(parameters)),
        }
    }

    fn info(&self) -> Value {
        let texts =
            |texts: &[&str]| Value::Array(texts.iter().map(|text| Value::from(*text)).collect());
        let mut options =
            vec![(Value::from("rk"), Value::from(true)), (Value::from("up"), Value::from(true))];
        if self.finger.is_some() {
            options.push((Value::from("uv"), Value::from(true)));
        }
        options.push((Value::from("clientPin"), Value::from(self.pin.is_set())));
        options.push((Value::from("pinUvAuthToken"), Value::from(self.pin.tokens)));
        let mut map = vec![
            (Value::from(1), texts(&self.versions)),
            (Value::from(2), texts(&["credProtect"])),
            (Value::from(3), Value::Bytes(self.key.aaguid.to_vec())),
            (Value::from(4), Value::Map(options)),
            (Value::from(5), Value::from(1200)),
            (
                Value::from(6),
                Value::Array(
                    self.pin.protocols.iter().map(|number| Value::from(*number)).collect(),
                ),
            ),
        ];
        map.extend(self.most_in_list.map(|most| (Value::from(7), Value::from(most))));
        Value::Map(map)
    }

    fn make_credential(&mut self, parameters: &Value, touched: bool) -> Outcome {
        let hash = bytes(parameters, 1).unwrap();
        let rp_id = get(parameters, 2).and_then(|rp| text(rp, "id")).unwrap();
        if bytes(parameters, 8).is_some_and(|param| param.is_empty()) {
            return if touched {
                Outcome::Reply(vec![if self.pin.is_set() { 0x31 } else { 0x35 }])
            } else {
                Outcome::NeedsTouch
            };
        }
        let verified = match self.verified(parameters, &hash, (8, 9), (1, &rp_id)) {
            Ok(verified) => verified,
            Err(status) => return Outcome::Reply(vec![status]),
        };
        if (self.pin.is_set() || self.finger.is_some()) && !verified {
            return Outcome::Reply(vec![0x36]);
        }
        if !touched {
            return Outcome::NeedsTouch;
        }
        let rp_id_hash: [u8; 32] = Sha256::digest(&rp_id).into();
        if ids(parameters, 5).iter().any(|id| self.key.holds(id, &rp_id_hash)) {
            return Outcome::Reply(vec![0x19]);
        }
        let mut creation = self.key.make_credential(b"", &rp_id);
        creation.flags |= if verified { 0x05 } else { 0x01 };
        let (format, statement) = &self.statement;
        let head = [
            (Value::from(1), Value::from(*format)),
            (Value::from(2), Value::Bytes(creation.auth_data())),
        ];
        let statement = statement.iter().map(|statement| (Value::from(3), statement.clone()));
        Outcome::Reply(ok(&Value::Map(head.into_iter().chain(statement).collect())))
    }

    fn get_assertion(&mut self, parameters: &Value, touched: bool) -> Outcome {
        let rp_id = text_at(parameters, 1).unwrap();
        let hash = bytes(parameters, 2).unwrap();
        let verified = match self.verified(parameters, &hash, (6, 7), (2, &rp_id)) {
            Ok(verified) => verified,
            Err(status) => return Outcome::Reply(vec![status]),
        };
        let ids = ids(parameters, 3);
        if self.most_in_list.is_some_and(|most| ids.len() > usize::try_from(most).unwrap()) {
            return Outcome::Reply(vec![0x15]);
        }
        let silent = get(parameters, 5).and_then(|options| bool_of(options, "up")) == Some(false);
        let allowed: Vec<&[u8]> = ids.iter().map(Vec::as_slice).collect();
        let used = self.key.clone().get_assertion(b"", &rp_id, &allowed);
        let Some(mut used) = used.filter(|_| verified || !self.hides) else {
            return Outcome::Reply(vec![0x2e]);
        };
        if !silent && !touched {
            return Outcome::NeedsTouch;
        }
        self.key.sign_count += 1;
        used.sign_count = self.key.sign_count;
        used.flags = if silent { 0 } else { 0x01 } | if verified { 0x04 } else { 0 };
        let data = used.auth_data();
        let signature = used.signer.sign(&[&data[..], &hash].concat());
        let mut map =
            vec![(Value::from(2), Value::Bytes(data)), (Value::from(3), Value::Bytes(signature))];
        if !(self.omits_id && ids.len() == 1) {
            let id = used.credential_id.clone();
            map.insert(
                0,
                (
                    Value::from(1),
                    cbor!({ "id" => Value::Bytes(id), "type" => "public-key" }).unwrap(),
                ),
            );
        }
        Outcome::Reply(ok(&Value::Map(map)))
    }

    /// True if the command carries a proof of user verification.
    fn verified(
        &mut self,
        parameters: &Value,
        hash: &[u8],
        keys: (i64, i64),
        (permission, rp_id): (u8, &str),
    ) -> Result<bool, u8> {
        match bytes(parameters, keys.0) {
            Some(param) => self
                .pin
                .verify(&param, int(parameters, keys.1), hash, (permission, rp_id))
                .map(|()| true),
            None => Ok(false),
        }
    }
}
