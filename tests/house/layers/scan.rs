//! Every place where a source file names a module of its own crate, or another crate.

use std::collections::{BTreeMap, BTreeSet};

use proc_macro2::TokenStream;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Meta, UseTree};

use super::tokens::{Named, named_in, named_in_text};

/// One place that names a module or a crate, or that cannot be followed.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) line: usize,
    pub(crate) what: What,
    /// Code that only tests compile.
    pub(crate) in_tests: bool,
}

#[derive(Debug)]
pub(crate) enum What {
    /// A path from the root of the crate.
    Place(Vec<String>),
    /// The first segment of a path into another crate, or of a name that is declared here.
    Crate(String),
    /// A spelling that is always refused, and the reason.
    Refused(&'static str),
}

/// All that one file says of modules.
#[derive(Default)]
pub(crate) struct File {
    pub(crate) found: Vec<Found>,
    /// Names that `use` brings in at the top level, and their places.
    pub(crate) imports: BTreeMap<String, Vec<String>>,
    /// Places of which `use` brings in everything at the top level.
    pub(crate) globs: Vec<Vec<String>>,
    /// Names of the items at the top level.
    pub(crate) declared: BTreeSet<String>,
}

/// Scans a file that stands at `module`; the roots, `lib.rs` and `main.rs`, have none, and what
/// they import is not looked at.
pub(crate) fn scan(module: &[String], source: &str) -> File {
    let syntax = match syn::parse_file(source) {
        Ok(syntax) => syntax,
        Err(error) => panic!("{}: {error}", module.join("::")),
    };
    let mut scan = Scan {
        file: File::default(),
        module: module.to_vec(),
        root: module.is_empty(),
        depth: 0,
        in_tests: false,
    };
    scan.file.declared = syntax.items.iter().filter_map(name_of).collect();
    for item in &syntax.items {
        if let Item::Use(item) = item {
            scan.imported(&item.tree, Vec::new());
        }
    }
    scan.visit_file(&syntax);
    scan.file
}

struct Scan {
    file: File,
    /// The file's module, then the inline ones that are open.
    module: Vec<String>,
    root: bool,
    depth: usize,
    in_tests: bool,
}

impl Scan {
    /// Notes the names that a `use` of the file's top level brings in.
    fn imported(&mut self, tree: &UseTree, mut path: Vec<String>) {
        match tree {
            UseTree::Path(step) => {
                path.push(plain(&step.ident));
                self.imported(&step.tree, path);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.imported(tree, path.clone()));
            }
            UseTree::Name(name) => {
                if name.ident != "self" {
                    path.push(plain(&name.ident));
                }
                self.import(path.last().cloned().unwrap_or_default(), path);
            }
            UseTree::Rename(name) => {
                if name.ident != "self" {
                    path.push(plain(&name.ident));
                }
                self.import(plain(&name.rename), path);
            }
            UseTree::Glob(_) => {
                if let Some(place) = self.place(&path) {
                    self.file.globs.push(place);
                }
            }
        }
    }

    fn import(&mut self, name: String, path: Vec<String>) {
        if let Some(place) = self.place(&path) {
            self.file.imports.insert(name, place);
        }
    }

    /// The path from the root of the crate; none if it leads elsewhere, or above the root.
    fn place(&self, path: &[String]) -> Option<Vec<String>> {
        let mut rest = path.iter().peekable();
        let mut place = match rest.peek()?.as_str() {
            "crate" => {
                rest.next();
                Vec::new()
            }
            "self" | "super" => self.module.clone(),
            first if self.depth == 0 && self.file.declared.contains(first) => self.module.clone(),
            first => {
                let place = self.file.imports.get(first)?.clone();
                rest.next();
                place
            }
        };
        for segment in rest {
            match segment.as_str() {
                "self" => {}
                "super" => drop(place.pop()?),
                name => place.push(name.to_owned()),
            }
        }
        Some(place)
    }

    /// Judges one path, as it is written.
    fn named(&mut self, path: &[String], line: usize, is_whole: bool) {
        let Some(first) = path.first() else { return };
        if self.root {
            return;
        }
        if first == "twostep" {
            return self.refuse(line, "write `crate::`, not the crate's own name");
        }
        let starts_here = ["crate", "self", "super"].contains(&first.as_str());
        if let Some(place) = self.place(path) {
            // A bare `self` is a value, `Name` alone an item of this file.
            if place.is_empty() {
                self.refuse(line, "name a module, not the root of the crate as a whole");
            } else if path.len() > 1 || is_whole {
                self.add(line, What::Place(place));
            }
        } else if starts_here {
            self.refuse(line, "`super` above the root of the crate");
        } else if path.len() > 1 || is_whole {
            self.add(line, What::Crate(first.clone()));
        }
    }

