//! What the process denies itself and others before it reads a secret.

use nix::sys::prctl::set_dumpable;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Leaves no memory behind in a core dump, lets no other process of the same user read it, and
/// makes room for connections.
pub(crate) fn start(connections: u32) -> nix::Result<()> {
    set_dumpable(false)?;
    setrlimit(Resource::RLIMIT_CORE, 0, 0)?;
    // All listeners may be full, and the store and security keys need files as well.
    let needed = u64::from(connections).saturating_mul(5).div_ceil(2).saturating_add(256);
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
