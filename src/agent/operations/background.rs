//! Work that takes long: on threads of its own, which give way to those that answer callers.

use std::{io, thread};

use tokio::sync::oneshot;

/// Does work on a thread of its own, of lower priority. The thread goes on to its end, also if the
/// answer is not waited for.
pub(super) fn start<T: Send + 'static>(
    name: &str,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<oneshot::Receiver<T>> {
    let (answer, done) = oneshot::channel();
    thread::Builder::new().name(name.to_owned()).spawn(move || {
        give_way();
        let _ = answer.send(work());
    })?;
    Ok(done)
}

/// Lowers the priority of this thread for good: a thread takes no priority back.
#[allow(unsafe_code, reason = "neither the standard library nor nix changes a thread's priority")]
fn give_way() {
    // Linux has a nice value for each thread, other systems one for each process (setpriority(2)).
    #[cfg(target_os = "linux")]
    // SAFETY: the call takes a number and touches no memory of this process.
    unsafe {
        let _ = nix::libc::nice(WAY);
    }
}

/// A thread with this nice value gets a third of what one with the usual value gets, where both
/// want the same processor (sched(7)): less would make an import beside other programs very slow.
const WAY: i32 = 5;
