//! pskctool: our exports validated by the schema of the standard, and a file that it signed.

use std::fs;
use std::path::Path;
use std::process::Command;

use test_support::tools;
use twostep::import::{Format, ProblemCode, Settings};

use super::exports::export;
use super::{PLAIN, container, package, pskc};
use crate::import::{read_with, settings};

/// The output of a program that succeeds.
fn run(folder: &Path, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn an_export_is_valid_by_the_schema() {
    if !tools::have("pskctool") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (_, file) = export(100);
    fs::write(folder.path().join("ours.xml"), &file).unwrap();
    assert_eq!(run(folder.path(), "pskctool", &["--validate", "ours.xml"]).trim(), "OK");
    // An element in another place is none of the schema.
    let other = file.replace("<pskc:Issuer>", "<pskc:UserId>x</pskc:UserId><pskc:Issuer>");
    fs::write(folder.path().join("other.xml"), other).unwrap();
    let other = folder.path().join("other.xml");
    let output = Command::new("pskctool").arg("--validate").arg(other).output().unwrap();
    assert_ne!(String::from_utf8_lossy(&output.stdout).trim(), "OK");
}

#[test]
fn a_file_that_pskctool_signed_names_its_check() {
    if !tools::have("pskctool,openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let plain = container(&package("A1", &format!("<Data>{PLAIN}</Data>")));
    fs::write(folder.join("plain.xml"), &plain).unwrap();
    let made = "req -x509 -newkey rsa:2048 -nodes -keyout key -out crt -days 2 -subj /CN=maker";
    run(folder, "openssl", &made.split(' ').collect::<Vec<_>>());
    let sign = ["--sign", "--sign-key", "key", "--sign-crt", "crt", "plain.xml"];
    let signed = run(folder, "pskctool", &sign);
    fs::write(folder.join("signed.xml"), &signed).unwrap();
    let verify = ["--verify", "--verify-crt", "crt", "signed.xml"];
    assert_eq!(run(folder, "pskctool", &verify).trim(), "OK");
    let read = pskc(&signed);
    assert_eq!(read.code(), ProblemCode::Signed);
    assert!(read.problem().detail.contains("`pskctool --verify`"), "{}", read.problem());
    let unchecked = Settings { unchecked_signature: true, ..settings() };
    let token = read_with(Some(Format::Pskc), &signed, &unchecked).token();
    assert_eq!((token.secret, token.serial), {
        let token = pskc(&plain).token();
        (token.secret, token.serial)
    });
}
