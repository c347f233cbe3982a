//! A process that outlives the test, ends what the test has started, and removes its folder:
//! also after a test that was killed.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::tools;

/// The keeper of a folder. When this is dropped, or its process dies, everything that was noted
/// here ends, and the folder goes.
pub struct Keeper {
    folder: PathBuf,
    process: Child,
    line: Option<ChildStdin>,
    noted: File,
}

impl Keeper {
    /// Makes a folder that PostgreSQL's user may write to, and its keeper.
    pub fn start() -> Keeper {
        // In memory where there is such a place: the tests end processes, and no machine.
        let folder = match Path::new(MEMORY) {
            memory if memory.is_dir() => memory.to_owned(),
            _ => std::env::temp_dir(),
        };
        let folder = tempfile::Builder::new().prefix("twostep-server-").tempdir_in(folder);
        let folder = folder.unwrap().keep();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
        give(&folder);
        let noted = File::create(folder.join("pids")).unwrap();
        let mut process = Command::new("setsid")
            .args(["sh", "-c", SCRIPT, "keeper"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let line = process.stdin.take();
        Keeper { folder, process, line, noted }
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes a process that ends with the folder. PostgreSQL's processes in folders of this one
    /// need no note.
    pub fn note(&self, pid: u32) {
        writeln!(&self.noted, "{pid}").unwrap();
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.line = None;
        let _ = self.process.wait();
    }
}

/// A command that runs as PostgreSQL's user, for its server refuses to run as root.
pub fn as_postgres(program: impl AsRef<std::ffi::OsStr>) -> Command {
    if !tools::is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid=postgres", "--regid=postgres", "--init-groups"])
        .arg(program);
    command
}

/// Gives a file or a folder to PostgreSQL's user.
pub fn give(path: &Path) {
    if tools::is_root() {
        let status = Command::new("chown").arg("postgres:postgres").arg(path).status().unwrap();
        assert!(status.success());
    }
}

/// Makes a file that can be run.
pub fn executable(path: &Path) {
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Sends a signal to processes, some of which may have ended.
pub fn signal(name: &str, pids: &[u32]) {
    let mut command = Command::new("kill");
    command.arg(format!("-{name}")).args(pids.iter().map(u32::to_string));
    let _ = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
}

/// The process that holds this data folder of PostgreSQL, and its children.
pub fn processes_of(data: &Path) -> Vec<u32> {
    let text = fs::read_to_string(data.join("postmaster.pid")).unwrap_or_default();
    let Some(pid) = text.lines().next().and_then(|pid| pid.trim().parse::<u32>().ok()) else {
        return Vec::new();
    };
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let children = children.unwrap_or_default();
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    std::iter::once(pid).chain(children).collect()
}

const MEMORY: &str = "/dev/shm";

/// Waits for the end of the line; then ends what is noted, and each PostgreSQL below the folder.
/// Stopped processes go on first, to take their signal.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
read -r nothing
for pid in $(cat "$1/pids"); do kill -KILL "$pid"; done
for file in "$1"/*/postmaster.pid; do
    [ -f "$file" ] || continue
    read -r pid <"$file"
    children=$(cat "/proc/$pid/task/$pid/children")
    kill -QUIT "$pid"
    kill -CONT "$pid" $children
done
sleep 0.3
rm -rf "$1" &
"#;
