//! The shape of the source: how long files and functions are, how wide lines are, how many
//! parameters a function has, how imports are grouped, how tests are named.

use std::collections::BTreeSet;

use crate::exceptions::{LARGE, LONG};
use crate::tree::{Source, sources, sources_under};
use crate::words::comment;

#[test]
fn files_are_short() {
    let mut lengths: Vec<(usize, String)> = sources()
        .into_iter()
        .map(|source| (source.text.lines().count(), source.path))
        .collect();
    lengths.sort();
    let over: BTreeSet<_> = lengths
        .iter()
        .filter(|(lines, _)| *lines > MOST_LINES)
        .map(|(_, path)| path.as_str())
        .collect();
    let known: BTreeSet<_> = LONG.iter().map(|(path, _)| *path).collect();
    assert_eq!(over, known, "files of more than {MOST_LINES} lines, and the exceptions");
    let (median, _) = lengths[lengths.len() / 2];
    assert!(median <= MEDIAN_LINES, "half of the files have more than {median} lines");
}

#[test]
fn lines_are_narrow() {
    let faults: Vec<String> = sources().iter().flat_map(wide_lines).collect();
    assert!(faults.is_empty(), "{} lines\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn functions_are_short_and_take_few_parameters() {
    let faults: Vec<String> = sources().iter().flat_map(large_functions).collect();
    let known: BTreeSet<_> = LARGE.iter().map(|(function, _)| (*function).to_owned()).collect();
    let found: BTreeSet<_> = faults
        .iter()
        .map(|fault| fault.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    let more: Vec<_> = faults
        .iter()
        .filter(|fault| !known.iter().any(|known| fault.starts_with(&format!("{known} "))))
        .collect();
    assert!(more.is_empty(), "{} functions\n{more:#?}", more.len());
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(gone.is_empty(), "no exceptions any more: {gone:?}");
}

#[test]
fn imports_are_grouped_by_module() {
    let faults: Vec<String> = sources().iter().flat_map(scattered_imports).collect();
    assert!(faults.is_empty(), "{} imports\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn paths_do_not_climb_twice() {
    let faults: Vec<String> = sources()
        .iter()
        .flat_map(|source| lines_with(source, concat!("super", "::super")))
        .filter(|fault| !fault.starts_with("tests/house/"))
        .collect();
    assert!(faults.is_empty(), "write `crate::`\n{}", faults.join("\n"));
}

#[test]
fn names_of_tests_are_short_sentences() {
    let faults: Vec<String> = sources().iter().flat_map(long_names).collect();
    assert!(faults.is_empty(), "{} names\n{}", faults.len(), faults.join("\n"));
}

/// Attempts of a decision are counted in one loop, and giving up has one place.
#[test]
fn one_loop_decides() {
    let verifier = sources_under("src/verifier");
    let all = |text: &str| -> Vec<String> {
        verifier.iter().flat_map(|source| lines_with(source, text)).collect()
    };
    let loops: Vec<_> = all("for _ in 0..").into_iter().filter(|l| l.contains("TRIES")).collect();
    assert!(loops.len() == 1, "{} loops\n{loops:#?}", loops.len());
    let made: Vec<_> = all("Error::Contended")
        .into_iter()
        .filter(|line| !line.contains("=>") && !line.contains("//"))
        .collect();
    assert!(made.len() == 1, "{} places\n{made:#?}", made.len());
}

/// The command line reads the agent's documents through types, never a member by its name.
#[test]
fn the_command_line_reads_no_member_by_a_string() {
    let faults: Vec<String> =
        sources_under("src/cli").iter().flat_map(members_by_a_string).collect();
    assert!(faults.is_empty(), "{} lines\n{}", faults.len(), faults.join("\n"));
}

/// `value["name"]`, `.get("name")` and `.pointer("/name")`; a list of texts is none.
fn members_by_a_string(source: &Source) -> Vec<String> {
    let lines = source.text.lines().enumerate();
    let is_member = |line: &str| {
        line.match_indices("[\"").any(|(at, _)| {
            line[..at].ends_with(|c: char| c.is_alphanumeric() || [')', ']', '_', '?'].contains(&c))
        }) || [".get(\"", ".pointer(\"", ".get_mut(\""].iter().any(|call| line.contains(call))
    };
    lines
        .filter(|(_, line)| !line.trim_start().starts_with("//") && is_member(line))
        .map(|(at, line)| format!("{}:{}: {}", source.path, at + 1, line.trim()))
        .collect()
}

fn wide_lines(source: &Source) -> Vec<String> {
    let lines = source.text.lines().enumerate();
    lines
        .filter(|(_, line)| line.chars().count() > MOST_COLUMNS && !is_table_row(line))
        .map(|(at, line)| format!("{}:{}: {} columns", source.path, at + 1, line.chars().count()))
        .collect()
}

/// A row of a table in a comment, which Markdown cannot break.
fn is_table_row(line: &str) -> bool {
    comment(line).is_some_and(|(_, said)| said.starts_with('|') && said.ends_with('|'))
}

fn large_functions(source: &Source) -> Vec<String> {
    let functions = source.functions().into_iter();
    functions
        .filter(|it| it.lines > MOST_FUNCTION_LINES || it.parameters > MOST_PARAMETERS)
        .map(|it| {
            format!(
                "{}::{} (line {}) has {} lines and {} parameters",
                source.path, it.name, it.line, it.lines, it.parameters
            )
        })
        .collect()
}

fn lines_with(source: &Source, text: &str) -> Vec<String> {
    let lines = source.text.lines().enumerate();
    lines
        .filter(|(_, line)| line.contains(text))
        .map(|(at, line)| format!("{}:{}: {}", source.path, at + 1, line.trim()))
        .collect()
}

fn long_names(source: &Source) -> Vec<String> {
    let tests = source.functions().into_iter().filter(|function| function.is_test);
    tests
        .filter(|test| {
            let words: Vec<&str> = test.name.split('_').collect();
            words.len() > MOST_WORDS
                || words.iter().any(|word| VAGUE.contains(word))
                || words[0] == "what"
        })
        .map(|test| format!("{}:{}: {}", source.path, test.line, test.name))
        .collect()
}

/// Two `use` items of one module of the file that import from one module.
fn scattered_imports(source: &Source) -> Vec<String> {
    let mut faults = Vec::new();
    scattered_in(&source.syntax().items, &source.path, &mut faults);
    faults
}

fn scattered_in(items: &[syn::Item], path: &str, faults: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for item in items {
        match item {
            syn::Item::Use(item) => {
                let (mut place, mut tree) = (Vec::new(), &item.tree);
                while let syn::UseTree::Path(step) = tree {
                    place.push(step.ident.to_string());
                    tree = &step.tree;
                }
                let apart = (format!("{:?}", kind(item)), item.leading_colon.is_some());
                let whole = matches!(tree, syn::UseTree::Glob(_));
                let single = place.is_empty();
                if !whole && !single && !seen.insert((apart, place.clone())) {
                    let line = item.use_token.span.start().line;
                    faults.push(format!("{path}:{line}: use {}", place.join("::")));
                }
            }
            syn::Item::Mod(inner) => {
                let items = inner.content.as_ref().map(|(_, items)| items.as_slice());
                scattered_in(items.unwrap_or_default(), path, faults);
            }
            _ => {}
        }
    }
}

/// Imports of different visibility, or under different attributes, stand apart.
fn kind(item: &syn::ItemUse) -> (String, Vec<String>) {
    let visibility = match &item.vis {
        syn::Visibility::Inherited => "private".to_owned(),
        syn::Visibility::Public(_) => "pub".to_owned(),
        syn::Visibility::Restricted(within) => {
            let path = within.path.segments.iter().map(|segment| segment.ident.to_string());
            path.collect::<Vec<_>>().join("::")
        }
    };
    let attributes = item.attrs.iter().map(|attribute| match &attribute.meta {
        syn::Meta::List(list) => list.tokens.to_string(),
        meta => meta.path().segments.iter().map(|it| it.ident.to_string()).collect(),
    });
    (visibility, attributes.collect())
}

mod planted {
    use super::{large_functions, long_names, members_by_a_string, scattered_imports, wide_lines};
    use crate::tree::Source;

    fn source(text: &str) -> Source {
        Source::new("x.rs", text)
    }

    #[test]
    fn a_wide_line_is_found() {
        let text = format!("const A: u8 = 1;\n// {}\n// {}\n", "ü".repeat(97), "ü".repeat(98));
        assert_eq!(wide_lines(&source(&text)), ["x.rs:3: 101 columns"]);
    }

    #[test]
    fn a_long_function_is_found_wherever_it_is_declared() {
        let body = "g();\n".repeat(58);
        for text in [
            format!("fn f() {{\n{body}}}\n"),
            format!("impl X {{\nfn f(&self) {{\n{body}}}\n}}\n"),
            format!("trait X {{\nfn f(&self) {{\n{body}}}\n}}\n"),
            format!("mod m {{ fn a() {{ fn f() {{\n{body}}} }} }}\n"),
        ] {
            assert!(large_functions(&source(&text)).is_empty(), "{text}");
            let longer = text.replacen("g();", "g();\ng();", 1);
            assert!(!large_functions(&source(&longer)).is_empty(), "{longer}");
        }
    }

    #[test]
    fn many_parameters_are_found() {
        assert!(large_functions(&source("fn f(a: A, b: B, c: C, d: D, e: E) {}")).is_empty());
        assert_eq!(
            large_functions(&source("fn f(&self, a: A, b: B, c: C, d: D, e: E) {}")).len(),
            1
        );
    }

    #[test]
    fn scattered_imports_are_found() {
        assert_eq!(scattered_imports(&source("use a::b::C;\nuse a::b::{D, E};")).len(), 1);
        assert_eq!(scattered_imports(&source("mod m { use a::B; use a::C; }")).len(), 1);
        let apart = "use a::b::C; use a::D; pub use a::E; #[cfg(x)] use a::F; use ::a::G; use a;";
        assert_eq!(scattered_imports(&source(apart)), [""; 0]);
    }

    #[test]
    fn members_by_a_string_are_found() {
        for text in ["fn f() { a[\"x\"] }", "fn f() { a().get(\"x\") }", "fn f() { a[1][\"x\"] }"] {
            assert_eq!(members_by_a_string(&source(text)).len(), 1, "{text}");
        }
        for text in ["fn f() { g([\"x\"]) }", "// a[\"x\"]", "fn f() { [\"x\", \"y\"] }"] {
            assert_eq!(members_by_a_string(&source(text)), [""; 0]);
        }
    }

    #[test]
    fn long_and_vague_names_of_tests_are_found() {
        assert_eq!(long_names(&source("#[test] fn a_b_c_d_e_f_g_h_i_j_k() {}")), [""; 0]);
        assert_eq!(
            long_names(&source("#[tokio::test] async fn a_b_c_d_e_f_g_h_i_j_k_l() {}")).len(),
            1
        );
        assert_eq!(long_names(&source("#[test] fn nobody_is_told() {}")).len(), 1);
        assert_eq!(long_names(&source("fn nobody_is_told() {}")), [""; 0]);
    }
}

const MOST_LINES: usize = 450;

const MEDIAN_LINES: usize = 140;

const MOST_COLUMNS: usize = 100;

const MOST_FUNCTION_LINES: usize = 60;

const MOST_PARAMETERS: usize = 5;

const MOST_WORDS: usize = 11;

const VAGUE: &[&str] = &["none", "nobody", "whoever", "whatever", "somebody", "everybody"];
