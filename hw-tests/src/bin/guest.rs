//! The first process of the virtual machine, and the process of each case.

use std::process::ExitCode;

use hw_tests::arguments::Arguments;
use hw_tests::guest::Case;
use hw_tests::{cases, guest};

fn main() -> ExitCode {
    let mut arguments = Arguments::of_process();
    match arguments.value("--case") {
        Ok(Some(name)) => match one(&name) {
            Ok(()) => ExitCode::SUCCESS,
            Err(why) => {
                println!("failed: {}", why.replace('\n', " / "));
                ExitCode::FAILURE
            }
        },
        _ if std::process::id() == 1 => first_process(),
        _ => {
            eprintln!(
                "guest: this is the first process of a virtual machine: start it with `bench run`"
            );
            ExitCode::FAILURE
        }
    }
}

fn one(name: &str) -> Result<(), String> {
    let case = cases::all().find(|case| case.name == name).ok_or("no such case")?;
    (case.run)()
}

fn first_process() -> ExitCode {
    let status = match guest::boot() {
        Ok(words) => {
            let word = |wanted: &str| {
                words.iter().find(|(name, _)| name == wanted).map_or("", |(_, value)| value)
            };
            let wanted = |case: &&Case| {
                case.place.name() == word("place") && case.name.contains(word("filter"))
            };
            let cases: Vec<&Case> = cases::all().filter(wanted).collect();
            println!("@@B {} cases", cases.len());
            guest::run_all(&cases, &words)
        }
        Err(why) => {
            println!("@@T boot FAIL 0 {why}");
            1
        }
    };
    println!("@@E");
    let _ = guest::power_off(status);
    // The first process must not end.
    loop {
        std::thread::sleep(std::time::Duration::from_secs(3_600));
    }
}
