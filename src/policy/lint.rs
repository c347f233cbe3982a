//! Lints: policies that never hold, or that unintentionally allow requests without MFA.
//!
//! Lints enumerate every kind of context, so nested conditions are covered too.

use crate::policy::Policy;
use crate::policy::attributes::Attributes;
use crate::policy::condition::Condition;
use crate::policy::domain::{Ages, Domain, LONGEST_AGE};

impl Policy {
    /// Faults for which a policy file would be refused, one sentence each. Empty for a sound
    /// policy.
    ///
    /// Faults are: conditions that never hold or never fail; and conditions that hold for a context
    /// without MFA, or for no context, without the exception being named.
    pub fn lint(&self) -> Vec<String> {
        let mut messages = Vec::new();
        self.condition.visit(&mut |part| {
            if messages.is_empty() {
                messages.extend(condition(part));
            }
        });
        if messages.is_empty() { policy(self) } else { messages }
    }
}

/// Fault of one condition whose nested conditions are sound.
pub(super) fn condition(condition: &Condition) -> Option<String> {
    let message = match condition {
        Condition::MaxAge(limit) if limit.as_secs() == 0 => {
            "max_age = 0 holds only within the second of the proof itself: \
             say how many seconds are enough"
                .to_owned()
        }
        Condition::MaxAge(limit) if *limit > LONGEST_AGE => {
            let longest = LONGEST_AGE.as_secs().saturating_add(1);
            format!(
                "max_age = {} never fails, for no context lives longer than {longest} s: \
                 say less, or present = true",
                limit.as_secs()
            )
        }
        Condition::Amr(methods) if methods.is_empty() => {
            "an empty list asks for nothing: name the methods, or leave it out".to_owned()
        }
        Condition::Kinds(kinds) if kinds.is_empty() => {
            "an empty list never holds: name the kinds, or leave it out".to_owned()
        }
        Condition::Serials(serials) if serials.is_empty() => {
            "an empty list never holds: name the devices, or leave it out".to_owned()
        }
        _ if !can_hold(condition) => {
            format!("this can never hold: no context is such that {condition}")
        }
        Condition::Any(parts) if says_less_than_it_seems(condition, parts) => {
            "this holds for every context with MFA: say present = true, or narrow an alternative"
                .to_owned()
        }
        _ => return None,
    };
    Some(message)
}

/// Faults of a policy whose conditions are sound by themselves.
pub(super) fn policy(policy: &Policy) -> Vec<String> {
    let enough = |attributes: &Attributes<'_>| policy.condition.holds(attributes);
    let absent = enough(&Attributes::default());
    let without_mfa = enough(&WITHOUT_MFA);
    let mut messages = Vec::new();
    let mut compare = |enough: bool, named: bool, what: &str, name: &str| {
        if enough && !named {
            messages.push(format!(
                "{what} would be enough for this: \
                 add present = true, or say {name} = true if that is meant"
            ));
        } else if named && !enough {
            messages.push(format!(
                "{name} = true has no effect, for the conditions do not hold for {what}: \
                 leave it out"
            ));
        }
    };
    compare(without_mfa, policy.allow_without_mfa, "a context without MFA", "allow_without_mfa");
    compare(absent, policy.allow_absent, "a request without any context", "allow_absent");
    let with_mfa = Domain::of(&policy.condition).any(Ages::All, enough);
    if messages.is_empty() && !(with_mfa || without_mfa || absent) {
        messages.push("no request can ever meet this".to_owned());
    }
    messages
}

fn can_hold(condition: &Condition) -> bool {
    condition.holds(&Attributes::default())
        || condition.holds(&WITHOUT_MFA)
        || Domain::of(condition).any(Ages::All, |attributes| condition.holds(attributes))
}

/// True if one alternative always holds, so that a stricter one beside it has no effect.
fn says_less_than_it_seems(condition: &Condition, parts: &[Condition]) -> bool {
    let domain = Domain::of(condition);
    let always =
        |condition: &Condition| !domain.any(Ages::All, |attributes| !condition.holds(attributes));
    let about_mfa_only = !parts
        .iter()
        .any(|part| part.holds(&WITHOUT_MFA) || part.holds(&Attributes::default()));
    about_mfa_only && always(condition) && !parts.iter().all(always)
}

const WITHOUT_MFA: Attributes<'_> = Attributes {
    unusable: None,
    present: Some(false),
    age: None,
    kind: None,
    amr: None,
    user_verified: None,
    serial: None,
};

