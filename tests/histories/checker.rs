//! The checker is put to the test: for each rule a history that breaks it, and one that nearly
//! does.

use std::collections::BTreeMap;

use super::check::faults;
use super::event::{Event, History, Kind, Moment, Reason, Said, What};

const SECOND: Moment = 1_000_000;

/// An event from one moment to another.
fn at(span: std::ops::Range<Moment>, what: What, said: Said) -> Event {
    Event { seed: 0, asked: span.start, answered: span.end, what, said }
}

fn of(kind: Kind, events: &[Event]) -> Vec<String> {
    faults(&History { kinds: vec![kind], events: events.to_vec(), rows: None })
}

/// Asserts that the first history breaks just one rule, told in these words, and that the second
/// one breaks none.
#[track_caller]
fn breaks(words: &str, wrong: &[Event], right: &[Event]) {
    let found = of(Kind::Hotp, wrong);
    assert!(found.len() == 1 && found[0].contains(words), "{found:#?}");
    assert_eq!(of(Kind::Hotp, right), Vec::<String>::new());
}

use Reason::{NotActive, Used, Wrong};
use Said::{No, Unknown, Yes};
use What::{Activate, Code, Deactivate, Guess, Look, Pair, Remove, Revoke};

#[test]
fn a_step_that_is_acknowledged_twice_is_seen() {
    let first = at(0..10, Code(5), Yes);
    breaks(
        "accepted twice",
        &[first, at(5..12, Code(5), Yes)],
        &[first, at(5..12, Code(5), No(Used)), at(5..12, Code(5), Unknown)],
    );
    breaks("accepted twice", &[at(0..10, Pair(6), Yes), at(5..12, Code(5), Yes)], &[]);
}

#[test]
fn a_step_below_an_acknowledged_one_is_seen() {
    let first = at(0..10, Code(5), Yes);
    breaks(
        "an earlier one was",
        &[first, at(11..20, Code(4), Yes)],
        &[first, at(9..20, Code(4), Yes)],
    );
    breaks(
        "an earlier one was",
        &[first, at(11..20, Pair(5), No(Used)), at(21..30, Pair(4), Yes)],
        &[at(0..10, Code(5), Unknown), at(11..20, Code(4), Yes)],
    );
}

#[test]
fn an_unused_code_that_is_called_used_is_seen() {
    let first = at(0..10, Code(5), Yes);
    let later = at(11..20, Code(6), No(Used));
    breaks("can have been used", &[first, later], &[first, at(19..30, Code(7), Unknown), later]);
    breaks(
        "can have been used",
        &[first, later, at(21..30, Code(6), Yes)],
        &[at(19..30, Code(6), Yes), later],
    );
}

#[test]
fn a_right_code_that_is_called_wrong_is_seen() {
    let first = at(0..10, Code(5), Yes);
    breaks(
        "unused and near",
        &[first, at(11..20, Code(15), No(Wrong))],
        &[first, at(11..20, Code(16), No(Wrong))],
    );
    breaks(
        "unused and near",
        &[first, at(11..20, Code(6), No(Wrong))],
        &[first, at(12..25, Code(7), Unknown), at(11..20, Code(6), No(Wrong))],
    );
}

#[test]
fn a_fourth_judged_guess_is_seen() {
    let guess = |at_second: u64| {
        let from = at_second * SECOND;
        at(from..from + 10, Guess, No(Wrong))
    };
    let throttled = at(4 * SECOND..5 * SECOND, Guess, No(Reason::Other));
    let three = [guess(1), guess(2), guess(3), throttled];
    assert_eq!(of(Kind::Guessed, &[three.as_slice(), &[guess(31)]].concat()), Vec::<String>::new());
    let found = of(Kind::Guessed, &[three.as_slice(), &[guess(28)]].concat());
    assert!(found.len() == 1 && found[0].contains("4 wrong codes"), "{found:?}");
}

#[test]
fn a_context_that_outlives_its_revocation_is_seen() {
    let look = |asked: Moment, said| at(asked..asked + 5, Look { asked: 0, opened: 10 }, said);
    let revoked = at(11..20, Revoke, Yes);
    breaks(
        "lives on",
        &[revoked, look(21, Yes)],
        &[revoked, look(19, Yes), look(22, No(Reason::Other))],
    );
    let unrelated = [at(5..20, Revoke, Yes), at(12..20, Revoke, Unknown), look(21, Yes)];
    assert_eq!(of(Kind::Hotp, &unrelated), Vec::<String>::new());
    let several = [at(12..90, Revoke, Yes), at(13..20, Revoke, Yes), at(14..99, Revoke, Yes)];
    let found = of(Kind::Hotp, &[several.as_slice(), &[look(21, Yes)]].concat());
    assert!(found.len() == 1 && found[0].contains("lives on"), "{found:?}");
}

#[test]
fn a_context_that_dies_by_itself_is_seen() {
    let dead = at(30..35, Look { asked: 20, opened: 25 }, No(Reason::Other));
    let before = at(11..19, Revoke, Yes);
    let after = at(36..40, Revoke, Yes);
    breaks(
        "nothing can have revoked",
        &[before, dead, after],
        &[at(11..19, Revoke, Unknown), dead],
    );
    breaks("nothing can have revoked", &[dead], &[at(11..21, Revoke, Yes), dead]);
    breaks("nothing can have revoked", &[dead], &[at(34..50, Revoke, Yes), dead]);
}

#[test]
fn a_device_used_while_it_is_off_is_seen() {
    let off = at(0..10, Deactivate, Yes);
    let used = at(30..40, Code(9), Yes);
    breaks("was done, and then", &[off, used], &[off, at(11..20, Activate(8), Unknown), used]);
    breaks("was done, and then", &[at(0..10, Remove, Yes), used], &[at(0..31, Remove, Yes), used]);
    let on_again = [at(0..10, Activate(2), Yes), at(11..20, Deactivate, Yes), used];
    assert_eq!(of(Kind::Hotp, &on_again).len(), 1, "what came before does not excuse it");
}

#[test]
fn a_device_refused_while_it_is_on_is_seen() {
    let on = at(0..10, Activate(2), Yes);
    let refused = at(30..40, Code(9), No(NotActive));
    breaks("was done, and then", &[on, refused], &[on, at(39..50, Deactivate, Unknown), refused]);
    let off_before = [at(0..5, Deactivate, Yes), at(6..20, Activate(2), Yes), refused];
    assert_eq!(of(Kind::Hotp, &off_before).len(), 1);
}

#[test]
fn an_audit_log_that_does_not_add_up_is_seen() {
    let events = vec![
        at(0..10, Activate(2), Yes),
        at(11..20, Code(3), Yes),
        at(21..30, Code(4), Unknown),
        at(21..30, Code(4), No(Used)),
    ];
    let with = |rows: usize| History {
        kinds: vec![Kind::Hotp],
        events: events.clone(),
        rows: Some(BTreeMap::from([(0, rows)])),
    };
    for (rows, faulty) in [(1, true), (2, false), (3, false), (4, true)] {
        assert_eq!(!faults(&with(rows)).is_empty(), faulty, "{rows} rows");
    }
}

#[test]
fn seeds_do_not_excuse_each_other() {
    let events = [
        at(0..10, Code(5), Yes),
        at(11..20, Code(6), No(Used)),
        Event { seed: 1, ..at(0..30, Code(6), Yes) },
    ];
    let history = History { kinds: vec![Kind::Hotp; 2], events: events.to_vec(), rows: None };
    assert_eq!(faults(&history).len(), 1);
}
