//! python-pskc: its files read by us in every mode that it has, and our exports read by it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::Value;
use test_support::tools;
use twostep::import::{ExportedFactor, TokenDrift};

use super::exports::{PASSPHRASE, export};
use super::{pskc, pskc_with_key, pskc_with_passphrase};

/// The standard output of a program in Python.
fn python(program: &str, input: &str) -> Value {
    let mut python = Command::new(tools::python())
        .args(["-c", program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = python.wait_with_output().unwrap();
    assert!(output.status.success(), "Python says why above");
    serde_json::from_slice(&output.stdout).unwrap()
}

const WRITE: &str = r"
import io, json
from pskc import PSKC
files = []
def write(name, prepare, **opening):
    file = PSKC()
    for n, counter in enumerate((0, 21, 300, 70000)):
        file.add_key(id=f'PY{n}', serial=f'PY{n}', secret=bytes([65 + n]) * (20 - n),
            counter=counter, algorithm='urn:ietf:params:xml:ns:keyprov:pskc:hotp',
            response_length=6, response_encoding='DECIMAL', manufacturer='Acme & Söhne')
    file.add_key(id='PY4', serial='PY4', secret=b'B' * 16, time_interval=60, time_drift=-3,
        algorithm='urn:ietf:params:xml:ns:keyprov:pskc:totp', response_length=8,
        response_encoding='DECIMAL', algorithm_suite='HMAC-SHA256')
    prepare(file)
    out = io.BytesIO()
    file.write(out)
    files.append(dict(name=name, xml=out.getvalue().decode(), **opening))
def key(file, algorithm, length, **more):
    file.encryption.setup_preshared_key(key=bytes(range(length)), algorithm=algorithm, **more)
def mac(file, name):
    file.mac.setup(algorithm=name)
    key(file, 'aes256-cbc', 32)
write('plain', lambda file: None)
for bits in (128, 192, 256):
    opening = dict(key=bytes(range(bits // 8)).hex())
    write(f'cbc {bits}', lambda file: key(file, f'aes{bits}-cbc', bits // 8), **opening)
    write(f'wrap {bits}', lambda file: key(file, f'kw-aes{bits}', bits // 8), **opening)
    write(f'counters {bits}', lambda file: key(file, f'aes{bits}-cbc', bits // 8,
        fields=['secret', 'counter']), **opening)
for name in ('hmac-sha1', 'hmac-sha224', 'hmac-sha256', 'hmac-sha384', 'hmac-sha512'):
    write(name, lambda file: mac(file, name), key=bytes(range(32)).hex())
for prf in (None, 'hmac-sha256', 'hmac-sha512'):
    write(f'pbkdf2 {prf}', lambda file: file.encryption.setup_pbkdf2('correct horse',
        iterations=1000, algorithm='aes256-cbc', key_length=32, prf=prf),
        passphrase='correct horse')
print(json.dumps(files))
";

#[test]
fn files_of_python_pskc_are_read_in_every_mode() {
    if !tools::have("python:pskc") {
        return;
    }
    let files = python(WRITE, "");
    let files = files.as_array().unwrap();
    assert_eq!(files.len(), 18);
    for file in files {
        let (name, xml) = (&file["name"], file["xml"].as_str().unwrap());
        let read = match (file["key"].as_str(), file["passphrase"].as_str()) {
            (Some(key), _) => pskc_with_key(xml, key),
            (_, Some(passphrase)) => pskc_with_passphrase(xml, passphrase),
            _ => pskc(xml),
        };
        assert_eq!(read.problems, [], "{name}");
        let [events @ .., time] = read.tokens.as_slice() else { panic!("tokens") };
        let counters: Vec<Option<u64>> = events.iter().map(|token| token.counter).collect();
        assert_eq!(counters, [0, 21, 300, 70_000].map(Some), "{name}");
        for (n, token) in (0..).zip(events) {
            let secret = vec![65 + n; 20 - usize::from(n)];
            assert_eq!(token.secret.expose(), secret, "{name}");
        }
        assert_eq!((time.period, time.drift), (Some(60), Some(TokenDrift::Steps(-3))), "{name}");
        assert_eq!(time.secret.expose(), b"BBBBBBBBBBBBBBBB", "{name}");
    }
}

const READ: &str = r"
import io, json, sys
from pskc import PSKC
file = PSKC(io.BytesIO(sys.stdin.buffer.read()))
file.encryption.derive_key('a passphrase of an export')
print(json.dumps([dict(serial=key.serial, secret=key.secret.hex(), counter=key.counter,
    drift=key.time_drift, interval=key.time_interval, issuer=key.issuer, digits=key.response_length,
    name=key.friendly_name) for key in file.keys]))
";

#[test]
fn our_exports_are_read_by_python_pskc() {
    if !tools::have("python:pskc") {
        return;
    }
    assert!(READ.contains(PASSPHRASE));
    let (devices, file) = export(100);
    let keys = python(READ, &file);
    let keys = keys.as_array().unwrap();
    assert_eq!(keys.len(), devices.len());
    for (key, device) in keys.iter().zip(&devices) {
        let hex: String = device.secret.expose().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(key["secret"], hex.as_str());
        assert_eq!(key["serial"], device.serial.as_str());
        assert_eq!(key["issuer"], device.issuer.as_str());
        assert_eq!(key["digits"], device.digits);
        assert_eq!(key["name"].as_str(), device.name.as_deref());
        match &device.factor {
            ExportedFactor::Hotp { next } => assert_eq!(key["counter"], next.unwrap_or(0)),
            ExportedFactor::Totp { period, drift, .. } => {
                assert_eq!(key["drift"], *drift);
                assert_eq!(key["interval"], *period);
            }
        }
    }
}
