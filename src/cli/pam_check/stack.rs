//! Which stacks there are, and what is in them once everything is included.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::control::Control;
use super::line::Line;

/// The configuration of libpam below a root.
pub(super) struct Stacks {
    root: PathBuf,
    files: BTreeMap<PathBuf, Vec<Line>>,
    services: BTreeMap<String, Vec<Line>>,
}

/// A line in its place, as libpam comes to it.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) line: Line,
    /// None where libpam cannot read it, or what it includes: it fails then.
    pub(super) control: Option<Control>,
    /// How many substacks are around it.
    pub(super) level: usize,
    pub(super) begins_substack: bool,
}

impl Stacks {
    /// Reads `/etc/pam.d`, or `/etc/pam.conf` where there is no such folder (pam.conf(5)).
    pub(super) fn read(root: &Path) -> io::Result<Stacks> {
        let mut stacks =
            Stacks { root: root.to_owned(), files: BTreeMap::new(), services: BTreeMap::new() };
        let folder = root.join("etc/pam.d");
        match fs::read_dir(&folder) {
            Ok(entries) => {
                for entry in entries {
                    let path = entry?.path();
                    let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
                    if let Some(name) = name.filter(|_| path.is_file()) {
                        let lines = stacks.file(&path)?;
                        stacks.services.insert(name, lines);
                    }
                }
                // What is included is no service by itself; a line of its own is looked at wherever
                // it is included.
                let all = stacks.services.values().flatten();
                let included: BTreeSet<String> =
                    all.filter(|line| line.includes()).map(|line| line.target.clone()).collect();
                stacks.services.retain(|name, _| !included.contains(name));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let path = root.join("etc/pam.conf");
                let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
                for (service, line) in Line::parse(&path, &text, true) {
                    stacks.services.entry(service.unwrap_or_default()).or_default().push(line);
                }
            }
            Err(error) => return Err(error),
        }
        // Included files, which may lie elsewhere.
        let mut wanted: Vec<PathBuf> = stacks
            .services
            .values()
            .flatten()
            .filter_map(|line| stacks.included(line))
            .collect();
        while let Some(path) = wanted.pop() {
            if !stacks.files.contains_key(&path)
                && let Ok(lines) = stacks.file(&path)
            {
                wanted.extend(lines.iter().filter_map(|line| stacks.included(line)));
            }
        }
        Ok(stacks)
    }

    pub(super) fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// Every line of the service, in every group, with those that are included.
    pub(super) fn lines(&self, service: &str) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut waiting = vec![(self.services.get(service).cloned().unwrap_or_default(), 0)];
        while let Some((some, depth)) = waiting.pop() {
            for line in some {
                if let Some(more) = self
                    .included(&line)
                    .and_then(|path| self.files.get(&path))
                    .filter(|_| depth < DEEPEST)
                {
                    waiting.push((more.clone(), depth + 1));
                }
                lines.push(line);
            }
        }
        lines
    }

    /// The steps of the group `auth`.
    pub(super) fn steps(&self, service: &str) -> Vec<Step> {
        let mut steps = Vec::new();
        self.add(&mut steps, self.services.get(service).map_or(&[], Vec::as_slice), 0, 0);
        steps
    }

    fn add(&self, steps: &mut Vec<Step>, lines: &[Line], level: usize, depth: usize) {
        for line in lines.iter().filter(|line| line.group.is_empty() || line.group == "auth") {
            let step = |control, begins_substack| Step {
                line: line.clone(),
                control,
                level,
                begins_substack,
            };
            if !line.includes() {
                steps.push(step(Control::parse(&line.control), false));
                continue;
            }
            let included = self
                .included(line)
                .and_then(|path| self.files.get(&path))
                .filter(|_| depth < DEEPEST);
            match (included, line.control.eq_ignore_ascii_case("substack")) {
                (None, _) => steps.push(step(None, false)),
                (Some(lines), false) => self.add(steps, lines, level, depth + 1),
                (Some(lines), true) => {
                    steps.push(step(None, true));
                    self.add(steps, lines, level + 1, depth + 1);
                }
            }
        }
    }

    fn file(&mut self, path: &Path) -> io::Result<Vec<Line>> {
        let text = String::from_utf8_lossy(&fs::read(path)?).into_owned();
        let lines: Vec<Line> =
            Line::parse(path, &text, false).into_iter().map(|(_, line)| line).collect();
        self.files.insert(path.to_owned(), lines.clone());
        Ok(lines)
    }

    fn included(&self, line: &Line) -> Option<PathBuf> {
        let target = Path::new(&line.target);
        let inside = |path: &Path| self.root.join(path.strip_prefix("/").unwrap_or(path));
        line.includes().then(|| {
            if target.is_absolute() {
                inside(target)
            } else {
                self.root.join("etc/pam.d").join(target)
            }
        })
    }
}

/// Libpam's own limit is of this size (`PAM_SUBSTACK_MAX_LEVEL`).
const DEEPEST: usize = 16;
