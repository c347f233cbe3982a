//! The figures of RFC 6030.

use twostep::import::{Format, Place, ProblemCode, Settings, TokenKind};

use super::{PLAIN, container, pskc, pskc_with_key, pskc_with_passphrase};
use crate::import::{read_with, recognised, settings};

/// A key package of the RFC's usual device, with this inside of its key.
fn usual(id: &str, algorithm: &str, digits: u8, inside: &str) -> String {
    format!(
        "<KeyPackage><DeviceInfo><Manufacturer>Manufacturer</Manufacturer>\
         <SerialNo>987654321</SerialNo></DeviceInfo>\
         <CryptoModuleInfo><Id>CM_ID_001</Id></CryptoModuleInfo>\
         <Key Id=\"{id}\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:{algorithm}\">\
         <Issuer>Issuer</Issuer><AlgorithmParameters>\
         <ResponseFormat Length=\"{digits}\" Encoding=\"DECIMAL\"/></AlgorithmParameters>\
         {inside}</Key></KeyPackage>"
    )
}

const ZERO: &str = "<Counter><PlainValue>0</PlainValue></Counter>";

#[test]
fn figure_2_has_no_device_and_a_short_secret() {
    let file = container(
        "<KeyPackage><Key Id=\"12345678\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\">\
         <Issuer>Issuer-A</Issuer><Data><Secret><PlainValue>MTIzNA==\n  </PlainValue></Secret>\
         </Data></Key></KeyPackage>",
    );
    let token = pskc(&file).token();
    assert_eq!(token.serial.as_deref(), Some("12345678"));
    assert_eq!(token.secret.expose(), b"1234");
    assert_eq!((token.digits, token.counter), (None, Some(0)));
}

#[test]
fn figure_3_is_a_plain_token() {
    let file = container(&usual("12345678", "hotp", 8, &format!("<Data>{PLAIN}{ZERO}</Data>")));
    let read = recognised(&file);
    assert_eq!(read.format, Some(Format::Pskc));
    let token = read.token();
    assert_eq!(token.place, Place::Entry(1));
    assert_eq!(token.serial.as_deref(), Some("987654321"));
    assert_eq!((token.kind, token.digits), (Some(TokenKind::Hotp), Some(8)));
    assert_eq!(token.secret.expose(), b"12345678901234567890");
    assert_eq!((token.counter, token.hardware), (Some(0), Some(true)));
}

#[test]
fn figure_4_names_a_key_to_derive_elsewhere() {
    let inside = format!(
        "<KeyProfileId>keyProfile1</KeyProfileId><KeyReference>MasterKeyLabel\n</KeyReference>\
         <Data>{ZERO}</Data><Policy><KeyUsage>OTP</KeyUsage></Policy>"
    );
    let read = pskc(&container(&usual("12345678", "hotp", 8, &inside)));
    let problem = read.problem();
    assert_eq!(problem.code, ProblemCode::SecretMissing);
    assert_eq!(problem.serial.as_deref(), Some("987654321"));
    assert!(problem.detail.contains("KeyReference"));
}

#[test]
fn figure_5_has_the_pin_of_a_token() {
    let policy = "<Policy><PINPolicy MinLength=\"4\" MaxLength=\"4\" PINKeyId=\"123456781\" \
                  PINEncoding=\"DECIMAL\" PINUsageMode=\"Local\"/><KeyUsage>OTP</KeyUsage>\
                  </Policy>";
    let pin = "<Data><Secret><PlainValue>MTIzNA==</PlainValue></Secret></Data>";
    let token = usual("12345678", "hotp", 8, &format!("<Data>{PLAIN}{ZERO}</Data>{policy}"));
    let read = pskc(&container(&format!("{token}{}", usual("123456781", "pin", 4, pin))));
    let [(place, note)] = read.notes.as_slice() else { panic!("one note") };
    assert_eq!(*place, Some(Place::Entry(2)));
    assert!(note.contains("PIN"));
    assert_eq!(read.token().digits, Some(8));
}

