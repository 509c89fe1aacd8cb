//! Fenced code: what is a command, what is configuration, and how a block of commands is taken apart.

/// What a block of code is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// Shell text to run.
    Command(String),
    /// Something to read.
    Text,
    /// Another checklist.
    Markdown,
}

/// Part of a block: a title, if a comment gives one, and what to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) title: Option<String>,
    pub(super) run: String,
}

/// Says what a block is good for by its language and its content.
pub(super) fn classify(language: &str, body: &str) -> Use {
    match language {
        "markdown" | "md" | "mdx" | "gfm" => Use::Markdown,
        "bash" | "sh" | "shell" | "zsh" | "ksh" | "dash" => command(body),
        "console" | "shell-session" | "shellsession" | "sh-session" | "terminal"
        | "bash-session" => command(body),
        "" if body.lines().any(|line| line.starts_with("$ ")) => command(body),
        _ => Use::Text,
    }
}

fn command(body: &str) -> Use {
    let typed = without_prompts(body);
    let lines = || typed.lines().map(str::trim).filter(|line| !is_remark(line));
    if lines().next().is_none() || lines().all(is_setting) {
        Use::Text
    } else {
        Use::Command(typed.trim_matches('\n').trim_end().to_owned())
    }
}

fn is_remark(line: &str) -> bool {
    line.is_empty() || (line.starts_with('#') && !line.starts_with("#!"))
}

/// `NAME=value` alone on a line is configuration, not something to run.
fn is_setting(line: &str) -> bool {
    let Some((name, value)) = line.split_once('=') else {
        return false;
    };
    let named = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    // `NAME=value command` runs something; so may `NAME=$(…)`.
    let words = value.split_whitespace().take(2).count();
    let quoted = value.starts_with(['"', '\'', '<']);
    named && (words < 2 || quoted) && !value.contains("$(") && !value.contains('`')
}

/// The lines behind `$ ` prompts, where there are any; what else stands there is output.
fn without_prompts(body: &str) -> String {
    if !body.lines().any(|line| line.starts_with("$ ")) {
        return body.to_owned();
    }
    let mut result = String::new();
    let mut goes_on = false;
    for line in body.lines() {
        let prompted = line.strip_prefix("$ ");
        let typed = match prompted {
            Some(typed) => typed,
            None if goes_on => line.strip_prefix("> ").unwrap_or(line),
            None => continue,
        };
        result.push_str(typed);
        result.push('\n');
        goes_on = typed.ends_with('\\');
    }
    result
}

/// Takes a block apart where comments head its paragraphs, if the parts can stand alone.
pub(super) fn pieces(run: &str) -> Vec<Piece> {
    let parts: Vec<Piece> = paragraphs(run).iter().map(|part| piece(part)).collect();
    let headed = parts
        .iter()
        .all(|part| part.title.is_some() && !part.run.is_empty());
    if parts.len() > 1 && headed && parts.iter().all(|part| stands_alone(&part.run)) {
        return parts;
    }
    let whole = piece(run);
    // With several comments none of them is the title of it all.
    let one_comment = run.lines().filter(|line| is_comment(line)).count() == 1;
    vec![Piece {
        title: whole.title.filter(|_| one_comment),
        run: run.to_owned(),
    }]
}

fn is_comment(line: &str) -> bool {
    line.starts_with('#') && !line.starts_with("#!")
}

/// Stretches between blank lines.
fn paragraphs(run: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for line in run.lines() {
        match parts.last_mut() {
            _ if line.trim().is_empty() => parts.push(String::new()),
            Some(part) => {
                part.push_str(line);
                part.push('\n');
            }
            None => {}
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn piece(part: &str) -> Piece {
    let (first, rest) = part.split_once('\n').unwrap_or((part, ""));
    let comment = first.strip_prefix('#').filter(|_| is_comment(first));
    let title = comment.map(|words| without_number(words.trim_start_matches('#').trim()));
    match title {
        Some(title) if !title.is_empty() => Piece {
            title: Some(title.to_owned()),
            run: rest.trim_end().to_owned(),
        },
        _ => Piece {
            title: None,
            run: part.trim_end().to_owned(),
        },
    }
}

/// A text without the number in front of it: `1. Stop` is `Stop`.
pub(super) fn without_number(text: &str) -> &str {
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = digits.len() < text.len() && text.len() - digits.len() <= 3;
    match digits.strip_prefix(['.', ')', ':']) {
        Some(rest) if numbered && rest.starts_with(' ') => rest.trim_start(),
        _ => text,
    }
}

/// Whether a part leaves nothing behind that a later part could need, and needs nothing that is open.
fn stands_alone(run: &str) -> bool {
    const STATEFUL: [&str; 22] = [
        "cd", "export", "set", "source", ".", "if", "then", "else", "fi", "for", "while", "until",
        "do", "done", "case", "esac", "trap", "function", "alias", "pushd", "unset", "read",
    ];
    let stateful = |line: &str| {
        let first = line.split_whitespace().next().unwrap_or_default();
        STATEFUL.contains(&first.trim_end_matches(';'))
            || is_setting(line.trim())
            || first.contains("()")
    };
    let whole = !run.contains("<<") && run.matches('\'').count().is_multiple_of(2);
    whole
        && run.matches('"').count().is_multiple_of(2)
        && !run.trim_end().ends_with(['\\', '|', '{', '('])
        && !run.lines().any(stateful)
        && !run.lines().any(|line| line.starts_with(['}', ')']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_in_a_shell_fence_are_no_commands() {
        assert_eq!(
            classify("bash", "# best\nMODEL=a-b\n\nKEY=<your key>\n"),
            Use::Text
        );
        assert_eq!(
            classify("bash", "X=1 make\n"),
            Use::Command("X=1 make".to_owned())
        );
        assert_eq!(classify("yaml", "a: b\n"), Use::Text);
        assert_eq!(classify("bash", "# nothing\n"), Use::Text);
    }

    #[test]
    fn prompts_and_output_are_left_out() {
        assert_eq!(
            classify("console", "$ ls \\\n> -l\ntotal 0\n$ pwd\n"),
            Use::Command("ls \\\n-l\npwd".to_owned())
        );
    }

    #[test]
    fn commented_paragraphs_become_pieces() {
        let run = "# 1. Stop\ndocker down\n\n# 2. Start\ndocker build .\ndocker up";
        let titles: Vec<_> = pieces(run).into_iter().map(|piece| piece.title).collect();
        assert_eq!(titles, [Some("Stop".to_owned()), Some("Start".to_owned())]);
    }

    #[test]
    fn a_block_whose_parts_need_each_other_stays_whole() {
        for run in [
            "# a\ncd x\n\n# b\nls",
            "# a\nX=1\n\n# b\necho $X",
            "# a\nif true; then\n\n# b\nls\nfi",
            "# a\ncat <<E\n\n# b\nls\nE",
            "echo a\n\n# b\nls",
        ] {
            assert_eq!(pieces(run).len(), 1, "{run}");
            assert_eq!(pieces(run)[0].run, run);
        }
    }

    #[test]
    fn numbers_come_off() {
        assert_eq!(without_number("12. Title"), "Title");
        assert_eq!(without_number("3) Title"), "Title");
        assert_eq!(without_number("1.2 Title"), "1.2 Title");
        assert_eq!(without_number("2024"), "2024");
    }
}
