//! `twostep pam-check`: what it finds in good and bad stacks, that the mended lines mend, and that
//! it goes through a stack as the real libpam does.

use std::fmt::Write as _;
use std::fs;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use test_support::tools;

use super::program::{Ended, twostep};

/// A system with these stacks, and the module where Debian keeps it.
pub(super) fn system(stacks: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    let security = root.path().join("usr/lib/x86_64-linux-gnu/security");
    fs::create_dir_all(&security).unwrap();
    fs::write(security.join("pam_twostep.so"), "").unwrap();
    let folder = root.path().join("etc/pam.d");
    fs::create_dir_all(&folder).unwrap();
    for (service, stack) in stacks {
        fs::write(folder.join(service), stack).unwrap();
    }
    for entry in [
        "",
        "usr",
        "usr/lib",
        "usr/lib/x86_64-linux-gnu",
        "usr/lib/x86_64-linux-gnu/security",
        "etc",
        "etc/pam.d",
    ] {
        fs::set_permissions(root.path().join(entry), Permissions::from_mode(0o755)).unwrap();
    }
    root
}

pub(super) fn check(root: &Path) -> (Ended, Value) {
    let ended = twostep(&["--json", "pam-check", "--root", root.to_str().unwrap()], "");
    let document = ended.json();
    (ended, document)
}

/// Each finding as `file:line`, what it is, and the mended line with single spaces.
pub(super) fn findings(document: &Value) -> Vec<(String, String, String)> {
    let text = |value: &Value| {
        value
            .as_str()
            .unwrap_or_default()
            .split_whitespace()
            .collect::<Vec<&str>>()
            .join(" ")
    };
    let found = document["findings"].as_array().unwrap().iter();
    found
        .map(|finding| {
            let file = Path::new(finding["file"].as_str().unwrap())
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .to_owned();
            (
                format!("{file}:{}", finding["line"]),
                text(&finding["what"]),
                text(&finding["mended"]),
            )
        })
        .collect()
}

pub(super) const UNIX: &str = "auth [success=1 default=ignore] pam_unix.so nullok\n\
                    auth requisite pam_deny.so\nauth required pam_permit.so\n";

#[test]
fn stacks_that_ask_each_user_are_clean() {
    for stack in [
        "auth required pam_twostep.so\n",
        "auth requisite pam_twostep.so key=never\naccount required pam_unix.so\n",
        "@include common-auth\nauth required pam_twostep.so\n",
        "auth include common-auth\nauth required pam_twostep.so\n",
        "auth substack common-auth\nauth required pam_twostep.so\n",
        "auth required pam_twostep.so\nauth sufficient pam_unix.so\nauth required pam_deny.so\n",
        "auth [success=1 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n\
         auth [success=ok default=die] pam_twostep.so\n",
        "auth sufficient pam_rootok.so\nauth required pam_twostep.so\n",
        "auth required pam_twostep.so\nauth optional pam_gnome_keyring.so\n",
        "auth sufficient pam_twostep.so\nauth required pam_deny.so\n",
        "auth [success=ok default=bad] \\\n  pam_twostep.so # continued\n",
    ] {
        let root = system(&[("probe", stack), ("common-auth", UNIX)]);
        let (ended, document) = check(root.path());
        assert_eq!((ended.exit, findings(&document)), (0, vec![]), "{stack}");
        assert_eq!(document["services"], serde_json::json!(["probe"]));
    }
}

#[test]
fn the_stacks_we_ship_are_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/pam");
    let mut stacks = vec![("common-auth".to_owned(), UNIX.to_owned())];
    for group in
        ["common-account", "common-session", "common-session-noninteractive", "common-password"]
    {
        stacks.push((group.to_owned(), String::new()));
    }
    for name in ["login", "sshd", "sudo", "xscreensaver"] {
        stacks.push((name.to_owned(), fs::read_to_string(folder.join(name)).unwrap()));
    }
    let stacks: Vec<(&str, &str)> =
        stacks.iter().map(|(name, stack)| (name.as_str(), stack.as_str())).collect();
    let (ended, document) = check(system(&stacks).path());
    assert_eq!((ended.exit, findings(&document)), (0, vec![]));
    assert_eq!(document["services"], serde_json::json!(["login", "sshd", "sudo", "xscreensaver"]));
}