/// Figure 6: a key that both sides know, AES-128-CBC, HMAC-SHA-1.
pub(super) fn figure_6() -> String {
    let secret = "<Secret><EncryptedValue><xenc:EncryptionMethod \
                  Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/><xenc:CipherData>\
                  <xenc:CipherValue>\n\
                  AAECAwQFBgcICQoLDA0OD+cIHItlB3Wra1DUpxVvOx2lef1VmNPCMl8jwZqIUqGv\n\
                  </xenc:CipherValue></xenc:CipherData></EncryptedValue>\
                  <ValueMAC>Su+NvtQfmvfJzF6bmQiJqoLRExc=\n</ValueMAC></Secret>";
    let protection = "<EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></EncryptionKey>\
         <MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><MACKey>\
         <xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/>\
         <xenc:CipherData><xenc:CipherValue>\n\
         ESIzRFVmd4iZABEiM0RVZgKn6WjLaTC1sbeBMSvIhRejN9vJa2BOlSaMrR7I5wSX\n\
         </xenc:CipherValue></xenc:CipherData></MACKey></MACMethod>";
    let token = usual("12345678", "hotp", 8, &format!("<Data>{secret}{ZERO}</Data>"));
    container(&format!("{protection}{token}"))
}

pub(super) const FIGURE_6_KEY: &str = "12345678901234567890123456789012";

#[test]
fn figure_6_is_encrypted_with_a_known_key() {
    let token = pskc_with_key(&figure_6(), FIGURE_6_KEY).token();
    assert_eq!(token.secret.expose(), b"12345678901234567890");
    assert_eq!(pskc(&figure_6()).code(), ProblemCode::KeyNeeded);
    let wrong = pskc_with_key(&figure_6(), "12345678901234567890123456789013");
    assert_eq!(wrong.code(), ProblemCode::KeyWrong);
    assert!(wrong.tokens.is_empty());
}

/// Figure 7: a passphrase, PBKDF2, parameters in namespaces of three kinds.
pub(super) fn figure_7() -> String {
    "<pskc:KeyContainer xmlns:pskc=\"urn:ietf:params:xml:ns:keyprov:pskc\" \
     xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" \
     xmlns:pkcs5=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#\" \
     xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" Version=\"1.0\">\
     <pskc:EncryptionKey><xenc11:DerivedKey><xenc11:KeyDerivationMethod \
     Algorithm=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#pbkdf2\">\
     <pkcs5:PBKDF2-params><Salt><Specified>Ej7/PEpyEpw=</Specified></Salt>\
     <IterationCount>1000</IterationCount><KeyLength>16</KeyLength><PRF/></pkcs5:PBKDF2-params>\
     </xenc11:KeyDerivationMethod><xenc:ReferenceList><xenc:DataReference URI=\"#ED\"/>\
     </xenc:ReferenceList><xenc11:MasterKeyName>My Password 1</xenc11:MasterKeyName>\
     </xenc11:DerivedKey></pskc:EncryptionKey>\
     <pskc:MACMethod Algorithm=\"http://www.w3.org/2000/09/xmldsig#hmac-sha1\"><pskc:MACKey>\
     <xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/>\
     <xenc:CipherData><xenc:CipherValue>\
     2GTTnLwM3I4e5IO5FkufoOEiOhNj91fhKRQBtBJYluUDsPOLTfUvoU2dStyOwYZx\
     </xenc:CipherValue></xenc:CipherData></pskc:MACKey></pskc:MACMethod>\
     <pskc:KeyPackage><pskc:DeviceInfo><pskc:Manufacturer>TokenVendorAcme</pskc:Manufacturer>\
     <pskc:SerialNo>987654321</pskc:SerialNo></pskc:DeviceInfo>\
     <pskc:Key Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\" Id=\"123456\">\
     <pskc:Issuer>Example-Issuer</pskc:Issuer><pskc:AlgorithmParameters>\
     <pskc:ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/></pskc:AlgorithmParameters>\
     <pskc:Data><pskc:Secret><pskc:EncryptedValue Id=\"ED\"><xenc:EncryptionMethod \
     Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes128-cbc\"/><xenc:CipherData>\
     <xenc:CipherValue>\noTvo+S22nsmS2Z/RtcoF8Hfh+jzMe0RkiafpoDpnoZTjPYZu6V+A4aEn032yCr4f\n\
     </xenc:CipherValue></xenc:CipherData></pskc:EncryptedValue>\
     <pskc:ValueMAC>LP6xMvjtypbfT9PdkJhBZ+D6O4w=\n</pskc:ValueMAC></pskc:Secret></pskc:Data>\
     </pskc:Key></pskc:KeyPackage></pskc:KeyContainer>"
        .to_owned()
}

