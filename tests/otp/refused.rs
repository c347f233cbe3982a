//! Every way for a pair to be wrong. All are one answer: that they are is told here and in
//! [`super::work`], that they take the same time in [`super::timing`].

use twostep::otp::{Code, Key, PairFound, Totp, TotpMatch, Window, compressions};
use twostep::time::UnixTime;

use super::oracle::{Oracle, Random, code, digits, totp_rs};

pub(crate) const CLASSES: [&str; 6] =
    ["right, wrong", "wrong, right", "wrong, wrong", "reversed", "equal", "t, t+2"];

const NOW: UnixTime = UnixTime(1_790_000_000);

#[test]
fn every_wrong_pair_is_nowhere_and_costs_the_same() {
    let mut random = Random(14);
    for _ in 0..50 {
        let refused = Refused::new(&mut random);
        for (class, pair) in CLASSES.iter().zip(refused.wrong_pairs(&mut random)) {
            for (window, values) in [(Window::Owner, 42), (Window::Admin, 2_956)] {
                let before = compressions();
                assert_eq!(refused.find(&pair, window), PairFound::Nowhere, "{class}");
                assert_eq!(compressions() - before, 2 * values, "{class}");
            }
        }
    }
}

/// A device whose owner presents wrong pairs.
pub(crate) struct Refused {
    totp: Totp,
    key: Key,
    oracle: Oracle,
    theirs: totp_rs::Totp,
    now: u64,
}

#[derive(Clone)]
pub(crate) struct WrongPair {
    texts: [String; 2],
    codes: [Code; 2],
}

impl Refused {
    pub(crate) fn new(random: &mut Random) -> Refused {
        let (seed, totp) = (random.seed(20), Totp { digits: digits(8), ..Totp::default() });
        let oracle = Oracle::new(&seed, totp.algorithm, totp.digits);
        let theirs = totp_rs(&seed, totp.algorithm, totp.digits, 1);
        Refused { totp, key: totp.key(&seed), oracle, theirs, now: totp.step_at(NOW).unwrap().0 }
    }

    /// One pair of each class. What is right in it is right somewhere in the owner's window.
    pub(crate) fn wrong_pairs(&self, random: &mut Random) -> [WrongPair; CLASSES.len()] {
        let first = random.within(self.now - 21..=self.now + 18);
        let right = |ahead| self.oracle.text(first + ahead);
        // Of a hundred million codes none of these few is one of the window's.
        let mut wrong = || format!("{:08}", random.within(0..=99_999_999));
        let pairs = [
            [right(0), wrong()],
            [wrong(), right(1)],
            [wrong(), wrong()],
            [right(1), right(0)],
            [right(0), right(0)],
            [right(0), right(2)],
        ];
        pairs.map(|texts| WrongPair { codes: [code(&texts[0]), code(&texts[1])], texts })
    }

    pub(crate) fn find(&self, pair: &WrongPair, window: Window) -> PairFound<TotpMatch> {
        self.totp
            .find_pair(&self.key, [&pair.codes[0], &pair.codes[1]], NOW, None, window)
    }

    /// The search that must not be: the second code is looked at only where the first one is right.
    pub(crate) fn find_and_tell(&self, pair: &WrongPair) -> bool {
        let right = |place: usize, step| self.theirs.check(&pair.texts[place], step).is_some();
        (self.now - 21..=self.now + 19).any(|first| right(0, first) && right(1, first + 1))
    }
}
