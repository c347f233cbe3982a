//! Bugs of other systems in drift and resync, each as a property that a system with the bug lacks.
//!
//! Each property is judged three times: of the device as it is, of a plain textbook rule, and of
//! that rule with the bug in it.

use twostep::device::Cause;
use twostep::otp::{Code, TimeStepSize};
use twostep::time::UnixTime;

use super::rules::{Bug, NOW, Ours, Rule, Textbook, Token};

/// Judges a property of the device, of the textbook rule, and of the rule with the bug.
fn only_the_bug_lacks(bug: Bug, token: Token, property: impl Fn(&mut dyn Rule, &Token) -> bool) {
    assert!(property(&mut Ours::new(&token), &token), "{bug:?} is ours");
    assert!(property(&mut Textbook::new(&token, None), &token), "{bug:?}: the rule is at fault");
    let found = !property(&mut Textbook::new(&token, Some(bug)), &token);
    assert!(found, "{bug:?} is not found");
}

fn both(pair: &[String; 2]) -> [&str; 2] {
    [&pair[0], &pair[1]]
}

#[test]
fn privacyidea_refuses_the_code_after_a_resync() {
    only_the_bug_lacks(Bug::NextCodeCountsAsUsed, Token::new(), |rule, token| {
        rule.resync(both(&token.pair(NOW)), NOW) == Some(true)
            && rule.login(&token.shows(NOW + 30), NOW + 30)
    });
}

/// A clock that is right looks 14.5 seconds slow.
#[test]
fn privacyidea_measures_the_beginning_of_a_step() {
    let token = Token::new();
    only_the_bug_lacks(Bug::MeasuresTheBeginningOfTheStep, token, |rule, token| {
        let mut sum = 0;
        for day in 0..60 {
            let now = NOW + day * 86_400 + day * 7 % 30;
            rule.login(&token.shows(now), now);
            if day >= 30 {
                sum += rule.ahead(now);
            }
        }
        sum.abs() < 10 * 30
    });
}

#[test]
fn privacyidea_looks_less_far_ahead_than_behind() {
    for ahead in [-30, 30] {
        let token = Token { ahead, ..Token::new() };
        let works =
            |rule: &mut dyn Rule, token: &Token| rule.login(&token.shows(NOW + 15), NOW + 15);
        match ahead {
            30 => only_the_bug_lacks(Bug::WindowLacksItsEnd, token, works),
            _ => assert!(works(&mut Ours::new(&Token::new()), &token)),
        }
    }
}

/// The first code of the pair was shown some minutes before as well.
#[test]
fn privacyidea_misses_a_pair_after_a_like_code() {
    let token = Token::numbered(TWICE_IN_TEN_MINUTES);
    only_the_bug_lacks(Bug::CodesOfAPairMatchApart, token, |rule, token| {
        rule.resync(both(&token.pair(NOW)), NOW) == Some(true)
    });
}

/// Two steps in a row show the same code, and the first was accepted a little early.
#[test]
fn trilium_and_keycloak_take_a_fresh_code_for_a_used_one() {
    let token = Token::numbered(TWICE_IN_A_ROW);
    only_the_bug_lacks(Bug::FirstMatchDecides, token, |rule, token| {
        rule.login(&token.shows(NOW - 30), NOW - 60) && rule.login(&token.shows(NOW), NOW)
    });
}

#[test]
fn privacyidea_lets_a_used_code_begin_a_pair() {
    only_the_bug_lacks(Bug::UsedCodeBeginsAPair, Token::new(), |rule, token| {
        rule.login(&token.shows(NOW), NOW)
            && rule.resync(both(&token.pair(NOW + 30)), NOW + 30) == Some(false)
    });
}

/// Two codes that missed, hours apart, are no pair.
#[test]
fn privacyidea_adds_up_codes_that_missed() {
    only_the_bug_lacks(Bug::MissesAddUp, Token::new(), |rule, _| {
        let old = Token { ahead: 3_600, ..Token::new() }.pair(NOW);
        !rule.login(&old[0], NOW) && !rule.login(&old[1], NOW + 5_000)
    });
}

#[test]
fn linotp_110_takes_one_code_for_a_pair() {
    only_the_bug_lacks(Bug::OneCodeIsAPair, Token::new(), |rule, token| {
        let code = token.shows(NOW);
        rule.resync([&code, &code], NOW) == Some(false)
    });
}

#[test]
fn linotp_lets_a_pair_skip_steps() {
    only_the_bug_lacks(Bug::PairsMaySkip, Token::new(), |rule, token| {
        let skipping = [token.shows(NOW - 60), token.shows(NOW)];
        rule.resync(both(&skipping), NOW) == Some(false)
    });
}

#[test]
fn freeipa_adds_a_step_to_the_offset_of_each_resync() {
    for ahead in [-300, -30, 0, 30, 300] {
        let token = Token { ahead, ..Token::new() };
        only_the_bug_lacks(Bug::OffsetIsOneStepTooLarge, token, move |rule, token| {
            rule.resync(both(&token.pair(NOW + 15)), NOW + 15) == Some(true)
                && (rule.ahead(NOW + 15) - ahead).abs() <= 15
        });
    }
}

