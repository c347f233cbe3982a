//! Fernet tokens: AES-128-CBC with an HMAC in front of everything else.
//!
//! The format is described at <https://github.com/fernet/spec>. Padding is looked at once the MAC
//! holds.

use aes::Aes128;
use aes::cipher::{Array, BlockModeDecrypt, KeyIvInit};
use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::import::{Problem, ProblemCode, Settings};

/// True if a file begins as Fernet tokens do: version 128, and a time before the year 2100.
pub(super) fn begins(file: &[u8]) -> bool {
    file.trim_ascii_start().starts_with(b"gAAAAA")
}

/// Opens a token in place.
pub(super) fn open(file: &mut Zeroizing<Vec<u8>>, settings: &Settings) -> Result<(), Problem> {
    let key = key(settings)?;
    let (mac_key, cipher_key) = key.split_at(16);
    decode(file)?;
    let malformed = |detail| Problem::of_file(ProblemCode::Encryption, detail);
    let cut = || malformed("the Fernet token is cut off: export it again");
    let length = file.len();
    let (token, mac) = file.split_last_chunk_mut::<32>().ok_or_else(cut)?;
    let whole_blocks = token.len().checked_sub(HEADER).is_some_and(|rest| rest % 16 == 0);
    if !whole_blocks || token.len() == HEADER {
        return Err(malformed("the ciphertext is no whole number of blocks: export it again"));
    }
    let mut hmac = Hmac::<Sha256>::new_from_slice(mac_key).map_err(|_| wrong())?;
    hmac.update(token);
    hmac.verify_slice(mac).map_err(|_| wrong())?;
    if token.first() != Some(&VERSION) {
        return Err(malformed("the version of the Fernet token is not 128"));
    }
    let (header, text) = token.split_at_mut_checked(HEADER).ok_or_else(cut)?;
    let (Some(iv), Ok(cipher_key)) = (header.last_chunk::<16>(), cipher_key.try_into()) else {
        return Err(cut());
    };
    let mut cipher = cbc::Decryptor::<Aes128>::new(&Array::<u8, _>(cipher_key), &Array(*iv));
    let (blocks, _) = Array::slice_as_chunks_mut(text);
    cipher.decrypt_blocks(blocks);
    let padding = text.last().copied().map_or(0, usize::from);
    let is_padding = |tail: &[u8]| tail.iter().all(|byte| usize::from(*byte) == padding);
    let plain = text.len().checked_sub(padding).filter(|_| (1..=16).contains(&padding));
    let plain = plain.filter(|plain| text.get(*plain..).is_some_and(is_padding));
    let plain = plain.ok_or_else(wrong)?;
    file.copy_within(HEADER..(HEADER + plain).min(length), 0);
    file.truncate(plain);
    Ok(())
}

/// The key: 16 bytes for the MAC, 16 for the cipher.
fn key(settings: &Settings) -> Result<Zeroizing<[u8; 32]>, Problem> {
    let Some(text) = settings.key.as_ref() else {
        let detail = "the export is encrypted: give the key that privacyIDEA printed with \
                      --key-file";
        return Err(Problem::of_file(ProblemCode::KeyNeeded, detail));
    };
    let detail = "the key is no Fernet key: it has 44 characters, as privacyIDEA printed it";
    let malformed = || Problem::of_file(ProblemCode::KeyWrong, detail);
    // Room for what the decoder estimates, not for what it writes.
    let mut key = Zeroizing::new([0; 36]);
    let written = ENGINE.decode_slice(text.expose().trim_ascii(), &mut key[..]);
    match (written, key.first_chunk()) {
        (Ok(32), Some(key)) => Ok(Zeroizing::new(*key)),
        _ => Err(malformed()),
    }
}

/// Decodes base64 in place, in pieces.
fn decode(file: &mut Zeroizing<Vec<u8>>) -> Result<(), Problem> {
    file.retain(|byte| !byte.is_ascii_whitespace());
    let (mut from, mut to) = (0, 0);
    let mut piece = Zeroizing::new([0; PIECE]);
    while from < file.len() {
        let end = file.len().min(from + PIECE);
        let encoded = file.get(from..end).unwrap_or_default();
        let written = ENGINE.decode_slice(encoded, &mut piece[..]).map_err(|_| {
            let detail = "the Fernet token is no base64: export it again";
            Problem::of_file(ProblemCode::Encryption, detail)
        })?;
        let (Some(target), Some(decoded)) = (file.get_mut(to..to + written), piece.get(..written))
        else {
            break;
        };
        target.copy_from_slice(decoded);
        (from, to) = (end, to + written);
    }
    file.truncate(to);
    Ok(())
}

/// The answer to a wrong key and to an altered file: they cannot be told apart.
fn wrong() -> Problem {
    Problem::of_file(ProblemCode::KeyWrong, "the key is wrong, or the file was altered")
}

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Characters that are decoded at a time, a multiple of four.
const PIECE: usize = 4_096;

const VERSION: u8 = 0x80;

/// Version, time and initialisation vector.
const HEADER: usize = 1 + 8 + 16;
