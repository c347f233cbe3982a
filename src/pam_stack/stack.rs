//! The stacks of a system, with their included files.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::pam_stack::control::Control;
use crate::pam_stack::line::Line;

/// The configuration of libpam below a root.
#[derive(Debug)]
pub struct Stacks {
    root: PathBuf,
    files: BTreeMap<PathBuf, Vec<Line>>,
    services: BTreeMap<String, Vec<Line>>,
}

/// The files of a system.
pub trait Source {
    /// The files in a folder.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`]: there is no such folder. Any other: it cannot be read.
    fn files(&self, folder: &Path) -> io::Result<Vec<PathBuf>>;

    /// The text of a file.
    ///
    /// # Errors
    /// The file cannot be read.
    fn read(&self, file: &Path) -> io::Result<String>;
}

/// A line in its place, as libpam comes to it.
#[derive(Clone, Debug)]
pub struct Step {
    /// The line.
    pub line: Line,
    /// The control; none where libpam cannot read it, or the included file: the step fails then.
    pub control: Option<Control>,
    /// The number of substacks around it.
    pub level: usize,
    /// A substack begins here.
    pub begins_substack: bool,
}

impl Stacks {
    /// Reads `/etc/pam.d`, or `/etc/pam.conf` where there is no such folder (pam.conf(5)), below a
    /// root.
    ///
    /// # Errors
    /// Errors of the source; a missing included file is not an error.
    pub fn read(root: &Path, source: &impl Source) -> io::Result<Stacks> {
        let mut stacks =
            Stacks { root: root.to_owned(), files: BTreeMap::new(), services: BTreeMap::new() };
        match source.files(&root.join("etc/pam.d")) {
            Ok(paths) => stacks.read_services(paths, source)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let path = root.join("etc/pam.conf");
                for (service, line) in Line::parse(&path, &source.read(&path)?, true) {
                    stacks.services.entry(service.unwrap_or_default()).or_default().push(line);
                }
            }
            Err(error) => return Err(error),
        }
        // Included files may lie elsewhere.
        let services = stacks.services.values().flatten();
        let mut wanted: Vec<PathBuf> = services.filter_map(|line| stacks.included(line)).collect();
        while let Some(path) = wanted.pop() {
            if !stacks.files.contains_key(&path)
                && let Ok(lines) = stacks.file(&path, source)
            {
                wanted.extend(lines.iter().filter_map(|line| stacks.included(line)));
            }
        }
        Ok(stacks)
    }

    fn read_services(&mut self, paths: Vec<PathBuf>, source: &impl Source) -> io::Result<()> {
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            if let Some(name) = name {
                let lines = self.file(&path, source)?;
                self.services.insert(name, lines);
            }
        }
        // An included file is no service by itself; its lines are looked at where it is included.
        let all = self.services.values().flatten();
        let included: BTreeSet<String> =
            all.filter(|line| line.includes()).map(|line| line.target.clone()).collect();
        self.services.retain(|name, _| !included.contains(name));
        Ok(())
    }

    /// The names of the services.
    pub fn services(&self) -> impl Iterator<Item = &str> {
        self.services.keys().map(String::as_str)
    }

    /// All lines of the service, in all groups, with the included ones.
    pub fn lines(&self, service: &str) -> Vec<Line> {
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
    pub fn steps(&self, service: &str) -> Vec<Step> {
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

    fn file(&mut self, path: &Path, source: &impl Source) -> io::Result<Vec<Line>> {
        let text = source.read(path)?;
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
