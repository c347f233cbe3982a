//! The key's side of PINs: both protocols, tries, blocking, tokens with permissions.

use aes::Aes256;
use aes::cipher::block_padding::NoPadding;
use aes::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use aws_lc_rs::agreement::{ECDH_P256, PrivateKey, UnparsedPublicKey, agree};
use aws_lc_rs::{hkdf, hmac};
use ciborium::Value;
use sha2::{Digest, Sha256};

use crate::device::{bytes, get, int, ok, text_at};

pub struct PinStore {
    pin: Option<[u8; 16]>,
    pub retries: u8,
    pub wrong_in_a_row: u8,
    pub protocols: Vec<i64>,
    /// Tokens have permissions (CTAP 2.1).
    pub tokens: bool,
    /// Number of PINs that were tried.
    pub tried: usize,
    key: PrivateKey,
    token: [u8; 32],
    granted: Option<(u8, Option<String>)>,
}

impl PinStore {
    pub fn new() -> PinStore {
        PinStore {
            pin: None,
            retries: 8,
            wrong_in_a_row: 0,
            protocols: vec![2, 1],
            tokens: true,
            tried: 0,
            key: PrivateKey::generate(&ECDH_P256).unwrap(),
            token: [0x42; 32],
            granted: None,
        }
    }

    pub fn set(&mut self, pin: &str) {
        self.pin = Some(Sha256::digest(pin)[..16].try_into().unwrap());
    }

    pub fn is_set(&self) -> bool {
        self.pin.is_some()
    }

    /// authenticatorClientPIN.
    pub fn answer(&mut self, parameters: &Value) -> Vec<u8> {
        if !int(parameters, 1).is_some_and(|protocol| self.protocols.contains(&protocol)) {
            return vec![0x02];
        }
        match int(parameters, 2).unwrap() {
            1 => ok(&Value::Map(vec![
                (Value::from(3), Value::from(self.retries)),
                (Value::from(4), Value::from(self.wrong_in_a_row >= 3)),
            ])),
            2 => {
                let public = self.key.compute_public_key().unwrap();
                let (x, y) = public.as_ref()[1..].split_at(32);
                let key = [
                    (1, Value::from(2)),
                    (3, Value::from(-25)),
                    (-1, Value::from(1)),
                    (-2, Value::Bytes(x.to_vec())),
                    (-3, Value::Bytes(y.to_vec())),
                ];
                let key =
                    key.into_iter().map(|(label, value)| (Value::from(label), value)).collect();
                ok(&Value::Map(vec![(Value::from(1), Value::Map(key))]))
            }
            5 | 9 => self.token(parameters),
            7 => ok(&Value::Map(vec![(Value::from(5), Value::from(3))])),
            _ => vec![0x3e],
        }
    }

    fn token(&mut self, parameters: &Value) -> Vec<u8> {
        let Some(pin) = self.pin else { return vec![0x35] };
        if self.retries == 0 {
            return vec![0x32];
        }
        if self.wrong_in_a_row >= 3 {
            return vec![0x34];
        }
        self.tried += 1;
        let secret = self.secret(parameters);
        if secret.decrypt(&bytes(parameters, 6).unwrap()) != pin {
            self.retries -= 1;
            self.wrong_in_a_row += 1;
            self.key = PrivateKey::generate(&ECDH_P256).unwrap();
            return vec![match (self.retries, self.wrong_in_a_row) {
                (0, _) => 0x32,
                (_, 3) => 0x34,
                _ => 0x31,
            }];
        }
        (self.retries, self.wrong_in_a_row) = (8, 0);
        self.grant(parameters)
    }

    /// Gives a token.
    pub fn grant(&mut self, parameters: &Value) -> Vec<u8> {
        let secret = self.secret(parameters);
        let permissions = u8::try_from(int(parameters, 9).unwrap_or(0xff)).unwrap();
        // Permissions are for keys that know them.
        if int(parameters, 9).is_some() != self.tokens {
            return vec![0x02];
        }
        self.granted = Some((permissions, text_at(parameters, 10)));
        ok(&Value::Map(vec![(Value::from(2), Value::Bytes(secret.encrypt(&self.token)))]))
    }

    /// True if a command was authorised by the token.
    pub fn verify(
        &self,
        param: &[u8],
        protocol: Option<i64>,
        message: &[u8],
        (permission, rp_id): (u8, &str),
    ) -> Result<(), u8> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &self.token), message);
        let expected = if protocol == Some(1) { &tag.as_ref()[..16] } else { tag.as_ref() };
        let (permissions, bound) = self.granted.as_ref().ok_or(0x33)?;
        let allowed =
            permissions & permission != 0 && bound.as_ref().is_none_or(|bound| bound == rp_id);
        if allowed && param == expected { Ok(()) } else { Err(0x33) }
    }

    fn secret(&self, parameters: &Value) -> Secret {
        let key = get(parameters, 3).unwrap();
        let point = [&[4][..], &bytes(key, -2).unwrap(), &bytes(key, -3).unwrap()].concat();
        let protocol = int(parameters, 1).unwrap();
        agree(&self.key, UnparsedPublicKey::new(&ECDH_P256, point), (), |z| {
            Ok(Secret::new(protocol, z))
        })
        .unwrap()
    }
}

struct Secret {
    two: bool,
    aes: [u8; 32],
}

impl Secret {
    fn new(protocol: i64, z: &[u8]) -> Secret {
        let mut aes = [0; 32];
        match protocol {
            1 => aes = Sha256::digest(z).into(),
            _ => {
                let key = hkdf::Salt::new(hkdf::HKDF_SHA256, &[0; 32]).extract(z);
                key.expand(&[b"CTAP2 AES key"], hkdf::HKDF_SHA256)
                    .unwrap()
                    .fill(&mut aes)
                    .unwrap();
            }
        }
        Secret { two: protocol == 2, aes }
    }

    fn decrypt(&self, sealed: &[u8]) -> Vec<u8> {
        let (iv, sealed) = if self.two { sealed.split_at(16) } else { (&[0; 16][..], sealed) };
        let iv: [u8; 16] = iv.try_into().unwrap();
        let mut buffer = sealed.to_vec();
        let cipher = cbc::Decryptor::<Aes256>::new(&self.aes.into(), &iv.into());
        cipher.decrypt_padded::<NoPadding>(&mut buffer).unwrap().to_vec()
    }

    fn encrypt(&self, plain: &[u8]) -> Vec<u8> {
        let iv = if self.two { [9; 16] } else { [0; 16] };
        let mut buffer = plain.to_vec();
        let cipher = cbc::Encryptor::<Aes256>::new(&self.aes.into(), &iv.into());
        let length = plain.len();
        let sealed = cipher.encrypt_padded::<NoPadding>(&mut buffer, length).unwrap().to_vec();
        if self.two { [&iv[..], &sealed].concat() } else { sealed }
    }
}
