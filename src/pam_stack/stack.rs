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
    /// Reads `/etc/pam.d`, `/usr/lib/pam.d` and the folders of vendors below a root, or
    /// `/etc/pam.conf` where there is no such folder (pam.conf(5)). A service, or an included file,
    /// is the one of the first folder that has it.
    ///
    /// # Errors
    /// Errors of the source; a missing included file is not an error.
    pub fn read(root: &Path, source: &impl Source) -> io::Result<Stacks> {
        let mut stacks =
            Stacks { root: root.to_owned(), files: BTreeMap::new(), services: BTreeMap::new() };
        let mut has_folder = false;
        for folder in FOLDERS {
            match source.files(&root.join(folder)) {
                Ok(paths) => stacks.read_services(paths, source)?,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            }
            has_folder = true;
        }
        if has_folder {
            stacks.leave_out_included();
        } else {
            let path = root.join("etc/pam.conf");
            for (service, line) in Line::parse(&path, &source.read(&path)?, true) {
                stacks.services.entry(service.unwrap_or_default()).or_default().push(line);
            }
        }
        stacks.read_included(source);
        Ok(stacks)
    }

    fn read_services(&mut self, paths: Vec<PathBuf>, source: &impl Source) -> io::Result<()> {
        for path in paths {
            let name = path.file_name().and_then(|name| name.to_str()).map(str::to_owned);
            if let Some(name) = name
                && !self.services.contains_key(&name)
            {
                let lines = self.file(&path, source)?;
                self.services.insert(name, lines);
            }
        }
        Ok(())
    }

    /// Reads the included files, which may lie elsewhere.
    fn read_included(&mut self, source: &impl Source) {
        let mut wanted: Vec<Line> = self
            .services
            .values()
            .flatten()
            .filter(|line| line.includes())
            .cloned()
            .collect();
        while let Some(line) = wanted.pop() {
            for path in self.places(&line) {
                if self.files.contains_key(&path) {
                    break;
                }
                if let Ok(lines) = self.file(&path, source) {
                    wanted.extend(lines.into_iter().filter(Line::includes));
                    break;
                }
            }
        }
    }

    fn leave_out_included(&mut self) {
        // An included file is no service by itself; its lines are looked at where it is included.
        let all = self.services.values().flatten();
        let included: BTreeSet<String> =
            all.filter(|line| line.includes()).map(|line| line.target.clone()).collect();
        self.services.retain(|name, _| !included.contains(name));
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
                if let Some(more) = self.included(&line).filter(|_| depth < DEEPEST) {
                    waiting.push((more.to_owned(), depth + 1));
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
            let included = self.included(line).filter(|_| depth < DEEPEST);
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

    /// The lines of the file that this line includes; none if it includes none, or the file is not
    /// there.
    fn included(&self, line: &Line) -> Option<&[Line]> {
        self.places(line)
            .iter()
            .find_map(|path| self.files.get(path))
            .map(Vec::as_slice)
    }

    /// The places of the file that this line includes, in the order in which libpam looks for it.
    fn places(&self, line: &Line) -> Vec<PathBuf> {
        let target = Path::new(&line.target);
        match target.strip_prefix("/") {
            _ if !line.includes() => Vec::new(),
            Ok(inside) => vec![self.root.join(inside)],
            Err(_) => FOLDERS.iter().map(|folder| self.root.join(folder).join(target)).collect(),
        }
    }
}

/// The folders of stacks, in the order in which libpam looks for a service (`_pam_open_config_file`
/// of its `pam_handlers.c`). The last two are the vendors' of distributions that name one.
const FOLDERS: [&str; 4] = ["etc/pam.d", "usr/lib/pam.d", "usr/etc/pam.d", "usr/share/pam.d"];

/// Libpam's own limit is of this size (`PAM_SUBSTACK_MAX_LEVEL`).
const DEEPEST: usize = 16;
