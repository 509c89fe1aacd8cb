//! What stands where nothing can be believed: why, about whom, and how many share the reason.
//!
//! When the network is away, twenty rows would say the same thing and hide the one that says another. So a reason
//! that several share is said once, loudly, with their number; who they are stands quietly below it.

use std::time::Duration;

use super::text::{filled, sample_age};
use crate::app::App;
use crate::app::live::format_reading;
use crate::check::{MetricSource, Probe, Reason, Verdict};
use crate::runbook::Proof;

/// From so many on, those that share a reason are one line though each could have its own.
const SHARED_FROM: usize = 6;

/// From so many on where there isn't a line for each.
const SHARED_FROM_IN_NEED: usize = 3;

/// Those that can't be seen for the same reason, by position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shared {
    /// The reason.
    pub reason: Reason,
    /// Positions in the runbook's list, in its order.
    pub members: Vec<usize>,
}

/// Which stand for themselves, and which share a reason; by the reason of each, `None` for what can be seen. `rows` is
/// how many lines there are.
pub fn shared(reasons: &[Option<Reason>], rows: usize) -> (Vec<usize>, Vec<Shared>) {
    let least = if reasons.len() > rows {
        SHARED_FROM_IN_NEED
    } else {
        SHARED_FROM
    };
    let mut groups: Vec<Shared> = Vec::new();
    for (position, reason) in reasons.iter().enumerate() {
        let Some(reason) = *reason else { continue };
        match groups.iter_mut().find(|group| group.reason == reason) {
            Some(group) => group.members.push(position),
            None => groups.push(Shared {
                reason,
                members: vec![position],
            }),
        }
    }
    groups.retain(|group| group.members.len() >= least);
    let alone = (0..reasons.len())
        .filter(|position| groups.iter().all(|group| !group.members.contains(position)));
    (alone.collect(), groups)
}

/// Why a proof can't be seen; `None` when it can, or when what is seen only has to be seen again to be believed.
pub fn reason(app: &App, proof: Proof) -> Option<Reason> {
    match app.live.verdict(proof, app.now) {
        Verdict::Unknown(reason) if half_seen(app, proof, reason).is_none() => Some(reason),
        _ => None,
    }
}

/// A reason in so few words that a title keeps its room beside it.
pub fn short(reason: Reason) -> &'static str {
    match reason {
        Reason::NoData | Reason::Stale | Reason::Nan => "NO DATA",
        Reason::Timeout => "timed out",
        Reason::Dns => "no address",
        Reason::Connect => "no route",
        Reason::Tls => "TLS failed",
        Reason::Auth => "not allowed",
        Reason::Parse => "unreadable",
        Reason::MissingTool => "no tool",
        Reason::Unsupported => "unsupported",
    }
}

/// A reason in words.
pub fn long(reason: Reason) -> String {
    match reason {
        Reason::NoData | Reason::Stale | Reason::Nan => short(reason).to_owned(),
        reason => reason.to_string(),
    }
}

/// What stands in place of a value that can't be believed: the reason with the age of the last look, or the answer
/// that hasn't been given often enough.
pub fn words(app: &App, proof: Proof, reason: Reason) -> String {
    in_place(app, proof, reason, &long(reason))
}

/// As [`words`], for lines that have a title to show.
pub fn short_words(app: &App, proof: Proof, reason: Reason) -> String {
    in_place(app, proof, reason, short(reason))
}

/// As [`short_words`], where the age has a column of its own.
pub fn why(app: &App, proof: Proof, reason: Reason) -> String {
    half_seen(app, proof, reason).unwrap_or_else(|| short(reason).to_owned())
}

fn in_place(app: &App, proof: Proof, reason: Reason, words: &str) -> String {
    if let Some(half) = half_seen(app, proof, reason) {
        return half;
    }
    match seen_ago(app, proof) {
        Some(time) => format!("{words} {}", sample_age(time)),
        None if reason == Reason::NoData => "not seen yet".to_owned(),
        None => words.to_owned(),
    }
}