const IGNORED: &str = "a user who is refused here comes in all the same";

const JUMPED: &str = "this jumps over pam_twostep.so";

const ENDED: &str = "this ends the stack before pam_twostep.so";

const REQUIRED: &str = "auth required pam_twostep.so";

/// Faulty stacks: the place of the fault, its words, and the mended line.
const FAULTY: &[(&str, &str, &str, &str)] = &[
    ("auth sufficient pam_twostep.so\nauth required pam_permit.so\n", "probe:1", IGNORED, REQUIRED),
    ("auth required pam_unix.so\nauth optional pam_twostep.so\n", "probe:2", IGNORED, REQUIRED),
    (
        "auth required pam_unix.so\nauth sufficient pam_twostep.so reuse\n",
        "probe:2",
        IGNORED,
        "auth required pam_twostep.so reuse",
    ),
    (
        "auth required pam_unix.so\nauth [default=ignore] pam_twostep.so\n",
        "probe:2",
        IGNORED,
        REQUIRED,
    ),
    (
        "auth required pam_unix.so\n\
             auth [success=ok authinfo_unavail=ignore default=bad] pam_twostep.so\n",
        "probe:2",
        "(authinfo_unavail)",
        REQUIRED,
    ),
    (
        "auth required pam_unix.so\n\
             auth [success=ok module_unknown=ignore default=die] pam_twostep.so\n",
        "probe:2",
        "(module_unknown)",
        REQUIRED,
    ),
    (
        "auth [success=2 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n\
             auth required pam_twostep.so\nauth required pam_permit.so\n",
        "probe:1",
        JUMPED,
        "auth [success=1 default=ignore] pam_unix.so",
    ),
    (
        "auth [success=1 default=ignore] pam_fprintd.so\nauth required pam_twostep.so\n\
             auth required pam_permit.so\n",
        "probe:1",
        JUMPED,
        "auth [success=ok default=ignore] pam_fprintd.so",
    ),
    (
        "auth sufficient pam_fprintd.so\nauth required pam_twostep.so\n",
        "probe:1",
        ENDED,
        "auth [success=ok new_authtok_reqd=ok default=ignore] pam_fprintd.so",
    ),
    (
        "auth sufficient pam_unix.so\nauth required pam_env.so\nauth required pam_twostep.so\n",
        "probe:1",
        ENDED,
        "auth [success=1 new_authtok_reqd=1 default=ignore] pam_unix.so",
    ),
    (
        "auth include sufficient\nauth required pam_twostep.so\n",
        "sufficient:1",
        ENDED,
        "auth [success=ok new_authtok_reqd=ok default=ignore] pam_unix.so",
    ),
    (
        "@include sufficient\nauth required pam_twostep.so\n",
        "sufficient:1",
        ENDED,
        "auth [success=ok new_authtok_reqd=ok default=ignore] pam_unix.so",
    ),
    (
        "auth required pam_twostep.so\nauth [default=reset] pam_echo.so\n\
             auth required pam_permit.so\n",
        "probe:2",
        "forget",
        "auth [default=ignore] pam_echo.so",
    ),
    (
        "auth [success=3 default=ignore] pam_unix.so\nauth requisite pam_deny.so\n\
             auth substack inside\nauth required pam_permit.so\nauth optional pam_cap.so\n",
        "probe:1",
        JUMPED,
        "auth [success=1 default=ignore] pam_unix.so",
    ),
    ("account required pam_twostep.so\n", "probe:1", "in the group account", REQUIRED),
    ("-auth required pam_twostep.so\n", "probe:1", "the log stays empty", REQUIRED),
    (
        "auth requisite pam_deny.so\nauth required pam_twostep.so\n",
        "probe:2",
        "never comes to this line: put it before",
        "",
    ),
    ("auth required /opt/pam_twostep.so\n", "probe:1", "there is no /opt/pam_twostep.so", ""),
    ("auth requird pam_twostep.so\n", "probe:1", "cannot read this line", ""),
    (
        "auth include nowhere\nauth required pam_twostep.so\n",
        "probe:1",
        "the included file is not there",
        "",
    ),
];

