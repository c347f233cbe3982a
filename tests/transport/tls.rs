//! TLS with a certificate from files.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use test_support::agent::Agent;
use test_support::tools;

fn make_certificate(folder: &Path, name: &str) {
    let run = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-keyout", "tls.key", "-out", "tls.crt", "-subj", &format!("/CN={name}")])
        .args([
            "-addext",
            &format!("subjectAltName=DNS:{name}"),
            "-addext",
            "basicConstraints=critical,CA:FALSE",
        ])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

/// The agent's answer under this name, if its certificate is valid for it.
fn fetch(agent: &Agent, name: &str, more: &[&str]) -> Option<String> {
    let address = agent.address();
    let port = address.rsplit(':').next().unwrap().to_owned();
    let url = format!("https://{name}:{port}/healthz");
    let run = Command::new("curl")
        .args([
            "--silent",
            "--noproxy",
            "*",
            "--max-time",
            "10",
            "--cacert",
            "tls.crt",
            "--resolve",
            &format!("{name}:{port}:127.0.0.1"),
        ])
        .args(["--write-out", "%{http_version} %{http_code}", "--output", "/dev/null"])
        .args(more)
        .arg(url)
        .current_dir(agent.folder.path())
        .output()
        .unwrap();
    run.status.success().then(|| String::from_utf8(run.stdout).unwrap())
}

const CONFIG: &str = "listen = [\"0.0.0.0:0\"]\n[tls]\ncert = \"tls.crt\"\nkey = \"tls.key\"\n";

#[test]
fn a_certificate_is_served_and_read_again_on_sighup() {
    if !tools::have("openssl,curl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    make_certificate(folder.path(), "one.test");
    let agent = Agent::start_in(folder, CONFIG);
    assert_eq!(fetch(&agent, "one.test", &[]).as_deref(), Some("1.1 200"));
    assert_eq!(fetch(&agent, "two.test", &[]), None);
    // A certificate already limits host names; only requests of web pages are refused.
    assert_eq!(
        fetch(&agent, "one.test", &["--header", "Origin: https://one.test"]).as_deref(),
        Some("1.1 403")
    );
    assert_eq!(fetch(&agent, "one.test", &["--tls-max", "1.1"]), None);

    make_certificate(agent.folder.path(), "two.test");
    assert_eq!(fetch(&agent, "two.test", &[]), None, "it is read again on SIGHUP only");
    agent.signal("HUP");
    agent.logs("the certificate was read again");
    assert_eq!(fetch(&agent, "two.test", &[]).as_deref(), Some("1.1 200"));

    // An unusable certificate changes nothing.
    let good = fs::read(agent.folder.path().join("tls.crt")).unwrap();
    fs::write(agent.folder.path().join("tls.crt"), "nothing").unwrap();
    agent.signal("HUP");
    agent.logs("the old certificate stays");
    fs::write(agent.folder.path().join("tls.crt"), good).unwrap();
    assert_eq!(fetch(&agent, "two.test", &[]).as_deref(), Some("1.1 200"));
}

#[test]
fn a_client_without_tls_delays_no_other() {
    if !tools::have("openssl,curl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    make_certificate(folder.path(), "one.test");
    let agent = Agent::start_in(folder, CONFIG);
    let address = agent.address().replace("0.0.0.0", "127.0.0.1");
    let silent: Vec<_> = (0..20).map(|_| std::net::TcpStream::connect(&address).unwrap()).collect();
    assert_eq!(fetch(&agent, "one.test", &[]).as_deref(), Some("1.1 200"));
    for stream in silent {
        stream.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
        assert_eq!(test_support::agent::read_to_end(stream), "", "closed when its time is up");
    }
}

#[test]
fn a_foreign_or_readable_private_key_prevents_the_start() {
    if !tools::have("openssl") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    make_certificate(folder.path(), "one.test");
    fs::set_permissions(folder.path().join("tls.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let (folder, log) = Agent::fails(folder, CONFIG);
    assert!(log.contains("tls.key") && log.contains("chmod o-rwx"), "{log}");

    fs::rename(folder.path().join("tls.crt"), folder.path().join("other.crt")).unwrap();
    fs::remove_file(folder.path().join("tls.key")).unwrap();
    make_certificate(folder.path(), "two.test");
    fs::rename(folder.path().join("other.crt"), folder.path().join("tls.crt")).unwrap();
    let (folder, log) = Agent::fails(folder, CONFIG);
    assert!(log.contains("tls.key"), "{log}");

    fs::remove_file(folder.path().join("tls.crt")).unwrap();
    let (_, log) = Agent::fails(folder, CONFIG);
    assert!(log.contains("tls.cert") && log.contains("tls.crt"), "{log}");
}