/// `failing 1/3`, `312 no baseline`, `≥1 off scale`: there was an answer, which doesn't make a verdict yet.
fn half_seen(app: &App, proof: Proof, reason: Reason) -> Option<String> {
    match proof {
        Proof::Check(check) => streak(app, check),
        Proof::Metric(metric) if reason == Reason::NoData => {
            let state = app.live.metric(metric);
            let reading = format_reading(state.value()?, "", state.caveats());
            let lacks = if state.caveats().at_least {
                "off scale"
            } else {
                "no baseline"
            };
            Some(format!("{reading} {lacks}"))
        }
        Proof::Metric(_) => None,
    }
}

/// `failing 1/3`: the last looks point away from what is believed, and aren't enough to change it.
pub fn streak(app: &App, check: usize) -> Option<String> {
    let streak = app.live.check(check).fresh_streak(app.now)?;
    let leads_to = match streak.toward {
        Verdict::Pass => "passing",
        _ => "failing",
    };
    Some(format!("{leads_to} {}/{}", streak.count, streak.needed))
}

/// How long ago it was looked at.
pub fn seen_ago(app: &App, proof: Proof) -> Option<Duration> {
    match proof {
        Proof::Check(check) => app.live.check(check).age(app.now),
        Proof::Metric(metric) => app.live.metric(metric).age(app.now),
    }
}

/// What the last look that failed said of it, whom it was about included; `None` when it said nothing.
pub fn detail(app: &App, proof: Proof) -> Option<String> {
    reason(app, proof)?;
    let said = match proof {
        Proof::Check(check) => {
            let (judgement, _) = app.live.check(check).latest()?;
            let says_why = judgement.verdict.is_unknown();
            says_why.then(|| judgement.because.clone())
        }
        Proof::Metric(metric) => app.live.metric(metric).blind().map(|b| b.detail.clone()),
    }?;
    let whom = whom(app, proof);
    if whom.is_empty() || said.contains(&whom) {
        Some(said).filter(|said| !said.is_empty())
    } else if said.is_empty() {
        Some(whom)
    } else {
        Some(format!("{whom}: {said}"))
    }
}

/// The host, variable or file that a proof looks at; empty for commands. Of a URL only the host: the rest may hold
/// a secret.
pub fn whom(app: &App, proof: Proof) -> String {
    let runbook = app.run.runbook();
    let target = match proof {
        Proof::Check(check) => target_of_probe(&runbook.checks[check].probe),
        Proof::Metric(metric) => target_of_source(&runbook.metrics[metric].source),
    };
    host(&filled(target, &app.run.variables)).to_owned()
}

fn target_of_probe(probe: &Probe) -> &str {
    match probe {
        Probe::Http(http) => &http.url,
        Probe::Tcp { host, .. } | Probe::Tls { host, .. } => host,
        Probe::Dns { name, .. } | Probe::Env { name } => name,
        Probe::File { path } => path,
        Probe::Command { .. } => "",
        Probe::Alerts { url, .. } | Probe::Grpc { url, .. } | Probe::WebSocket { url } => url,
    }
}

fn target_of_source(source: &MetricSource) -> &str {
    match source {
        MetricSource::Prometheus { url, .. } | MetricSource::Json { url, .. } => url,
        MetricSource::Scrape(scrape) => &scrape.url,
        MetricSource::Command { .. } => "",
    }
}

/// The host of a URL, without credentials; anything else as it is.
fn host(target: &str) -> &str {
    let Some((_, rest)) = target.split_once("://") else {
        return target;
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_that_share_a_reason_are_one_line_and_few_are_not() {
        let (dns, late) = (Some(Reason::Dns), Some(Reason::Timeout));
        let reasons = [None, dns, dns, late, dns, dns];
        let (alone, groups) = shared(&reasons, 5);
        assert_eq!(alone, [0, 3]);
        assert_eq!(
            groups,
            [Shared {
                reason: Reason::Dns,
                members: vec![1, 2, 4, 5]
            }]
        );
        assert_eq!(shared(&reasons, 6).1, [], "each has a line of its own");
        assert_eq!(shared(&[dns; 6], 60).1.len(), 1, "but not so many");
    }

    #[test]
    fn of_a_url_nothing_but_the_host_is_shown() {
        assert_eq!(
            host("https://ana:pw@api.example:8443/a?token=x"),
            "api.example:8443"
        );
        assert_eq!(host("https://api.example?token=x"), "api.example");
        assert_eq!(host("db.internal"), "db.internal");
    }
}
