//! The inside of the virtual machine: the first process, the cases it runs, and what they hold in their hands.

mod agent;
mod boot;
mod case;
mod ceremony;
mod hammer;
mod plug;
mod run;

pub use agent::Agent;
pub use agent::with_mfa;
pub use boot::boot;
pub use boot::power_off;
pub use case::Case;
pub use case::Outcome;
pub use case::Place;
pub use case::run_all;
pub use ceremony::Ceremony;
pub use hammer::Hammer;
pub use plug::Key;
pub use plug::REAL_KEY;
pub use plug::REAL_PIN;
pub use plug::Wire;
pub use plug::descriptors_of;
pub use plug::node_of;
pub use plug::wait_until;
pub use run::Ran;
pub use run::Running;
pub use run::ours;
pub use run::run;
pub use run::run_as;
pub use run::start;
