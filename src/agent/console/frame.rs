//! The frame around every page.

use crate::agent::console::assets;
use crate::agent::console::assets::Addresses;
use crate::agent::console::language::Language;
use crate::agent::console::words::Words;

/// The frame of one page.
pub(super) struct Frame {
    pub(super) w: &'static Words,
    pub(super) language: Language,
    pub(super) files: &'static Addresses,
    /// The heading.
    pub(super) title: String,
    pub(super) here: Here,
    pub(super) signed: Option<Signed>,
    /// The path to come back to after a change of the language.
    pub(super) back: String,
    /// The outcome of the request before.
    pub(super) news: Option<String>,
    /// Faults of the form, in the order of its fields.
    pub(super) problems: Vec<Trouble>,
}

/// The entry of the navigation that a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Here {
    Devices,
    SignIns,
    Activity,
    Find,
    Fleet,
    Links,
    Audit,
    Elsewhere,
}

/// The person who is signed in.
pub(super) struct Signed {
    pub(super) who: String,
    /// The time of day at which the session ends.
    pub(super) until: String,
    pub(super) is_proved: bool,
    /// An operator's API key was shown.
    pub(super) is_operator: bool,
}

/// A fault of a form.
pub(super) struct Trouble {
    /// The id of the field.
    pub(super) field: &'static str,
    pub(super) text: &'static str,
}

impl Frame {
    /// The frame for a visitor who may not be signed in.
    pub(super) fn bare(language: Language, title: impl ToString, here: Here) -> Frame {
        Frame {
            w: language.words(),
            language,
            files: assets::addresses(),
            title: title.to_string(),
            here,
            signed: None,
            back: "/".to_owned(),
            news: None,
            problems: Vec::new(),
        }
    }

    /// Adds the faults of a form.
    pub(super) fn with(self, problems: Vec<Trouble>) -> Frame {
        Frame { problems, ..self }
    }

    /// The fault of this field.
    pub(super) fn problem(&self, field: &str) -> Option<&'static str> {
        self.problems
            .iter()
            .find(|trouble| trouble.field == field)
            .map(|trouble| trouble.text)
    }

    /// The language of the switch.
    pub(super) fn other_tag(&self) -> &'static str {
        self.language.other().tag()
    }
}
