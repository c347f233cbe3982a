//! Sections that every page has.

pub(super) const EXIT_STATUS: [(&str, &str); 5] = [
    ("0", "Done."),
    ("1", "Refused: judged, and the answer is no."),
    ("2", "Bad input: arguments, a file or a value."),
    ("3", "No agent, no store, or no answer in time."),
    ("4", "No security key, or it was not touched in time, or it is blocked."),
];

pub(super) const ENVIRONMENT: [(&str, &str); 8] = [
    ("TWOSTEP_SOCKET", "The Unix socket of the agent, as --socket."),
    ("TWOSTEP_MFA_CONTEXT", "A file with a session of the account's owner, as --mfa-context."),
    ("TWOSTEP_ORIGIN", "The web origin for which a security key answers, as --origin."),
    (
        "XDG_RUNTIME_DIR, XDG_STATE_HOME, XDG_CONFIG_HOME",
        "The folders of a user's own agent: its socket, its store, its configuration.",
    ),
    (
        "STATE_DIRECTORY, RUNTIME_DIRECTORY, CREDENTIALS_DIRECTORY",
        "What systemd hands to the agent as a service; they win over the folders above.",
    ),
    ("NO_COLOR, CLICOLOR, TERM", "No colours, if NO_COLOR is set, CLICOLOR is 0 or TERM is dumb."),
    ("COLUMNS", "The width for which text is laid out."),
    ("MANPAGER, PAGER", "The program in which twostep man shows the manual."),
];

pub(super) const FILES: [(&str, &str); 6] = [
    ("/etc/twostep/twostep.toml", "The configuration of the system's agent; see twostep.toml(5)."),
    ("~/.config/twostep/twostep.toml", "The configuration of a user's own agent."),
    (
        "/var/lib/twostep/twostep.db",
        "The store of the system's agent; a user's is below ~/.local/state.",
    ),
    (
        "/var/lib/twostep/sealing.key",
        "The key that opens the secrets in the store. Keep a copy apart from the store's backups.",
    ),
    ("/run/twostep/agent.sock", "The socket of the system's agent."),
    (
        "/run/twostep/verify.sock",
        "The verifiers' socket: every local user may verify the account of their own login name.",
    ),
];