#[test]
fn each_way_around_it_is_found_with_a_mended_line() {
    for (stack, place, what, mended) in FAULTY {
        let (stack, place, what, mended) = (*stack, *place, *what, *mended);
        let files = [
            ("probe", stack),
            ("sufficient", "auth sufficient pam_unix.so\n"),
            ("inside", "auth required pam_twostep.so\n"),
        ];
        let root = system(&files);
        let (ended, document) = check(root.path());
        let found = findings(&document);
        let fits = |finding: &&(String, String, String)| {
            finding.0 == place && finding.1.contains(what) && finding.2 == mended
        };
        assert!(ended.exit == 1 && found.iter().any(|finding| fits(&finding)), "{stack}{found:?}");
        if found.iter().all(|(_, _, mended)| !mended.is_empty()) {
            mend(root.path(), &document);
            let (ended, document) = check(root.path());
            assert_eq!(ended.exit, 0, "{stack}{document}");
        }
    }
}

/// Writes the mended lines into the files.
fn mend(root: &Path, document: &Value) {
    for finding in document["findings"].as_array().unwrap() {
        let file = finding["file"].as_str().unwrap();
        assert!(Path::new(file).starts_with(root.canonicalize().unwrap()));
        let at = usize::try_from(finding["line"].as_u64().unwrap()).unwrap();
        let text = fs::read_to_string(file).unwrap();
        let lines = text.lines().zip(1..).map(|(line, number)| {
            if number == at { finding["mended"].as_str().unwrap() } else { line }
        });
        fs::write(file, lines.collect::<Vec<&str>>().join("\n")).unwrap();
    }
}

#[test]
fn files_that_other_users_can_write_are_found() {
    let root = system(&[("probe", "auth required pam_twostep.so socket=/run/mine/verify.sock\n")]);
    assert_eq!(check(root.path()).0.exit, 0);
    let module = "usr/lib/x86_64-linux-gnu/security/pam_twostep.so";
    fs::create_dir_all(root.path().join("run/mine")).unwrap();
    for (path, what) in [
        (module, "the module can be replaced"),
        ("usr/lib/x86_64-linux-gnu/security", "the module can be replaced"),
        ("etc/pam.d/probe", "the stack can be changed"),
        ("etc/pam.d", "the stack can be changed"),
        ("run/mine", "can answer in the agent's place"),
    ] {
        let path = root.path().join(path);
        let before = fs::metadata(&path).unwrap().permissions();
        fs::set_permissions(&path, Permissions::from_mode(0o777)).unwrap();
        let (ended, document) = check(root.path());
        assert!(
            ended.exit == 1 && findings(&document).iter().any(|finding| finding.1.contains(what)),
            "{path:?} {document}"
        );
        fs::set_permissions(&path, before).unwrap();
    }
}

#[test]
fn missing_stacks_are_bad_input_and_missing_lines_are_refused() {
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(check(empty.path()).0.exit, 2);
    let root = system(&[("probe", "auth required pam_unix.so\n")]);
    let ended = twostep(&["pam-check", "--root", root.path().to_str().unwrap()], "");
    assert_eq!(
        (ended.exit, ended.out.as_str()),
        (1, "No stack names pam_twostep.so: no user is asked for a second factor.\n")
    );
}

