//! Attestation objects (WebAuthn L3 §6.5.4): three parts, of which the statement is read only if it
//! was asked for.

use super::cbor;
use super::cbor::Malformed;

/// The parts of an attestation object. The statement is CBOR of any kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct AttestationObject<'a> {
    pub(super) format: &'a str,
    pub(super) statement: &'a [u8],
    pub(super) authenticator_data: &'a [u8],
}

impl<'a> AttestationObject<'a> {
    /// Reads all of `bytes`. Unknown members are ignored.
    pub(super) fn parse(bytes: &'a [u8]) -> Result<AttestationObject<'a>, Malformed> {
        let (members, mut rest) = cbor::map_head(bytes)?;
        let (mut names, mut format, mut statement, mut authenticator_data) =
            (Vec::new(), None, None, None);
        for _ in 0..members {
            let (name, after) = cbor::parse_first(rest)?;
            let (value, after) = cbor::skip_first(after)?;
            let name = name.text().filter(|name| !names.contains(name)).ok_or(Malformed)?;
            names.push(name);
            match name {
                "fmt" => format = Some(cbor::parse(value)?.text().ok_or(Malformed)?),
                "attStmt" => statement = Some(value),
                "authData" => {
                    authenticator_data = Some(cbor::parse(value)?.bytes().ok_or(Malformed)?)
                }
                _ => {}
            }
            rest = after;
        }
        let (Some(format), Some(statement), Some(authenticator_data), []) =
            (format, statement, authenticator_data, rest)
        else {
            return Err(Malformed);
        };
        Ok(AttestationObject { format, statement, authenticator_data })
    }

    /// The object with which a client replaces any other when no attestation was asked for (L3
    /// §5.1.3).
    pub(super) fn none(authenticator_data: &[u8]) -> Vec<u8> {
        AttestationObject::encode(
            "none",
            &cbor::written(|writer| writer.map(0)),
            authenticator_data,
        )
    }

    /// Encodes the three parts as one map; the statement is CBOR already.
    pub(super) fn encode(format: &str, statement: &[u8], authenticator_data: &[u8]) -> Vec<u8> {
        cbor::written(|writer| {
            writer.map(3).text("fmt").text(format).text("attStmt").raw(statement);
            writer.text("authData").bytes(authenticator_data)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_of_any_cbor_is_passed_over() {
        for statement in [
            &[0xa0][..],
            &[0x80],
            &[0xf7],
            &[0xf9, 0x3c, 0x00],                         // floating point
            &[0xc0, 0x61, b'x'],                         // a tag
            &[0xbf, 0x61, b'a', 0x9f, 0x01, 0xff, 0xff], // indefinite lengths
            &[0x5f, 0x41, 0x00, 0x41, 0x01, 0xff],       // bytes in pieces
            // A key twice, and not in the shortest form.
            &[0xa2, 0x61, b'a', 0x01, 0x61, b'a', 0x18, 0x01],
            &[0x81, 0x81, 0x81, 0x81, 0x81, 0x81, 0x00],
        ] {
            let object =
                [b"\xa3\x63fmt\x64none\x67attStmt", statement, b"\x68authData\x41\x07"].concat();
            let read = AttestationObject::parse(&object);
            assert_eq!(
                read,
                Ok(AttestationObject { format: "none", statement, authenticator_data: &[7] }),
                "{statement:02x?}"
            );
            for end in 0..object.len() {
                assert_eq!(
                    AttestationObject::parse(&object[..end]),
                    Err(Malformed),
                    "{statement:02x?}, {end} bytes of it"
                );
            }
        }
    }

    #[test]
    fn an_object_with_a_part_missing_or_repeated_is_refused() {
        let whole = AttestationObject::none(&[7]);
        assert!(AttestationObject::parse(&whole).is_ok());
        for object in [
            &b"\xa2\x63fmt\x64none\x67attStmt\xa0"[..],
            b"\xa2\x63fmt\x64none\x68authData\x41\x07",
            b"\xa4\x63fmt\x64none\x63fmt\x64none\x67attStmt\xa0\x68authData\x41\x07",
            b"\xa3\x63fmt\x01\x67attStmt\xa0\x68authData\x41\x07",
            b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x01",
            b"\x83\x63fmt\x64none\x67attStmt\xa0\x68authData\x41\x07",
        ] {
            assert_eq!(AttestationObject::parse(object), Err(Malformed), "{object:02x?}");
        }
        assert_eq!(AttestationObject::parse(&[whole, vec![0]].concat()), Err(Malformed));
        let deep =
            [&b"\xa3\x63fmt\x64none\x67attStmt"[..], &[0x81; 5_000], b"\x00\x68authData\x41\x07"]
                .concat();
        assert_eq!(AttestationObject::parse(&deep), Err(Malformed));
    }
}
