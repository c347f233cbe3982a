//! Finds every place where a source file names a module of its own crate.

use super::tokens::{Kind, Token, tokens};

/// One place that names a module, or that cannot be followed.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) line: usize,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    /// The first segment below the root of the crate.
    Module(String),
    /// Why this place is refused whatever it names.
    Refused(&'static str),
}

/// Attributes whose text is prose.
const PROSE: &[&str] = &["allow", "deprecated", "doc", "error", "expect", "ignore", "must_use"];

/// Everything `source` names. `module` is where the file stands; it is empty for the roots,
/// `lib.rs` and `main.rs`, whose paths are not looked at.
pub(crate) fn scan(module: Vec<String>, source: &str) -> Vec<Found> {
    let tokens = tokens(source);
    let mut scan = Scan { root: module.is_empty(), tokens: &tokens, module, found: Vec::new() };
    scan.run();
    scan.found
}

/// One file, or one attribute's text, on the way through its tokens.
struct Scan<'a> {
    tokens: &'a [Token],
    /// Where the scan stands: the file's module, then the inline ones that are open.
    module: Vec<String>,
    root: bool,
    found: Vec<Found>,
}

impl Scan<'_> {
    fn run(&mut self) {
        let mut depth = 0_usize;
        let mut inline = Vec::new();
        let mut at = 0;
        while at < self.tokens.len() {
            match self.tokens[at].kind.clone() {
                Kind::Mark('{') => depth += 1,
                Kind::Mark('}') => {
                    depth = depth.saturating_sub(1);
                    if inline.last() == Some(&depth) {
                        inline.pop();
                        self.module.pop();
                    }
                }
                Kind::Mark('#') => self.attribute(at),
                Kind::Word(word) => {
                    if let Some(name) = self.inline_module(at) {
                        self.module.push(name);
                        inline.push(depth);
                    }
                    at = self.word(at, &word);
                    continue;
                }
                Kind::Path | Kind::Mark(_) | Kind::Text(_) => {}
            }
            at += 1;
        }
    }

    /// The name in `mod name {`; in a macro the name may be `$name`.
    fn inline_module(&self, at: usize) -> Option<String> {
        let name = at + 1 + usize::from(self.is_mark(at + 1, '$'));
        self.word_at(name)
            .filter(|_| self.word_at(at) == Some("mod") && self.is_mark(name + 1, '{'))
            .map(String::from)
    }

    /// Looks at one word outside of any path and answers where to go on.
    fn word(&mut self, at: usize, word: &str) -> usize {
        match word {
            "self" if self.before(at) == Some("crate") => {
                self.refuse(at, "a second name for the crate")
            }
            "crate" if self.before(at) == Some("extern") => {}
            "macro_use" => self.refuse(at, "`macro_use` hides where a macro comes from"),
            "include" if self.is_mark(at + 1, '!') => {
                self.refuse(at, "`include!` brings source that is not looked at here");
            }
            _ if self.root => {}
            "twostep" => self.refuse(at, "write `crate::`, not the crate's own name"),
            "crate" | "super" if self.is_visibility(at) => {}
            "crate" => return self.follow(at + 1, Vec::new()),
            "super" => {
                let parent = self.parent(at, self.module.clone());
                return self.follow(at + 1, parent);
            }
            "self" if self.is(at + 1, &Kind::Path) => {
                return self.follow(at + 1, self.module.clone());
            }
            _ => {}
        }
        at + 1
    }

    /// `pub(crate)`, `pub(super)`, `pub(in crate)`.
    fn is_visibility(&self, at: usize) -> bool {
        let open = at - usize::from(self.before(at) == Some("in"));
        open >= 2
            && self.is_mark(open - 1, '(')
            && self.before(open - 1) == Some("pub")
            && self.is_mark(at + 1, ')')
    }

    /// Goes on after a segment: `place` is what the path means up to here, from the root of the
    /// crate.
    fn follow(&mut self, at: usize, place: Vec<String>) -> usize {
        if self.is(at, &Kind::Path) {
            self.segment(at + 1, place)
        } else {
            self.arrive(at - 1, &place);
            at
        }
    }

    /// One segment of a path, or a whole group of them.
    fn segment(&mut self, at: usize, mut place: Vec<String>) -> usize {
        match self.tokens.get(at).map(|token| token.kind.clone()) {
            Some(Kind::Word(word)) => {
                match word.as_str() {
                    "self" => {}
                    "super" => place = self.parent(at, place),
                    _ => place.push(word),
                }
                self.follow(at + 1, place)
            }
            Some(Kind::Mark('{')) => {
                let mut at = at + 1;
                while at < self.tokens.len() && !self.is_mark(at, '}') {
                    at = if self.is_mark(at, ',') {
                        at + 1
                    } else if self.word_at(at) == Some("as") {
                        at + 2
                    } else {
                        self.segment(at, place.clone()).max(at + 1)
                    };
                }
                at + 1
            }
            Some(Kind::Mark('*')) => {
                self.arrive(at, &place);
                at + 1
            }
            // Generic arguments, or a macro's variable: nothing more can be read off this path.
            _ => {
                self.arrive(at - 1, &place);
                at
            }
        }
    }

    /// A path ends.
    fn arrive(&mut self, at: usize, place: &[String]) {
        match place.first() {
            Some(module) => self.add(at, What::Module(module.clone())),
            None => self.refuse(at, "name a module, not the root of the crate as a whole"),
        }
    }

    fn parent(&mut self, at: usize, mut place: Vec<String>) -> Vec<String> {
        if place.pop().is_none() {
            self.refuse(at, "`super` above the root of the crate");
        }
        place
    }

    /// The text in an attribute may be a path that a derive macro compiles: `#[serde(with =
    /// "crate::x")]`.
    fn attribute(&mut self, at: usize) {
        let open = at + 1 + usize::from(self.is_mark(at + 1, '!'));
        if !self.is_mark(open, '[') {
            return;
        }
        let name = self.word_at(open + 1).unwrap_or_default().to_owned();
        let moves = name == "path" || name == "cfg_attr";
        let mut depth = 0_usize;
        for at in open..self.tokens.len() {
            match &self.tokens[at].kind {
                Kind::Mark('[') => depth += 1,
                Kind::Mark(']') => depth -= 1,
                Kind::Word(word) if word == "path" && moves && self.is_mark(at + 1, '=') => {
                    self.refuse(at, "`#[path]` moves a module out of the map");
                }
                Kind::Text(text) if !self.root && !PROSE.contains(&name.as_str()) => {
                    let line = self.tokens[at].line;
                    let mut inner = Scan {
                        tokens: &tokens(text),
                        module: self.module.clone(),
                        root: false,
                        found: Vec::new(),
                    };
                    inner.paths();
                    self.found.extend(inner.found.into_iter().map(|found| Found { line, ..found }));
                }
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Only what begins a path: the rest of the text need not be code.
    fn paths(&mut self) {
        let mut at = 0;
        while at < self.tokens.len() {
            let word = self.word_at(at).unwrap_or_default().to_owned();
            let begins = ["crate", "super", "self", "twostep"].contains(&word.as_str());
            at = if begins && self.is(at + 1, &Kind::Path) { self.word(at, &word) } else { at + 1 };
        }
    }

    fn refuse(&mut self, at: usize, why: &'static str) {
        self.add(at, What::Refused(why));
    }

    fn add(&mut self, at: usize, what: What) {
        let line = self.tokens.get(at).map_or(0, |token| token.line);
        self.found.push(Found { line, what });
    }

    fn is(&self, at: usize, kind: &Kind) -> bool {
        self.tokens.get(at).is_some_and(|token| token.kind == *kind)
    }

    fn is_mark(&self, at: usize, mark: char) -> bool {
        self.is(at, &Kind::Mark(mark))
    }

    fn word_at(&self, at: usize) -> Option<&str> {
        match &self.tokens.get(at)?.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        }
    }

    fn before(&self, at: usize) -> Option<&str> {
        self.word_at(at.checked_sub(1)?)
    }
}
