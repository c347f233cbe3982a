//! Stores that are not as they were left, and stores on media that cannot be written.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use test_support::tools;
use test_support::world::Held;
use twostep::store::{Keyring, SqliteStore, sqlite};
use twostep::verifier::{Authority, Verifier};

use super::owner::is_root;
use super::program::{Agent, Ended, TWOSTEP, command, copy_program, fed, twostep};

/// A folder with the store and the key of an agent with one account.
fn left_by(ended: &str) -> (tempfile::TempDir, String) {
    let mut agent = Agent::start("");
    agent.done(&["device", "add", "--account", "alice", "--serial", "ALICES001"], "");
    if ended == "TERM" {
        assert_eq!(agent.stop(), Some(0));
    } else {
        agent.kill();
    }
    let folder = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(agent.folder.path().join("state")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
        }
    }
    let store = folder.path().join("twostep.db").to_str().unwrap().to_owned();
    (folder, store)
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn doctor(folder: &Path) -> Ended {
    let mut command = command(TWOSTEP);
    command
        .env("STATE_DIRECTORY", folder)
        .args(["--socket", "/nowhere/agent.sock", "doctor"]);
    fed(command, "")
}

fn start(folder: &Path) -> Ended {
    // One that serves after all is a failure, and ends.
    let mut command = command("timeout");
    command
        .env("STATE_DIRECTORY", folder)
        .args(["20", TWOSTEP, "--socket"])
        .arg(folder.join("agent.sock"))
        .arg("agent");
    fed(command, "")
}

type Change = fn(&Path);

#[test]
fn check_doctor_and_agent_agree_on_a_changed_store() {
    // The end of the agent, the change to its files, the words of all, and whether a restore cures
    // it.
    let cases: [(&str, &str, Change, &str, bool); 6] = [
        (
            "killed, its log is lost",
            "KILL",
            |at| fs::remove_file(at.join("twostep.db-wal")).unwrap(),
            "its log is missing",
            true,
        ),
        (
            "killed, its log is empty",
            "KILL",
            |at| fs::write(at.join("twostep.db-wal"), "").unwrap(),
            "its log is missing",
            true,
        ),
        (
            "copied while in use",
            "KILL",
            |at| fs::remove_file(at.join("twostep.db.witness")).unwrap(),
            "is a raw copy",
            true,
        ),
        ("another log", "TERM", another_log, "is the log of another store", false),
        ("an older copy", "TERM", older_copy, "is older than what was served", true),
        ("a header alone", "TERM", header_alone, "without what it held", false),
    ];
    for (case, ended, change, said, cured) in cases {
        let (folder, store) = left_by(ended);
        change(folder.path());
        let there = names(folder.path());
        let checked = twostep(&["store", "check", &store], "");
        assert_eq!(checked.exit, 1, "{case}: {checked:?}");
        assert!(checked.out.contains(said) && checked.out.contains(&store), "{case}: {checked:?}");
        let found = doctor(folder.path());
        assert!(found.out.contains(said), "{case}: {found:?}");
        assert_eq!(names(folder.path()), there, "{case}: both leave nothing behind");
        let started = start(folder.path());
        assert_eq!(started.exit, 3, "{case}: {started:?}");
        assert!(started.err.contains(said), "{case}: {started:?}");
        let restored = twostep(&["store", "restore", "--yes", &store], "");
        assert_eq!(restored.exit == 0, cured, "{case}: {restored:?}");
        if cured {
            let checked = twostep(&["store", "check", &store], "");
            assert_eq!(checked.exit, 0, "{case}: {checked:?}");
        }
    }
}

fn another_log(folder: &Path) {
    let (other, _) = left_by("KILL");
    fs::copy(other.path().join("twostep.db-wal"), folder.join("twostep.db-wal")).unwrap();
}

fn older_copy(folder: &Path) {
    let (store, old) = (folder.join("twostep.db"), folder.join("old.db"));
    fs::copy(&store, &old).unwrap();
    // A change has to happen in between: a start alone leaves a copy as good as the file.
    assert_eq!(twostep(&["store", "restore", "--yes", store.to_str().unwrap()], "").exit, 0);
    fs::rename(old, store).unwrap();
}

fn header_alone(folder: &Path) {
    let store = folder.join("twostep.db");
    fs::remove_file(&store).unwrap();
    rusqlite::Connection::open(store)
        .unwrap()
        .execute_batch("PRAGMA journal_mode = WAL")
        .unwrap();
}

#[test]
fn doctor_tells_a_key_and_a_store_that_miss_each_other() {
    let (folder, store) = left_by("TERM");
    let key = folder.path().join("sealing.key");
    fs::rename(&key, folder.path().join("away")).unwrap();
    let found = doctor(folder.path());
    assert!(found.out.contains("Put its backup back"), "{found:?}");
    fs::rename(folder.path().join("away"), &key).unwrap();
    for suffix in ["", ".witness"] {
        fs::remove_file(format!("{store}{suffix}")).unwrap();
    }
    let (found, started) = (doctor(folder.path()), start(folder.path()));
    for said in [&found.out, &started.err] {
        assert!(said.contains("sealing.key") && said.contains("restored backup"), "{said}");
    }
    assert_eq!(started.exit, 3);
    assert!(!Path::new(&store).exists());
}

