//! Every way for a pair to be wrong. All are one answer: that they are is told here and in
//! [`super::work`], that they take the same time in [`super::timing`].

use twostep::otp::{Code, Key, PairFound, TimeStep, Totp, TotpMatch, Window, compressions};
use twostep::time::UnixTime;

use super::oracle::{Oracle, Random, code, digits, totp_rs};

pub(crate) const CLASSES: [&str; 6] =
    ["right, wrong", "wrong, right", "wrong, wrong", "reversed", "equal", "t, t+2"];

/// Kinds of pairs in the window of an administrator, right ones among them.
pub(crate) const LONG_CLASSES: [&str; 8] = [
    "right, near",
    "right, far ahead",
    "right, far behind",
    "consumed",
    "right and wrong, near",
    "wrong and right, far ahead",
    "reversed, far behind",
    "wrong and wrong",
];

const NOW: UnixTime = UnixTime(1_790_000_000);

/// Steps from the watermark of [`LongPair`]s to now.
const CONSUMED_UNTIL: u64 = 2_800;

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

/// A pair that an administrator presents, and what must come of it.
#[derive(Clone)]
pub(crate) struct LongPair {
    codes: [Code; 2],
    right: bool,
    partly: bool,
}

impl LongPair {
    /// True if one of the codes is right somewhere in the window.
    pub(crate) fn is_partly_right(&self) -> bool {
        self.partly
    }
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

    /// One pair of each of the [`LONG_CLASSES`].
    pub(crate) fn long_pairs(&self, random: &mut Random) -> [LongPair; LONG_CLASSES.len()] {
        let now = self.now;
        let mut first = |from: u64| random.within(from..=from + 60);
        let [near, ahead] = [first(now - 30), first(now + 2_800)];
        let [behind, consumed] = [first(now - CONSUMED_UNTIL + 1), first(now - 2_870)];
        let right = |step: u64| [self.oracle.code(step), self.oracle.code(step + 1)];
        let mut wrong = || code(&format!("{:08}", random.within(0..=99_999_999)));
        let swapped = |[first, second]: [Code; 2]| [second, first];
        let mixed = |[_, second]: [Code; 2], first: Code| [first, second];
        [
            (right(near), true, true),
            (right(ahead), true, true),
            (right(behind), true, true),
            (right(consumed), false, true),
            ([right(near)[0].clone(), wrong()], false, true),
            (mixed(right(ahead), wrong()), false, true),
            (swapped(right(behind)), false, true),
            ([wrong(), wrong()], false, false),
        ]
        .map(|(codes, right, partly)| LongPair { codes, right, partly })
    }

    /// Searches a pair as for an administrator; true if that finds what it must.
    pub(crate) fn is_judged_rightly(&self, pair: &LongPair) -> bool {
        let watermark = Some(TimeStep(self.now - CONSUMED_UNTIL));
        let codes = [&pair.codes[0], &pair.codes[1]];
        let found = self.totp.find_pair(&self.key, codes, NOW, watermark, Window::Admin);
        matches!(found, PairFound::At(_)) == pair.right
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