#[cfg(test)]
mod tests {
    use crate::policy::PolicySet;

    /// Text, line of the fault, part of the message.
    const REFUSED: &[(&str, usize, &str)] = &[
        // Never holds, or never fails.
        ("[policy.p]\nmax_age = 0", 2, "holds only within the second"),
        (
            "[policy.p]\nmax_age = 129600",
            2,
            "never fails, for no context lives longer than 129600 s",
        ),
        ("[policy.p]\nmax_age = 18446744073709551615", 2, "never fails"),
        ("[policy.p]\npresent = true\namr = []", 3, "an empty list"),
        ("[policy.p]\nkinds = []", 2, "an empty list"),
        ("[policy.p]\nserials = []", 2, "an empty list"),
        ("[policy.p]\nany = []", 2, "with at least one"),
        ("[policy.p]", 1, "nothing is demanded"),
        ("[policy.p]\nany = [\n  { present = true },\n  {},\n]", 4, "nothing is demanded"),
        ("[policy.p]\nkinds = [\"totp\"]\nphishing_resistant = true", 1, "can never hold"),
        ("[policy.p]\nkinds = [\"security_key\"]\namr = [\"otp\"]", 1, "can never hold"),
        ("[policy.p]\namr = [\"otp\", \"pin\"]", 2, "can never hold"),
        (
            "[policy.p]\nuser_verified = true\nkinds = [\"recovery\", \"bypass\"]",
            1,
            "can never hold",
        ),
        ("[policy.p]\nhardware_bound = true\nnot = { amr = [\"hwk\"] }", 1, "can never hold"),
        ("[policy.p]\nmax_age = 900\nnot = { max_age = 3600 }", 1, "can never hold"),
        (
            "[policy.p]\nall = [{ serials = [\"AAAAAAAAA\"] }, { serials = [\"BBBBBBBBB\"] }]",
            2,
            "can never hold",
        ),
        (
            "[policy.p]\nany = [\n { max_age = 60 },\n \
             { kinds = [\"totp\"], hardware_bound = true, amr = [\"user\"] },\n]",
            4,
            "can never hold",
        ),
        ("[policy.p]\npresent = true\nnot = { present = true }", 1, "can never hold"),
        // Alternatives that demand less than they seem to.
        (
            "[policy.p]\nany = [{ present = true }, { phishing_resistant = true }]",
            2,
            "holds for every context with MFA",
        ),
        (
            "[policy.p]\nany = [{ kinds = [\"totp\"] }, { not = { kinds = [\"totp\"] } }]",
            2,
            "holds for every context with MFA",
        ),
        // Requests without MFA would pass. The first four are the traps of AWS: Deny + Bool, Allow
        // + BoolIfExists, Null twice.
        (
            "[policy.p]\nif_exists = { not = { not = { present = true } } }",
            1,
            "a request without any context would be enough",
        ),
        (
            "[policy.p]\nif_exists = { present = true }",
            1,
            "a request without any context would be enough",
        ),
        ("[policy.p]\nknown = true", 1, "a context without MFA would be enough"),
        ("[policy.p]\nnot = { known = true }", 1, "a request without any context would be enough"),
        ("[policy.p]\nnot = { present = true }", 1, "a context without MFA would be enough"),
        (
            "[policy.p]\nany = [{ max_age = 900 }, { not = { present = true } }]",
            1,
            "a context without MFA would be enough",
        ),
        (
            "[policy.p]\nknown = true\nif_exists = { max_age = 900 }",
            1,
            "say allow_without_mfa = true",
        ),
        (
            "[policy.p]\nif_exists = { max_age = 900 }\nallow_without_mfa = true",
            1,
            "say allow_absent = true",
        ),
        ("[policy.p]\npresent = true\nallow_without_mfa = true", 1, "has no effect"),
        ("[policy.p]\npresent = true\nallow_absent = true", 1, "has no effect"),
        // Not a policy.
        ("", 1, "there is no policy in it"),
        ("[policy]", 1, "there is no policy in it"),
        ("policy = 1", 1, "policies are tables"),
        ("[policy.p]\npresent = true\n[polices.q]\npresent = true", 3, "`polices` is not known"),
        (
            "[policy.p]\npresent = true\nmax-age = 900",
            3,
            "`max-age` is not known here; there are: known, present,",
        ),
        (
            "[policy.p]\nnot = { max_age = 9, allow_absent = true }",
            2,
            "`allow_absent` is not known",
        ),
        ("[policy.'p/../q']\npresent = true", 1, "a name has 1 to 64 of"),
        ("[policy.p]\npresent = true\npresent = true", 3, "duplicate key"),
        ("[policy.p]\npresent = yes", 2, ""),
        // A value of the wrong type is refused, never read as false.
        ("[policy.p]\npresent = \"true\"", 2, "only `true` can stand here"),
        ("[policy.p]\npresent = 1", 2, "only `true` can stand here"),
        ("[policy.p]\nphishing_resistant = false", 2, "only `true` can stand here"),
        ("[policy.p]\nmax_age = \"900\"", 2, "a whole number of seconds"),
        ("[policy.p]\nmax_age = -1", 2, "a whole number of seconds"),
        ("[policy.p]\nmax_age = 9.5", 2, "a whole number of seconds"),
        ("[policy.p]\nkinds = \"totp\"", 2, "a list is wanted"),
        ("[policy.p]\nkinds = [\n \"totp\",\n \"sms\",\n]", 4, "possible are: totp, hotp"),
        ("[policy.p]\namr = [\"face\"]", 2, "possible are: otp"),
        ("[policy.p]\nserials = [\"a b\"]", 2, "of 1 to 256 characters"),
        ("[policy.p]\nnot = true", 2, "a table of conditions is wanted"),
        ("[policy.p]\nall = { present = true }", 2, "a list of tables is wanted"),
        (
            "[policy.p]\nknown = true\nallow_without_mfa = \"yes\"",
            3,
            "allow_without_mfa is true or false",
        ),
    ];

