//! The two PIN/UV auth protocols (CTAP 2.1 §6.5.6, §6.5.7): a secret shared with the key, and what
//! is sealed with it.

use std::fmt;

use aes::Aes256;
use aes::cipher::{Array, BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use aws_lc_rs::agreement::{ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey, agree_ephemeral};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::usb::fault::Fault;

/// The version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    One,
    Two,
}

/// A point of P-256, as a COSE key has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) x: [u8; 32],
    pub(crate) y: [u8; 32],
}

/// The secret shared with the key, without the half that only setting a PIN needs. Wiped when
/// dropped.
pub(crate) struct SharedSecret {
    protocol: Protocol,
    aes: Zeroizing<[u8; 32]>,
}

/// pinUvAuthToken: what a key gives for a PIN or a finger. Wiped when dropped.
pub(crate) struct Token {
    protocol: Protocol,
    bytes: Zeroizing<Vec<u8>>,
}

impl Protocol {
    pub(crate) fn number(self) -> i64 {
        match self {
            Protocol::One => 1,
            Protocol::Two => 2,
        }
    }

    pub(crate) fn from_number(number: u64) -> Option<Protocol> {
        match number {
            1 => Some(Protocol::One),
            2 => Some(Protocol::Two),
            _ => None,
        }
    }

    fn authenticate(self, key: &[u8], message: &[u8]) -> Vec<u8> {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), message);
        let length = match self {
            Protocol::One => 16,
            Protocol::Two => 32,
        };
        tag.as_ref().iter().copied().take(length).collect()
    }
}

impl SharedSecret {
    /// Agrees on a secret with the key's point, and answers ours for it.
    ///
    /// A point that is not on the curve is refused.
    pub(crate) fn agree(
        protocol: Protocol,
        theirs: &Point,
    ) -> Result<(SharedSecret, Point), Fault> {
        const FAILED: Fault = Fault::Odd("it gave a key that is none");
        let private =
            EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).map_err(|_| FAILED)?;
        let public = private.compute_public_key().map_err(|_| FAILED)?;
        let ours = Point::from_uncompressed(public.as_ref()).ok_or(FAILED)?;
        let theirs = UnparsedPublicKey::new(&ECDH_P256, theirs.to_uncompressed());
        let secret = agree_ephemeral(private, theirs, FAILED, |z| {
            SharedSecret::derive(protocol, z).ok_or(FAILED)
        })?;
        Ok((secret, ours))
    }

    fn derive(protocol: Protocol, z: &[u8]) -> Option<SharedSecret> {
        let mut aes = Zeroizing::new([0; 32]);
        match protocol {
            Protocol::One => aes.copy_from_slice(&Sha256::digest(z)),
            Protocol::Two => {
                let key = Salt::new(HKDF_SHA256, &[0; 32]).extract(z);
                key.expand(&[b"CTAP2 AES key"], HKDF_SHA256).ok()?.fill(&mut aes[..]).ok()?;
            }
        }
        Some(SharedSecret { protocol, aes })
    }

    /// Seals whole blocks.
    pub(crate) fn encrypt(&self, plain: &[u8]) -> Result<Vec<u8>, Fault> {
        let mut iv = [0; BLOCK];
        if self.protocol == Protocol::Two {
            getrandom::fill(&mut iv)
                .map_err(|_| Fault::Odd("this machine has no random numbers"))?;
        }
        let mut blocks = blocks(plain).ok_or(Fault::Odd("a length that no cipher takes"))?;
        cbc::Encryptor::<Aes256>::new(&Array::from(*self.aes), &Array::from(iv))
            .encrypt_blocks(&mut blocks);
        let prefix = if self.protocol == Protocol::Two { &iv[..] } else { &[] };
        Ok([prefix, blocks.as_flattened_bytes().as_slice()].concat())
    }

    /// Opens what the key sealed.
    pub(crate) fn decrypt(&self, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, Fault> {
        const WRONG: Fault = Fault::Odd("it sealed something with a wrong length");
        let (iv, sealed) = match self.protocol {
            Protocol::One => ([0; BLOCK], sealed),
            Protocol::Two => {
                sealed.split_first_chunk().map(|(iv, sealed)| (*iv, sealed)).ok_or(WRONG)?
            }
        };
        let mut blocks = blocks(sealed).ok_or(WRONG)?;
        cbc::Decryptor::<Aes256>::new(&Array::from(*self.aes), &Array::from(iv))
            .decrypt_blocks(&mut blocks);
        let plain = blocks.as_flattened_bytes();
        blocks
            .iter_mut()
            .for_each(|block| zeroize::Zeroize::zeroize(block.as_mut_slice()));
        Ok(plain)
    }

    /// Opens a token: 32 bytes, or 16 from old keys of protocol one.
    pub(crate) fn open_token(&self, sealed: &[u8]) -> Result<Token, Fault> {
        let bytes = self.decrypt(sealed)?;
        let fits = match self.protocol {
            Protocol::One => bytes.len() == 16 || bytes.len() == 32,
            Protocol::Two => bytes.len() == 32,
        };
        if fits {
            Ok(Token { protocol: self.protocol, bytes })
        } else {
            Err(Fault::Odd("it gave a token of a wrong length"))
        }
    }
}

