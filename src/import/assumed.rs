//! Parameters of tokens that the operator gives where the file leaves them out.

use crate::id::AccountId;
use crate::import::{Format, TokenKind};
use crate::otp::{Algorithm, Digits, TimeStepSize};
use crate::time::UnixTime;

/// Parameters of tokens of which the file does not say them. Nothing is guessed: a token without a
/// word of the file or of these is a problem.
#[derive(Clone, Debug, Default)]
pub struct Assumed {
    /// The kind.
    pub kind: Option<TokenKind>,
    /// The hash function. SHA-1 without a word of anybody: RFC 4226 has no other.
    pub algorithm: Option<Algorithm>,
    /// The number of digits.
    pub digits: Option<Digits>,
    /// The time step.
    pub period: Option<TimeStepSize>,
    /// The owner of tokens that have none.
    pub account: Option<AccountId>,
    /// The time at which the maker set the clocks.
    pub clock_set: Option<UnixTime>,
    /// True for tokens of hardware, false for programs.
    pub hardware: Option<bool>,
}

impl Assumed {
    /// With what the definition of a format says itself: most have six digits and thirty seconds
    /// where an entry has nothing else. PSKC and tables of any columns say nothing.
    #[must_use]
    pub(super) fn within(self, format: Format) -> Assumed {
        if !format.has_defaults() {
            return self;
        }
        let digits = self.digits.or(Some(Digits::SIX));
        let period = self.period.or(Some(TimeStepSize::DEFAULT));
        Assumed { digits, period, ..self }
    }
}