#[test]
fn the_single_file_of_old_systems_is_read() {
    let root = system(&[]);
    fs::remove_dir(root.path().join("etc/pam.d")).unwrap();
    fs::write(
        root.path().join("etc/pam.conf"),
        "sudo auth required pam_unix.so\nsu auth required pam_twostep.so\n\
         sudo auth optional pam_twostep.so\n",
    )
    .unwrap();
    let (ended, document) = check(root.path());
    let found = findings(&document);
    assert_eq!((ended.exit, found.len(), found[0].0.as_str()), (1, 1, "pam.conf:3"));
}

#[test]
fn it_goes_through_a_stack_as_libpam_does() {
    if !tools::have("pamtester,unshare,mount") {
        return;
    }
    // A module that always refuses stands for ours.
    let deny = ["/lib", "/usr/lib"]
        .iter()
        .flat_map(|libraries| fs::read_dir(libraries).into_iter().flatten().flatten());
    let deny = deny
        .map(|entry| entry.path().join("security/pam_deny.so"))
        .find(|file| file.is_file())
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ours = folder.path().join("pam_twostep.so");
    fs::copy(deny, &ours).unwrap();
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let stacks: Vec<(String, String)> = (0..400)
        .map(|number| (format!("s{number}"), random.stack(ours.to_str().unwrap())))
        .collect();
    let stacks: Vec<(&str, &str)> =
        stacks.iter().map(|(name, stack)| (name.as_str(), stack.as_str())).collect();
    let inside = format!("auth sufficient pam_permit.so\nauth required {}\n", ours.display());
    let all = [
        stacks.clone(),
        vec![("inside", inside.as_str()), ("deny", "auth requisite pam_deny.so\n")],
    ]
    .concat();
    let root = system(&all);
    let script = "mount --bind \"$1\" /etc/pam.d; for n in $(seq 0 399); do pamtester s$n daemon \
                  authenticate >/dev/null 2>&1 </dev/null; echo $?; done";
    let output = Command::new("unshare")
        .args(["--mount", "sh", "-c", script, "sh"])
        .arg(root.path().join("etc/pam.d"))
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let (_, document) = check(root.path());
    let leaks = |service: &str| {
        let found = document["findings"].as_array().unwrap().iter();
        let of = |finding: &&Value| {
            finding["services"].as_array().unwrap().iter().any(|named| named == service)
        };
        found.filter(of).any(|finding| finding["mended"].is_string())
    };
    let mut open = 0;
    for ((service, stack), status) in stacks.iter().zip(said.lines()) {
        let named = document["services"].as_array().unwrap().iter().any(|named| named == service);
        assert_eq!(leaks(service), named && status == "0", "{service}:\n{stack}{document:#}");
        open += u32::from(leaks(service));
    }
    assert!(
        said.lines().count() == 400 && (40..360).contains(&open),
        "{open} of {} are open",
        said.lines().count()
    );
}

/// The same numbers every time (xorshift64).
struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[usize::try_from(self.below(u64::try_from(from.len()).unwrap())).unwrap()]
    }

    fn stack(&mut self, ours: &str) -> String {
        let mut stack = String::new();
        for _ in 0..2 + self.below(5) {
            let control = self.control();
            let module = self.pick(&["pam_permit.so", "pam_permit.so", "pam_deny.so", ours, ours]);
            let line = match self.below(8) {
                0 => "auth substack inside".to_owned(),
                1 => "auth substack deny".to_owned(),
                _ => format!("auth {control} {module}"),
            };
            writeln!(stack, "{line}").unwrap();
        }
        stack
    }

    fn control(&mut self) -> String {
        if self.below(2) == 0 {
            return self.pick(&["required", "requisite", "sufficient", "optional"]).to_owned();
        }
        let actions = ["ok", "done", "bad", "die", "ignore", "reset", "1", "2", "3"];
        format!("[success={} default={}]", self.pick(&actions), self.pick(&actions))
    }
}
