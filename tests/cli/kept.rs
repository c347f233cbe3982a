//! Sessions that `login` keeps: where, for whom, and which commands find them.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use test_support::tools;

use super::journey::{Token, away_from_the_end_of_a_step};
use super::program::{Agent, Ended, TWOSTEP, command, copy_program, fed};

/// A user with a runtime directory, beside an agent.
struct Desk {
    agent: Agent,
    runtime: TempDir,
    program: PathBuf,
    /// Runs a command line as the user.
    user: &'static [&'static str],
}

const NOBODY: &[&str] = &["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"];

impl Desk {
    fn new(config: &str) -> Desk {
        let (agent, runtime) = (Agent::start(config), tempfile::tempdir().unwrap());
        Desk { agent, runtime, program: TWOSTEP.into(), user: &[] }
    }

    /// The desk of a user without rights, who can reach the agent. Only root can become one.
    fn of_nobody() -> Desk {
        let mut desk = Desk::new("local_users = true\n[socket]\nmode = \"0666\"\n");
        let folder = desk.agent.folder.path().to_owned();
        fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
        copy_program(&folder);
        desk.program = folder.join("twostep");
        desk.user = NOBODY;
        chown(desk.runtime.path(), Some(65_534), Some(65_534)).unwrap();
        desk
    }

    fn kept(&self) -> PathBuf {
        self.runtime.path().join("twostep")
    }

    /// The files of kept sessions.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.kept()).into_iter().flatten();
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        files.sort();
        files
    }

    fn run(&self, line: &[&str], typed: &str) -> Ended {
        let line = [self.user, line].concat();
        let mut command = command(line[0]);
        command.args(&line[1..]);
        command.env("XDG_RUNTIME_DIR", self.runtime.path());
        command.env("TWOSTEP_SOCKET", self.agent.socket());
        fed(command, typed)
    }

    fn piped(&self, arguments: &[&str], input: &str) -> Ended {
        self.run(&[&[self.program.to_str().unwrap()], arguments].concat(), input)
    }

    fn terminal(&self, arguments: &str, typed: &str) -> Ended {
        let line = format!("{} {arguments}", self.program.display());
        self.run(&["script", "-qec", &line, "/dev/null"], typed)
    }

    /// A sheet of codes for alice, of which each opens a session.
    fn sheet(&self) -> Vec<String> {
        away_from_the_end_of_a_step();
        let add = ["--json", "device", "add", "--account", "alice", "--serial", "PHONE0001"];
        let token = Token::added(&self.agent.done(&add, "").json());
        self.agent.done(&["device", "activate", "PHONE0001"], &token.pair(-1));
        let add = ["device", "add", "--account", "alice", "--kind", "recovery"];
        self.agent.done(&add, "").out.lines().map(str::to_owned).collect()
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o777
}

/// The commands that a text suggests, each at the end of its line.
fn suggested(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.rfind("twostep ").map(|begin| line[begin..].trim_end()))
        .filter(|command| !command.ends_with('.'))
        .collect()
}

#[test]
fn a_session_is_kept_for_each_account_and_audience() {
    if !tools::have("script") {
        return;
    }
    let desk = Desk::new("audiences = [\"payments\"]\n");
    let sheet = desk.sheet();
    let none = desk.piped(&["whoami"], "");
    assert!(none.exit == 1 && none.err.contains("twostep login"), "{none:?}");
    let screen = desk.terminal("login --account alice", &format!("{}\n", sheet[0]));
    assert_eq!(screen.exit, 0, "{screen:?}");
    assert!(!screen.out.contains("eyJ"), "no token: {screen:?}");
    for said in ["Account", "alice", "(recovery)", "until 20", "9 recovery codes left"] {
        assert!(screen.out.contains(said), "{said}: {screen:?}");
    }
    let [file] = &desk.files()[..] else { panic!("{:?}", desk.files()) };
    assert_eq!((mode(&desk.kept()), mode(file)), (0o700, 0o600));
    let token = fs::read_to_string(file).unwrap();
    let shown = desk.piped(&["session", "show", "-"], &token).out;
    assert_eq!(desk.piped(&["whoami"], "").out.lines().next(), shown.lines().next());

    for refused in ["123456", &sheet[0]] {
        assert_eq!(desk.terminal("login --account alice", &format!("{refused}\n")).exit, 1);
        assert_eq!(fs::read_to_string(file).unwrap(), token, "a refused login touches nothing");
    }
    desk.terminal("login --account alice --audience payments", &format!("{}\n", sheet[1]));
    assert_eq!(desk.files().len(), 2);
    let printed = desk.terminal("login --account alice --print", &format!("{}\n", sheet[2]));
    assert!(printed.exit == 0 && printed.out.contains("eyJ"), "{printed:?}");
    assert_eq!(desk.files().len(), 2, "the one before is replaced");
    assert_ne!(fs::read_to_string(file).unwrap(), token);
    let piped = desk.piped(&["login", "--account", "alice"], &sheet[3]);
    assert_eq!(piped.out.trim().split('.').count(), 3, "the token alone: {piped:?}");
    let listed = desk.piped(&["--json", "whoami"], "").json();
    assert_eq!(listed["sessions"].as_array().map(Vec::len), Some(2), "{listed}");

    let token = fs::read_to_string(file).unwrap();
    let ended = desk.piped(&["logout", "--audience", "payments"], "");
    assert!(ended.exit == 0 && ended.out.contains("payments is over"), "{ended:?}");
    assert_eq!(desk.piped(&["logout"], "").exit, 0);
    assert_eq!(desk.files(), Vec::<PathBuf>::new());
    assert_eq!(desk.piped(&["session", "show", "-"], &token).exit, 1, "it is revoked");
    assert_eq!(desk.piped(&["logout"], "").exit, 1);
}

