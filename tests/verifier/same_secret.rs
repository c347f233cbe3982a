//! One secret in two forms: HMAC fills keys up with zeros and hashes long ones (RFC 2104 §2), so
//! different bytes show the same codes.

use sha1::{Digest, Sha1};
use sha2::Sha256;
use test_support::world::{Held, World, both};
use twostep::otp::{Algorithm, Seed, Totp, Window};
use twostep::verifier::{Authority, Error};

fn with_seed(account: &str, seed: Vec<u8>, algorithm: Algorithm) -> Held {
    let totp = Totp { algorithm, ..Totp::default() };
    Held { seed: Seed::new(seed).unwrap(), totp, ..Held::new(account) }
}

/// A secret longer than a block of SHA-1 and SHA-256, and shorter than one of SHA-512.
fn long() -> Vec<u8> {
    (1..=70).collect()
}

/// Pairs of secrets that are one under some algorithm, and one such algorithm.
fn alike() -> Vec<(&'static str, Vec<u8>, Vec<u8>, Algorithm)> {
    let short = b"12345678901234567890".to_vec();
    let padded = |seed: &[u8], zeros| [seed, &vec![0; zeros]].concat();
    let sha1 = Sha1::digest(long()).to_vec();
    vec![
        ("zeros behind", short.clone(), padded(&short, 1), Algorithm::Sha1),
        ("zeros up to the block", short.clone(), padded(&short, 44), Algorithm::Sha256),
        ("more zeros behind zeros", padded(&short, 3), padded(&short, 7), Algorithm::Sha512),
        ("zeros beyond the block", short.clone(), padded(&short, 108), Algorithm::Sha512),
        ("its SHA-1", long(), sha1.clone(), Algorithm::Sha1),
        ("its SHA-1 with zeros", long(), padded(&sha1, 5), Algorithm::Sha1),
        ("its SHA-256", long(), Sha256::digest(long()).to_vec(), Algorithm::Sha256),
        ("a long one with zeros", long(), padded(&long(), 9), Algorithm::Sha512),
        (
            "the SHA-1 of one with zeros",
            padded(&long(), 9),
            Sha1::digest(padded(&long(), 9)).to_vec(),
            Algorithm::Sha1,
        ),
    ]
}

#[tokio::test]
async fn one_hmac_key_belongs_to_one_device_in_every_form() {
    for (form, one, other, algorithm) in alike() {
        for (first, second) in [(&one, &other), (&other, &one)] {
            let world = World::new();
            let held = with_seed("alice", first.clone(), algorithm);
            let twin = with_seed("mallory", second.clone(), algorithm);
            assert_eq!(held.code(world.now()), twin.code(world.now()), "{form}: one key");
            world.verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
            for twin in [
                twin.to_add(),
                twin.to_add_as_hotp(0),
                with_seed("mallory", second.clone(), Algorithm::Sha512).to_add(),
                with_seed("alice", second.clone(), Algorithm::Sha256).to_add(),
            ] {
                let added = world.verifier.add(twin, &Authority::Admin).await;
                assert!(matches!(added, Err(Error::AlreadyExists(_))), "{form}: {added:?}");
            }
        }
    }
}

#[tokio::test]
async fn codes_of_a_removed_device_stay_spent_in_every_form() {
    for (form, one, other, algorithm) in alike() {
        for (first, second) in [(&one, &other), (&other, &one)] {
            let world = World::new();
            let held = with_seed("alice", first.clone(), algorithm);
            world.verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
            let pair = held.pair(world.now());
            let activate = |held: &Held| {
                let (verifier, serial, pair) =
                    (world.verifier.clone(), held.serial.clone(), held.pair(world.now()));
                async move {
                    let authority = Authority::Admin;
                    verifier.activate(&serial, both(&pair), Window::Owner, &authority).await
                }
            };
            activate(&held).await.unwrap();
            world.verifier.remove(&held.serial, &Authority::Admin).await.unwrap();
            let again = with_seed("alice", second.clone(), algorithm);
            assert_eq!(pair, again.pair(world.now()), "{form}: one key");
            world.verifier.add(again.to_add(), &Authority::Admin).await.unwrap();
            let activated = activate(&again).await;
            assert!(matches!(activated, Err(Error::Refused(_))), "{form}: {activated:?}");
            world.pass(60);
            activate(&again).await.unwrap_or_else(|error| panic!("{form}: {error:?}"));
        }
    }
}

/// A secret that only looks alike is another one.
#[tokio::test]
async fn zeros_before_a_secret_or_within_it_make_another_one() {
    let world = World::new();
    let secret = b"12345678901234567890".to_vec();
    let before = [&[0], &secret[..]].concat();
    let within = [&secret[..10], &[0], &secret[10..]].concat();
    let long_and_hash = [long(), Sha1::digest(&secret).to_vec()];
    for seed in [secret, before, within].into_iter().chain(long_and_hash) {
        let held = with_seed("alice", seed, Algorithm::Sha1);
        world.verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
    }
}
