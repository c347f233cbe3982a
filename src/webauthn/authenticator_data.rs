//! Authenticator data (WebAuthn L3 §6.1), read to its last byte.

use super::cbor;
use super::cbor::{Item, Malformed};

/// An authenticator's signed statement about itself and the ceremony.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AuthenticatorData<'a> {
    pub(crate) rp_id_hash: [u8; 32],
    pub(crate) flags: u8,
    pub(crate) sign_count: u32,
    /// Present in registrations only.
    pub(crate) attested: Option<AttestedCredential<'a>>,
    /// Extension outputs, any well-formed map. No extension is asked for, so none is read.
    pub(crate) extensions: Option<&'a [u8]>,
}

/// Attested credential data (L3 §6.5.1).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct AttestedCredential<'a> {
    pub(crate) aaguid: [u8; 16],
    pub(crate) id: &'a [u8],
    /// The public key, encoded and parsed.
    pub(crate) public_key: &'a [u8],
    pub(crate) key: Item<'a>,
}

impl<'a> AuthenticatorData<'a> {
    /// Reads all of `bytes`: exactly the parts that the flags announce.
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<AuthenticatorData<'a>, Malformed> {
        let (rp_id_hash, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
        let (&flags, rest) = rest.split_first().ok_or(Malformed)?;
        let (sign_count, mut rest) = rest.split_first_chunk().ok_or(Malformed)?;
        let (mut attested, mut extensions) = (None, None);
        if flags & ATTESTED != 0 {
            let (credential, after) = AttestedCredential::parse_first(rest)?;
            (attested, rest) = (Some(credential), after);
        }
        if flags & EXTENDED != 0 {
            let (map, after) = cbor::skip_first(rest)?;
            if map.first().is_none_or(|head| head >> 5 != MAP) {
                return Err(Malformed);
            }
            (extensions, rest) = (Some(map), after);
        }
        if !rest.is_empty() {
            return Err(Malformed);
        }
        Ok(AuthenticatorData {
            rp_id_hash: *rp_id_hash,
            flags,
            sign_count: u32::from_be_bytes(*sign_count),
            attested,
            extensions,
        })
    }

    pub(crate) fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// The data as an authenticator without extensions would write them.
    pub(crate) fn without_extensions(&self) -> Vec<u8> {
        let head =
            [&self.rp_id_hash[..], &[self.flags & !EXTENDED], &self.sign_count.to_be_bytes()]
                .concat();
        let attested = self.attested.as_ref().map(AttestedCredential::written).unwrap_or_default();
        [head, attested].concat()
    }
}

impl<'a> AttestedCredential<'a> {
    fn written(&self) -> Vec<u8> {
        // The length was read from two bytes.
        let length = u16::try_from(self.id.len()).unwrap_or(u16::MAX).to_be_bytes();
        [&self.aaguid[..], &length, self.id, self.public_key].concat()
    }

    fn parse_first(bytes: &'a [u8]) -> Result<(AttestedCredential<'a>, &'a [u8]), Malformed> {
        let (aaguid, rest) = bytes.split_first_chunk().ok_or(Malformed)?;
        let (length, rest) = rest.split_first_chunk().ok_or(Malformed)?;
        let (id, rest) = rest
            .split_at_checked(usize::from(u16::from_be_bytes(*length)))
            .ok_or(Malformed)?;
        let (key, after) = cbor::parse_first(rest)?;
        let public_key = rest
            .len()
            .checked_sub(after.len())
            .and_then(|length| rest.get(..length))
            .ok_or(Malformed)?;
        Ok((AttestedCredential { aaguid: *aaguid, id, public_key, key }, after))
    }
}

/// The user present flag, UP.
pub(super) const USER_PRESENT: u8 = 0x01;
/// The user verified flag, UV.
pub(crate) const USER_VERIFIED: u8 = 0x04;
/// The backup eligibility flag, BE.
pub(crate) const BACKUP_ELIGIBLE: u8 = 0x08;
/// The backup state flag, BS.
pub(crate) const BACKED_UP: u8 = 0x10;
/// The flag for attested credential data, AT.
const ATTESTED: u8 = 0x40;
/// The flag for extension data, ED.
const EXTENDED: u8 = 0x80;
/// The major type of a map (RFC 8949 §3.1).
const MAP: u8 = 5;

#[cfg(test)]
mod tests {
    use super::*;

    fn data(flags: u8, rest: &[u8]) -> Vec<u8> {
        [&[7; 32][..], &[flags], &[0, 0, 1, 2], rest].concat()
    }

    /// An id of two bytes and an empty map for a key.
    fn credential() -> Vec<u8> {
        [&[9; 16][..], &[0, 2, 0xaa, 0xbb, 0xa0]].concat()
    }

    #[test]
    fn parts_that_the_flags_announce_are_read() {
        let bytes = data(0x01, &[]);
        let plain = AuthenticatorData::parse(&bytes).unwrap();
        assert_eq!((plain.sign_count, plain.attested, plain.extensions), (258, None, None));

        let bytes = data(0xc1, &[credential(), vec![0xa0]].concat());
        let full = AuthenticatorData::parse(&bytes).unwrap();
        assert_eq!(full.without_extensions(), data(0x41, &credential()));
        assert_eq!(full.attested.unwrap().id, [0xaa, 0xbb]);
        assert_eq!(full.extensions, Some(&[0xa0][..]));
    }

    #[test]
    fn parts_that_the_flags_do_not_announce_are_refused() {
        for bytes in [
            data(0x01, &[0x00]),
            data(0x01, &credential()),
            data(0x41, &[]),
            data(0x41, &[credential(), vec![0xa0]].concat()),
            data(0x81, &[]),
            data(0x81, &[0x00]),
            data(0xc1, &credential()),
            data(0x41, &[&[9; 16][..], &[0xff, 0xff, 0xaa]].concat()),
            data(0x01, &[])[..36].to_vec(),
        ] {
            assert_eq!(AuthenticatorData::parse(&bytes), Err(Malformed), "{bytes:02x?}");
        }
    }
}
