//! The leader of a login session, as the kernel describes it. A process id alone would not do: the
//! system reuses them.

use std::fs;

/// A session leader: its process, when that began, in clock ticks since boot (`proc_pid_stat(5)`,
/// field 22), and in which boot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Leader {
    pub(crate) pid: u32,
    pub(crate) started: u64,
    pub(crate) boot_id: String,
}

impl Leader {
    /// `true` while this very process is alive and leads its session.
    pub(crate) fn lives(&self) -> bool {
        let boot_id = fs::read_to_string(BOOT_ID).unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid)).unwrap_or_default();
        boot_id.trim_end() == self.boot_id && leads_since(&stat, self.pid) == Some(self.started)
    }
}

/// The start time of the process on this line, if it leads its session and is no zombie.
fn leads_since(stat: &str, pid: u32) -> Option<u64> {
    // The second field is the program's name in brackets, and may hold brackets and blanks.
    let (before, after) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after.split_whitespace().collect();
    let (state, session, started) = (fields.first()?, fields.get(3)?, fields.get(19)?);
    let is_it = before.split(' ').next()?.parse() == Ok(pid) && session.parse() == Ok(pid);
    (is_it && !["Z", "X", "x"].contains(state))
        .then(|| started.parse().ok())
        .flatten()
}

const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_is_recognised_by_its_stat_line() {
        let line = |name: &str, state: &str, session: u32| {
            format!(
                "77 ({name}) {state} 1 77 {session} 34816 77 4194304 1 2 3 4 5 6 7 8 20 0 1 0 \
                 12345 9 9\n"
            )
        };
        assert_eq!(leads_since(&line("bash", "S", 77), 77), Some(12_345));
        assert_eq!(
            leads_since(&line("a) S 1 77 77 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1 (", "S", 77), 77),
            Some(12_345)
        );
        assert_eq!(leads_since(&line("bash", "S", 76), 77), None);
        assert_eq!(leads_since(&line("bash", "S", 77), 78), None);
        assert_eq!(leads_since(&line("bash", "Z", 77), 77), None);
        for cut in 0..line("bash", "S", 77).find("12345").unwrap() {
            assert_eq!(leads_since(&line("bash", "S", 77)[..cut], 77), None, "{cut}");
        }
    }
}