    const ALLOWED: &[&str] = &[
        "present = true",
        "max_age = 900\nphishing_resistant = true",
        "max_age = 129599",
        "any = [{ max_age = 900 }, { phishing_resistant = true, max_age = 3600 }]",
        "max_age = 3600\nnot = { kinds = [\"recovery\", \"bypass\"] }",
        "max_age = 901\nnot = { max_age = 900 }",
        "kinds = [\"totp\"]\nhardware_bound = true",
        "user_verified = true\namr = [\"pin\", \"hwk\"]",
        "all = [{ serials = [\"AAAAAAAAA\", \"BBBBBBBBB\"] }, { serials = [\"BBBBBBBBB\"] }]",
        "serials = [\"AAAAAAAAA\"]\nmax_age = 1_000",
        "known = true\nallow_without_mfa = true",
        "known = true\nif_exists = { max_age = 900 }\nallow_without_mfa = true",
        "not = { present = true }\nallow_without_mfa = true",
        "if_exists = { max_age = 900 }\nallow_without_mfa = true\nallow_absent = true",
        "any = [{ present = true }, { not = { present = true } }]\nallow_without_mfa = true",
    ];

    #[test]
    fn unsound_policies_are_refused_with_their_line() {
        for (text, line, said) in REFUSED {
            let error = PolicySet::from_toml(text).expect_err(text);
            let fault = &error.faults()[0];
            assert!(fault.line == *line && fault.message.contains(said), "{text}\n{error}");
        }
    }

    #[test]
    fn sound_policies_are_read() {
        for text in ALLOWED {
            let set = PolicySet::from_toml(&format!("[policy.p]\n{text}"))
                .unwrap_or_else(|error| panic!("{text}\n{error}"));
            assert_eq!(set.get("p").unwrap().lint(), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn all_faults_are_told_in_order() {
        let text = "[policy.a]\nmax_age = 0\nkinds = []\n\n[policy.b]\nknown = true\n";
        let told = PolicySet::from_toml(text).unwrap_err().to_string();
        let begins: Vec<_> =
            told.lines().map(|line| line.split(": ").next().unwrap().to_owned()).collect();
        assert_eq!(begins, ["line 2, policy a", "line 3, policy a", "line 5, policy b"], "{told}");
    }

    #[test]
    fn code_and_files_are_linted_alike() {
        use crate::policy::Policy;
        use crate::session::MfaKind;
        let said = |policy: Policy| policy.lint().join("\n");
        assert!(said(Policy::mfa_present().not()).contains("allow_without_mfa"));
        assert!(
            said(Policy::mfa_present().phishing_resistant().kinds(&[MfaKind::Totp]))
                .contains("can never hold")
        );
        assert!(said(Policy::mfa_present().kinds(&[])).contains("an empty list"));
    }
}
