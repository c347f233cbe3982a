//! The error of a ceremony that no key completed: the reason of a key that answered, or the name of
//! one that could not be asked.

use crate::usb::error::Error;
use crate::usb::fault::Fault;
use crate::usb::key::Key;

/// The reason why a key takes no further part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The key answered, and will not take part for this reason.
    Answered(Error),
    /// The key could not be asked.
    NotAsked(Error),
}

impl Outcome {
    /// Judges the fault that ended a key; `blinked` if it had waited for a touch.
    pub(super) fn by(fault: Fault, blinked: bool) -> Outcome {
        match fault {
            Fault::Late | Fault::Busy | Fault::Slow if blinked => {
                Outcome::Answered(Error::NotTouched)
            }
            fault if blinked => Outcome::Answered(fault.into()),
            Fault::Late => Outcome::NotAsked(Error::Silent),
            Fault::Plain(why @ (Error::NotAllowed { .. } | Error::Bus(_))) => {
                Outcome::NotAsked(why)
            }
            fault @ (Fault::Busy
            | Fault::Slow
            | Fault::Silent
            | Fault::Odd(_)
            | Fault::Content(_)
            | Fault::Status(_)
            | Fault::Word(_)) => Outcome::NotAsked(fault.into()),
            fault => Outcome::Answered(fault.into()),
        }
    }

    /// The error of a ceremony that was about this key alone.
    pub(super) fn why(&self, key: &Key) -> Error {
        match self {
            Outcome::NotAsked(why @ (Error::Busy | Error::Slow)) => not_asked(key, why),
            Outcome::Answered(why) | Outcome::NotAsked(why) => why.clone(),
        }
    }
}

fn not_asked(key: &Key, why: &Error) -> Error {
    Error::NotAsked { key: key.clone(), why: Box::new(why.clone()) }
}

/// Chooses, from all keys that are plugged in, the error that helps the person most; `None` without
/// any key.
pub(super) fn verdict(keys: &[(&Key, &Outcome)]) -> Option<Error> {
    let answered = keys.iter().filter_map(|(_, let_go)| match let_go {
        Outcome::Answered(why) => Some(why),
        Outcome::NotAsked(_) => None,
    });
    // "Not this one" helps more than the limits of another key.
    let said =
        answered.max_by_key(|why| matches!(why, Error::NotEnrolled | Error::AlreadyEnrolled(_)));
    let unasked = keys.iter().filter_map(|(key, let_go)| match let_go {
        Outcome::NotAsked(why) => Some((*key, why)),
        Outcome::Answered(_) => None,
    });
    // A busy or slow key is well, and more likely the right one than a broken one.
    let unasked = unasked.max_by_key(|(_, why)| matches!(why, Error::Busy | Error::Slow));
    match (said, unasked) {
        (None | Some(Error::NotEnrolled | Error::AlreadyEnrolled(_)), Some((key, why)))
            if keys.len() > 1 =>
        {
            Some(not_asked(key, why))
        }
        (None, Some((key, why))) => Some(Outcome::NotAsked(why.clone()).why(key)),
        (said, _) => said.cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::usb::key::Text;

    fn key(path: &str) -> Key {
        let text = Text::default;
        Key {
            path: path.into(),
            vendor_id: 1,
            product_id: 1,
            manufacturer: text(),
            product: text(),
            serial: text(),
        }
    }

    #[test]
    fn an_unasked_key_is_named_if_the_others_are_not_enrolled() {
        let (a, b, c) = (key("/a"), key("/b"), key("/c"));
        let none = Outcome::Answered(Error::NotEnrolled);
        let unasked =
            |key: &Key, why: Error| Some(Error::NotAsked { key: key.clone(), why: Box::new(why) });
        for why in
            [Error::Busy, Error::Slow, Error::Silent, Error::Misbehaved("x"), Error::Refused(0x7f)]
        {
            let not = Outcome::NotAsked(why.clone());
            assert_eq!(verdict(&[(&a, &none), (&b, &not)]), unasked(&b, why.clone()));
            assert_eq!(verdict(&[(&b, &not), (&a, &none)]), unasked(&b, why.clone()));
            let mine = Outcome::Answered(Error::PinNotSet);
            assert_eq!(verdict(&[(&b, &not), (&a, &mine)]), Some(Error::PinNotSet));
        }
        let (silent, busy) = (Outcome::NotAsked(Error::Silent), Outcome::NotAsked(Error::Busy));
        assert_eq!(verdict(&[(&a, &silent), (&b, &busy), (&c, &none)]), unasked(&b, Error::Busy));
        assert_eq!(verdict(&[(&a, &none), (&b, &none)]), Some(Error::NotEnrolled));
        assert_eq!(verdict(&[(&a, &silent)]), Some(Error::Silent));
        assert_eq!(verdict(&[(&a, &busy)]), unasked(&a, Error::Busy));
        assert_eq!(verdict(&[]), None);
    }
}
