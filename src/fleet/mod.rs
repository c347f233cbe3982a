//! A fleet of tokens as a measuring instrument: whose clock is off, a token's or the server's.
//!
//! Tokens are independent clocks. If one of them moves, it moved; if all of them move at once, the
//! server's clock did, or what lies between the tokens and the server became slower. [`Watch`]
//! tells the two apart from the readings of the verifier. All functions are pure in readings and
//! time.

mod cusum;
mod histogram;
mod quantiles;
mod survey;
#[cfg(test)]
mod tests;
mod token;
mod watch;
mod window;
mod words;
#[cfg(test)]
mod world;

pub use cusum::{Direction, Shift};
pub use histogram::{BINS, Histogram, WIDTH};
pub use quantiles::{LEVELS, Quantiles};
pub use survey::{Group, Listed, MOST_LISTED, Survey, Surveyor};
pub use token::{Attention, Model, Token};
pub use watch::{Ending, Notice, Suspicion, Watch};
pub use words::Cause;
