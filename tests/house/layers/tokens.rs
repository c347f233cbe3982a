//! Rust source as the few tokens that an import is made of.
//!
//! Comments, numbers, characters and lifetimes are left out; what stands inside a string is one
//! [`Kind::Text`], so that no word in it is taken for code.

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    /// An identifier or a keyword, without the `r#` of a raw one.
    Word(String),
    /// `::`
    Path,
    /// Any other single character of punctuation.
    Mark(char),
    /// The inside of a string literal of any sort.
    Text(String),
}

#[derive(Debug, Clone)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) line: usize,
}

pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut reader = Reader { chars: source.chars().collect(), at: 0, line: 1 };
    let mut found = Vec::new();
    while let Some(next) = reader.peek(0) {
        let line = reader.line;
        if let Some(kind) = reader.token(next) {
            found.push(Token { kind, line });
        }
    }
    found
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    line: usize,
}

impl Reader {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn take(&mut self) -> Option<char> {
        let next = self.peek(0)?;
        self.at += 1;
        self.line += usize::from(next == '\n');
        Some(next)
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let mut taken = String::new();
        while let Some(next) = self.peek(0).filter(|next| wanted(*next)) {
            taken.push(next);
            self.take();
        }
        taken
    }

    /// Reads one lexeme that starts with `next`; `None` for what is left out.
    fn token(&mut self, next: char) -> Option<Kind> {
        match (next, self.peek(1)) {
            ('/', Some('/')) => {
                self.take_while(|c| c != '\n');
                None
            }
            ('/', Some('*')) => {
                self.block_comment();
                None
            }
            ('"', _) => Some(self.quoted()),
            ('\'', _) => {
                self.character_or_lifetime();
                None
            }
            (':', Some(':')) => {
                self.at += 2;
                Some(Kind::Path)
            }
            _ if next.is_ascii_digit() => {
                self.take_while(is_word);
                None
            }
            _ if is_word(next) => Some(self.word()),
            _ => {
                self.take();
                (!next.is_whitespace()).then_some(Kind::Mark(next))
            }
        }
    }

    /// Block comments nest.
    fn block_comment(&mut self) {
        let mut depth = 0;
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some('/'), Some('*')) => {
                    depth += 1;
                    self.at += 2;
                }
                (Some('*'), Some('/')) => {
                    depth -= 1;
                    self.at += 2;
                    if depth == 0 {
                        return;
                    }
                }
                (None, _) => return,
                _ => {
                    self.take();
                }
            }
        }
    }

    /// A word, a raw identifier, or the prefix of a string: `r`, `b`, `c`, `br`, `cr`.
    fn word(&mut self) -> Kind {
        let word = self.take_while(is_word);
        let hashes = self.chars[self.at..].iter().take_while(|c| **c == '#').count();
        match word.as_str() {
            "r" | "br" | "cr" if self.peek(hashes) == Some('"') => self.raw_string(hashes),
            "r" if hashes == 1 && self.peek(1).is_some_and(is_word) => {
                self.take();
                Kind::Word(self.take_while(is_word))
            }
            "b" | "c" if self.peek(0) == Some('"') => self.quoted(),
            "b" if self.peek(0) == Some('\'') => {
                self.character_or_lifetime();
                Kind::Text(String::new())
            }
            _ => Kind::Word(word),
        }
    }

    fn quoted(&mut self) -> Kind {
        self.take();
        let mut text = String::new();
        while let Some(next) = self.take() {
            match next {
                '"' => break,
                '\\' => {
                    text.push(next);
                    text.extend(self.take());
                }
                _ => text.push(next),
            }
        }
        Kind::Text(text)
    }

    fn raw_string(&mut self, hashes: usize) -> Kind {
        self.at += hashes + 1;
        let mut text = String::new();
        while let Some(next) = self.take() {
            if next == '"' && (0..hashes).all(|ahead| self.peek(ahead) == Some('#')) {
                self.at += hashes;
                break;
            }
            text.push(next);
        }
        Kind::Text(text)
    }

    /// `'a'`, `'\n'` and `'\u{2028}'` are characters; `'a` without a closing quote is a lifetime.
    fn character_or_lifetime(&mut self) {
        self.take();
        if self.peek(0) == Some('\\') {
            self.at += 2;
            self.take_while(|c| c != '\'');
            self.take();
        } else if self.peek(1) == Some('\'') {
            self.take();
            self.take();
        } else {
            self.take_while(is_word);
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

#[test]
fn comments_strings_and_characters_hold_no_words() {
    let source = r###"
        a // b
        /* c /* d */ e */ "f \" g" r#"h " i"# b"j" br##"k"# l"## 'm' '\'' b'\\' '\u{6e}' 'o: p<'q, 'r> 1s c"t"
    "###;
    let words: Vec<_> = tokens(source)
        .into_iter()
        .filter_map(|token| match token.kind {
            Kind::Word(word) => Some(word),
            _ => None,
        })
        .collect();
    assert_eq!(words, ["a", "p"]);
}

#[test]
fn a_raw_identifier_is_its_word_and_lines_are_counted() {
    let found = tokens("/*\n*/ \"\n\" r#crate::\nx");
    assert_eq!(found[1].kind, Kind::Word("crate".into()));
    assert_eq!(found[2].kind, Kind::Path);
    assert_eq!(found.iter().map(|token| token.line).collect::<Vec<_>>(), [2, 3, 3, 4]);
}
