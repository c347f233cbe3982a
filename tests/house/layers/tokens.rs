//! Paths among the tokens that a macro or an attribute takes, of which no syntax is known.

use proc_macro2::{Delimiter, Spacing, TokenStream, TokenTree};

use super::scan::plain;

/// One thing met on the way through tokens.
pub(crate) enum Named {
    /// A path that begins with `crate`, `super`, `self` or `twostep`, and its line.
    Path(Vec<String>, usize),
    /// An inline module begins.
    Open(String),
    /// An inline module ends.
    Close,
    /// A spelling that is always refused, the reason, and its line.
    Refused(&'static str, usize),
}

pub(crate) fn named_in(tokens: TokenStream) -> Vec<Named> {
    let mut found = Vec::new();
    walk(&tokens.into_iter().collect::<Vec<_>>(), &mut found);
    found
}

/// The paths that begin in strings among the tokens. The rest of a string need not be code.
pub(crate) fn named_in_text(tokens: TokenStream) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for token in tokens {
        match token {
            TokenTree::Group(group) => found.extend(named_in_text(group.stream())),
            TokenTree::Literal(literal) => {
                if let Ok(text) = syn::parse_str::<syn::LitStr>(&literal.to_string()) {
                    found.extend(paths_of(&text.value()));
                }
            }
            _ => {}
        }
    }
    found
}

fn walk(tokens: &[TokenTree], found: &mut Vec<Named>) {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            TokenTree::Ident(word) => {
                let word = plain(word);
                at = match word.as_str() {
                    "pub" if is_visibility(tokens.get(at)) => at + 1,
                    "mod" => module(tokens, at, found),
                    "extern" if is_word(tokens.get(at), "crate") => at + 1,
                    "self" if before(tokens, at) == Some("crate".to_owned()) => {
                        found.push(Named::Refused("a second name for the crate", line(token)));
                        at
                    }
                    "self" if !is_path(tokens, at) => at,
                    "crate" | "super" | "self" | "twostep" => follow(tokens, at, vec![word], found),
                    "include" if is_mark(tokens.get(at), '!') => {
                        let why = "`include!` brings source that is not looked at here";
                        found.push(Named::Refused(why, line(token)));
                        at
                    }
                    _ => at,
                };
            }
            TokenTree::Group(group) => {
                walk(&group.stream().into_iter().collect::<Vec<_>>(), found);
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
    }
}

/// `mod name {`; in a macro the name may be `$name`.
fn module(tokens: &[TokenTree], at: usize, found: &mut Vec<Named>) -> usize {
    let name = at + usize::from(is_mark(tokens.get(at), '$'));
    match (tokens.get(name), tokens.get(name + 1)) {
        (Some(TokenTree::Ident(ident)), Some(TokenTree::Group(body)))
            if body.delimiter() == Delimiter::Brace =>
        {
            found.push(Named::Open(plain(ident)));
            walk(&body.stream().into_iter().collect::<Vec<_>>(), found);
            found.push(Named::Close);
            name + 2
        }
        _ => at,
    }
}

/// Goes on after a segment; answers where the path ends.
fn follow(tokens: &[TokenTree], at: usize, mut path: Vec<String>, found: &mut Vec<Named>) -> usize {
    let line = line(&tokens[at - 1]);
    if !is_path(tokens, at) {
        found.push(Named::Path(path, line));
        return at;
    }
    match tokens.get(at + 2) {
        Some(TokenTree::Ident(word)) => {
            path.push(plain(word));
            follow(tokens, at + 3, path, found)
        }
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            let inner: Vec<_> = group.stream().into_iter().collect();
            for part in inner.split(|token| is_mark(Some(token), ',')) {
                match part.first() {
                    Some(TokenTree::Ident(word)) => {
                        let path = [&path[..], &[plain(word)]].concat();
                        follow(part, 1, path, found);
                    }
                    _ => found.push(Named::Path(path.clone(), line)),
                }
            }
            at + 3
        }
        // Generic arguments, a star, or a macro's variable: the path is known up to here.
        _ => {
            found.push(Named::Path(path, line));
            at + 2
        }
    }
}

/// Paths in a text, at every word that can begin one.
fn paths_of(text: &str) -> Vec<Vec<String>> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    for (at, _) in text.match_indices("::") {
        let start = text[..at].rfind(|c| !is_word(c)).map_or(0, |before| before + 1);
        if ["crate", "super", "self", "twostep"].contains(&&text[start..at]) {
            let whole = text[start..].find(|c| !is_word(c) && c != ':');
            let path = &text[start..whole.map_or(text.len(), |end| start + end)];
            found.push(path.split("::").filter(|it| !it.is_empty()).map(String::from).collect());
        }
    }
    found
}

/// The parentheses of `pub(crate)`, `pub(super)`, `pub(in …)`.
fn is_visibility(token: Option<&TokenTree>) -> bool {
    matches!(token, Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis)
}

fn is_path(tokens: &[TokenTree], at: usize) -> bool {
    let first = match tokens.get(at) {
        Some(TokenTree::Punct(mark)) => mark.as_char() == ':' && mark.spacing() == Spacing::Joint,
        _ => false,
    };
    first && is_mark(tokens.get(at + 1), ':')
}

fn is_mark(token: Option<&TokenTree>, mark: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == mark)
}

fn is_word(token: Option<&TokenTree>, word: &str) -> bool {
    matches!(token, Some(TokenTree::Ident(ident)) if ident == word)
}

fn before(tokens: &[TokenTree], at: usize) -> Option<String> {
    match tokens.get(at.checked_sub(2)?) {
        Some(TokenTree::Ident(ident)) => Some(plain(ident)),
        _ => None,
    }
}

fn line(token: &TokenTree) -> usize {
    token.span().start().line
}
