//! XML of `SafeNet`, formerly Aladdin: `Tokens`, with a seed in hexadecimal for each application.

use std::io::BufRead;

use crate::import::found::Out;
use crate::import::head::Head;
use crate::import::names::secret_of_hex;
use crate::import::xml::{Fault, Xml, root_of};
use crate::import::{Place, Problem, ProblemCode, Settings, Stop, Token, TokenKind};
use crate::secret::Secret;

pub(super) fn recognises(head: &Head<'_>) -> bool {
    root_of(head) == Some("Tokens")
}

pub(super) fn read(
    input: &mut dyn BufRead,
    _settings: &Settings,
    out: &mut Out<'_>,
) -> Result<(), Stop> {
    tokens(input, out).map_err(|fault| fault.end(out))
}

fn tokens(input: &mut dyn BufRead, out: &mut Out<'_>) -> Result<(), Fault> {
    let mut xml = Xml::of(input, &[])?;
    if xml.child()? != Some("tokens") {
        return Err(xml.fault(ProblemCode::Syntax, "the root element is not `Tokens`"));
    }
    while let Some(name) = xml.child()? {
        if name == "token" {
            token(&mut xml, out)?;
        } else {
            xml.skip()?;
        }
    }
    // Behind the root element is nothing.
    xml.child()?;
    Ok(())
}

fn token(xml: &mut Xml<'_>, out: &mut Out<'_>) -> Result<(), Fault> {
    let place = xml.place();
    let serial = xml.attribute("serial").filter(|serial| !serial.is_empty()).map(str::to_owned);
    let mut applications = 0;
    while let Some(name) = xml.child()? {
        if name != "applications" {
            xml.skip()?;
            continue;
        }
        while let Some(name) = xml.child()? {
            if name == "application" {
                applications += 1;
                application(xml, place, serial.as_deref(), out)?;
            } else {
                xml.skip()?;
            }
        }
    }
    if applications == 0 {
        let detail = "the token has no application, and so no seed: ask for a file with seeds";
        let problem = Problem::at(place, ProblemCode::SecretMissing, detail);
        out.problem(problem.of_serial(serial.as_deref()))?;
    }
    Ok(())
}

fn application(
    xml: &mut Xml<'_>,
    place: Place,
    serial: Option<&str>,
    out: &mut Out<'_>,
) -> Result<(), Fault> {
    let mut seed: Option<Result<Secret, &'static str>> = None;
    let mut factor = None;
    while let Some(name) = xml.child()? {
        match name {
            "seed" => seed = Some(secret_of_hex(xml.text()?)),
            "movingfactor" => factor = Some(xml.text()?.parse::<u64>()),
            _ => xml.skip()?,
        }
    }
    let refused = |code, detail| Problem::at(place, code, detail).of_serial(serial);
    let missing = "the token has no seed: ask for a file with seeds";
    let secret = match seed {
        Some(Ok(secret)) if !secret.expose().is_empty() => secret,
        Some(Err(detail)) => {
            return Ok(out.problem(refused(ProblemCode::SecretMalformed, detail))?);
        }
        _ => return Ok(out.problem(refused(ProblemCode::SecretMissing, missing))?),
    };
    if let Some(Err(_)) = factor {
        return Ok(out.problem(refused(ProblemCode::Value, "MovingFactor is no number"))?);
    }
    out.token(Token {
        serial: serial.map(str::to_owned),
        kind: Some(TokenKind::Hotp),
        counter: factor.and_then(Result::ok),
        hardware: Some(true),
        ..Token::new(place, secret)
    })?;
    Ok(())
}
