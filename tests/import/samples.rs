//! A folder of token files of others, with what each must give: `TWOSTEP_IMPORT_SAMPLES` names it.
//!
//! The folder has an `expected.json`: for each file its `format`, `key`, `flags`, `outcome`
//! (`imports`, `refused`, `either`) and `tokens`.

use std::path::Path;

use serde_json::Value;
use twostep::device::{Factor, TotpState};
use twostep::id::AccountId;
use twostep::import::{Assumed, Checks, Format, Planned, Problem, Settings, TokenKind};
use twostep::otp::Digits;
use twostep::secret::Secret;
use twostep::time::UnixTime;

use super::read_with;

#[test]
fn each_sample_gives_what_it_must() {
    let Ok(folder) = std::env::var("TWOSTEP_IMPORT_SAMPLES") else {
        println!("left out: TWOSTEP_IMPORT_SAMPLES names no folder of sample files");
        return;
    };
    let folder = Path::new(&folder);
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    let expected: Value = serde_json::from_str(&text).unwrap();
    let only = std::env::var("TWOSTEP_IMPORT_SAMPLE").unwrap_or_default();
    let mut faults = Vec::new();
    for file in expected["files"].as_array().unwrap() {
        let name = file["file"].as_str().unwrap();
        if name.contains(&only)
            && let Err(fault) = gives(folder, file)
        {
            faults.push(format!("{name}: {fault}"));
        }
    }
    assert!(faults.is_empty(), "{} files:\n{}", faults.len(), faults.join("\n"));
}

/// Compares the tokens of a file with those that it must give.
fn gives(folder: &Path, file: &Value) -> Result<(), String> {
    let bytes = std::fs::read(folder.join(file["file"].as_str().unwrap())).unwrap();
    let flags: Vec<&str> = file["flags"]
        .as_array()
        .map_or(Vec::new(), |flags| flags.iter().map(|flag| flag.as_str().unwrap()).collect());
    let mut now = UnixTime(0);
    now.0 = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let settings = settings(file, &flags, now);
    let name = file["format"].as_str().unwrap();
    let format: Format = name.parse().map_err(|_| format!("no format {name}"))?;
    let read = read_with(Some(format), &bytes, &settings);
    let guessed = read_with(None, &bytes, &settings);
    // A file that is no XML has no format that could be recognised.
    let refused = file["outcome"] == "refused";
    if guessed.format != Some(format) && !refused {
        return Err(format!("recognised as {:?}: {:?}", guessed.format, guessed.problems));
    }
    let named = |name: &str| name.parse::<AccountId>().map_err(|error| error.to_string());
    let mut checks = Checks::new(format, assumed(&flags), now, &named);
    let skipped = flags.contains(&"--skip-unsupported");
    let mut problems = read.problems.clone();
    let (mut planned, mut shown) = (Vec::new(), Vec::new());
    for token in read.tokens {
        shown.push(token.secret.expose().to_vec());
        match checks.check(token) {
            Ok(token) => planned.push(token),
            Err(problem) => problems.push(problem),
        }
    }
    problems.retain(|problem| !(skipped && problem.code.is_unsupported()));
    let said = || problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("; ");
    match (file["outcome"].as_str().unwrap(), problems.is_empty()) {
        ("imports", false) => return Err(format!("refused: {}", said())),
        ("refused", true) => return Err("not refused".to_owned()),
        ("refused", false) => println!("{}: {}", file["file"], said()),
        _ => {}
    }
    if file["outcome"] == "imports" {
        is_as_expected(&planned, file, now)?;
    }
    Ok(())
}

fn settings(file: &Value, flags: &[&str], now: UnixTime) -> Settings {
    let secret = |name: &str| file["key"][name].as_str().map(|text| Secret::from(text.as_bytes()));
    Settings {
        key: secret("hex").or_else(|| secret("fernet")),
        passphrase: secret("passphrase"),
        expired: flags.contains(&"--expired") || flags.contains(&"--expired import"),
        ..Settings::new(now)
    }
}

