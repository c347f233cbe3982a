//! `twostep pam-check`: stacks that let a user in without the second factor, and the mended lines.
//! The command changes no file and does not ask libpam.

mod files;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::cli::output::{Exit, Failure, Report};
use crate::cli::pam_check::files::Disk;
use crate::pam_stack;
use crate::pam_stack::{Fault, Line, Stacks};

/// Say which PAM stack lets a user in without pam_twostep.so, and how to mend it
///
/// All ways through the stacks that name pam_twostep.so are walked, with included files. A fault is
/// a failure that is ignored, a jump over the module, a line before it that ends the stack, the
/// wrong group, a missing module, and a file that other users can write. Nothing is changed.
/// Exit 0: no fault. 1: a fault, or no stack names the module. 2: there are no stacks.
#[derive(clap::Args)]
pub(super) struct PamCheck {
    /// Look at the stacks of the system below this folder
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,
}

/// A fault, and the stacks that have it.
struct Finding {
    services: Vec<String>,
    file: PathBuf,
    line: usize,
    what: String,
    mended: Option<String>,
}

impl PamCheck {
    pub(super) fn run(&self) -> Result<Report, Failure> {
        let unreadable = |error| {
            Failure::bad_input(format!(
                "cannot read the stacks below {}: {error}",
                self.root.display()
            ))
        };
        let root = self.root.canonicalize().map_err(unreadable)?;
        let stacks = Stacks::read(&root, &Disk).map_err(unreadable)?;
        let named = |service: &&str| stacks.lines(service).iter().any(Line::is_ours);
        let services: Vec<&str> = stacks.services().filter(named).collect();
        let mut findings = Findings::default();
        for service in &services {
            look_at(&root, &stacks, service, &mut findings);
        }
        Ok(report(&services, &findings.0))
    }
}

/// Findings, each once: several services include the same line.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, service: &str, line: &Line, what: String, mended: Option<&Line>) {
        let same = |known: &&mut Finding| {
            known.file == line.file && known.line == line.number && known.what == what
        };
        match self.0.iter_mut().find(same) {
            Some(known) if known.services.iter().any(|known| known == service) => {}
            Some(known) => known.services.push(service.to_owned()),
            None => self.0.push(Finding {
                services: vec![service.to_owned()],
                file: line.file.clone(),
                line: line.number,
                what,
                mended: mended.map(Line::to_text),
            }),
        }
    }
}

fn look_at(root: &Path, stacks: &Stacks, service: &str, findings: &mut Findings) {
    let lines = stacks.lines(service);
    for line in lines.iter().filter(|line| line.is_ours()) {
        for (what, mended) in faults_of_ours(root, line) {
            findings.add(service, line, what, mended.as_ref());
        }
    }
    let steps = stacks.steps(service);
    for step in steps.iter().filter(|step| step.control.is_none() && !step.begins_substack) {
        let what = if step.line.includes() {
            "the included file is not there"
        } else {
            "libpam cannot read this line"
        };
        findings.add(service, &step.line, format!("{what}: no user comes in"), None);
    }
    if steps.iter().any(|step| step.line.is_ours()) {
        let faults = pam_stack::unreachable(&steps).into_iter().chain(pam_stack::leaks(steps));
        for Fault { line, what, mended } in faults {
            findings.add(service, &line, what, mended.as_ref());
        }
    }
    let files: BTreeSet<&Path> = lines.iter().map(|line| line.file.as_path()).collect();
    for line in files.iter().filter_map(|file| lines.iter().find(|line| line.file == **file)) {
        if let Some(open) = files::writable(root, &line.file) {
            let what = "the stack can be changed: users other than root can write";
            findings.add(service, line, format!("{what} {}", open.display()), None);
        }
    }
}

/// The faults of a line that names the module, each with the mended line.
fn faults_of_ours(root: &Path, line: &Line) -> Vec<(String, Option<Line>)> {
    let mut faults = Vec::new();
    if line.group != "auth" {
        let (group, control) = ("auth".to_owned(), "required".to_owned());
        let what = format!("in the group {} the module verifies no user, and fails", line.group);
        faults.push((what, Some(Line { group, control, ..line.clone() })));
    }
    if line.quiet {
        let what = "if the module is missing, the log stays empty".to_owned();
        faults.push((what, Some(Line { quiet: false, ..line.clone() })));
    }
    match files::module(root, &line.target) {
        None => {
            faults.push((format!("there is no {}: libpam lets this line fail", line.target), None));
        }
        Some(file) => {
            if let Some(open) = files::writable(root, &file) {
                let what = "the module can be replaced: users other than root can write";
                faults.push((format!("{what} {}", open.display()), None));
            }
        }
    }
    let socket = line.arguments.iter().find_map(|argument| argument.strip_prefix("socket=/"));
    let open = socket.and_then(|socket| files::writable(root, root.join(socket).parent()?));
    if let Some(open) = open {
        let what = "users other than root can answer in the agent's place: they can write";
        faults.push((format!("{what} {}", open.display()), None));
    }
    faults
}

fn report(services: &[&str], findings: &[Finding]) -> Report {
    let document = json!({
        "ok": findings.is_empty() && !services.is_empty(),
        "services": services,
        "findings": findings.iter().map(Finding::to_json).collect::<Vec<Value>>(),
    });
    if services.is_empty() {
        let text = "No stack names pam_twostep.so: no user is asked for a second factor.";
        return Report::new(document, text).exit(Exit::Refused);
    }
    if findings.is_empty() {
        return Report::new(
            document,
            format!("No user comes in without pam_twostep.so: {}.", services.join(", ")),
        );
    }
    let text: Vec<String> = findings.iter().map(Finding::to_text).collect();
    Report::new(document, text.join("\n")).exit(Exit::Refused)
}

impl Finding {
    fn to_json(&self) -> Value {
        let Finding { services, file, line, what, mended } = self;
        let file = file.display().to_string();
        json!({
            "services": services, "file": file, "line": line, "what": what, "mended": mended,
        })
    }

    fn to_text(&self) -> String {
        let mended = self.mended.as_ref().map_or(String::new(), |line| format!("\n  -> {line}"));
        format!("{}:{}: {}{mended}", self.file.display(), self.line, self.what)
    }
}
