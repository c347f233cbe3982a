//! A house for the blocks of one document: folders, a clone, a copy of the program.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::blocks::{Block, Task};
use super::root;
use crate::cli::program::TWOSTEP;

/// The place of one document's blocks.
pub(super) struct House {
    place: TempDir,
}

impl House {
    /// A house for these blocks, with these files of the repository; `start` names what is there
    /// before them.
    pub(super) fn of(blocks: &[Block], files: &str, start: &str) -> House {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        for folder in ["blocks", "person", "clone"] {
            fs::create_dir(at(folder)).unwrap();
        }
        fs::write(at("start"), start).unwrap();
        let program = at("person/program");
        // A link costs nothing, where the build is on the same file system.
        fs::hard_link(TWOSTEP, &program)
            .or_else(|_| fs::copy(TWOSTEP, &program).map(drop))
            .unwrap();
        clone(files, &at("clone"));
        let shell = blocks.iter().filter(|block| block.is_shell());
        for block in shell {
            let before = match block.task() {
                Task::Run => "",
                Task::RunBesideTheService => SERVICE,
                Task::Leave(reason) => {
                    assert!(reason.split(' ').count() > 2, "line {}: {reason}", block.line);
                    continue;
                }
            };
            let file = at(&format!("blocks/line-{:04}.sh", block.line));
            fs::write(file, [before, &block.script()].concat()).unwrap();
        }
        House { place }
    }

    /// Puts the README's service into the house.
    pub(super) fn add_service(&self, program: &Path) {
        fs::copy(program, self.place.path().join("service")).unwrap();
    }

    /// Runs the blocks.
    #[track_caller]
    pub(super) fn run(&self, document: &str) {
        let mut house = Command::new(root().join("tests/docs/house"));
        let ended = house.arg(self.place.path()).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{document}: {}\n{said}", ended.status);
    }
}

/// The files that are under version control, as they are now.
fn clone(files: &str, folder: &Path) {
    let copied = Command::new("sh")
        .args(["-euc", "git ls-files -z -- $1 | xargs -0 cp --parents -t \"$0\""])
        .arg(folder)
        .arg(files)
        .current_dir(root())
        .status()
        .unwrap();
    assert!(copied.success());
}

/// Starts the service of the README, and waits until it listens and follows the agent.
const SERVICE: &str = "setsid ../service </dev/null >../service.log 2>&1 &\n\
    for _ in $(seq 100); do curl -s -o /dev/null http://127.0.0.1:8080 && break; sleep 0.1; done\n\
    sleep 0.5\n";
