//! Output that is not taken: a full disk, a reader that has gone, one that has stopped reading.

use std::fs::File;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::program::{TWOSTEP, command};

/// Commands that print on either stream, and the exit codes they end with where their output is
/// taken.
const COMMANDS: [(&[&str], i32); 10] = [
    (&["--help"], 0),
    (&["--version"], 0),
    (&["man"], 0),
    (&["completions", "bash"], 0),
    (&["config", "check", "--json"], 0),
    (&["--socket", "/nowhere/agent.sock", "doctor"], 3),
    (&["--socket", "/nowhere/agent.sock", "device", "list", "--json"], 3),
    (&["--socket", "/nowhere/agent.sock", "device", "list"], 3),
    (&["nonsense"], 2),
    (&["agent", "--config", "/nowhere/twostep.toml"], 2),
];

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

fn gone() -> Stdio {
    let (_, write) = std::io::pipe().unwrap();
    write.into()
}

/// Ends it if it does not end by itself; returns the exit code, none after a signal.
fn ended(command: &mut Command) -> Option<i32> {
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let began = Instant::now();
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if began.elapsed() > Duration::from_secs(20) {
            child.kill().unwrap();
            child.wait().unwrap();
            return None;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn output_that_is_not_taken_ends_no_command_in_a_panic() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, exit) in COMMANDS {
        let run = |out: Stdio, err: Stdio| {
            let mut command = command(TWOSTEP);
            command.env("HOME", home.path()).args(arguments).stdout(out).stderr(err);
            ended(&mut command)
        };
        assert_eq!(run(Stdio::null(), Stdio::null()), Some(exit), "{arguments:?}");
        for (err, name) in [(full(), "full"), (gone(), "gone")] {
            assert_eq!(run(Stdio::null(), err), Some(exit), "{arguments:?} with its errors {name}");
        }
        assert_eq!(run(gone(), gone()), Some(exit), "{arguments:?} into a pipe that is closed");
        // Output that is lost is a fault, as for every program.
        let lost = run(full(), full());
        assert!([Some(exit), Some(3)].contains(&lost), "{arguments:?} onto a full disk: {lost:?}");
        if exit == 0 {
            assert_eq!(lost, Some(3), "{arguments:?} onto a full disk");
        }
    }
}

#[test]
fn an_agent_whose_output_is_never_read_still_ends() {
    for (json, terminated) in [(true, true), (false, true), (true, false), (false, false)] {
        let folder = tempfile::tempdir().unwrap();
        let (held, mut write) = std::io::pipe().unwrap();
        fill(&mut write);
        let mut command = command(TWOSTEP);
        command
            .env("STATE_DIRECTORY", folder.path().join("state"))
            .args(["agent", "--socket"])
            .arg(folder.path().join("agent.sock"));
        // A store that is there and is none ends it by itself.
        if !terminated {
            std::fs::write(folder.path().join("no-store"), "no store").unwrap();
            command
                .arg("--store")
                .arg(format!("sqlite:{}", folder.path().join("no-store").display()));
        }
        if json {
            command.arg("--json");
        }
        command.stdin(Stdio::null()).stdout(write.try_clone().unwrap()).stderr(write);
        let mut child = command.spawn().unwrap();
        let began = Instant::now();
        if terminated {
            while std::os::unix::net::UnixStream::connect(folder.path().join("agent.sock")).is_err()
            {
                assert!(began.elapsed() < Duration::from_secs(20), "it does not listen");
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(
                Command::new("kill")
                    .args(["-TERM", &child.id().to_string()])
                    .status()
                    .unwrap()
                    .success()
            );
        }
        let asked = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if asked.elapsed() > Duration::from_secs(20) {
                child.kill().unwrap();
                panic!("it hangs: json {json}, terminated {terminated}");
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(if terminated { 0 } else { 3 }));
        // About one second; the rest is for a machine that is busy.
        assert!(!terminated || asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
        drop(held);
    }
}

/// Fills the pipe, so that the next byte waits for a reader.
fn fill(pipe: &mut std::io::PipeWriter) {
    use std::io::Write;
    let flags = nix::fcntl::fcntl(&*pipe, nix::fcntl::FcntlArg::F_GETFL).unwrap();
    let flags = nix::fcntl::OFlag::from_bits_truncate(flags);
    nix::fcntl::fcntl(&*pipe, nix::fcntl::FcntlArg::F_SETFL(flags | nix::fcntl::OFlag::O_NONBLOCK))
        .unwrap();
    for size in [4_096, 1] {
        while pipe.write_all(&vec![b'x'; size]).is_ok() {}
    }
    nix::fcntl::fcntl(&*pipe, nix::fcntl::FcntlArg::F_SETFL(flags)).unwrap();
}
