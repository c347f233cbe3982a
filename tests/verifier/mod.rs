//! The verifier, from outside: what each use case does and refuses, on the SQLite store and a clock
//! that obeys the test.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod accounts;
mod ceremonies;
mod ceremony_bounds;
mod clients;
mod clock;
mod devices;
mod diagnose;
mod faults;
mod folded;
mod identity;
mod keys;
mod links;
mod looks;
mod misconfigured;
mod model;
mod one_refusal;
mod peers;
mod pending;
mod properties;
mod protected;
mod restored;
mod resync;
mod rules;
mod run;
mod same_secret;
mod sealing_keys;
mod spare_codes;
mod stock;
mod throttle;
mod two_starts;
mod usernameless;
