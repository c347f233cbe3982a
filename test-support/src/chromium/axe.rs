//! axe-core, which finds faults of accessibility in a page.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::chromium::Browser;
use crate::tools;

impl Browser {
    /// Violations of WCAG 2.2 A and AA and of best practice, each with the elements at fault. A
    /// test that calls this asks for `python:axe_playwright_python` first, which has axe-core.
    #[track_caller]
    pub fn violations(&mut self) -> Vec<String> {
        if self.run("typeof axe") != "object" {
            // An evaluation from outside of the page passes any content security policy.
            self.run(&format!("{}; true", axe()));
        }
        let found = self.run(JUDGE);
        let found = found.as_array().cloned().unwrap_or_default();
        found.iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    }
}

/// The script, from where Python keeps the package.
fn axe() -> &'static str {
    static SCRIPT: OnceLock<String> = OnceLock::new();
    SCRIPT.get_or_init(|| {
        let python = tools::python();
        let library = python.parent().unwrap().with_file_name("lib");
        let mut versions = fs::read_dir(library).unwrap().flatten().map(|entry| entry.path());
        let script =
            |folder: PathBuf| folder.join("site-packages/axe_playwright_python/axe.min.js");
        let script = versions.find_map(|folder| fs::read_to_string(script(folder)).ok());
        script.expect("axe_playwright_python is installed: tests/run python")
    })
}

const JUDGE: &str = "axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    resultTypes: ['violations'],
}).then(result => result.violations.map(({ id, help, nodes }) =>
    `${id}: ${help}: ` + nodes.map(node => node.target + ' ' + node.failureSummary).join('; ')))";
