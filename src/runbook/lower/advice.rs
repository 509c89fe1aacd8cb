//! What a sound runbook would be better without: rules that can't do what their author expects of them.
//!
//! Advice is only given when there is no mistake. A metric whose trigger is misspelt is not "used by nothing", and a
//! person who mends an error shouldn't have to tell its consequences from it.

use std::ops::Range;
use std::sync::LazyLock;
use std::time::Duration;

use regex::Regex;

use super::Lowering;
use crate::check::Limit;
use crate::runbook::diagnostic::Diagnostic;
use crate::runbook::document::{DurationText, MetricTable, ScrapeTable};
use crate::runbook::text::format_duration;
use crate::runbook::{
    Command, Home, Level, Runbook, SectionIndex, Stage, Step, Trigger, TriggerMode,
};

/// Fewer looks than this in a window make a rate of whatever happened between two of them.
const FEWEST_LOOKS: u32 = 4;

/// What a template asks to be replaced, anywhere.
static UNWRITTEN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"\[(?:Define|Insert|Fill in|Your|Specify|Replace)\b[^\]\n]*\]|\b(?:TODO|FIXME|TBD):|\bCHANGE_?ME\b|^(?:TODO|FIXME|TBD)\b",
    )
    .ok()
});

/// What a template asks to be replaced in something that is executed, contacted or read out: `<previous-tag>`.
static BLANK: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"<[A-Za-z][A-Za-z0-9]*(?:[-_ ][A-Za-z0-9]+)+>").ok());

impl Lowering<'_> {
    pub(super) fn advise(
        &mut self,
        code: &'static str,
        span: &Range<usize>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        let warning = Diagnostic::warning(code, span.clone(), message);
        self.advice.push(warning.help(help));
    }

    /// A breach that counts before it was seen twice is one sample's word.
    pub(super) fn advise_on_time(
        &mut self,
        written: Option<&DurationText>,
        sustained: Duration,
        every: Duration,
    ) {
        let Some(written) = written.filter(|_| !sustained.is_zero() && sustained < every) else {
            return;
        };
        let message = format!(
            "`for` is shorter than the {} from one sample to the next",
            format_duration(every)
        );
        let help = format!(
            "write `for = \"{}\"` or longer, so that a breach is seen more than twice",
            format_duration(every * 2)
        );
        self.advise("for-too-short", &written.0.span, message, help);
    }

    /// A rate over too few looks jumps with each of them.
    pub(super) fn advise_on_window(
        &mut self,
        table: &ScrapeTable,
        span: &Range<usize>,
        window: Duration,
        every: Duration,
    ) {
        let needed = every * FEWEST_LOOKS;
        if table.value.is_some() || window >= needed {
            return;
        }
        let place = table
            .window
            .as_ref()
            .map_or(span, |written| &written.0.span);
        let message = format!(
            "the window of {} holds fewer than {FEWEST_LOOKS} looks, one every {}",
            format_duration(window),
            format_duration(every)
        );
        let help = format!(
            "write `window = \"{}\"` or longer, or look more often",
            format_duration(needed)
        );
        self.advise("window-too-short", place, message, help);
    }

    /// A command that is usually stopped before it is done.
    pub(super) fn advise_on_timeout(
        &mut self,
        written: Option<&DurationText>,
        takes: Option<Duration>,
        timeout: Option<Duration>,
    ) {
        let (Some(written), Some(takes), Some(timeout)) = (written, takes, timeout) else {
            return;
        };
        if timeout <= takes {
            let takes = format_duration(takes);
            let message =
                format!("this command usually takes {takes}, and would be stopped before");
            let help = "`timeout` has to leave room for a slow day";
            self.advise("timeout-too-short", &written.0.span, message, help);
        }
    }

    /// Half as much again of nearly nothing is still nearly nothing.
    pub(super) fn advise_on_floor(&mut self, table: &MetricTable, limits: &[Option<Limit>; 3]) {
        if table.floor.is_some() {
            return;
        }
        let written = [&table.warn, &table.fail];
        for (limit, written) in limits.iter().zip(written) {
            if let (Some(true), Some(written)) = (limit.map(|limit| limit.relative), written) {
                let message = "this relative limit has no floor: after a quiet hour little is needed to breach it";
                let help = "add `floor = \"> …\"`: the value that a breach has to pass as well";
                self.advise("no-floor", &written.0.span, message, help);
            }
        }
    }
}

