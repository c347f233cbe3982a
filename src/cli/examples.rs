//! Examples of commands, for help and for the manual.

/// Commands as they are typed, each with what it does.
type Examples = &'static [(&'static str, &'static str)];

/// The examples of a command: `twostep device add`.
pub(super) fn examples(command: &str) -> Examples {
    EXAMPLES
        .iter()
        .find(|(named, _)| *named == command)
        .map_or(&[], |(_, examples)| *examples)
}

/// The same for the end of help.
pub(super) fn in_help(command: &str) -> Option<String> {
    let shown = examples(command);
    let lines = shown.iter().map(|(command, does)| format!("  {command}\n      {does}\n"));
    (!shown.is_empty()).then(|| format!("Examples:\n{}", lines.collect::<String>().trim_end()))
}

/// All examples, by the command that they show.
pub(super) const EXAMPLES: &[(&str, Examples)] = &[
    (
        "twostep",
        &[
            ("twostep demo", "A tour in one process, which leaves nothing"),
            ("twostep device add --account alice", "The first device of an account"),
            ("twostep login > session.jwt", "A session of your own account"),
            ("twostep doctor", "Faults of the installation, with remedies"),
        ],
    ),
    (
        "twostep agent",
        &[
            ("twostep agent", "For yourself, in your own directories"),
            ("twostep agent --config /etc/twostep/twostep.toml", "As the system's service does"),
        ],
    ),
    (
        "twostep device add",
        &[
            ("twostep device add --account alice", "An authenticator app: shows a QR code"),
            (
                "twostep device add --account alice --kind hotp --serial GAHT12345678 \
                 --secret-stdin",
                "A hardware token with a button, whose secret is typed",
            ),
            (
                "twostep device add --account alice --kind recovery",
                "Ten recovery codes on paper, beside another device",
            ),
        ],
    ),
    (
        "twostep device activate",
        &[("twostep device activate GAHT12345678", "Asks for two consecutive codes")],
    ),
    (
        "twostep device resync",
        &[("twostep device resync GAHT12345678", "Finds a token again whose clock jumped")],
    ),
    (
        "twostep device list",
        &[
            ("twostep device list --account alice", "The devices of one account"),
            ("twostep device list --json", "All devices as one document"),
        ],
    ),
    (
        "twostep device show",
        &[("twostep device show GAHT12345678", "All that is known, the drift in words")],
    ),
    (
        "twostep device diagnose",
        &[("twostep device diagnose GAHT12345678", "Why do the codes of this token not work?")],
    ),
    (
        "twostep device remove",
        &[("twostep device remove GAHT12345678 --yes", "Without a question, in a script")],
    ),
    (
        "twostep account bypass",
        &[("twostep account bypass alice --ttl 600", "One session within ten minutes")],
    ),
    ("twostep account remove", &[("twostep account remove alice --yes", "A leaver, in a script")]),
    (
        "twostep login",
        &[
            ("twostep login > session.jwt", "Asks for a code of your own account"),
            ("twostep login --account alice --audience orders", "For one service"),
            ("twostep login --key", "With a security key that is plugged in here"),
        ],
    ),
    (
        "twostep aws credentials",
        &[
            ("twostep aws credentials --account alice", "For credential_process of a profile"),
            ("twostep aws credentials --key", "With a security key that is plugged in here"),
        ],
    ),
    (
        "twostep key enroll",
        &[("twostep key enroll --account alice --name blue", "Plug it in, touch it")],
    ),
    (
        "twostep session show",
        &[("twostep session show - < session.jwt", "What a token proves; exit 1 if it is over")],
    ),
    (
        "twostep session revoke",
        &[
            ("twostep session revoke --account alice", "All sessions so far"),
            (
                "twostep session revoke --account alice --serial GAHT12345678",
                "Those that were opened with a lost device",
            ),
        ],
    ),
    (
        "twostep session keys export",
        &[("twostep session keys export > jwks.json", "For services that validate offline")],
    ),
    (
        "twostep policy check",
        &[("twostep policy check", "The policies of the agent's own configuration")],
    ),
    (
        "twostep policy simulate",
        &[(
            "twostep policy simulate payments --context - < session.jwt",
            "Would this session do, and if not, why?",
        )],
    ),
    (
        "twostep console link",
        &[
            ("twostep console link --account alice", "Alice enrols her first device in a browser"),
            (
                "twostep console link --account alice --recover",
                "Alice has lost all devices, and enrols another one",
            ),
        ],
    ),
    (
        "twostep api-key create",
        &[
            (
                "twostep api-key create --role verifier --name orders",
                "A key for a program on another machine, shown this once",
            ),
            (
                "twostep api-key create --role enroller --operator carol",
                "A key for Carol, who helps people on the operators' pages of the console",
            ),
        ],
    ),
    (
        "twostep store backup",
        &[("twostep store backup /var/backups/mfa.db", "While the agent runs")],
    ),
    (
        "twostep store restore",
        &[
            ("twostep store restore /var/backups/mfa.db", "Before an agent uses it"),
            ("twostep store restore --accept", "When devices and API keys were looked at"),
        ],
    ),
    ("twostep audit verify", &[("twostep audit verify", "Is the log whole?")]),
];