    fn used(&mut self, tree: &UseTree, mut path: Vec<String>) {
        match tree {
            UseTree::Path(step) => {
                path.push(plain(&step.ident));
                self.used(&step.tree, path);
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.used(tree, path.clone()));
            }
            UseTree::Name(syn::UseName { ident })
            | UseTree::Rename(syn::UseRename { ident, .. }) => {
                path.push(plain(ident));
                self.named(&path, ident.span().start().line, true);
            }
            UseTree::Glob(glob) => {
                self.named(&path, glob.star_token.span.start().line, true);
            }
        }
    }

    fn tokens(&mut self, tokens: TokenStream) {
        for named in named_in(tokens) {
            match named {
                Named::Path(path, line) => self.named(&path, line, true),
                Named::Open(name) => self.module.push(name),
                Named::Close => drop(self.module.pop()),
                Named::Refused(why, line) => self.refuse(line, why),
            }
        }
    }

    fn refuse(&mut self, line: usize, why: &'static str) {
        self.add(line, What::Refused(why));
    }

    fn add(&mut self, line: usize, what: What) {
        self.file.found.push(Found { line, what, in_tests: self.in_tests });
    }
}

impl Visit<'_> for Scan {
    fn visit_item_use(&mut self, item: &syn::ItemUse) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        self.used(&item.tree, Vec::new());
    }

    fn visit_item_extern_crate(&mut self, item: &syn::ItemExternCrate) {
        if item.ident == "self" {
            self.refuse(item.ident.span().start().line, "a second name for the crate");
        }
        visit::visit_item_extern_crate(self, item);
    }

    fn visit_item_mod(&mut self, item: &syn::ItemMod) {
        item.attrs.iter().for_each(|attribute| self.visit_attribute(attribute));
        let Some((_, items)) = &item.content else { return };
        let outside = self.in_tests;
        self.in_tests |= item.attrs.iter().any(is_for_tests);
        self.module.push(plain(&item.ident));
        self.depth += 1;
        items.iter().for_each(|item| self.visit_item(item));
        self.depth -= 1;
        self.module.pop();
        self.in_tests = outside;
    }

    fn visit_path(&mut self, path: &syn::Path) {
        let mut names = Vec::new();
        for segment in &path.segments {
            names.push(plain(&segment.ident));
            if !segment.arguments.is_none() {
                break;
            }
        }
        let line = path.span().start().line;
        match path.leading_colon {
            None => self.named(&names, line, false),
            Some(_) if names[0] == "twostep" => self.named(&names, line, true),
            Some(_) => self.add(line, What::Crate(names.remove(0))),
        }
        visit::visit_path(self, path);
    }

    /// `pub(in crate::x)` imports nothing.
    fn visit_visibility(&mut self, _: &syn::Visibility) {}

    fn visit_macro(&mut self, item: &syn::Macro) {
        if item.path.is_ident("include") {
            let why = "`include!` brings source that is not looked at here";
            self.refuse(item.path.span().start().line, why);
        }
        self.visit_path(&item.path);
        self.tokens(item.tokens.clone());
    }

    /// Text in an attribute may be a path that a derive macro compiles.
    fn visit_attribute(&mut self, attribute: &Attribute) {
        let line = attribute.span().start().line;
        let path = attribute.path();
        if path.is_ident("path") || path.is_ident("cfg_attr") && says_path(&attribute.meta) {
            self.refuse(line, "`#[path]` moves a module out of the map");
        }
        if path.is_ident("macro_use") {
            self.refuse(line, "`macro_use` hides where a macro comes from");
        }
        if path.segments.len() > 1 {
            self.visit_path(path);
        }
        if PROSE.iter().any(|name| path.is_ident(name)) {
            return;
        }
        let tokens = match &attribute.meta {
            Meta::Path(_) => return,
            Meta::List(list) => list.tokens.clone(),
            Meta::NameValue(value) => quote(&value.value),
        };
        for path in named_in_text(tokens.clone()) {
            self.named(&path, line, true);
        }
        self.tokens(tokens);
    }
}

/// An identifier without the `r#` of a raw one.
pub(crate) fn plain(ident: &proc_macro2::Ident) -> String {
    let text = ident.to_string();
    text.strip_prefix("r#").unwrap_or(&text).to_owned()
}

fn name_of(item: &Item) -> Option<String> {
    Some(plain(match item {
        Item::Const(item) => &item.ident,
        Item::Enum(item) => &item.ident,
        Item::Fn(item) => &item.sig.ident,
        Item::Macro(item) => item.ident.as_ref()?,
        Item::Mod(item) => &item.ident,
        Item::Static(item) => &item.ident,
        Item::Struct(item) => &item.ident,
        Item::Trait(item) => &item.ident,
        Item::TraitAlias(item) => &item.ident,
        Item::Type(item) => &item.ident,
        Item::Union(item) => &item.ident,
        _ => return None,
    }))
}

fn is_for_tests(attribute: &Attribute) -> bool {
    match &attribute.meta {
        Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        _ => false,
    }
}

fn says_path(meta: &Meta) -> bool {
    let Meta::List(list) = meta else { return false };
    list.tokens
        .to_string()
        .split(|c: char| !c.is_alphanumeric())
        .any(|word| word == "path")
}

/// The tokens of an expression in an attribute, which is a literal or a path.
fn quote(value: &syn::Expr) -> TokenStream {
    match value {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => {
            proc_macro2::TokenTree::from(text.token()).into()
        }
        syn::Expr::Macro(inner) => inner.mac.tokens.clone(),
        _ => TokenStream::new(),
    }
}

/// Attributes whose text is prose.
const PROSE: &[&str] = &["allow", "deprecated", "doc", "error", "expect", "ignore", "must_use"];
