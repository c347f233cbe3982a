//! A writer of encrypted containers, in every way that the reader knows.

use aes::cipher::block_padding::Pkcs7;
use aes::cipher::{BlockModeEncrypt, KeyIvInit};
use aes_kw::cipher::KeyInit;
use aes_kw::{KwAes128, KwAes192, KwAes256, KwpAes128, KwpAes192, KwpAes256};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, Mac as _};

use super::{container, package};

pub(super) const MAC_KEY: &[u8] = b"a key for codes of 32 bytes ....";

/// A way to encrypt.
#[derive(Clone)]
pub(super) struct Sealer {
    pub(super) cipher: &'static str,
    pub(super) key: Vec<u8>,
    /// The name of the HMAC, if there is one.
    pub(super) mac: Option<&'static str>,
    /// The key of the HMAC; none if the encryption key serves.
    pub(super) mac_key: Option<Vec<u8>>,
    /// The inside of `EncryptionKey`.
    pub(super) key_info: String,
}

impl Sealer {
    /// AES in CBC mode with a key of so many bytes, and HMAC-SHA-256 with a key of its own.
    pub(super) fn cbc(cipher: &'static str, length: usize) -> Sealer {
        Sealer {
            cipher,
            key: (1..).take(length).collect(),
            mac: Some("hmac-sha256"),
            mac_key: Some(MAC_KEY.to_vec()),
            key_info: "<ds:KeyName>Both know it</ds:KeyName>".to_owned(),
        }
    }

    pub(super) fn key_text(&self) -> String {
        self.key.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A container with these packages.
    pub(super) fn container(&self, packages: &str) -> String {
        let mac = self.mac.map_or_else(String::new, |mac| {
            let key = self.mac_key.as_ref().map_or_else(String::new, |key| {
                format!("<MACKey>{}</MACKey>", self.encrypted(key))
            });
            let uri = format!("http://www.w3.org/2001/04/xmldsig-more#{mac}");
            format!("<MACMethod Algorithm=\"{uri}\">{key}</MACMethod>")
        });
        let key = format!("<EncryptionKey>{}</EncryptionKey>", self.key_info);
        container(&format!("{key}{mac}\n{packages}"))
    }

    /// A container of one token with this secret.
    pub(super) fn one(&self, serial: &str, secret: &[u8]) -> String {
        let data = format!("<Data>{}</Data>", self.value("Secret", secret));
        self.container(&package(serial, &data))
    }

    /// An element with an encrypted value.
    pub(super) fn value(&self, name: &str, plain: &[u8]) -> String {
        let sealed = self.ciphertext(plain);
        let code = self.mac.map_or_else(String::new, |mac| {
            let code = code(mac, self.mac_key.as_ref().unwrap_or(&self.key), &sealed);
            format!("<ValueMAC>{}</ValueMAC>", BASE64_STANDARD.encode(code))
        });
        let value = self.of_ciphertext(&sealed);
        format!("<{name}><EncryptedValue>{value}</EncryptedValue>{code}</{name}>")
    }

    fn encrypted(&self, plain: &[u8]) -> String {
        self.of_ciphertext(&self.ciphertext(plain))
    }

    fn of_ciphertext(&self, bytes: &[u8]) -> String {
        format!(
            "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#{}\"/>\
             <xenc:CipherData><xenc:CipherValue>{}</xenc:CipherValue></xenc:CipherData>",
            self.cipher,
            BASE64_STANDARD.encode(bytes),
        )
    }

    fn ciphertext(&self, plain: &[u8]) -> Vec<u8> {
        let (key, iv) = (&*self.key, [plain.first().copied().unwrap_or(7); 16]);
        let mut wrapped = vec![0; plain.len() + 16];
        let is_whole = plain.len().is_multiple_of(8);
        match self.cipher {
            "aes128-cbc" => cbc::<aes::Aes128>(key, iv, plain),
            "aes192-cbc" => cbc::<aes::Aes192>(key, iv, plain),
            "aes256-cbc" => cbc::<aes::Aes256>(key, iv, plain),
            "kw-aes128" if is_whole => KwAes128::new_from_slice(key)
                .unwrap()
                .wrap_key(plain, &mut wrapped)
                .unwrap()
                .into(),
            "kw-aes192" if is_whole => KwAes192::new_from_slice(key)
                .unwrap()
                .wrap_key(plain, &mut wrapped)
                .unwrap()
                .into(),
            "kw-aes256" if is_whole => KwAes256::new_from_slice(key)
                .unwrap()
                .wrap_key(plain, &mut wrapped)
                .unwrap()
                .into(),
            "kw-aes128" => KwpAes128::new_from_slice(key)
                .unwrap()
                .wrap_key(plain, &mut wrapped)
                .unwrap()
                .into(),
            "kw-aes192" => KwpAes192::new_from_slice(key)
                .unwrap()
                .wrap_key(plain, &mut wrapped)
                .unwrap()
                .into(),
            _ => KwpAes256::new_from_slice(key)
                .unwrap()
                .wrap_key(plain, &mut wrapped)
                .unwrap()
                .into(),
        }
    }
}

fn cbc<C>(key: &[u8], iv: [u8; 16], plain: &[u8]) -> Vec<u8>
where
    cbc::Encryptor<C>: BlockModeEncrypt + KeyIvInit,
    C: aes::cipher::BlockCipherEncrypt,
{
    let mut bytes = vec![0; plain.len() + 16];
    let encryptor = cbc::Encryptor::<C>::new_from_slices(key, &iv).unwrap();
    let sealed = encryptor.encrypt_padded_b2b::<Pkcs7>(plain, &mut bytes).unwrap();
    [&iv, sealed].concat()
}

fn code(mac: &str, key: &[u8], bytes: &[u8]) -> Vec<u8> {
    macro_rules! of {
        ($hash:ty) => {
            Hmac::<$hash>::new_from_slice(key)
                .unwrap()
                .chain_update(bytes)
                .finalize()
                .into_bytes()
                .to_vec()
        };
    }
    match mac {
        "hmac-sha1" => of!(sha1::Sha1),
        "hmac-sha224" => of!(sha2::Sha224),
        "hmac-sha256" => of!(sha2::Sha256),
        "hmac-sha384" => of!(sha2::Sha384),
        _ => of!(sha2::Sha512),
    }
}
