//! Controls: libpam's action for each return code of a module (pam.conf(5)).

/// The second word of a line, or a list in brackets: an action for each return code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Control([Action; CODES]);

/// An action of libpam's (pam.conf(5)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The code does not count.
    Ignore,
    /// The code counts, unless the stack has failed before.
    Ok,
    /// Like `Ok`, and the stack ends.
    Done,
    /// The stack fails.
    Bad,
    /// The stack fails, and ends.
    Die,
    /// All that the stack has said is forgotten.
    Reset,
    /// Leave out so many of the lines that follow.
    Jump(usize),
}

/// A return code, by its number in Linux-PAM (`security/_pam_types.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code(usize);

impl Code {
    /// `PAM_SUCCESS`.
    pub const SUCCESS: Code = Code(0);
    /// `PAM_AUTH_ERR`.
    pub const AUTH_ERR: Code = Code(7);
    /// `PAM_IGNORE`.
    pub const IGNORE: Code = Code(25);

    /// Every code that there is.
    pub fn all() -> impl Iterator<Item = Code> {
        (0..CODES).map(Code)
    }

    /// The codes by which `pam_twostep.so` refuses, and those of a module that cannot be loaded.
    pub fn of_refusals() -> impl Iterator<Item = Code> {
        [1, 2, 3, 4, 5, 7, 9, 19, 26, 28].into_iter().map(Code)
    }

    /// The number of Linux-PAM.
    pub fn number(self) -> usize {
        self.0
    }

    /// The name in brackets.
    pub fn name(self) -> &'static str {
        NAMES.get(self.0).copied().unwrap_or("default")
    }
}

impl Control {
    /// Parses a control; none where libpam could not read it either: such a line fails.
    pub fn parse(text: &str) -> Option<Control> {
        Control::listed(list_of(text)?)
    }

    /// The control in brackets, with some of its actions replaced.
    pub fn replaced(
        text: &str,
        mut replace: impl FnMut(Action) -> Option<String>,
    ) -> Option<String> {
        let pairs = list_of(text)?.split_whitespace().map(|pair| {
            let (name, action) = pair.split_once('=')?;
            let action = replace(Action::parse(action)?).unwrap_or_else(|| action.to_owned());
            Some(format!("{name}={action}"))
        });
        Some(format!("[{}]", pairs.collect::<Option<Vec<String>>>()?.join(" ")))
    }

    /// The action for a return code.
    pub fn action(&self, code: Code) -> Action {
        self.0.get(code.0).copied().unwrap_or(Action::Bad)
    }

    fn listed(text: &str) -> Option<Control> {
        let mut actions = [None; CODES];
        let mut default = Action::Bad;
        for pair in text.split_whitespace() {
            let (name, action) = pair.split_once('=')?;
            let action = Action::parse(action)?;
            match NAMES.iter().position(|known| *known == name) {
                Some(code) => *actions.get_mut(code)? = Some(action),
                None if name == "default" => default = action,
                None => return None,
            }
        }
        Some(Control(actions.map(|action| action.unwrap_or(default))))
    }
}

impl Action {
    fn parse(text: &str) -> Option<Action> {
        Some(match text {
            "ignore" => Action::Ignore,
            "ok" => Action::Ok,
            "done" => Action::Done,
            "bad" => Action::Bad,
            "die" => Action::Die,
            "reset" => Action::Reset,
            number => Action::Jump(number.parse().ok().filter(|lines| *lines > 0)?),
        })
    }
}

/// The list that a word stands for, or the list in brackets.
fn list_of(text: &str) -> Option<&str> {
    match text.to_ascii_lowercase().as_str() {
        "required" => Some("success=ok new_authtok_reqd=ok ignore=ignore default=bad"),
        "requisite" => Some("success=ok new_authtok_reqd=ok ignore=ignore default=die"),
        "sufficient" => Some("success=done new_authtok_reqd=done default=ignore"),
        "optional" => Some("success=ok new_authtok_reqd=ok default=ignore"),
        _ => text.strip_prefix('[')?.strip_suffix(']'),
    }
}

const CODES: usize = 32;

/// In the order of their numbers.
const NAMES: [&str; CODES] = [
    "success",
    "open_err",
    "symbol_err",
    "service_err",
    "system_err",
    "buf_err",
    "perm_denied",
    "auth_err",
    "cred_insufficient",
    "authinfo_unavail",
    "user_unknown",
    "maxtries",
    "new_authtok_reqd",
    "acct_expired",
    "session_err",
    "cred_unavail",
    "cred_expired",
    "cred_err",
    "no_module_data",
    "conv_err",
    "authtok_err",
    "authtok_recover_err",
    "authtok_lock_busy",
    "authtok_disable_aging",
    "try_again",
    "ignore",
    "abort",
    "authtok_expired",
    "module_unknown",
    "bad_item",
    "conv_again",
    "incomplete",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_brackets_mean_the_same() {
        assert_eq!(
            Control::parse("Required"),
            Control::parse("[default=bad success=ok new_authtok_reqd=ok ignore=ignore]")
        );
        let jump = Control::parse("[success=2 default=ignore]")
            .map(|control| control.action(Code::SUCCESS));
        assert_eq!(jump, Some(Action::Jump(2)));
        for text in [
            "",
            "require",
            "[success]",
            "[success=ok",
            "[sucess=ok]",
            "[default=maybe]",
            "[success=0]",
            "[success=-1]",
        ] {
            assert_eq!(Control::parse(text), None, "{text}");
        }
    }
}
