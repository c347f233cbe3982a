//! The book: mdBook builds it, its shell blocks run, its links lead somewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use test_support::tools;

use super::blocks::{Task, blocks};
use super::houses::House;
use super::{read, root};

const PAGES: &str = "docs/src";

/// The pages below a folder, as paths from the folder of pages.
fn files(folder: &Path, ending: &str) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inside) = folders.pop() {
        for entry in fs::read_dir(inside).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|found| found == ending) {
                found.insert(path.strip_prefix(folder).unwrap().to_owned());
            }
        }
    }
    found
}

fn pages() -> BTreeSet<PathBuf> {
    let mut pages = files(&root().join(PAGES), "md");
    pages.remove(Path::new("SUMMARY.md"));
    pages
}

#[test]
fn the_summary_has_every_page() {
    let summary = read("docs/src/SUMMARY.md");
    let named: BTreeSet<PathBuf> = links(&summary).map(PathBuf::from).collect();
    assert_eq!(named, pages());
}

/// Targets of links in Markdown.
fn links(markdown: &str) -> impl Iterator<Item = &str> {
    markdown.split("](").skip(1).filter_map(|rest| rest.split(')').next())
}

/// Each page has a house of its own; four run at a time.
#[test]
fn the_shell_blocks_of_the_book_run() {
    if !tools::have("root,unshare,ip,curl,oathtool,git") {
        return;
    }
    let pages: Vec<PathBuf> = pages().into_iter().collect();
    let mut ran = 0;
    for few in pages.chunks(4) {
        std::thread::scope(|scope| {
            for page in few {
                let text = read(Path::new(PAGES).join(page));
                let blocks = blocks(&text);
                let runs = |task| !matches!(task, Task::Leave(_));
                let count = blocks.iter().filter(|block| block.is_shell() && runs(block.task()));
                let count = count.count();
                if count == 0 {
                    continue;
                }
                ran += count;
                let start = text
                    .lines()
                    .find_map(|line| line.strip_prefix("<!-- starts with: ")?.strip_suffix(" -->"));
                let start = start.unwrap_or("agent alice").to_owned();
                scope.spawn(move || {
                    let house = House::of(&blocks, "examples packaging", &start);
                    house.run(&page.display().to_string());
                });
            }
        });
    }
    assert!(ran > 30, "{ran} blocks ran");
}

#[test]
fn mdbook_builds_the_book_and_every_link_leads_somewhere() {
    if !tools::have("venv:mdbook") {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let built = Command::new(tools::beside_python("mdbook"))
        .args(["build", "--dest-dir"])
        .arg(place.path())
        .arg(root().join("docs"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    assert!(!said.contains("WARN") && !said.contains("ERROR"), "{said}");
    let htmls: BTreeMap<PathBuf, String> = files(place.path(), "html")
        .into_iter()
        .map(|path| (path.clone(), fs::read_to_string(place.path().join(path)).unwrap()))
        .collect();
    let mut count = 0;
    for page in pages() {
        let page = page.with_extension("html");
        let text = htmls.get(&page).unwrap_or_else(|| panic!("{}: not built", page.display()));
        assert!(!text.contains("{{#"), "{}: an include that is not there", page.display());
        let main = text.split("<main>").nth(1).unwrap();
        for target in attributes(main, "href").chain(attributes(main, "src")) {
            let beyond = ["http://", "https://", "mailto:"];
            if beyond.iter().any(|scheme| target.starts_with(scheme)) {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let path = if path.is_empty() { page.clone() } else { beside(&page, path) };
            let is_there = place.path().join(&path).is_file();
            assert!(is_there, "{}: {target} leads nowhere", page.display());
            let has = |text: &String| text.contains(&format!("id=\"{anchor}\""));
            let found = anchor.is_empty() || htmls.get(&path).is_some_and(has);
            assert!(found, "{}: {target} has no such heading", page.display());
            count += 1;
        }
    }
    assert!(count > 30, "{count} links");
}

fn attributes<'t>(html: &'t str, name: &str) -> impl Iterator<Item = &'t str> {
    let key = format!(" {name}=\"");
    let found: Vec<usize> = html.match_indices(&key).map(|(at, _)| at + key.len()).collect();
    found.into_iter().filter_map(|at| html.get(at..)?.split('"').next())
}

/// A path that is relative to the folder of a page.
fn beside(page: &Path, path: &str) -> PathBuf {
    let mut found = page.parent().unwrap().to_owned();
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => assert!(found.pop(), "{path} leaves the book"),
            Component::CurDir => {}
            part => found.push(part),
        }
    }
    found
}

/// Links of the documents beside the book, in which a target is a file of the repository.
#[test]
fn links_of_the_other_documents_lead_to_files() {
    let documents = [
        "README.md",
        "SECURITY.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "examples/README.md",
        "examples/grafana/README.md",
        "examples/pam/README.md",
        "examples/proxies/README.md",
        "hw-tests/README.md",
    ];
    let mut count = 0;
    for document in documents {
        let text = read(document);
        let prose: String = text.split("```").step_by(2).collect();
        for target in links(&prose).filter(|target| !target.contains("://")) {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let folder = root().join(document);
            let folder = folder.parent().unwrap();
            let there = path.is_empty() || folder.join(path).exists();
            assert!(there, "{document}: {target} leads nowhere");
            let slugs = || prose.lines().filter_map(|line| line.strip_prefix('#')).map(slug);
            let found = anchor.is_empty() || !path.is_empty() || slugs().any(|slug| slug == anchor);
            assert!(found, "{document}: {target} has no such heading");
            count += 1;
        }
    }
    assert!(count > 40, "{count} links");
}

/// The anchor that GitHub gives a heading.
fn slug(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || [' ', '-', '_'].contains(c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}