fn assumed(flags: &[&str]) -> Assumed {
    let flags = flags.join(" ");
    let flags: Vec<&str> = flags.split(' ').collect();
    let after = |name: &str| {
        let place = flags.iter().position(|flag| *flag == name)?;
        flags.get(place + 1).copied()
    };
    Assumed {
        kind: after("--kind").map(|kind| match kind {
            "hotp" => TokenKind::Hotp,
            _ => TokenKind::Totp,
        }),
        digits: after("--digits")
            .map(|digits| Digits::try_from(digits.parse::<u8>().unwrap()).unwrap()),
        account: after("--account").map(|account| account.parse().unwrap()),
        ..Assumed::default()
    }
}

fn is_as_expected(planned: &[Planned], file: &Value, now: UnixTime) -> Result<(), String> {
    let tokens = file["tokens"].as_array().unwrap();
    if planned.len() != tokens.len() {
        return Err(format!("{} tokens, not {}", planned.len(), tokens.len()));
    }
    let flags = file["flags"].to_string().replace("\",\"", " ");
    let account = flags.contains("--account alice").then_some("alice");
    for (number, is) in planned.iter().enumerate() {
        let named = is
            .serial
            .as_ref()
            .and_then(|serial| tokens.iter().find(|token| token["serial"] == serial.as_str()));
        let must = named.unwrap_or(&tokens[number]);
        let at = format!("{}: ", is.place);
        let differs = |what: &str, is: &dyn std::fmt::Debug, must: &Value| {
            Err(format!("{at}{what} is {is:?}, not {must}"))
        };
        let hex: String = is.seed.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        if must["secret_hex"] != hex {
            return Err(format!("{at}another secret"));
        }
        let serial = is.serial.as_ref().map(|serial| serial.as_str());
        if serial != must["serial"].as_str() {
            return differs("serial", &serial, &must["serial"]);
        }
        let owner = is.account.as_ref().map(AccountId::as_str);
        if owner != must["account"].as_str().or(account) {
            return differs("account", &owner, &must["account"]);
        }
        match &is.factor {
            Factor::Totp(state) => {
                if must["kind"] != "totp" {
                    return differs("kind", &"totp", &must["kind"]);
                }
                if must["algorithm"] != state.parameters.algorithm.to_string() {
                    return differs("hash", &state.parameters.algorithm, &must["algorithm"]);
                }
                totp_is(state, must, now).map_err(|fault| format!("{at}{fault}"))?;
            }
            Factor::Hotp(state) => {
                let is = (state.next.map(|next| next.0), state.parameters.digits.count());
                let must = (must["counter"].as_u64(), must["digits"].as_u64());
                if (is.0, Some(u64::from(is.1))) != must {
                    return Err(format!("{at}counter and digits are {is:?}, not {must:?}"));
                }
            }
            _ => return Err(format!("{at}no code device")),
        }
    }
    Ok(())
}

fn totp_is(state: &TotpState, must: &Value, now: UnixTime) -> Result<(), String> {
    let Some(period) = must["period"].as_u64() else { return Err("kind is totp".to_owned()) };
    let parameters = &state.parameters;
    let is = (u64::from(parameters.step_size.seconds()), u64::from(parameters.digits.count()));
    if Some(is) != must["digits"].as_u64().map(|digits| (period, digits)) {
        return Err(format!("period and digits are {is:?}"));
    }
    if parameters.t0 != must["t0"].as_u64().unwrap_or(0) {
        return Err(format!("T0 is {}", parameters.t0));
    }
    let watermark = state.watermark.map(|step| step.0);
    if watermark != must["watermark"].as_u64() {
        return Err(format!("watermark is {watermark:?}, not {}", must["watermark"]));
    }
    let drift = parameters.drift(&state.clock.foretell(now)).steps;
    if drift != must["drift_steps"].as_i64().unwrap_or(0) {
        return Err(format!("drift is {drift} steps, not {}", must["drift_steps"]));
    }
    Ok(())
}
