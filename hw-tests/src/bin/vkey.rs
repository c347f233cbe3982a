//! A virtual security key; one process for each.
//!
//! ```text
//! vkey [--wire uhid|gadget:N] [--vid HEX] [--pid HEX] [--vendor S] [--product S] [--serial S]
//!      [--touch auto|never|deny|manual|delay:MS] [--u2f-only] [--always-uv] [--fingerprint]
//!      [--attest FOLDER] [--flash FILE] [--unplugged] [--control SOCKET]
//! vkey tell SOCKET COMMAND…
//! vkey faults
//! ```
//!
//! Commands: `touch`, `finger right|wrong|auto|never|deny|manual|delay:MS`, `unplug`, `replug`,
//! `unplug-after REPORTS`, `late MS`, `fault NAME [SKIP [TIMES]]`, `heal`, `raw HEX`, `save FILE`,
//! `restore FILE`, `state`, `quit`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hw_tests::arguments::Arguments;
use hw_tests::key::{Finger, Flash, Options};
use hw_tests::wire::{Gadget, Identity, Uhid, Wire};
use hw_tests::{faults, key};

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("vkey: {why}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut arguments = Arguments::of_process();
    let mut text = |name: &str, default: &str| {
        Ok::<_, String>(arguments.value(name)?.unwrap_or(default.to_owned()))
    };
    let wire = text("--wire", "uhid")?;
    let identity = Identity {
        vendor_id: hexadecimal(&text("--vid", "1209")?)?,
        product_id: hexadecimal(&text("--pid", "2f1d")?)?,
        vendor: text("--vendor", "Example")?,
        product: text("--product", "Virtual Key")?,
        serial: text("--serial", "V0001")?,
    };
    let finger: Finger = text("--touch", "auto")?.parse()?;
    let attest = text("--attest", "")?;
    let flash = arguments.value("--flash")?.map(PathBuf::from);
    let options = Options {
        finger,
        u2f_only: arguments.flag("--u2f-only"),
        always_uv: arguments.flag("--always-uv"),
        fingerprint: arguments.flag("--fingerprint"),
        attestation: if attest.is_empty() { None } else { Some(attestation(Path::new(&attest))?) },
        control: arguments.value("--control")?.map(PathBuf::from),
        flash: flash
            .filter(|file| file.exists())
            .map_or(Ok(Flash::default()), |file| Flash::load(&file))
            .map_err(|error| error.to_string())?,
        unplugged: arguments.flag("--unplugged"),
    };
    let words = arguments.words()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {}
        ["faults"] => {
            faults::all()
                .for_each(|fault| println!("{:<28} {:?}, {:?}", fault.name, fault.on, fault.end));
            return Ok(());
        }
        ["tell", socket, command @ ..] => {
            println!(
                "{}",
                key::tell(Path::new(socket), &command.join(" "))
                    .map_err(|error| error.to_string())?
            );
            return Ok(());
        }
        _ => return Err(format!("{words:?} is unknown")),
    }
    let wire: Box<dyn Wire> = match wire.strip_prefix("gadget:") {
        Some(number) => {
            let number = number.parse().map_err(|_| format!("{number} is no controller"))?;
            Box::new(
                Gadget::build(number, &identity)
                    .map_err(|error| format!("gadget {number}: {error}"))?,
            )
        }
        None if wire == "uhid" => {
            Box::new(Uhid::open(identity).map_err(|error| format!("/dev/uhid: {error}"))?)
        }
        None => return Err(format!("{wire}: a wire is uhid or gadget:N")),
    };
    key::run(wire, options).map_err(|error| error.to_string())
}

/// Reads `att.key` (32 bytes) and `att.der` from a folder.
fn attestation(folder: &Path) -> Result<(Vec<u8>, Vec<u8>), String> {
    let read = |name: &str| fs::read(folder.join(name)).map_err(|error| format!("{name}: {error}"));
    Ok((read("att.key")?, read("att.der")?))
}

fn hexadecimal(text: &str) -> Result<u16, String> {
    u16::from_str_radix(text.trim_start_matches("0x"), 16)
        .map_err(|_| format!("{text} is not hexadecimal"))
}
