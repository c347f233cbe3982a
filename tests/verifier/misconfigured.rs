//! Random tokens whose stored parameters are wrong, with the causes that name what is.

use twostep::device::{Cause, Device, Factor, HotpState, Reach, TotpState};
use twostep::otp::{
    Algorithm, Code, Counter, Digits, Encoding, Hotp, Seed, SeedReading, TimeStepSize, Totp,
    YEAR_2000,
};
use twostep::testing::SimulatedToken;
use twostep::time::UnixTime;

pub(crate) const NOW: UnixTime = UnixTime(1_790_000_000);

/// SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    pub(crate) fn one_of<T: Clone>(&mut self, items: &[T]) -> T {
        items[usize::try_from(self.below(u64::try_from(items.len()).unwrap())).unwrap()].clone()
    }

    pub(crate) fn bytes(&mut self, count: u64) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.below(256)).unwrap()).collect()
    }

    pub(crate) fn text(&mut self, alphabet: &[u8], count: u64) -> Vec<u8> {
        (0..count).map(|_| self.one_of(alphabet)).collect()
    }

    /// Up to `reach` seconds either way, and at least `from`.
    pub(crate) fn offset(&mut self, from: u64, reach: u64) -> i64 {
        let seconds = i64::try_from(from + self.below(reach - from)).unwrap();
        if self.below(2) == 0 { seconds } else { -seconds }
    }

    pub(crate) fn digits(&mut self) -> Digits {
        let count = self.below(3);
        Digits::try_from(6 + u8::try_from(count).unwrap()).unwrap()
    }
}

/// A token, and what is stored of it.
pub(crate) struct Case {
    pub(crate) token: Factor,
    pub(crate) token_seed: Vec<u8>,
    pub(crate) ahead: i64,
    pub(crate) stored: Factor,
    pub(crate) stored_seed: Vec<u8>,
}

impl Case {
    pub(crate) fn right(random: &mut Random) -> Case {
        let seed = random.bytes(20);
        let totp = Totp { digits: random.digits(), ..Totp::default() };
        let ahead = random.offset(0, 300);
        let factor = by_time(totp);
        let (token, stored) = (factor.clone(), factor);
        Case { token, token_seed: seed.clone(), ahead, stored, stored_seed: seed }
    }

    pub(crate) fn codes(&self) -> [Code; 2] {
        let seed = Seed::new(self.token_seed.clone()).unwrap();
        match &self.token {
            Factor::Totp(totp) => {
                SimulatedToken::totp(&seed, totp.parameters).off_by(self.ahead).pair_until(NOW)
            }
            Factor::Hotp(hotp) => {
                let mut token = SimulatedToken::hotp(&seed, hotp.parameters, hotp.next.unwrap());
                [token.press(), token.press()]
            }
            _ => unreachable!("a token shows codes"),
        }
    }

    pub(crate) fn device(&self) -> (Device, Seed) {
        let device = device("AC26000014", self.stored.clone());
        (device, Seed::new(self.stored_seed.clone()).unwrap())
    }
}

fn device(serial: &str, factor: Factor) -> Device {
    Device::new(serial.parse().unwrap(), "alice".parse().unwrap(), None, factor, NOW)
}

fn by_time(parameters: Totp) -> Factor {
    Factor::Totp(TotpState { parameters, ..TotpState::default() })
}

fn by_counter(parameters: Hotp, next: u64) -> Factor {
    Factor::Hotp(HotpState { parameters, next: Some(Counter(next)), pair_needed: false })
}

fn totp(factor: &mut Factor) -> &mut Totp {
    match factor {
        Factor::Totp(totp) => &mut totp.parameters,
        _ => unreachable!("a time-based one"),
    }
}

/// A wrong parameter, and the cause that names it.
fn mistake(case: &mut Case, random: &mut Random, kind: u64) -> Vec<Cause> {
    let minute = TimeStepSize::try_from(60).unwrap();
    match kind {
        0 => {
            let [token, stored] =
                random.one_of(&[[minute, TimeStepSize::DEFAULT], [TimeStepSize::DEFAULT, minute]]);
            totp(&mut case.token).step_size = token;
            totp(&mut case.stored).step_size = stored;
            vec![Cause::TimeStep(token)]
        }
        1 => {
            use Algorithm::{Sha1, Sha256, Sha512};
            let [token, stored] = random.one_of(&[
                [Sha256, Sha1],
                [Sha512, Sha1],
                [Sha1, Sha256],
                [Sha512, Sha256],
                [Sha1, Sha512],
            ]);
            totp(&mut case.token).algorithm = token;
            totp(&mut case.stored).algorithm = stored;
            vec![Cause::Algorithm(token)]
        }
        2 => {
            let stored = totp(&mut case.stored).digits;
            let others: Vec<Digits> = [6, 7, 8]
                .map(|count| Digits::try_from(count).unwrap())
                .into_iter()
                .filter(|digits| *digits != stored)
                .collect();
            let digits = random.one_of(&others);
            totp(&mut case.token).digits = digits;
            vec![Cause::Digits(digits)]
        }
        3 => {
            totp(&mut case.token).t0 = YEAR_2000;
            vec![Cause::Epoch(YEAR_2000)]
        }
        4 => vec![Cause::Secret(misread(case, random))],
        _ => {
            case.stored_seed.reverse();
            vec![Cause::Secret(SeedReading::Reversed)]
        }
    }
}

