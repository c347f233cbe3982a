//! Hardening of the process, before it reads a secret.

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Disables core dumps and reads of the process's memory by its own user, and raises the limit on
/// open files.
pub(crate) fn start(connections: u32) -> nix::Result<()> {
    set_dumpable(false)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // Enough for full listeners, the store and security keys.
    let needed = u64::from(connections).saturating_mul(7).div_ceil(2).saturating_add(256);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if soft < needed {
        setrlimit(Resource::RLIMIT_NOFILE, needed.min(hard), hard)?;
        if hard < needed {
            tracing::warn!(
                needed,
                allowed = hard,
                "fewer files may be open than limits.connections needs: raise LimitNOFILE"
            );
        }
    }
    Ok(())
}
