//! Refusals of codes: at a login, an activation, a resync.

use crate::cli::refusal::{Moves, Words, hints, said};
use crate::wire::Reason;

pub(super) fn at_login(reason: &Reason, moves: Moves) -> Words {
    match reason {
        Reason::NoMatch => said(
            match moves {
                Moves::Clock => {
                    "the session was refused: the code is wrong, or the device's clock is off"
                }
                Moves::Counter => {
                    "the session was refused: the code is wrong, or the device's counter has moved \
                     on"
                }
                Moves::Either => {
                    "the session was refused: the code is wrong, or the device's clock or counter \
                     is off"
                }
            },
            &[FINDS],
        ),
        Reason::Replayed => said(
            "the session was refused: this code was used already",
            match moves {
                Moves::Counter => &["Press the button, and use the code that it shows then."],
                _ => &["Use the next code that the device shows."],
            },
        ),
        Reason::Throttled => said("the session was refused: too many wrong codes", &[ALL_THE_SAME]),
        Reason::Locked => {
            said("the session was refused: the device is locked after twenty wrong codes", &UNLOCK)
        }
        Reason::OutOfSync => said(
            match moves {
                Moves::Clock => "the session was refused: the clock of the device has moved",
                Moves::Counter => "the session was refused: the counter of the device has moved",
                Moves::Either => {
                    "the session was refused: the clock or counter of the device has moved"
                }
            },
            &[SETS_RIGHT],
        ),
        Reason::SeveralDevices => {
            said("the session was refused: the account has several devices", &WHICH_DEVICE)
        }
        Reason::UnknownDevice => {
            said("the session was refused: the account has no such device in use", &WHICH_DEVICE)
        }
        Reason::NotActive => not_active(),
        _ => hints(&[]),
    }
}

pub(super) fn at_login_by_pair(reason: &Reason, moves: Moves) -> Words {
    match reason {
        Reason::NoMatch => said(
            "the session was refused: these are not two consecutive codes of the device",
            match moves {
                Moves::Counter => &[NEXT_PRESSES, FURTHER],
                _ => &[NEXT_PAIR, FURTHER],
            },
        ),
        Reason::Replayed => {
            said("the session was refused: these codes were used already", next_pair(moves))
        }
        Reason::OutOfSync => said(
            "the session was refused: the store was restored from a backup, and does not know \
             which codes of this device were used since",
            &[ADMINISTRATORS_PAIR],
        ),
        Reason::Throttled | Reason::PairsSpent => said(
            "the session was refused: too many pairs of codes were tried for this device",
            &[
                "An administrator's pairs are counted apart: twostep device resync SERIAL",
                PAIRS_BACK,
            ],
        ),
        Reason::ClockWentBack => used_before(moves),
        Reason::UnknownDevice | Reason::SeveralDevices => {
            said("the session was refused: the account has no such device", &WHICH_DEVICE)
        }
        Reason::NotActive => not_active(),
        _ => hints(&[]),
    }
}

/// The words of both logins for a device that opens no session.
fn not_active() -> Words {
    said(
        "the session was refused: the device is pending or disabled, or shows no codes",
        &["Two consecutive codes activate it: twostep device activate SERIAL"],
    )
}

pub(super) fn at_activation(reason: &Reason, moves: Moves) -> Words {
    match reason {
        Reason::NoMatch => said(
            "these are not two consecutive codes of this device",
            match moves {
                Moves::Counter => &[NEXT_PRESSES, OTHER_SECRET],
                _ => &[NEXT_PAIR, OTHER_SECRET],
            },
        ),
        Reason::Throttled | Reason::PairsSpent => {
            said("too many pairs of codes were tried for this device", &[OTHER_SECRET])
        }
        Reason::NotActive => said(
            "this device cannot be activated by codes",
            &["A set-up that was left for a day is over: add the device again, twostep device add"],
        ),
        reason => of_a_named_device(reason, moves),
    }
}

pub(super) fn at_resync(reason: &Reason, moves: Moves) -> Words {
    match reason {
        Reason::NoMatch => said(
            "these are not two consecutive codes of this device",
            match moves {
                Moves::Counter => &[NEXT_PRESSES, FURTHER],
                _ => &[NEXT_PAIR, FURTHER],
            },
        ),
        Reason::Throttled | Reason::PairsSpent => said(
            "too many pairs of codes were tried for this device",
            &["An administrator's pairs are counted apart: run it as root", PAIRS_BACK],
        ),
        Reason::NotActive => said(
            "the device is pending or disabled, or shows no codes",
            &["Two consecutive codes activate it: twostep device activate SERIAL"],
        ),
        reason => of_a_named_device(reason, moves),
    }
}

/// The words that activation and resync of a device share.
fn of_a_named_device(reason: &Reason, moves: Moves) -> Words {
    match reason {
        Reason::Replayed => said("these codes were used already", next_pair(moves)),
        Reason::ClockWentBack => used_before(moves),
        Reason::OutOfSync => said(
            "the store was restored from a backup, and does not know which codes of this device \
             were used since",
            &[ADMINISTRATORS_PAIR],
        ),
        Reason::UnknownDevice => said("there is no such device", &[LIST]),
        _ => hints(&[]),
    }
}

/// The next step after a pair that cannot be taken again.
pub(super) fn next_pair(moves: Moves) -> &'static [&'static str] {
    match moves {
        Moves::Counter => &[NEXT_PRESSES],
        Moves::Clock | Moves::Either => &[NEXT_PAIR],
    }
}

/// The words for codes below others that were used.
fn used_before(moves: Moves) -> Words {
    match moves {
        Moves::Counter => said("these codes lie before others that were used", &[NEXT_PRESSES]),
        Moves::Clock | Moves::Either => said(
            "these codes lie before others that were used: the device's clock went back, or a \
             backup was restored",
            &[
                "Wait until its clock has caught up, or remove the device and add it with a new \
                 secret.",
                "It tells until when: twostep device show SERIAL",
            ],
        ),
    }
}

pub(super) const NEXT_PAIR: &str = "Wait for a new code, then give that one and the next.";

const NEXT_PRESSES: &str = "Press the button twice, and give the two codes in their order.";

const FINDS: &str = "Two consecutive codes find the device again: twostep login --resync";

const SETS_RIGHT: &str = "Two consecutive codes set it right: twostep login --resync";

const ALL_THE_SAME: &str = "Two consecutive codes are judged all the same: twostep login --resync";

const PAIRS_BACK: &str = "An administrator also gives all pairs back: twostep device unlock SERIAL";

const OTHER_SECRET: &str = "If the device may hold another secret, remove it and add it again: \
                            twostep device remove SERIAL";

const FURTHER: &str = "An administrator's pair is looked for further away: \
                       twostep device resync SERIAL";

const ADMINISTRATORS_PAIR: &str = "An administrator puts it back by its next two codes, or by \
                                   activate if it is disabled: twostep device resync SERIAL";

const LIST: &str = "See which there are: twostep device list";

const WHICH_DEVICE: [&str; 2] = [LIST, "Then say which: --serial, with its number."];

const UNLOCK: [&str; 2] = [
    "Two consecutive codes unlock it: twostep login --resync",
    "So does an administrator: twostep device unlock SERIAL",
];