/// Writes the secret down in one encoding, and reads it in another one.
fn misread(case: &mut Case, random: &mut Random) -> SeedReading {
    use Encoding::{Ascii, Base32, Base64, Hex};
    let (text, encodings) = match random.below(4) {
        0 => (random.text(b"0123456789abcdef", 40), vec![Ascii, Hex, Base64]),
        1 => (random.text(b"0123456789ABCDEF", 40), vec![Ascii, Hex, Base64]),
        2 => (random.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 32), vec![Ascii, Base32, Base64]),
        _ => (random.text(BASE64, 28), vec![Ascii, Base64]),
    };
    let is = random.one_of(&encodings);
    let others: Vec<Encoding> = encodings.into_iter().filter(|other| *other != is).collect();
    let read_as = random.one_of(&others);
    case.token_seed = decoded(&text, is);
    case.stored_seed = decoded(&text, read_as);
    SeedReading::Misread { read_as, is }
}

fn decoded(text: &[u8], encoding: Encoding) -> Vec<u8> {
    let text = std::str::from_utf8(text).unwrap();
    match encoding {
        Encoding::Ascii => text.as_bytes().to_vec(),
        Encoding::Hex => (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect(),
        Encoding::Base32 => Seed::from_base32(text).unwrap().expose().to_vec(),
        Encoding::Base64 => from_base64(text.as_bytes()),
    }
}

/// RFC 4648 §4, without padding.
fn from_base64(text: &[u8]) -> Vec<u8> {
    let digit = |symbol: &u8| BASE64.iter().position(|known| known == symbol).unwrap();
    let joined = |four: &[u8]| four.iter().fold(0, |bits, symbol| bits << 6 | digit(symbol));
    let bytes = |four: &[u8]| joined(four).to_be_bytes()[5..].to_vec();
    text.chunks_exact(4).flat_map(bytes).collect()
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A random case, and its causes.
pub(crate) fn misconfigured(random: &mut Random) -> (Case, Vec<(Device, Seed)>, Vec<Cause>) {
    let mut case = Case::right(random);
    let mut neighbours = neighbours(random);
    let kind = random.below(11);
    let causes = match kind {
        0..=5 => mistake(&mut case, random, kind),
        6 => {
            // Beyond an owner's reach, up to a week.
            case.ahead = random.offset(660, 604_000);
            let steps = (case.ahead + 20).div_euclid(30);
            let reach = if steps.abs() <= 2_880 { Reach::Admin } else { Reach::None };
            vec![Cause::Clock { seconds: case.ahead, reach }]
        }
        7 => {
            let parameters = Hotp { digits: totp(&mut case.token).digits, ..Hotp::default() };
            let next = random.below(5_000);
            case.token = by_counter(parameters, next);
            vec![Cause::CounterBased { next: Counter(next + 2) }]
        }
        8 => {
            let parameters = Hotp { digits: totp(&mut case.token).digits, ..Hotp::default() };
            case.stored = by_counter(parameters, random.below(100));
            vec![Cause::TimeBased]
        }
        9 => {
            let place = usize::try_from(random.below(20)).unwrap();
            let (other, seed) = &mut neighbours[place];
            *seed = Seed::new(case.token_seed.clone()).unwrap();
            other.factor = case.token.clone();
            case.stored_seed = random.bytes(20);
            let (serial, account) = (other.serial.clone(), other.account.clone().unwrap());
            vec![Cause::OtherDevice { serial, account }]
        }
        // Two at once.
        _ => {
            let (one, two) = random.one_of(&[(0, 1), (0, 4), (1, 2), (1, 5), (2, 3), (0, 2)]);
            let mut causes = mistake(&mut case, random, one);
            causes.extend(mistake(&mut case, random, two));
            causes
        }
    };
    (case, neighbours, causes)
}

pub(crate) fn neighbours(random: &mut Random) -> Vec<(Device, Seed)> {
    (4..=24)
        .filter(|number| *number != 14)
        .map(|number| {
            let digits = random.digits();
            let factor = by_time(Totp { digits, ..Totp::default() });
            let seed = Seed::new(random.bytes(20)).unwrap();
            (device(&format!("AC260000{number:02}"), factor), seed)
        })
        .collect()
}
