//! Knots: two files that import each other, directly or by names that other modules pass on.
//!
//! A name that a module re-exports is followed to the file that declares it. A parent and a file
//! below it may know each other. Inline modules for tests are left out.

use std::collections::{BTreeMap, BTreeSet};

use super::scan::{File, What, scan};
use super::{ROOTS, module_of};

type Module = Vec<String>;

/// The knots among these files, each as `one <-> other`.
pub(crate) fn knots(files: &[(String, String)]) -> Vec<String> {
    let mut tree = Tree { files: BTreeMap::new(), names: BTreeMap::new() };
    for (name, source) in files.iter().filter(|(name, _)| name != ROOTS[1]) {
        let module = module_of(name);
        tree.files.insert(module.clone(), scan(&module, source));
        tree.names.insert(module, name.clone());
    }
    let imports: BTreeSet<(&Module, &Module)> =
        tree.files.keys().flat_map(|from| tree.imports(from)).collect();
    let knotted = imports
        .iter()
        .filter(|(one, other)| one < other && imports.contains(&(other, one)));
    knotted
        .map(|(one, other)| format!("src/{} <-> src/{}", tree.names[*one], tree.names[*other]))
        .collect()
}

struct Tree {
    files: BTreeMap<Module, File>,
    names: BTreeMap<Module, String>,
}

impl Tree {
    /// The files that a file imports from, without its parents and what stands below it.
    fn imports<'a>(&'a self, from: &'a Module) -> BTreeSet<(&'a Module, &'a Module)> {
        let found = self.files[from].found.iter().filter(|found| !found.in_tests);
        found
            .filter_map(|found| match &found.what {
                What::Place(place) => Some(self.declaring(place, &mut BTreeSet::new())),
                _ => None,
            })
            .filter(|to| !to.starts_with(from) && !from.starts_with(to))
            .map(|to| (from, to))
            .collect()
    }

    /// The file that declares what a path names.
    fn declaring(&self, place: &[String], seen: &mut BTreeSet<Module>) -> &Module {
        let (module, rest) = (0..=place.len())
            .rev()
            .find_map(|at| Some((self.files.get_key_value(&place[..at])?.0, &place[at..])))
            .expect("the root of the crate is a file");
        let Some(name) = rest.first() else { return module };
        let file = &self.files[module];
        if !seen.insert(place.to_vec()) || file.declared.contains(name) {
            return module;
        }
        if let Some(import) = file.imports.get(name) {
            return self.declaring(&[import, &rest[1..]].concat(), seen);
        }
        for glob in &file.globs {
            let found = self.declaring(&[glob, rest].concat(), seen);
            if self.files[found].declared.contains(name) {
                return found;
            }
        }
        module
    }
}
