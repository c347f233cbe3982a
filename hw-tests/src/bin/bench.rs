//! Runs the cases with virtual keys in a virtual machine.
//!
//! ```text
//! bench [run] [FILTER]  cases with FILTER in their name
//! bench list [FILTER]   the names of those cases
//! bench fetch-kernel    download the kernel only
//! bench real --serial S the cases for a real key; a person touches it and plugs it in
//! ```
//!
//! Exit status: 0 if every case passed; else the number of failed cases, or 100 if a machine did
//! not end by itself.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::thread;
use std::time::{Duration, Instant};

use hw_tests::arguments::Arguments;
use hw_tests::guest::{Case, Place};
use hw_tests::host::{Kernel, Machine, Root, Verdict};
use hw_tests::{cases, guest, host};

fn main() -> ExitCode {
    let mut arguments = Arguments::of_process();
    let serial = arguments.value("--serial").unwrap_or_default();
    let words: Vec<String> = arguments.words().unwrap_or_else(|why| vec![why]);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let status = match words.as_slice() {
        [] | ["run"] => run(""),
        ["run", filter] => run(filter),
        ["list"] => list(""),
        ["list", filter] => list(filter),
        ["fetch-kernel"] => Kernel::fetch().map(|kernel| {
            println!("{}: {}", kernel.package, kernel.image.display());
            0
        }),
        ["real"] => serial
            .ok_or_else(|| "name the key: --serial S".to_owned())
            .and_then(|serial| real(&serial)),
        _ => Err(format!(
            "{}: see `bench run`, `bench list`, `bench fetch-kernel`, `bench real`",
            words.join(" ")
        )),
    };
    match status {
        Ok(status) => ExitCode::from(status),
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::from(NO_VERDICT)
        }
    }
}

fn list(filter: &str) -> Result<u8, String> {
    cases::all()
        .filter(|case| case.name.contains(filter))
        .for_each(|case| println!("{:<8} {}", case.place.name(), case.name));
    Ok(0)
}

fn run(filter: &str) -> Result<u8, String> {
    let missing = host::missing_tools();
    if !missing.is_empty() {
        return Err(missing.join("\nbench: "));
    }
    build()?;
    let kernel = Kernel::fetch()?;
    let mut plain = Vec::new();
    let mut others = Vec::new();
    for place in Place::ALL {
        let cases: Vec<&Case> = cases::all()
            .filter(|case| case.place == place && case.name.contains(filter))
            .collect();
        if !cases.is_empty() {
            let side = if place == Place::Plain { &mut plain } else { &mut others };
            side.push((place, cases, root(&kernel, place)?));
        }
    }
    // One processor for each side, or one for both where other parts of the tests have the second.
    let side = |machines: &[(Place, Vec<&Case>, PathBuf)]| {
        let failed = machines
            .iter()
            .map(|(place, cases, root)| one_machine(&kernel, *place, cases, root, filter));
        failed
            .collect::<Result<Vec<u8>, String>>()
            .map(|failed| failed.into_iter().fold(0, u8::saturating_add))
    };
    let failed = if is_beside_others() {
        side(&plain)?.saturating_add(side(&others)?)
    } else {
        let (first, second) = thread::scope(|scope| {
            let first = scope.spawn(|| side(&plain));
            let second = side(&others);
            (first.join(), second)
        });
        let first = first.map_err(|_| "the bench itself failed".to_owned())?;
        first?.saturating_add(second?)
    };
    println!(
        "bench: {}",
        if failed == 0 { "all ok".to_owned() } else { format!("{failed} FAILED") }
    );
    Ok(failed.min(NO_VERDICT))
}

/// True if `tests/run` has built everything, and runs other parts meanwhile.
fn is_beside_others() -> bool {
    std::env::var_os("TWOSTEP_BENCH_BUILT").is_some()
}

/// Builds the programs that go into the guest; cargo skips those that are up to date.
fn build() -> Result<(), String> {
    if is_beside_others() {
        return Ok(());
    }
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let packages = [
        &["--package", "hw-tests", "--bins"][..],
        &["--package", "twostep", "--bin", "twostep"],
        &["--package", "pam-twostep", "--lib"],
    ];
    for what in packages {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let status = Command::new(&cargo)
            .args(["build", "--quiet", "--locked"])
            .args(what)
            .current_dir(root)
            .status();
        if !status.is_ok_and(|status| status.success()) {
            return Err(format!("cargo build {} failed", what.join(" ")));
        }
    }
    Ok(())
}