/// Advice on how the parts of a runbook fit together.
pub(super) fn on_the_whole(runbook: &Runbook, source: &str) -> Vec<Diagnostic> {
    let mut advice = super::reach::on_use(runbook);
    advice.extend(
        runbook
            .triggers
            .iter()
            .filter_map(|trigger| never_armed(runbook, trigger)),
    );
    advice.extend(
        runbook
            .triggers
            .iter()
            .filter_map(|trigger| leads_nowhere(runbook, trigger)),
    );
    advice.extend(empty_rollbacks(runbook));
    advice.extend(unreachable_points(runbook));
    advice.extend(placeholders(runbook, source));
    advice
}

fn never_armed(runbook: &Runbook, trigger: &Trigger) -> Option<Diagnostic> {
    let has_phase = |stage: &Stage| runbook.phases.iter().any(|phase| phase.stage == *stage);
    if runbook.phases.is_empty() || trigger.armed.iter().any(has_phase) {
        return None;
    }
    let stages: Vec<&str> = trigger.armed.iter().map(|stage| stage.name()).collect();
    let message = format!(
        "this trigger is never armed: no phase has the stage {}",
        stages.join(" or ")
    );
    let help = "write `armed = [\"…\"]` with the stages of phases that there are";
    Some(Diagnostic::warning("never-armed", trigger.span.clone(), message).help(help))
}

fn leads_nowhere(runbook: &Runbook, trigger: &Trigger) -> Option<Diagnostic> {
    let asks = trigger.mode != TriggerMode::Advise;
    // Where there is no way back at all, that is what is said.
    let lacks = trigger.rollbacks.is_empty() && !runbook.rollbacks.is_empty();
    (asks && lacks).then(|| {
        let message = "this trigger asks for a decision and suggests no rollback";
        let help = "add `rollback = \"…\"`; or `mode = \"advise\"` if there is nothing to decide";
        Diagnostic::warning("no-suggestion", trigger.span.clone(), message).help(help)
    })
}

fn empty_rollbacks(runbook: &Runbook) -> impl Iterator<Item = Diagnostic> {
    let empty = runbook
        .rollbacks
        .iter()
        .filter(|rollback| rollback.steps.is_empty());
    empty.map(|rollback| {
        let message = "this rollback has no steps: starting it does nothing";
        Diagnostic::warning("empty-rollback", rollback.span.clone(), message)
            .help("add the steps that go back")
    })
}

/// Points of no return that can never be passed: each asks for a GO, and no poll before it could give one.
fn unreachable_points(runbook: &Runbook) -> impl Iterator<Item = Diagnostic> {
    let is_ponr = |command: &Command| command.level == Level::Ponr;
    let steps = runbook
        .steps
        .iter()
        .filter(move |step| step.command.as_ref().is_some_and(is_ponr));
    let unpolled = steps.filter(|step| match step.home {
        Home::Section(at) | Home::Option(at, _) => !has_poll_before(runbook, at),
        // The decision to go back stands for the poll there.
        Home::Rollback(_) | Home::Upkeep(_) => false,
    });
    unpolled.map(|step| {
        let message = "no poll comes before this point of no return: it could never be run";
        let help = "add a section with a `gate` before it, or choose another `level`";
        Diagnostic::warning("no-poll", step.span.clone(), message).help(help)
    })
}

fn has_poll_before(runbook: &Runbook, section: SectionIndex) -> bool {
    runbook
        .sections()
        .any(|(at, candidate)| at < section && candidate.gate.is_some())
}

