//! Attestation statements and extension outputs of any form that the relying party did not ask for.

use twostep::testing::{SimulatedAuthority, SimulatedSecurityKey, Statement};
use twostep::webauthn::Attestation;

use super::party::{Registration, config};

/// Extension outputs, well-formed and otherwise; ignored because they were not asked for.
pub(crate) const ODD_EXTENSIONS: [&[u8]; 8] = [
    b"\xa1\x6bcredProtect\x01",
    b"\xa1\x6bcredProtect\x18\xff",
    b"\xa1\x6bcredProtect\xf4",
    b"\xa1\x6bhmac-secret\x41\x00",
    b"\xa1\x01\x02",
    b"\xa1\x63uvm\xf9\x3c\x00",
    b"\xbf\x63prf\xa1\x67results\xa1\x65first\x81\x81\x81\x00\xff",
    b"\xa2\x61a\xc0\x61b\x61c\xf7",
];

/// Without a request for attestation, any statement counts as none (L3 §5.1.3).
#[test]
fn step_7_1_22_an_unrequested_statement_is_ignored() {
    let objects: [(&str, &[u8]); 11] = [
        ("none", b"\xa1\x63sig\x41\x00"),
        ("packed", b"\xa0"),
        ("packed", b"\xa3\x63alg\x26\x63sig\x41\x00\x63x5c\x80"),
        ("packed", b"\xa3\x63alg\x26\x63sig\x41\x00\x63x5c\x81\x42\x30\x00"),
        ("fido-u2f", b"\xa0"),
        ("tpm", b"\xa1\x63ver\x632.0"),
        ("android-safetynet", b"\xa2\x63ver\x6214\x68response\x43a.b"),
        // A list of statements, with certificates six levels deep.
        ("compound", b"\x81\xa2\x63fmt\x66packed\x67attStmt\xa1\x63x5c\x81\x81\x81\x41\x30"),
        ("vendor-format", b"\xf7"),
        ("a format with a name that is longer than 32 octets", b"\xbf\x61a\xf9\x3c\x00\xff"),
        ("", b"\x00"),
    ];
    for (format, statement) in objects {
        let it = Registration::new();
        let mut response = it.creation.response();
        let data = it.creation.auth_data();
        let head = |major: u8, length: usize| {
            [vec![major | 0x19], u16::try_from(length).unwrap().to_be_bytes().to_vec()].concat()
        };
        let format_head = if format.len() < 24 {
            vec![0x60 | u8::try_from(format.len()).unwrap()]
        } else {
            vec![0x78, u8::try_from(format.len()).unwrap()]
        };
        let data_head = if data.len() < 256 {
            vec![0x58, u8::try_from(data.len()).unwrap()]
        } else {
            head(0x40, data.len())
        };
        let object = [
            b"\xa3\x63fmt".to_vec(),
            format_head,
            format.into(),
            b"\x67attStmt".to_vec(),
            statement.to_vec(),
            b"\x68authData".to_vec(),
            data_head,
            data,
        ];
        response.response.attestation_object = object.concat();
        let credential = it
            .finish_with(&response)
            .unwrap_or_else(|fault| panic!("{format} {statement:02x?}: {fault}"));
        assert_eq!(
            (credential.attestation, credential.attestation_format.as_str()),
            (Attestation::None, "none"),
            "{format}"
        );
    }
    // A valid statement counts as none as well.
    let root = SimulatedAuthority::new("Simulated Root");
    for statement in [Statement::Own, Statement::Packed(root.clone()), Statement::U2f(root)] {
        let credential =
            Registration::with(config(), SimulatedSecurityKey::new("alice's").vouched(statement))
                .finish()
                .unwrap();
        assert_eq!(
            (credential.attestation, credential.attestation_format.as_str()),
            (Attestation::None, "none")
        );
    }
}