#[test]
fn a_store_on_a_read_only_medium_is_checked() {
    for ended in ["TERM", "KILL"] {
        for without in [&[][..], &["twostep.db.lock", "twostep.db.turn"], &["twostep.db-shm"]] {
            let (folder, store) = left_by(ended);
            for name in without {
                let _ = fs::remove_file(folder.path().join(name));
            }
            let there = names(folder.path());
            for look in [
                &["--json", "store", "check", &store][..],
                &["--json", "audit", "verify", "--store", &store],
            ] {
                let here = twostep(look, "");
                assert_eq!(
                    (here.exit, here.json()["ok"] == true),
                    (0, true),
                    "{ended} {without:?} {look:?}: {here:?}"
                );
                assert_eq!(names(folder.path()), there, "{ended}: {look:?} leaves nothing behind");
                for kind in ["mode 555", "mount"] {
                    let Some(read_only) = read_only(kind, folder.path(), look) else { continue };
                    assert_eq!(
                        (read_only.exit, &read_only.out),
                        (0, &here.out),
                        "{ended} {without:?} {look:?} {kind}: {read_only:?}"
                    );
                    assert_eq!(names(folder.path()), there);
                }
            }
        }
    }
}

/// Runs the program where the folder cannot be written; none where the tester may not arrange that.
fn read_only(kind: &str, folder: &Path, arguments: &[&str]) -> Option<Ended> {
    if kind == "mode 555" {
        without_right(folder, arguments)
    } else {
        mounted_read_only(folder, arguments)
    }
}

#[test]
fn a_restore_that_is_killed_is_done_by_the_next_one() {
    if !tools::have("strace") {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let (backup, key) = (folder.path().join("backup.db"), folder.path().join("sealing.key"));
    let keyring = Keyring::from_file_or_new(&key).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(folder.path().join("store.db")).unwrap();
        let verifier = Verifier::new(store.clone(), keyring.clone());
        for number in 0..300 {
            let held = Held::numbered(&format!("person-{number}"), number);
            verifier.add(held.to_add(), &Authority::Admin).await.unwrap();
        }
        store.backup(&backup).await.unwrap();
    });
    let step = std::env::var("TWOSTEP_RESTORE_KILLS").map_or(13, |step| step.parse().unwrap());
    let mut kills = 0;
    for write in (1..).step_by(step) {
        let copy = folder.path().join(format!("copy-{write}.db"));
        fs::copy(&backup, &copy).unwrap();
        let arguments =
            ["store", "restore", "--yes", copy.to_str().unwrap(), "--key", key.to_str().unwrap()];
        if killed_at_write(write, &arguments).exit == 0 {
            break;
        }
        let second = twostep(&arguments, "");
        assert_eq!(second.exit, 0, "killed at write {write}: {second:?}");
        let report = sqlite::check_with(&copy, &keyring).unwrap();
        assert!(report.problems.is_empty() && !report.copy, "{write}: {report:?}");
        assert!(!folder.path().join(format!("copy-{write}.db-wal")).exists(), "{write}");
        kills += 1;
    }
    assert!(kills > 10, "{kills} kills");
}

/// Runs the program until it has written to a file so many times.
fn killed_at_write(write: usize, arguments: &[&str]) -> Ended {
    let mut traced = command("strace");
    traced.args(["-f", "-qq", "-o", "/dev/null", "-e", "trace=pwrite64", "-e"]);
    traced.arg(format!("inject=pwrite64:signal=SIGKILL:when={write}")).arg(TWOSTEP);
    traced.args(arguments);
    fed(traced, "")
}

fn without_right(folder: &Path, arguments: &[&str]) -> Option<Ended> {
    let mode =
        |path: &Path, mode| fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
    let program = tempfile::tempdir().unwrap();
    let mut look = command(TWOSTEP);
    if is_root() {
        if !tools::have("setpriv") {
            return None;
        }
        for entry in fs::read_dir(folder).unwrap() {
            mode(&entry.unwrap().path(), 0o644);
        }
        mode(program.path(), 0o755);
        copy_program(program.path());
        look = command("setpriv");
        look.args(["--reuid=nobody", "--regid=nogroup", "--clear-groups"])
            .arg(program.path().join("twostep"));
    }
    look.args(arguments);
    mode(folder, 0o555);
    let ended = fed(look, "");
    mode(folder, 0o755);
    Some(ended)
}

fn mounted_read_only(folder: &Path, arguments: &[&str]) -> Option<Ended> {
    if !tools::have("unshare,root") {
        return None;
    }
    let script =
        "mount --bind \"$0\" \"$0\" && mount -o remount,ro,bind \"$0\" || exit 77; exec \"$@\"";
    let mut look = command("unshare");
    look.args(["--mount", "sh", "-c", script])
        .arg(folder)
        .arg(TWOSTEP)
        .args(arguments);
    // A container may not be allowed to mount.
    Some(fed(look, "")).filter(|ended| ended.exit != 77)
}
