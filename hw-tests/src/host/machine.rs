//! One run of the virtual machine, from launch to verdict.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::{Fault, at, cache};

/// A virtual machine that is about to run.
pub struct Machine<'a> {
    /// What it is called in the report.
    pub name: &'a str,
    /// The kernel's image.
    pub image: &'a Path,
    /// The first file system.
    pub root: &'a Path,
    /// Whether time is counted in instructions.
    pub counted_time: bool,
    /// Words for the guest.
    pub words: String,
    /// The run is over then, come what may.
    pub deadline: Duration,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The guest's exit status: the number of cases that failed.
    Status(u8),
    /// The guest went away without saying how it went.
    Vanished,
    /// It was still running at the deadline.
    TooLate,
}

impl Machine<'_> {
    /// Starts it, hands each line of its console to `line`, and waits for its end.
    pub fn run(&self, mut line: impl FnMut(&str)) -> Result<Verdict, Fault> {
        let until = Instant::now() + self.deadline;
        let time = if self.counted_time { COUNTED_TIME } else { REAL_TIME };
        let mut qemu = Command::new("qemu-system-x86_64");
        qemu.args(ALWAYS.split_whitespace()).args(time.split_whitespace());
        qemu.arg("-kernel").arg(self.image).arg("-initrd").arg(self.root);
        qemu.arg("-append").arg(format!("{KERNEL} {}", self.words));
        let mut child = qemu
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("qemu: {error}"))?;
        let lines = console(&mut child)?;
        let log = cache().join(format!("{}.log", self.name));
        let mut log = File::create(&log).map_err(at(&log))?;
        loop {
            match lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(text) => {
                    let _ = writeln!(log, "{text}");
                    line(&text);
                }
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    return Ok(Verdict::TooLate);
                }
            }
        }
        let status = child.wait().map_err(|error| format!("qemu: {error}"))?;
        Ok(verdict(status.code()))
    }
}

/// The lines of the console, without the escape codes of the firmware.
fn console(child: &mut Child) -> Result<mpsc::Receiver<String>, Fault> {
    let stdout = child.stdout.take().ok_or("qemu has no output")?;
    let (sender, lines) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).split(b'\n').map_while(Result::ok) {
            let text =
                String::from_utf8_lossy(&line).replace(|c: char| c.is_control() && c != '\t', "");
            if sender.send(text).is_err() {
                break;
            }
        }
    });
    Ok(lines)
}

/// The device makes `2v + 1` of the byte `v` that the guest writes to it.
fn verdict(code: Option<i32>) -> Verdict {
    match code.map(u8::try_from) {
        Some(Ok(code)) if code % 2 == 1 => Verdict::Status(code / 2),
        _ => Verdict::Vanished,
    }
}

/// What the guest's kernel is told. Serial console; no pause after a panic; no work that only real
/// hardware needs.
const KERNEL: &str = "console=ttyS0 quiet panic=-1 rdinit=/init tsc=unstable mitigations=off nokaslr random.trust_cpu=on audit=0";

/// Software emulation, always: nested virtualisation that half works is worse than none.
const ALWAYS: &str = "-nodefaults -no-user-config -nographic -no-reboot -M q35 -cpu max -smp 1 -m 512 -serial stdio \
                      -device isa-debug-exit,iobase=0xf4,iosize=0x04";

/// Time as the host's clock tells it.
const REAL_TIME: &str = "-accel tcg,thread=multi,tb-size=256";

/// Time as instructions pass: waiting costs nothing, and a busy host cannot make a test late.
const COUNTED_TIME: &str =
    "-icount shift=2,sleep=off -rtc clock=vm -accel tcg,thread=single,tb-size=256";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_odd_exit_code_is_the_guests() {
        assert_eq!(verdict(Some(1)), Verdict::Status(0));
        assert_eq!(verdict(Some(7)), Verdict::Status(3));
        assert_eq!(verdict(Some(0)), Verdict::Vanished);
        assert_eq!(verdict(None), Verdict::Vanished);
    }
}
