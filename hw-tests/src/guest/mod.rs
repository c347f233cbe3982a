//! The inside of the virtual machine: the first process, the cases, and the tools that they use.

mod agent;
mod boot;
mod case;
mod ceremony;
mod hammer;
mod plug;
mod run;

pub use agent::{Agent, with_mfa};
pub use boot::{boot, power_off};
pub use case::{Case, Outcome, Place, run_all};
pub use ceremony::Ceremony;
pub use hammer::Hammer;
pub use plug::{Key, REAL_KEY, REAL_PIN, Wire, descriptors_of, node_of, wait_until};
pub use run::{Ran, Running, ours, run, run_as, start};
