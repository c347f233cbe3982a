//! The test values of the two RFCs.

use twostep::otp::{
    Algorithm, Code, Counter, Foretold, Hotp, LOOK_AHEAD, LOOK_BEHIND, Seed, TimeStep, Totp,
    TotpMatch,
};
use twostep::time::UnixTime;

use super::oracle::{code, digits};

#[test]
fn codes_of_rfc_4226_appendix_d_are_found_at_their_counter() {
    let hotp = Hotp::default();
    let key = hotp.key(&ascii_seed(20));
    let mut vectors = 0;
    for [counter, text] in fields(include_str!("../vectors/rfc4226-appendix-d.txt")) {
        let (counter, right) = (counter.parse::<u64>().unwrap(), code(text));
        for next in 0..30 {
            let in_window = counter + LOOK_BEHIND >= next && counter < next + LOOK_AHEAD;
            let found = hotp.find(&key, &right, Counter(next));
            assert_eq!(found, in_window.then_some(Counter(counter)), "{text} from {next}");
            assert_eq!(hotp.find(&key, &neighbour(text), Counter(next)), None);
        }
        vectors += 1;
    }
    assert_eq!(vectors, 10);
}

#[test]
fn codes_of_rfc_6238_appendix_b_are_found_at_their_step() {
    let mut vectors = 0;
    for [time, step, algorithm, text] in fields(include_str!("../vectors/rfc6238-appendix-b.txt")) {
        let (now, step) = (time.parse::<u64>().unwrap(), u64::from_str_radix(step, 16).unwrap());
        let totp =
            Totp { algorithm: algorithm.parse().unwrap(), digits: digits(8), ..Totp::default() };
        let key = totp.key(&ascii_seed(match totp.algorithm {
            Algorithm::Sha1 => 20,
            Algorithm::Sha256 => 32,
            Algorithm::Sha512 => 64,
        }));
        let found_at =
            |now, text: &str| totp.find(&key, &code(text), UnixTime(now), &Foretold::default());
        let found = |offset| Some(TotpMatch { step: TimeStep(step), offset, clock_was_set: false });

        assert_eq!(totp.step_at(UnixTime(now)), Some(TimeStep(step)));
        assert_eq!(found_at(now, text), found(0));
        assert_eq!(found_at(now - 30, text), found(1));
        assert_eq!(found_at(now + 30, text), found(-1));
        assert_eq!(found_at(now + 60, text), None);
        assert_eq!(totp.find(&key, &neighbour(text), UnixTime(now), &Foretold::default()), None);
        // Fewer digits are another code, even where they are the last ones of this, or the same
        // number.
        assert_eq!(found_at(now, &text[2..]), None);
        assert!(
            text.strip_prefix('0')
                .is_none_or(|same_number| found_at(now, same_number).is_none())
        );
        vectors += 1;
    }
    assert_eq!(vectors, 18);
}

/// The secrets of both RFCs.
pub(crate) fn ascii_seed(length: usize) -> Seed {
    Seed::new(b"1234567890".iter().copied().cycle().take(length).collect()).unwrap()
}

/// The code after this one in the order of numbers.
fn neighbour(text: &str) -> Code {
    let value: u32 = text.parse().unwrap();
    code(&format!("{:0width$}", value + 1, width = text.len()))
}

/// The lines of a file of vectors, by their columns.
pub(crate) fn fields<const N: usize>(
    file: &'static str,
) -> impl Iterator<Item = [&'static str; N]> {
    let lines = file.lines().filter(|line| !line.starts_with('#'));
    lines.map(|line| line.split(' ').collect::<Vec<&str>>().try_into().expect(line))
}