impl Token {
    pub(crate) fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn authenticate(&self, message: &[u8]) -> Vec<u8> {
        self.protocol.authenticate(&self.bytes, message)
    }
}

impl Point {
    fn from_uncompressed(bytes: &[u8]) -> Option<Point> {
        let (&UNCOMPRESSED, rest) = bytes.split_first()? else { return None };
        let (x, y) = rest.split_first_chunk()?;
        Some(Point { x: *x, y: y.try_into().ok()? })
    }

    fn to_uncompressed(self) -> Vec<u8> {
        [&[UNCOMPRESSED][..], &self.x, &self.y].concat()
    }
}

type Block = Array<u8, aes::cipher::consts::U16>;

/// Whole blocks, at least one.
fn blocks(bytes: &[u8]) -> Option<Vec<Block>> {
    let (blocks, rest) = bytes.as_chunks::<BLOCK>();
    (rest.is_empty() && !blocks.is_empty())
        .then(|| blocks.iter().map(|block| Array::from(*block)).collect())
}

/// Blocks as one row of bytes, wiped when dropped.
trait Flattened {
    fn as_flattened_bytes(&self) -> Zeroizing<Vec<u8>>;
}

impl Flattened for Vec<Block> {
    fn as_flattened_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut bytes = Zeroizing::new(Vec::with_capacity(self.len() * BLOCK));
        self.iter().for_each(|block| bytes.extend_from_slice(block));
        bytes
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

const BLOCK: usize = 16;

const UNCOMPRESSED: u8 = 0x04;

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(protocol: Protocol) -> (SharedSecret, SharedSecret) {
        let private = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new()).unwrap();
        let public = private.compute_public_key().unwrap();
        let (ours, point) =
            SharedSecret::agree(protocol, &Point::from_uncompressed(public.as_ref()).unwrap())
                .unwrap();
        let peer = UnparsedPublicKey::new(&ECDH_P256, point.to_uncompressed());
        let theirs =
            agree_ephemeral(private, peer, (), |z| SharedSecret::derive(protocol, z).ok_or(()))
                .unwrap();
        (ours, theirs)
    }

    #[test]
    fn both_sides_open_what_the_other_sealed() {
        for protocol in [Protocol::One, Protocol::Two] {
            let (ours, theirs) = pair(protocol);
            for length in [16, 32, 64] {
                let plain = vec![7; length];
                let sealed = ours.encrypt(&plain).unwrap();
                assert_eq!(sealed.len(), length + if protocol == Protocol::Two { 16 } else { 0 });
                assert_eq!(*theirs.decrypt(&sealed).unwrap(), plain);
            }
        }
    }

    /// NIST SP 800-38A F.2.5: AES-256 in CBC mode, one block after the initialisation vector.
    #[test]
    fn the_cipher_is_aes_256_in_cbc_mode() {
        let key = *b"\x60\x3d\xeb\x10\x15\xca\x71\xbe\x2b\x73\xae\xf0\x85\x7d\x77\x81\x1f\x35\x2c\
            \x07\x3b\x61\x08\xd7\x2d\x98\x10\xa3\x09\x14\xdf\xf4";
        let iv = *b"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f";
        let sealed = *b"\xf5\x8c\x4c\x04\xd6\xe5\xf1\xba\x77\x9e\xab\xfb\x5f\x7b\xfb\xd6";
        let plain = *b"\x6b\xc1\xbe\xe2\x2e\x40\x9f\x96\xe9\x3d\x7e\x11\x73\x93\x17\x2a";
        let secret = SharedSecret { protocol: Protocol::Two, aes: Zeroizing::new(key) };
        assert_eq!(*secret.decrypt(&[iv, sealed].concat()).unwrap(), plain);
    }

    #[test]
    fn lengths_that_no_key_has_a_reason_for_are_refused() {
        for protocol in [Protocol::One, Protocol::Two] {
            let (ours, theirs) = pair(protocol);
            for length in [0, 1, 15, 17] {
                assert!(ours.decrypt(&vec![0; length]).is_err(), "{protocol:?} {length}");
            }
            let long = theirs.encrypt(&[0; 48]).unwrap();
            assert!(ours.open_token(&long).is_err(), "a token of 48 bytes");
            assert!(ours.open_token(&theirs.encrypt(&[0; 32]).unwrap()).is_ok());
            let short = ours.open_token(&theirs.encrypt(&[0; 16]).unwrap());
            assert_eq!(short.is_ok(), protocol == Protocol::One, "a token of 16 bytes");
        }
    }

    #[test]
    fn a_point_off_the_curve_is_refused() {
        let off = Point { x: [1; 32], y: [1; 32] };
        assert!(SharedSecret::agree(Protocol::Two, &off).is_err());
        assert!(SharedSecret::agree(Protocol::One, &Point { x: [0; 32], y: [0; 32] }).is_err());
    }
}
