//! What libpam does with what a module returned (pam.conf(5)).

/// The second word of a line, or a list in brackets: an action for each return code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Control([Action; CODES]);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Ignore,
    Ok,
    Done,
    Bad,
    Die,
    Reset,
    /// Leave out so many of the lines that follow.
    Jump(usize),
}

/// A return code, by its number in Linux-PAM (`security/_pam_types.h`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Code(usize);

impl Code {
    pub(super) const SUCCESS: Code = Code(0);
    pub(super) const AUTH_ERR: Code = Code(7);
    pub(super) const IGNORE: Code = Code(25);

    /// Every code that there is.
    pub(super) fn all() -> impl Iterator<Item = Code> {
        (0..CODES).map(Code)
    }

    /// What `pam_twostep.so` returns when it lets nobody in, and what stands for it when it cannot
    /// be loaded.
    pub(super) fn of_refusals() -> impl Iterator<Item = Code> {
        [1, 2, 3, 4, 5, 7, 9, 19, 26, 28].into_iter().map(Code)
    }

    /// Its name in brackets.
    pub(super) fn name(self) -> &'static str {
        NAMES.get(self.0).copied().unwrap_or("default")
    }
}

impl Control {
    /// None where libpam could not read it either: such a line fails.
    pub(super) fn parse(text: &str) -> Option<Control> {
        Control::listed(list_of(text)?)
    }

    /// The same control, in brackets, with some of its actions replaced.
    pub(super) fn replaced(
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

    pub(super) fn action(&self, code: Code) -> Action {
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

/// What the words stand for; else, what is in the brackets.
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
