//! `tminus trust`, and the question that `tminus run` asks before anything of a runbook is run or contacted.

use std::io::{self, Write as _};
use std::time::Duration;

use similar::TextDiff;

use super::arguments;
use super::context::Context;
use super::failure::{Exit, Failure, Outcome};
use super::library::Source;
use super::{library, output};
use crate::runbook::Runbook;
use crate::runtime::store::fingerprint;
use crate::runtime::trust::{Disclosure, Standing};
use crate::ui::text::visible;

/// What has to be typed. A `y` is pressed by habit; a word is read first.
const WORD: &str = "trust";

/// Unchanged lines around a change.
const CONTEXT: usize = 3;

/// After this a difference is made coarser rather than waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// `tminus trust`.
///
/// # Errors
/// When nobody agrees, the runbook has mistakes, or trust can't be kept.
pub fn trust(context: &Context, arguments: &arguments::Trust) -> Outcome {
    let source = library::find(context, &arguments.runbook)?;
    if source.is_bundled() {
        output::say(format!(
            "{} comes with tminus and needs no trust",
            source.shown
        ));
        return Ok(Exit::Ok);
    }
    refuse_standard_input(&source)?;
    let runbook = source.runbook(context)?;
    let standing = context.trust.standing(&source.name, &source.bytes)?;
    if standing == Standing::Trusted {
        output::say(format!("{} is trusted already", source.shown));
        return Ok(Exit::Ok);
    }
    show(&source, &runbook, &standing);
    if !arguments.yes {
        let hint = format!(
            "agree beforehand with `tminus trust {} --yes`",
            source.shown
        );
        agree(context, &source, &standing, hint)?;
    }
    grant(context, &source)?;
    Ok(Exit::Ok)
}

/// Makes sure that a runbook is trusted before anything of it is run or contacted: it is bundled, does nothing that
/// wants trust, was trusted as it is, `given` (`--trust`) says so, or the operator agrees now.
///
/// # Errors
/// When it isn't, and nobody agrees. Exit code 7.
pub fn require(
    context: &Context,
    source: &Source,
    runbook: &Runbook,
    given: bool,
) -> Result<(), Failure> {
    if source.is_bundled() || Disclosure::of(runbook).is_empty() {
        return Ok(());
    }
    if is_standard_input(source) {
        // Nothing can be asked on a terminal while it is taken up, and there is no path to remember.
        return if given {
            Ok(())
        } else {
            refuse_standard_input(source)
        };
    }
    let standing = context.trust.standing(&source.name, &source.bytes)?;
    if standing == Standing::Trusted {
        return Ok(());
    }
    if !given {
        let hint = format!(
            "look at it and trust it with `tminus trust {}`",
            source.shown
        );
        if context.can_ask() {
            show(source, runbook, &standing);
        }
        agree(context, source, &standing, hint)?;
    }
    grant(context, source)
}

fn is_standard_input(source: &Source) -> bool {
    source.name == "-"
}

fn refuse_standard_input(source: &Source) -> Result<(), Failure> {
    if !is_standard_input(source) {
        return Ok(());
    }
    let what = "a runbook from standard input has no path that trust could be given to";
    Err(Failure::new(Exit::ConfirmationNeeded, what)
        .hint("save it to a file, or vouch for it each time with `tminus run - --trust`"))
}

/// Shows what it does, and, nearest to the question, what is new about it.
fn show(source: &Source, runbook: &Runbook, standing: &Standing) {
    output::draw(&format!("{}\n", visible(&source.name)));
    output::draw(&Disclosure::of(runbook).to_string());
    output::draw("Not shown: scripts and programs that its commands call. Look at them too.\n");
    if let Standing::Changed { trusted } = standing {
        output::draw("\nIt was changed since it was trusted:\n");
        output::draw(&difference(trusted, &source.bytes));
    }
    output::draw(&format!("\nSHA-256 {}\n", fingerprint(&source.bytes)));
}

/// Line by line, as `diff -u` shows it, with nothing in it that steers a terminal.
fn difference(before: &[u8], now: &[u8]) -> String {
    let (before, now) = (
        String::from_utf8_lossy(before),
        String::from_utf8_lossy(now),
    );
    // Lines as editors count them: with a carriage return for a line's end too, a part of one could be hidden.
    let before: Vec<&str> = before.split_terminator('\n').collect();
    let now: Vec<&str> = now.split_terminator('\n').collect();
    let difference = TextDiff::configure()
        .timeout(PATIENCE)
        .diff_slices(&before, &now);
    let unified = difference
        .unified_diff()
        .context_radius(CONTEXT)
        .to_string();
    unified
        .split_terminator('\n')
        .map(|line| format!("{}\n", visible(line)))
        .collect()
}

fn agree(
    context: &Context,
    source: &Source,
    standing: &Standing,
    hint: String,
) -> Result<(), Failure> {
    let what = match standing {
        Standing::Changed { .. } => format!(
            "{} was changed since it was trusted; nothing of it was run or contacted",
            source.shown
        ),
        _ => format!(
            "{} isn't trusted yet; nothing of it was run or contacted",
            source.shown
        ),
    };
    if context.can_ask() {
        let question = format!("Type `{WORD}` to trust it; anything else leaves it alone: ");
        let _ = io::stderr().write_all(question.as_bytes());
        let mut answer = String::new();
        let _ = io::stdin().read_line(&mut answer);
        if answer.trim() == WORD {
            return Ok(());
        }
    }
    Err(Failure::new(Exit::ConfirmationNeeded, what).hint(hint))
}

fn grant(context: &Context, source: &Source) -> Result<(), Failure> {
    context.trust.trust(&source.name, &source.bytes)?;
    output::say(format!("{} is trusted as it is now", source.shown));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_shows_changed_lines_and_steers_nothing() {
        let shown = difference(b"a\nrun = \"one\"\nz\n", b"a\nrun = \"\x1b[2Ktwo\"\nz\n");
        assert_eq!(
            shown,
            "@@ -1,3 +1,3 @@\n a\n-run = \"one\"\n+run = \"^[[2Ktwo\"\n z\n"
        );
    }

    #[test]
    fn a_carriage_return_can_not_hide_a_change() {
        let shown = difference(b"rm x\n", b"rm /\rrm x\n");
        assert!(shown.contains("+rm /^Mrm x\n"), "{shown}");
    }
}
