//! Strict validation: everything but an exact context is refused, however well it is signed.

use serde_json::{Value, json};
use test_support::forge::{Forge, opened};
use test_support::negatives::{MFA_CLAIMS, Negative, negatives};
use twostep::session::{Invalid, SignedContext, SigningAlgorithm, Validator};

use super::Desk;

/// A forger's tools.
struct Bench {
    desk: Desk,
    forge: Forge,
    validator: Validator,
    signed: SignedContext,
    claims: Value,
}

impl Bench {
    async fn new(algorithm: SigningAlgorithm) -> Bench {
        let desk = Desk::new().await;
        desk.issuer.rotate_keys(algorithm).await.unwrap();
        let (signed, _) = desk.open("twostep").await;
        let forge = Forge::of(&desk.issuer, &desk.world.verifier).await;
        let validator = desk.issuer.validator("twostep").await.unwrap();
        let [header, claims] = opened(&signed);
        assert_eq!(header, forge.header());
        let bench = Bench { desk, forge, validator, signed, claims };
        assert!(
            bench
                .validator
                .validate(&bench.forge.sign(&bench.forge.header(), &bench.claims))
                .is_ok(),
            "the forge works"
        );
        bench
    }

    /// The context with another claim in the place of one, or with a further one.
    fn with(&self, claim: &str, value: Value) -> SignedContext {
        let mut claims = self.claims.clone();
        claims[claim] = value;
        self.forge.sign(&self.forge.header(), &claims)
    }
}

#[tokio::test]
async fn only_an_exact_context_is_accepted() {
    for algorithm in SigningAlgorithm::ALL {
        let bench = Bench::new(algorithm).await;
        let introspector = bench.desk.introspector();
        let now = bench.desk.world.now().0;
        let table = negatives(&bench.forge, &bench.signed, now..=now);
        assert!(table.len() > 400, "{}", table.len());
        for Negative { what, signed, why } in &table {
            assert_eq!(bench.validator.validate(signed), Err(*why), "{what}");
            assert!(bench.validator.validate_any(signed).is_err(), "{what}");
            assert_eq!(introspector.introspect(signed, "twostep").await.unwrap(), None, "{what}");
        }
        assert_eq!(bench.validator.remembered(), 1, "nothing of all that is remembered");
        assert!(bench.validator.validate(&bench.signed).is_ok());
    }
}

#[tokio::test]
async fn white_space_around_a_context_is_not_part_of_it() {
    let bench = Bench::new(SigningAlgorithm::EdDsa).await;
    let text = bench.signed.as_str();
    for other in [String::new(), format!(" {text}"), format!("{text} "), format!("{text}\n")] {
        assert!(
            bench.validator.validate_any(&SignedContext::new(other.clone())).is_err(),
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn no_character_of_a_context_can_be_another() {
    for algorithm in SigningAlgorithm::ALL {
        let bench = Bench::new(algorithm).await;
        let text = bench.signed.as_str();
        for at in 0..text.len() {
            let mut changed = text.as_bytes().to_vec();
            changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
            let changed = SignedContext::new(String::from_utf8(changed).unwrap());
            assert!(bench.validator.validate_any(&changed).is_err(), "character {at}");
        }
    }
}

#[tokio::test]
async fn values_just_within_bounds_are_accepted() {
    let bench = Bench::new(SigningAlgorithm::EdDsa).await;
    let now = bench.desk.world.now().0;
    for (claim, value) in
        [("exp", now + 1), ("iat", now + 5), ("nbf", now + 5), ("nbf", 0), ("exp", u64::MAX)]
    {
        assert!(
            bench.validator.validate(&bench.with(claim, json!(value))).is_ok(),
            "{claim} is {value}"
        );
    }
    // Members added by a later version are ignored.
    assert!(bench.validator.validate(&bench.with("hat", json!({ "colour": "red" }))).is_ok());
    let later = bench.validator.validate(&bench.with("amr", json!(["otp", "iris"]))).unwrap();
    assert_eq!(later.amr().len(), 1);
    // One without MFA that says nothing of it.
    let header = json!({ "alg": bench.forge.alg, "kid": bench.forge.kid, "typ": "nomfa+jwt" });
    let mut plain = bench.claims.clone();
    MFA_CLAIMS
        .iter()
        .for_each(|claim| drop(plain.as_object_mut().unwrap().remove(*claim)));
    plain["mfa_present"] = json!(false);
    let plain = bench.forge.sign(&header, &plain);
    assert!(bench.validator.validate_any(&plain).is_ok());
    assert_eq!(bench.validator.validate(&plain), Err(Invalid::Type));
}