#[test]
fn a_place_of_others_keeps_nothing() {
    if !tools::have("script") {
        return;
    }
    let desk = Desk::new("");
    let mut sheet = desk.sheet().into_iter();
    let elsewhere = tempfile::tempdir().unwrap();
    let mut printed = |why: &str| {
        let login = format!("{}\n", sheet.next().unwrap());
        let screen = desk.terminal("login --account alice", &login);
        assert!(screen.exit == 0 && screen.out.contains("eyJ"), "{why}: {screen:?}");
        assert!(screen.out.contains("no session can be kept"), "{why}: {screen:?}");
    };
    symlink(elsewhere.path(), desk.kept()).unwrap();
    printed("a link");
    fs::remove_file(desk.kept()).unwrap();
    fs::create_dir(desk.kept()).unwrap();
    fs::set_permissions(desk.kept(), PermissionsExt::from_mode(0o755)).unwrap();
    printed("open to others");
    fs::remove_dir(desk.kept()).unwrap();
    fs::set_permissions(desk.runtime.path(), PermissionsExt::from_mode(0o777)).unwrap();
    printed("a runtime directory of all");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn an_owner_changes_devices_with_the_kept_session() {
    if !tools::have("setpriv,root") || !tools::have("script") {
        return;
    }
    let desk = Desk::of_nobody();
    away_from_the_end_of_a_step();
    let add = |serial| desk.piped(&["--json", "device", "add", "--serial", serial], "");
    let phone = Token::added(&add("PHONE0001").json());
    let tablet = Token::added(&add("TABLET001").json());
    assert_eq!(desk.piped(&["device", "activate", "PHONE0001"], &phone.pair(-1)).exit, 0);

    for change in [
        "device add --serial SPARE0001",
        "device activate TABLET001",
        "device deactivate PHONE0001",
        "device remove PHONE0001 --yes",
    ] {
        let refused = desk.terminal(change, "123456\n234567\n");
        assert_eq!(refused.exit, 1, "{change}: {refused:?}");
        assert!(refused.out.contains("is protected"), "{change}: {refused:?}");
        assert!(!refused.out.contains("Code shown"), "no code is asked for: {refused:?}");
        assert_eq!(suggested(&refused.out), ["twostep login"], "{change}: {refused:?}");
    }
    assert_eq!(desk.terminal("login", &format!("{}\n", phone.code(1))).exit, 0);
    let owner = fs::metadata(&desk.files()[0]).unwrap().uid();
    assert_eq!(owner, 65_534);
    let activated = desk.piped(&["device", "activate", "TABLET001"], &tablet.pair(-1));
    assert_eq!(activated.exit, 0, "{activated:?}");
    assert_eq!(add("SPARE0001").exit, 0);
    assert_eq!(desk.piped(&["device", "remove", "SPARE0001", "--yes"], "").exit, 0);
    let ended = desk.piped(&["logout"], "");
    assert!(ended.exit == 0 && ended.out.contains("is over"), "{ended:?}");
    assert_eq!(desk.piped(&["device", "deactivate", "TABLET001"], "").exit, 1);
}

#[test]
fn a_command_runs_with_a_session_in_its_environment() {
    let desk = Desk::new("");
    let sheet = desk.sheet();
    let print = "test \"$TWOSTEP_TOKEN\" = \"$(cat \"$TWOSTEP_MFA_CONTEXT\")\" && \
                 printf %s \"$TWOSTEP_TOKEN\"; exit 7";
    let run = ["run", "--account", "alice", "--", "sh", "-c", print];
    let refused = desk.piped(&run, "123456\n");
    assert_eq!((refused.exit, refused.out.as_str()), (1, ""), "{refused:?}");
    let opened = desk.piped(&run, &sheet[0]);
    assert_eq!(opened.exit, 7, "{opened:?}");
    assert!(opened.err.contains("Session of alice"), "{opened:?}");
    let found = desk.piped(&run, "");
    assert_eq!((found.exit, &found.out), (7, &opened.out), "the same session: {found:?}");
    let shown = desk.piped(&["session", "show", "-"], &found.out);
    assert!(shown.out.contains("alice"), "{shown:?}");
    let killed = desk.piped(&["run", "--account", "alice", "--", "sh", "-c", "kill -TERM $$"], "");
    assert_eq!(killed.exit, -1, "the signal is the command's own: {killed:?}");
    let missing = desk.piped(&["run", "--account", "alice", "--", "/nowhere/command"], "");
    assert!(missing.exit == 2 && missing.err.contains("/nowhere/command"), "{missing:?}");
    desk.piped(&["logout"], "");
    assert_eq!(desk.piped(&run, "").exit, 2, "no session, and no code");
}

#[test]
fn a_device_that_is_added_at_a_terminal_is_activated_there() {
    if !tools::have("script") {
        return;
    }
    let desk = Desk::new("");
    away_from_the_end_of_a_step();
    let secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let document = serde_json::json!({"provisioning": {"secret": secret}});
    let token = Token::added(&document);
    let add = "device add --account alice --serial PHONE0001 --secret-stdin";
    let typed = format!("{secret}\n111111\n222222\n{}", token.pair(-1));
    let screen = desk.terminal(add, &typed);
    assert_eq!(screen.exit, 0, "{screen:?}");
    for said in ["not two consecutive codes", "PHONE0001 is active.", "login --account alice"] {
        assert!(screen.out.contains(said), "{said}: {screen:?}");
    }
    let left = desk.terminal("device add --account bob --serial BOBS00001 --qr off", "\u{4}");
    assert!(left.exit == 0 && left.out.contains("BOBS00001 is pending"), "{left:?}");
}

#[test]
fn suggested_commands_can_be_pasted() {
    let agent = Agent::start("");
    away_from_the_end_of_a_step();
    let path = tempfile::tempdir().unwrap();
    symlink(TWOSTEP, path.path().join("twostep")).unwrap();
    let name = "Zoe's phone";
    let add = |serial: &str| {
        let add = ["--json", "device", "add", "--account", name, "--serial", serial];
        Token::added(&agent.done(&add, "").json())
    };
    let token = add("PHONE0001");
    let login = ["login", "--account", name];
    let mut texts = vec![agent.run(&login, "123456").err];
    texts.push(agent.done(&["device", "activate", "PHONE0001"], &token.pair(-1)).err);
    texts.push(agent.run(&login, "123456").err);
    texts.push(agent.done(&login, &token.code(1)).err);
    texts.push(agent.run(&login, &token.code(1)).err);
    texts.push(agent.run(&["login", "--account", name, "--resync"], "111111\n222222\n").err);
    texts.push(agent.run(&["device", "resync", "PHONE0001"], "111111\n222222\n").err);
    texts.push(
        agent
            .done(&["device", "add", "--account", name, "--serial", "OTHER0001"], "")
            .err,
    );
    texts.push(agent.done(&["device", "deactivate", "PHONE0001"], "").err);
    texts.push(agent.run(&login, "123456").err);
    texts.push(agent.run(&["whoami"], "").err);
    texts.push(agent.run(&["account", "show", "nobody-such"], "").err);
    let texts = texts.concat();
    let commands = suggested(&texts);
    assert!(commands.len() >= 10, "{texts}");
    for line in commands {
        let mut shell = command("sh");
        let paths = format!("{}:{}", path.path().display(), std::env::var("PATH").unwrap());
        shell.args(["-c", line]).env("PATH", paths);
        let ended = fed(shell, "123456\n234567\n");
        let understood = !ended.err.contains("Usage:") && ended.exit != 3 && ended.exit != 127;
        assert!(understood, "{line}: {ended:?}");
        assert!(!ended.err.contains("there is no such"), "{line}: {ended:?}");
    }
}