/// What a template left to be filled in.
fn placeholders(runbook: &Runbook, source: &str) -> Vec<Diagnostic> {
    let mut search = Search {
        source,
        found: Vec::new(),
    };
    for step in &runbook.steps {
        search.step(step);
    }
    for quick in &runbook.quick_commands {
        search.command(&quick.command, 0);
    }
    for message in &runbook.messages {
        search.read_out(&message.text, 0);
    }
    for contact in &runbook.contacts {
        search.read_out(&contact.name, 0);
        search.read_out(&contact.reach, 0);
    }
    for link in &runbook.links {
        search.read_out(&link.url, 0);
    }
    for rollback in &runbook.rollbacks {
        search.shown(rollback.text.as_deref(), rollback.span.start);
    }
    for check in &runbook.checks {
        for text in check.probe.clone().texts_mut() {
            search.read_out(text, check.span.start);
        }
    }
    search.found
}

struct Search<'s> {
    source: &'s str,
    found: Vec<Diagnostic>,
}

impl Search<'_> {
    fn step(&mut self, step: &Step) {
        let start = step.span.start;
        for text in [&step.text, &step.why, &step.condition] {
            self.shown(text.as_deref(), start);
        }
        self.shown(Some(&step.title), start);
        if let Some(command) = &step.command {
            self.command(command, start);
        }
    }

    fn command(&mut self, command: &Command, start: usize) {
        self.read_out(&command.run, start);
        if let Some(undo) = &command.undo {
            self.read_out(undo, start);
        }
    }

    fn shown(&mut self, text: Option<&str>, start: usize) {
        self.look(&UNWRITTEN, text.unwrap_or_default(), start);
    }

    /// A text that is executed, contacted or said as it stands.
    fn read_out(&mut self, text: &str, start: usize) {
        self.look(&UNWRITTEN, text, start);
        self.look(&BLANK, text, start);
    }

    fn look(&mut self, pattern: &Option<Regex>, text: &str, start: usize) {
        let Some(found) = pattern.as_ref().and_then(|pattern| pattern.find(text)) else {
            return;
        };
        let place = self.place(found.as_str(), start);
        let message = format!("`{}` is still to be filled in", found.as_str());
        let help = "write what is meant; a value that differs from run to run belongs in `[vars]`";
        self.found
            .push(Diagnostic::warning("placeholder", place, message).help(help));
    }

    /// Where the text stands: at or after its table's beginning, as long as no escape hides it.
    fn place(&self, text: &str, start: usize) -> Range<usize> {
        let rest = self.source.get(start..).unwrap_or_default();
        rest.find(text).map_or(start..start, |found| {
            start + found..start + found + text.len()
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::runbook::load;

    /// A runbook of which nothing has to be said.
    const GROUND: &str = r#"format = 1
title = "Sample"
[[check]]
id = "api"
tcp = { host = "localhost", port = 80 }
[[phase]]
title = "Launch"
stage = "launch"
[[phase.section]]
title = "Deploy"
steps = [{ title = "Deploy it", check = "api" }]
[[rollback]]
id = "back"
title = "Back"
steps = ["Undo it"]
"#;

    /// Asserts that the only thing said is this, at the mark.
    #[track_caller]
    fn assert_advised(code: &str, sample: &str, message: &str) {
        let marked = format!("{GROUND}{sample}");
        let at = marked.find('▶').expect("a mark");
        let place = crate::runbook::diagnostic::line_column(&marked, at);
        let loaded = load("sample.toml", marked.replace('▶', "").as_bytes());
        let findings = loaded.findings();
        let [finding] = findings.as_slice() else {
            panic!("{code}: not one finding\n{}", loaded.render(false));
        };
        assert_eq!(
            (finding.code.as_str(), finding.message.as_str()),
            (code, message)
        );
        assert_eq!((finding.line, finding.column), place, "{code}");
        assert!(
            loaded.runbook.is_some(),
            "advice keeps nothing from running"
        );
    }

    #[track_caller]
    fn assert_sound(sample: &str) {
        let loaded = load("sample.toml", format!("{GROUND}{sample}").as_bytes());
        assert_eq!(loaded.diagnostics, [], "{}", loaded.render(false));
    }

    /// A metric that a trigger uses.
    fn metric(rest: &str) -> String {
        format!(
            "[[trigger]]\ntitle = 'T'\nwhen = 'metric m fails'\nrollback = 'back'\n[[metric]]\nid = 'm'\n{rest}"
        )
    }

    #[test]
    fn the_ground_is_sound() {
        assert_sound("");
    }

    #[test]
    fn a_breach_should_last_longer_than_from_one_sample_to_the_next() {
        let metric = |time| {
            metric(&format!(
                "command = {{ run = 'x' }}\nfail = '> 1'\nevery = '30s'\nfor = {time}"
            ))
        };
        assert_advised(
            "for-too-short",
            &metric("▶'10s'"),
            "`for` is shorter than the 30s from one sample to the next",
        );
        for time in ["'0s'", "'30s'", "'2m'"] {
            assert_sound(&metric(time));
        }
    }

    #[test]
    fn a_rate_needs_four_looks_in_its_window() {
        let scrape = |rest: &str| {
            metric(&format!(
                "scrape = {{ url = 'http://h/metrics', {rest} }}\nfail = '> 1'\nevery = '15s'"
            ))
        };
        assert_advised(
            "window-too-short",
            &scrape("rate = 'x_total', window = ▶'30s'"),
            "the window of 30s holds fewer than 4 looks, one every 15s",
        );
        assert_sound(&scrape("rate = 'x_total', window = '1m'"));
        assert_sound(&scrape("value = 'x', window = '30s'"));
        let unwritten = metric(
            "scrape = ▶{ url = 'http://h/metrics', rate = 'x_total' }\nfail = '> 1'\nevery = '1m'",
        );
        assert_advised(
            "window-too-short",
            &unwritten,
            "the window of 1m holds fewer than 4 looks, one every 1m",
        );
    }

    #[test]
    fn a_relative_limit_wants_a_floor() {
        let metric = |fail: &str| {
            metric(&format!(
                "command = {{ run = 'x' }}\nbaseline = '15m'\nfail = {fail}"
            ))
        };
        assert_advised(
            "no-floor",
            &metric("▶'> 1.5 * baseline'"),
            "this relative limit has no floor: after a quiet hour little is needed to breach it",
        );
        assert_sound(&metric("'> 1.5 * baseline'\nfloor = '> 200'"));
        assert_sound(&metric("'> 200'"));
    }

    #[test]
    fn a_share_never_gets_beyond_the_whole() {
        let share = |over: &str, rest: &str| {
            metric(&format!(
                "scrape = {{ url = 'http://h/metrics', ratio = 'r_total{{code=~\"5..\"}}', over = '{over}'{rest} }}\n"
            ))
        };
        assert_advised(
            "limit-out-of-reach",
            &(share("r_total", "") + "fail = ▶'> 5'"),
            "this is never reached: a part of `r_total` over all of it is at most 1",
        );
        assert_advised(
            "limit-out-of-reach",
            &(share("r_total", ", scale = 100") + "fail = ▶'> 100'"),
            "this is never reached: a part of `r_total` over all of it is at most 100",
        );
        assert_sound(&(share("r_total", "") + "fail = '> 0.05'"));
        assert_sound(&(share("r_total", ", scale = 100") + "fail = '>= 100'"));
        assert_sound(&(share("workers", "") + "fail = '> 5'"));
        assert_sound(&(share("r_total{code=\"200\"}", "") + "fail = '> 5'"));
    }

    #[test]
    fn a_metric_that_nothing_follows_from_is_named() {
        let metric = "[[metric]]\nid = 'm'\ncommand = { run = 'x' }\nfail = '> 1'\n";
        assert_advised(
            "unused-metric",
            &format!("▶{metric}"),
            "nothing follows from the metric `m`",
        );
        let verified = "[[rollback]]\ntitle = 'R'\nsteps = ['a']\nverify = 'metric m'";
        assert_sound(&format!("{metric}{verified}"));
        let proved = "[[phase]]\ntitle = 'P'\nstage = 'post-launch'\n[[phase.section]]\ntitle = 'S'\nsteps = [{ title = 'a', metric = 'm' }]";
        assert_sound(&format!("{metric}{proved}"));
    }

    #[test]
    fn a_trigger_that_is_never_armed_or_leads_nowhere_is_named() {
        let trigger = |rest: &str| format!("[[trigger]]\ntitle = 'T'\nmanual = true\n{rest}");
        assert_advised(
            "never-armed",
            &format!("▶{}", trigger("armed = 'pre-launch'\nrollback = 'back'")),
            "this trigger is never armed: no phase has the stage pre-launch",
        );
        assert_sound(&trigger(
            "armed = ['pre-launch', 'launch']\nrollback = 'back'",
        ));
        assert_advised(
            "no-suggestion",
            &format!("▶{}", trigger("")),
            "this trigger asks for a decision and suggests no rollback",
        );
        assert_sound(&trigger("mode = 'advise'"));
    }

    #[test]
    fn a_point_of_no_return_without_a_poll_before_it_is_named() {
        let step = "{ title = 'Drop it', run = 'drop', level = 'ponr' }";
        let section = |steps: &str| {
            format!(
                "[roles]\nops = 'Operations'\n[[phase]]\ntitle = 'After'\nstage = 'post-launch'\n{POLL}\n\
                 [[phase.section]]\ntitle = 'Drop'\nsteps = [{steps}]"
            )
        };
        const POLL: &str =
            "[[phase.section]]\ntitle = 'Poll'\ngate = { question = 'Go?', roles = ['ops'] }";
        assert_sound(&section(step));
        let unpolled = section(&format!("▶{step}")).replace(POLL, "");
        assert_advised(
            "no-poll",
            &unpolled,
            "no poll comes before this point of no return: it could never be run",
        );
        let too_late = format!("{unpolled}\n{POLL}");
        assert_advised(
            "no-poll",
            &too_late,
            "no poll comes before this point of no return: it could never be run",
        );
        // The decision stands for the poll on the way back.
        assert_sound(&format!("[[rollback]]\ntitle = 'R'\nsteps = [{step}]"));
    }

    #[test]
    fn a_rollback_without_steps_is_named() {
        assert_advised(
            "empty-rollback",
            "▶[[rollback]]\ntitle = 'R'\nsteps = []",
            "this rollback has no steps: starting it does nothing",
        );
    }

    #[test]
    fn what_a_template_left_open_is_named_where_it_stands() {
        let back = |rest: &str| format!("[[rollback]]\ntitle = 'R'\nsteps = [{{ {rest} }}]");
        assert_advised(
            "placeholder",
            &back("title = 'a', level = 'safe', run = 'git checkout ▶<previous-tag>'"),
            "`<previous-tag>` is still to be filled in",
        );
        assert_advised(
            "placeholder",
            &back("title = 'Tell ▶[Define who]'"),
            "`[Define who]` is still to be filled in",
        );
        assert_advised(
            "placeholder",
            "[[contact]]\nname = 'Vendor'\nreach = '▶TBD'",
            "`TBD` is still to be filled in",
        );
        for sound in [
            "title = 'No TODO is left in the code'",
            "title = 'a', level = 'safe', run = 'sort <in.txt >out.txt; test 1 -lt 2'",
            "title = 'a [optional]', why = 'replaces <b>'",
        ] {
            assert_sound(&back(sound));
        }
    }

    #[test]
    fn there_is_no_advice_beside_a_mistake() {
        let text =
            format!("{GROUND}[[metric]]\nid = 'm'\ncommand = {{ run = 'x' }}\nfail = 'much'");
        let findings = load("sample.toml", text.as_bytes()).findings();
        assert_eq!(findings.len(), 1, "{findings:?}");
    }
}
