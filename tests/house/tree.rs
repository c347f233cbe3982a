//! The Rust files of the project, and functions over their syntax.

use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// One Rust file: its path from the root of the project, and its text.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// One function with a body, wherever it is declared.
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    /// From the signature to the closing brace.
    pub(crate) lines: usize,
    pub(crate) parameters: usize,
    pub(crate) is_test: bool,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Source {
        Source { path: path.to_owned(), text: text.to_owned() }
    }

    pub(crate) fn syntax(&self) -> syn::File {
        syn::parse_file(&self.text).unwrap_or_else(|error| panic!("{}: {error}", self.path))
    }

    pub(crate) fn functions(&self) -> Vec<Function> {
        let mut found = Functions(Vec::new());
        found.visit_file(&self.syntax());
        found.0
    }
}

/// Every Rust file below the folders of [`FOLDERS`].
pub(crate) fn sources() -> Vec<Source> {
    FOLDERS.iter().flat_map(|folder| sources_under(folder)).collect()
}

pub(crate) fn sources_under(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    for path in files_under(folder) {
        if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(crate::root().join(&path)).expect("a file of UTF-8");
            found.push(Source::new(path.to_str().expect("a name of UTF-8"), &text));
        }
    }
    found
}

/// Every file below a folder of the project, as seen from its root, in order.
pub(crate) fn files_under(folder: impl AsRef<Path>) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(crate::root().join(&folder)).expect("a folder that can be read") {
        let path = folder.as_ref().join(entry.expect("an entry that can be read").file_name());
        if crate::root().join(&path).is_dir() {
            files.extend(files_under(path));
        } else {
            files.push(path);
        }
    }
    files.sort();
    files
}

struct Functions(Vec<Function>);

impl Functions {
    fn add(
        &mut self,
        attributes: &[syn::Attribute],
        signature: &syn::Signature,
        body: &syn::Block,
    ) {
        let (first, last) = (signature.span().start().line, body.span().end().line);
        self.0.push(Function {
            name: signature.ident.to_string(),
            line: first,
            lines: last + 1 - first,
            parameters: signature.inputs.len(),
            is_test: attributes.iter().any(is_test),
        });
    }
}

impl Visit<'_> for Functions {
    fn visit_item_fn(&mut self, item: &syn::ItemFn) {
        self.add(&item.attrs, &item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &syn::ImplItemFn) {
        self.add(&item.attrs, &item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.add(&item.attrs, &item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

/// `#[test]`, `#[tokio::test]`.
fn is_test(attribute: &syn::Attribute) -> bool {
    attribute.path().segments.last().is_some_and(|last| last.ident == "test")
}

const FOLDERS: &[&str] =
    &["benches", "examples", "hw-tests", "pam", "src", "test-support", "tests"];