/// Runs the cases for real keys on this machine.
fn real(serial: &str) -> Result<u8, String> {
    if guest::node_of(serial).is_none() {
        return Err(format!("no key with the serial number {serial} is plugged in"));
    }
    build()?;
    println!(
        "This writes credentials for `localhost` to the key {serial}, which needs room for none: \
         they are not discoverable."
    );
    println!(
        "It does not reset the key, and uses no PIN tries as long as the PIN is right. Do not use \
         a key you cannot spare."
    );
    let typed = ask("Type its serial number to go on: ")?;
    if typed != serial {
        return Err("that is another number; nothing was done".to_owned());
    }
    let pin = ask("Its PIN, shown as you type it (none: Enter): ")?;
    let mut failed = 0_u8;
    for case in cases::all().filter(|case| case.real) {
        println!("{}", case.name);
        let mut command = Command::new(guest::ours("guest"));
        command.args(["--case", case.name]).env(guest::REAL_KEY, serial);
        if !pin.is_empty() {
            command.env(guest::REAL_PIN, &pin);
        }
        let ok = command.status().is_ok_and(|status| status.success());
        println!("{} {}", if ok { "ok  " } else { "FAIL" }, case.name);
        failed = failed.saturating_add(u8::from(!ok));
    }
    Ok(failed)
}

fn ask(question: &str) -> Result<String, String> {
    print!("{question}");
    let mut line = String::new();
    std::io::stdout()
        .flush()
        .and_then(|()| std::io::stdin().read_line(&mut line))
        .map_err(|error| error.to_string())?;
    Ok(line.trim().to_owned())
}

/// Builds the file system of a machine.
fn root(kernel: &Kernel, place: Place) -> Result<PathBuf, String> {
    let root = Root::new(kernel)?;
    let rule =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/udev/70-twostep-keys.rules");
    let root = if place == Place::Udev { root.with_udev(Some(&rule))? } else { root };
    root.write(place.name())
}

fn one_machine(
    kernel: &Kernel,
    place: Place,
    cases: &[&Case],
    root: &Path,
    filter: &str,
) -> Result<u8, String> {
    let seconds: u64 = cases.iter().map(|case| case.seconds).sum();
    let deadline = Duration::from_secs(seconds + 120).min(LONGEST);
    let plugs = std::env::var("TWOSTEP_PLUGS").unwrap_or_default();
    let logins = std::env::var("TWOSTEP_LOGINS").unwrap_or_default();
    let words = format!(
        "bench.place={} bench.filter={filter} bench.plugs={plugs} bench.logins={logins}",
        place.name()
    );
    let machine = Machine {
        name: place.name(),
        image: &kernel.image,
        root,
        counted_time: place == Place::Counted,
        words,
        deadline,
    };
    println!("bench: machine {}, {} cases", place.name(), cases.len());
    let begun = Instant::now();
    let mut over = 0;
    let verdict = machine.run(|line| over += usize::from(print(line)))?;
    println!("bench: machine {} ended after {:.1} s", place.name(), begun.elapsed().as_secs_f64());
    match verdict {
        Verdict::Status(status) if over == cases.len() || status > 0 => Ok(status),
        Verdict::Status(_) => Err(format!("{over} of {} cases ran", cases.len())),
        Verdict::Vanished => Err(format!(
            "the machine went away: see {}",
            host::cache().join(format!("{}.log", place.name())).display()
        )),
        Verdict::TooLate => {
            Err(format!("the machine was still running after {} s", deadline.as_secs()))
        }
    }
}

/// Prints a marker of the guest as a line of the report; returns true at the end of a case.
fn print(line: &str) -> bool {
    let Some(said) = line.find("@@").and_then(|at| line.get(at + 2..)) else { return false };
    let (kind, rest) = said.split_at(said.len().min(1));
    let words: Vec<&str> = rest.trim().splitn(4, ' ').collect();
    match (kind, words.as_slice()) {
        ("T", [name, verdict, seconds, why @ ..]) => {
            println!(
                "{verdict:<4} {seconds:>6} s  {name}{}",
                why.first().map_or(String::new(), |why| format!(": {why}"))
            );
            return true;
        }
        ("F", [name, ..]) => {
            println!("              {name} {}", rest.trim().trim_start_matches(name).trim())
        }
        ("L", _) => println!("              | {}", rest.trim()),
        _ => {}
    }
    false
}

/// The longest run of a machine, a limit to its cases' own deadlines.
const LONGEST: Duration = Duration::from_secs(1_200);

/// Exit status for a machine that did not end by itself.
const NO_VERDICT: u8 = 100;