#[test]
fn freeipa_loses_a_token_that_drifts_slowly() {
    let token = Token { ppm: 20.0, ..Token::new() };
    only_the_bug_lacks(Bug::LoginsTeachNothing, token, |rule, token| {
        let days = (0..200).map(|day| NOW + day * 86_400 + day * 7 % 30);
        days.filter(|now| rule.login(&token.shows(*now), *now)).count() >= 180
    });
}

/// Codes that were accepted hours ago are shown to the resync.
#[test]
fn google_authenticator_takes_used_codes_in_a_resync() {
    only_the_bug_lacks(Bug::ResyncTakesUsedCodes, Token::new(), |rule, token| {
        let used = [token.shows(NOW), token.shows(NOW + 30)];
        let later = NOW + 4 * 3_600;
        rule.login(&used[0], NOW)
            && rule.login(&used[1], NOW + 30)
            && rule.resync(both(&used), later) == Some(false)
            && rule.login(&token.shows(later), later)
    });
}

#[test]
fn google_authenticator_takes_the_last_code_of_a_resync_again() {
    only_the_bug_lacks(Bug::LastCodeOfAResyncWorksAgain, Token::new(), |rule, token| {
        let pair = token.pair(NOW);
        rule.resync(both(&pair), NOW) == Some(true) && !rule.login(&pair[1], NOW + 5)
    });
}

/// A token of 60 seconds whose clock is half a step ahead.
#[test]
fn multiotp_261_takes_codes_again_between_whole_steps() {
    let token = Token { size: TimeStepSize::try_from(60).unwrap(), ahead: 30, ..Token::new() };
    only_the_bug_lacks(Bug::WatermarkIsOfOurClock, token, |rule, token| {
        (0..60).step_by(5).all(|second| {
            let now = NOW + 600 * second + second;
            let code = token.shows(now);
            rule.login(&code, now) && !rule.login(&code, now + 2)
        })
    });
}

#[test]
fn multiotp_judges_wrong_pairs_without_end() {
    only_the_bug_lacks(Bug::PairsAreUnlimited, Token::new(), |rule, _| {
        let judged = (0..100).filter(|_| rule.resync(["123456", "654321"], NOW).is_some());
        judged.count() <= 30
    });
}

#[test]
fn multiotp_11_and_privacyidea_1408_take_old_codes() {
    only_the_bug_lacks(Bug::OldCodesWork, Token::new(), |rule, token| {
        !rule.login(&token.shows(NOW - 600), NOW)
    });
}

/// A pair that is called right finds the token: its next code works.
#[test]
fn aws_takes_stale_pairs_and_stays_out_of_sync() {
    for ahead in [-540, -240, 240, 540] {
        let token = Token { ahead, ..Token::new() };
        only_the_bug_lacks(Bug::StalePairSucceeds, token, |rule, token| {
            let pair = token.pair(NOW);
            let taken = rule.resync(both(&pair), NOW + 25) == Some(true);
            taken && rule.login(&token.shows(NOW + 55), NOW + 55)
        });
    }
}

/// The owner sets a lagging clock right.
#[test]
fn nango_7097_refuses_a_token_whose_clock_was_set_right() {
    let token = Token { ahead: -300, ..Token::new() };
    only_the_bug_lacks(Bug::OnlyTheLearnedOffset, token, |rule, token| {
        let right = Token { ahead: 0, ..Token::new() };
        rule.resync(both(&token.pair(NOW)), NOW) == Some(true)
            && rule.login(&right.shows(NOW + 90), NOW + 90)
    });
}

/// The server's clock runs ahead for a moment, and is set back.
#[test]
fn nodelite_46_forgets_used_codes_when_the_clock_jumps() {
    only_the_bug_lacks(Bug::UsedCodesExpire, Token::new(), |rule, token| {
        let code = token.shows(NOW);
        rule.login(&code, NOW) && !rule.login("000000", NOW + 3_600) && !rule.login(&code, NOW + 5)
    });
}

/// A token of 60 seconds that was added as one of 30 is named, and not called drift.
#[test]
fn multiotp_174_calls_a_wrong_time_step_drift() {
    let size = TimeStepSize::try_from(60).unwrap();
    let token = Token { size, ..Token::new() };
    let stored = Token::new();
    let ours = Ours::new(&stored);
    let codes = token.pair(NOW).map(|code| code.parse::<Code>().unwrap());
    let named = ours.device.diagnose(&stored.seed, &[], codes.each_ref(), UnixTime(NOW));
    assert_eq!(named.causes, [Cause::TimeStep(size)]);
}

/// Seeds for which the place that is looked for is at [`NOW`]; one in thousands, one in a million.
const TWICE_IN_TEN_MINUTES: u64 = 2_479;

const TWICE_IN_A_ROW: u64 = 2_233_917;
