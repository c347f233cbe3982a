//! The outside of the virtual machine: kernel, file system, launch, report.

mod cpio;
mod kernel;
mod machine;
mod packages;
mod root;

pub use kernel::Kernel;
pub use machine::{Machine, Verdict};
pub use packages::missing_tools;
pub use root::Root;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The reason why the bench cannot run.
pub type Fault = String;

/// The folder for everything that is fetched or made.
#[must_use]
pub fn cache() -> PathBuf {
    target().join("hw")
}

/// Cargo's target folder.
#[must_use]
pub fn target() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target");
    std::env::var_os("CARGO_TARGET_DIR").map_or(default, PathBuf::from)
}

/// Runs a program to its end and returns its standard output.
fn output(command: &mut Command) -> Result<Vec<u8>, Fault> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("{name} {:?} failed: {}", command.get_args().collect::<Vec<_>>(), said.trim()))
}

fn text(command: &mut Command) -> Result<String, Fault> {
    output(command).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// Adds the path to a file system error.
fn at(path: &Path) -> impl FnOnce(std::io::Error) -> Fault + '_ {
    move |error| format!("{}: {error}", path.display())
}
