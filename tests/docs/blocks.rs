//! Fenced blocks of Markdown, with the comment before each.

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block {
    /// The word after the fence.
    pub(super) language: String,
    pub(super) text: String,
    /// The line of its fence, from 1.
    pub(super) line: usize,
    /// The comment on the line before.
    mark: Option<String>,
}

/// The use of a block of shell commands.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Task<'b> {
    Run,
    /// Run beside the README's service.
    RunBesideTheService,
    /// Not run, for this reason.
    Leave(&'b str),
}

impl Block {
    pub(super) fn is_shell(&self) -> bool {
        ["sh", "bash", "shell", "console"].contains(&self.language.as_str())
    }

    pub(super) fn task(&self) -> Task<'_> {
        match self.mark.as_deref().and_then(|mark| mark.split_once(": ")) {
            Some(("not run", reason)) => Task::Leave(reason),
            Some(("run", "service")) => Task::RunBesideTheService,
            _ => Task::Run,
        }
    }

    /// The commands, where a comment behind `curl` names the status that is answered.
    pub(super) fn script(&self) -> String {
        self.text.lines().map(checked).collect()
    }
}

fn checked(line: &str) -> String {
    let Some((command, status)) = line.rsplit_once('#').filter(|_| line.starts_with("curl "))
    else {
        return format!("{line}\n");
    };
    let status = status.trim();
    assert!(status.parse::<u16>().is_ok(), "not a status: {line}");
    format!(
        "said=$({})\necho \"$said\"\ngrep -q '^HTTP/1.1 {status} ' <<<\"$said\"\n",
        command.trim()
    )
}

/// All fenced blocks of a document.
pub(super) fn blocks(document: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut open, mut before) = (None::<Block>, "");
    for (number, line) in document.lines().enumerate() {
        match (line.strip_prefix("```"), open.take()) {
            (Some(""), Some(block)) => blocks.push(block),
            (Some(info), None) => {
                let language = info.split([',', ' ']).next().unwrap_or_default().to_owned();
                let mark = before.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
                let mark = mark.map(str::to_owned);
                open = Some(Block { language, text: String::new(), line: number + 1, mark });
            }
            (_, Some(mut block)) => {
                block.text += &format!("{line}\n");
                open = Some(block);
            }
            (None, None) => {}
        }
        before = line;
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    blocks
}

#[test]
fn blocks_are_run_unless_a_reason_is_given() {
    let found = blocks(
        "<!-- not run: needs a key -->\n```sh\na\n```\n\n```sh\ncurl -i x # 401\nb\n```\n\
         <!-- run: service -->\n```bash\nc\n```\n```toml\nd = 1\n```\n",
    );
    let tasks: Vec<Task<'_>> = found.iter().map(Block::task).collect();
    assert_eq!(
        tasks,
        [Task::Leave("needs a key"), Task::Run, Task::RunBesideTheService, Task::Run]
    );
    assert_eq!(found.iter().filter(|block| block.is_shell()).count(), 3);
    assert!(found[1].script().contains("grep -q '^HTTP/1.1 401 '"), "{}", found[1].script());
    assert!(found[1].script().ends_with("\nb\n"));
}