#[test]
fn figure_7_is_encrypted_with_a_passphrase() {
    let token = pskc_with_passphrase(&figure_7(), "qwerty").token();
    assert_eq!(token.secret.expose(), b"12345678901234567890");
    assert_eq!(token.counter, Some(0), "a counter that is not told is that of a new token");
    assert_eq!(pskc_with_passphrase(&figure_7(), "qwertz").code(), ProblemCode::KeyWrong);
    assert_eq!(pskc(&figure_7()).code(), ProblemCode::KeyNeeded);
    // The key that comes of the passphrase serves as well.
    let key = "651e63cd57008476af1ff6422cd02e41";
    assert_eq!(pskc_with_key(&figure_7(), key).token().digits, Some(8));
}

#[test]
fn figure_8_is_encrypted_to_a_certificate() {
    let secret = "<Data><Secret><EncryptedValue><xenc:EncryptionMethod \
                  Algorithm=\"http://www.w3.org/2001/04/xmlenc#rsa_1_5\"/><xenc:CipherData>\
                  <xenc:CipherValue>hJ+fvpoMPMO9BYpK2rdyQQ==</xenc:CipherValue>\
                  </xenc:CipherData></EncryptedValue></Secret></Data>";
    let token = usual("MBK000000001", "hotp", 6, secret);
    let key = "<EncryptionKey><ds:X509Data><ds:X509Certificate>MIIB5zCCAVCgAwIBAgI=\
               </ds:X509Certificate></ds:X509Data></EncryptionKey>";
    let read = pskc(&container(&format!("{key}{token}")));
    assert_eq!(read.code(), ProblemCode::Encryption);
    assert!(read.problem().detail.contains("certificate"));
    // Without a word on the key, the value names its cipher.
    let read = pskc(&container(&token));
    assert!(read.problem().detail.contains("rsa_1_5"));
}

#[test]
fn figure_9_is_signed() {
    let token = usual("123", "hotp", 6, &format!("<Data>{PLAIN}{ZERO}</Data>"));
    let signature = "<ds:Signature><ds:SignedInfo><ds:CanonicalizationMethod \
                     Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"/></ds:SignedInfo>\
                     <ds:SignatureValue>j6lwx3rvEPO0vKtMup4NbeVu8nk=</ds:SignatureValue>\
                     </ds:Signature>";
    let file = container(&format!("{token}{signature}"));
    let read = pskc(&file);
    assert_eq!(read.code(), ProblemCode::Signed);
    assert!(read.problem().detail.contains("pskctool --verify"));
    let unchecked = Settings { unchecked_signature: true, ..settings() };
    assert_eq!(read_with(None, &file, &unchecked).token().digits, Some(6));
}

#[test]
fn figure_10_has_four_tokens_that_expired() {
    let one = |serial: &str, id: u8, start: &str, end: &str| {
        format!(
            "<KeyPackage><DeviceInfo><Manufacturer>TokenVendorAcme</Manufacturer>\
             <SerialNo>{serial}</SerialNo></DeviceInfo><Key Id=\"{id}\" \
             Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:hotp\"><Issuer>Issuer</Issuer>\
             <AlgorithmParameters><ResponseFormat Length=\"8\" Encoding=\"DECIMAL\"/>\
             </AlgorithmParameters><Data>{PLAIN}{ZERO}</Data><Policy>\
             <StartDate>{start}T00:00:00Z</StartDate><ExpiryDate>{end}T00:00:00Z</ExpiryDate>\
             </Policy></Key></KeyPackage>"
        )
    };
    let file = container(
        &[
            one("654321", 1, "2006-05-01", "2006-05-31"),
            one("123456", 2, "2006-05-01", "2006-05-31"),
            one("9999999", 3, "2006-03-01", "2006-03-31"),
            one("9999999", 4, "2006-04-01", "2006-04-30"),
        ]
        .concat(),
    );
    let read = pskc(&file);
    let expired = |entry| (Some(Place::Entry(entry)), ProblemCode::Expired);
    assert_eq!(read.codes(), [1, 2, 3, 4].map(expired));
    assert!(read.problems[2].detail.contains("2006-03-31"));
    // The tokens are shown all the same.
    assert_eq!(read.tokens.len(), 4);
    let nevertheless = Settings { expired: true, ..settings() };
    assert_eq!(read_with(None, &file, &nevertheless).sound().len(), 4);
}
