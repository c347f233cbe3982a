//! TPM structures (TPM 2.0 Library, Part 2), as far as attestation statements contain them.

/// TPMT_PUBLIC (§12.2.4): the public area of a key in a TPM.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PublicArea<'a> {
    /// The hash algorithm of the key's name (§6.3).
    pub(super) name_algorithm: u16,
    pub(super) key: PublicKey<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum PublicKey<'a> {
    Rsa { modulus: &'a [u8], exponent: u32 },
    Ec { curve: u16, x: &'a [u8], y: &'a [u8] },
}

/// TPMS_ATTEST (§10.12.8) of the type TPM_ST_ATTEST_CERTIFY: the TPM certifies that it holds the
/// key of this name.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Certified<'a> {
    /// The data that the caller of the TPM had it include.
    pub(super) extra_data: &'a [u8],
    /// The hash algorithm and the hash of the key's public area (Part 1 §16).
    pub(super) name: &'a [u8],
}

impl<'a> PublicArea<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<PublicArea<'a>> {
        let mut reader = Reader(bytes);
        let kind = reader.u16()?;
        let name_algorithm = reader.u16()?;
        let _attributes = reader.u32()?;
        let _policy = reader.sized()?;
        // The symmetric cipher of a storage key; key size and mode follow.
        if reader.u16()? != NULL {
            reader.take(4)?;
        }
        reader.scheme()?;
        let key = match kind {
            RSA => {
                let _bits = reader.u16()?;
                let exponent = match reader.u32()? {
                    0 => F4,
                    exponent => exponent,
                };
                PublicKey::Rsa { modulus: reader.sized()?, exponent }
            }
            ECC => {
                let curve = reader.u16()?;
                reader.scheme()?;
                PublicKey::Ec { curve, x: reader.sized()?, y: reader.sized()? }
            }
            _ => return None,
        };
        reader.0.is_empty().then_some(PublicArea { name_algorithm, key })
    }
}

impl<'a> Certified<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Option<Certified<'a>> {
        let mut reader = Reader(bytes);
        if reader.u32()? != GENERATED_BY_A_TPM || reader.u16()? != ATTEST_CERTIFY {
            return None;
        }
        let _signer = reader.sized()?;
        let extra_data = reader.sized()?;
        let _clock = reader.take(17)?;
        let _firmware = reader.take(8)?;
        let name = reader.sized()?;
        let _qualified_name = reader.sized()?;
        reader.0.is_empty().then_some(Certified { extra_data, name })
    }
}

/// The bytes that are still to be read.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_be_bytes)
    }

    /// TPM2B: a length and as many bytes.
    fn sized(&mut self) -> Option<&'a [u8]> {
        let length = self.u16()?;
        self.take(length.into())
    }

    /// Skips a signing or derivation scheme (§11.2). NULL leaves the scheme to the key's user.
    fn scheme(&mut self) -> Option<()> {
        match self.u16()? {
            NULL => Some(()),
            // ECDAA has a counter after its hash.
            ECDAA => self.take(4).map(|_| ()),
            // RSAES has no parameters.
            RSAES => Some(()),
            _ => self.take(2).map(|_| ()),
        }
    }
}

/// TPM_GENERATED_VALUE (§6.2): a TPM refuses to sign external data that begins with it.
const GENERATED_BY_A_TPM: u32 = 0xff54_4347;
/// TPM_ST_ATTEST_CERTIFY (§6.9).
const ATTEST_CERTIFY: u16 = 0x8017;

/// Algorithms (§6.3).
const RSA: u16 = 0x0001;
const NULL: u16 = 0x0010;
const RSAES: u16 = 0x0015;
const ECDAA: u16 = 0x001a;
const ECC: u16 = 0x0023;

/// The RSA exponent for which 0 stands (§12.2.3.5).
const F4: u32 = 65_537;

#[cfg(test)]
mod tests {
    use super::*;

    /// A P-256 signing key with a scheme, and an RSA key without.
    fn areas() -> [Vec<u8>; 2] {
        let ec = [
            &[0, 0x23, 0, 0x0b][..],
            &[0, 0, 0, 0],
            &[0, 1, 7],
            &[0, 0x10],
            &[0, 0x18, 0, 0x0b],
            &[0, 3],
            &[0, 0x10],
            &[0, 1, 8, 0, 1, 9],
        ];
        let rsa = [
            &[0, 1, 0, 4][..],
            &[0, 0, 0, 0],
            &[0, 0],
            &[0, 0x10],
            &[0, 0x10],
            &[8, 0],
            &[0, 0, 0, 0],
            &[0, 2, 0xff, 1],
        ];
        [ec.concat(), rsa.concat()]
    }

    #[test]
    fn public_areas_are_read_to_their_end() {
        let [ec, rsa] = areas();
        let read = PublicArea::parse(&ec).unwrap();
        assert_eq!(
            read,
            PublicArea { name_algorithm: 0x0b, key: PublicKey::Ec { curve: 3, x: &[8], y: &[9] } }
        );
        let read = PublicArea::parse(&rsa).unwrap();
        assert_eq!(
            read,
            PublicArea {
                name_algorithm: 4,
                key: PublicKey::Rsa { modulus: &[0xff, 1], exponent: 65_537 }
            }
        );
        for area in areas() {
            for end in 0..area.len() {
                assert_eq!(PublicArea::parse(&area[..end]), None, "{end} bytes");
            }
            assert_eq!(PublicArea::parse(&[area, vec![0]].concat()), None);
        }
    }

    #[test]
    fn certificates_of_a_key_are_read_to_their_end() {
        let certified = [
            &[0xff, 0x54, 0x43, 0x47, 0x80, 0x17][..],
            &[0, 0],
            &[0, 2, 1, 2],
            &[0; 25],
            &[0, 3, 0, 0x0b, 5],
            &[0, 0],
        ]
        .concat();
        assert_eq!(
            Certified::parse(&certified),
            Some(Certified { extra_data: &[1, 2], name: &[0, 0x0b, 5] })
        );
        for end in 0..certified.len() {
            assert_eq!(Certified::parse(&certified[..end]), None, "{end} bytes");
        }
        for place in 0..6 {
            let mut other = certified.clone();
            other[place] ^= 1;
            assert_eq!(Certified::parse(&other), None, "byte {place}");
        }
    }
}
