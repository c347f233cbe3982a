//! One run of the virtual machine, from launch to verdict.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::time::{Duration, Instant};

use super::{Fault, at, cache};

/// A virtual machine, ready to run.
pub struct Machine<'a> {
    /// The name in the report.
    pub name: &'a str,
    /// The kernel's image.
    pub image: &'a Path,
    /// The first file system.
    pub root: &'a Path,
    /// True for virtual time, counted in instructions.
    pub counted_time: bool,
    /// Variables for the guest.
    pub words: String,
    /// The time limit of the run.
    pub deadline: Duration,
}

/// The result of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The guest's exit status: the number of failed cases.
    Status(u8),
    /// The machine ended without an exit status.
    Vanished,
    /// The machine was still running at the deadline.
    TooLate,
}

impl Machine<'_> {
    /// Starts the machine, passes each line of its console to `line`, and waits for its end.
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

/// Decodes an exit code: the exit device makes `2v + 1` of the byte `v` that the guest writes.
fn verdict(code: Option<i32>) -> Verdict {
    match code.map(u8::try_from) {
        Some(Ok(code)) if code % 2 == 1 => Verdict::Status(code / 2),
        _ => Verdict::Vanished,
    }
}

/// The kernel command line: serial console, no pause after a panic, no work that only real hardware
/// needs, and programs at the same addresses each time, so that their translation is reused.
const KERNEL: &str = "console=ttyS0 quiet panic=-1 rdinit=/init tsc=unstable mitigations=off \
    nokaslr norandmaps random.trust_cpu=on audit=0";

/// Software emulation always: nested virtualisation is unreliable. Without the extensions for fast
/// string instructions, which promise speed and are emulated byte by byte, the kernel clears and
/// copies memory in words.
const ALWAYS: &str = "-nodefaults -no-user-config -nographic -no-reboot -M q35 \
    -cpu max,-erms,-fsrm -smp 1 -m 512 -serial stdio \
    -device isa-debug-exit,iobase=0xf4,iosize=0x04";

/// Real time, by the host's clock.
const REAL_TIME: &str = "-accel tcg,thread=multi,tb-size=256";

/// Virtual time, counted in instructions: waiting costs nothing, and a busy host cannot make a test
/// late.
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
