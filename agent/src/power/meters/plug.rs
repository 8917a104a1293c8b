//! Smart plugs: one small GET a second over plain HTTP, as a plug in a laboratory's network answers it, from a thread of its
//! own. What the answer means is each maker's file.
//!
//! For a cross-check rather than for small differences: a plug's steps are 0.1 to 1 W.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use domain::{Rail, RailKind, Scope};

use super::super::{Absent, Fault, Probed, Reading, SourceInfo};
use super::feed::{Fed, Feed};
use crate::stopwatch;

/// Plugs measure once a second.
const POLL: Duration = Duration::from_secs(1);
/// A plug that takes longer has lost its network.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest status of a Shelly is about 4 KiB.
const ANSWER_LIMIT_BYTES: u64 = 64 * 1024;
/// A socket's 16 A at 250 V.
const GREATEST_W: f64 = 4_000.0;
/// An answer that repeats itself this long is stale, if its counter had to move meanwhile ..
const STALE_NS: i64 = 3_000_000_000;
/// .. and this long if it has no counter: twenty polls.
const STUCK_NS: i64 = 20_000_000_000;

/// What plugs of one maker have in common.
#[derive(Debug)]
pub(super) struct Maker {
    pub(super) name: &'static str,
    /// What is asked for.
    pub(super) path: &'static str,
    /// Smallest step of power, and of the counter in joules.
    pub(super) quantum_w: f64,
    pub(super) quantum_j: f64,
    pub(super) parse: fn(&serde_json::Value) -> Option<Answer>,
}

/// What a plug says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    /// As the plug gives them.
    pub(super) watts: f64,
    /// Why they are not to be believed.
    pub(super) doubt: Option<Fault>,
    /// Of its counter, where it has one.
    pub(super) joules: Option<f64>,
    /// Everything else it measured: two answers in which all of this is the same were measured once.
    pub(super) measured: Vec<Option<f64>>,
}

impl Answer {
    fn watts(&self) -> Result<f64, Fault> {
        self.doubt.map_or_else(|| super::value::watts(self.watts, Some(GREATEST_W)), Err)
    }
}

/// Reaches the plug and asks it once.
pub(super) fn open(maker: &'static Maker, base: &str, scope: Scope) -> Probed {
    let line = Line::new(maker, base);
    let absent = |reason: String, hint: &str| Absent { source: maker.name, reason, hint: Some(hint.to_owned()) };
    let first = line.ask().map_err(|problem| match problem {
        Problem::Silent(reason) => absent(reason, "is the plug in this network, without a password?"),
        Problem::Garbled => absent(
            format!("{} is not answered as {} does it", line.url, maker.name),
            "shelly is for the second generation and later, shelly1 for the first",
        ),
    })?;
    let place = base.trim_start_matches("http://");
    let key = |what: &str| format!("{}@{place}/{what}", maker.name);
    let mut rails = vec![Rail {
        native: Some(POLL),
        quantum: Some(maker.quantum_w),
        greatest_w: Some(GREATEST_W),
        ..Rail::new(key("power"), scope, RailKind::Gauge { window: None })
    }];
    if first.joules.is_some() {
        rails.push(Rail {
            parent: Some(key("power")),
            quantum: Some(maker.quantum_j),
            ..Rail::new(key("energy"), scope, RailKind::Counter { range_j: None })
        });
    }
    let info = SourceInfo { name: maker.name.to_owned(), poll: POLL, facts: BTreeMap::new(), remote: true };
    let feed = Arc::new(Feed::default());
    let (pushed, counts) = (Arc::clone(&feed), first.joules.is_some());
    std::thread::Builder::new()
        .name(format!("furlong-{}", maker.name))
        .spawn(move || poll(&line, counts, &pushed))
        .map_err(|error| absent(format!("no thread can be started: {error}"), "is this machine out of memory?"))?;
    Ok(Box::new(Fed { info, rails, feed }))
}

fn poll(line: &Line, counts: bool, feed: &Feed) {
    let mut watch = Watch::default();
    let mut due_ns = 0;
    while feed.wait(due_ns) {
        let begin_ns = stopwatch::monotonic_ns();
        let answer = line.ask();
        let end_ns = stopwatch::monotonic_ns();
        due_ns = begin_ns + i64::try_from(POLL.as_nanos()).unwrap_or(i64::MAX);
        let (watts, joules) = match answer {
            Ok(answer) if watch.is_stale(&answer, line.maker, end_ns) => (Err(Fault::Stale), Err(Fault::Stale)),
            Ok(answer) => (answer.watts(), answer.joules.ok_or(Fault::NotANumber)),
            Err(Problem::Silent(_)) => (Err(Fault::Stale), Err(Fault::Stale)),
            Err(Problem::Garbled) => (Err(Fault::NotANumber), Err(Fault::NotANumber)),
        };
        feed.push(Reading { rail: 0, begin_ns, end_ns, value: watts });
        if counts {
            feed.push(Reading { rail: 1, begin_ns, end_ns, value: joules });
        }
    }
}

/// Since when a plug has been repeating itself.
#[derive(Debug, Default)]
struct Watch {
    last: Option<(Answer, i64)>,
}

impl Watch {
    /// A steady load is no fault: the counter says whether time passes in the plug. It had to move if the power that is
    /// claimed makes two of its steps.
    fn is_stale(&mut self, answer: &Answer, maker: &Maker, now_ns: i64) -> bool {
        let Some((_, since_ns)) = self.last.as_ref().filter(|(last, _)| last == answer) else {
            self.last = Some((answer.clone(), now_ns));
            return false;
        };
        let age_ns = now_ns - since_ns;
        #[expect(clippy::cast_precision_loss, reason = "an age in ns is exact to 104 days")]
        let claimed_j = answer.watts * age_ns as f64 / 1e9;
        match answer.joules {
            Some(_) => age_ns >= STALE_NS && claimed_j >= 2.0 * maker.quantum_j,
            None => age_ns >= STUCK_NS,
        }
    }
}

/// The way to one plug.
#[derive(Debug)]
struct Line {
    maker: &'static Maker,
    url: String,
    agent: ureq::Agent,
}

#[derive(Debug)]
enum Problem {
    /// No answer, in words.
    Silent(String),
    /// Something that is no answer of this maker's.
    Garbled,
}

impl Line {
    fn new(maker: &'static Maker, base: &str) -> Self {
        // A plug holds few connections, and its network is the laboratory's own: no pool, no proxy, nowhere else to go.
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(PATIENCE))
            .max_idle_connections(0)
            .max_redirects(0)
            .proxy(None)
            .user_agent("furlong")
            .build();
        Self { maker, url: format!("{base}{}", maker.path), agent: config.new_agent() }
    }

    fn ask(&self) -> Result<Answer, Problem> {
        let silent = |error: ureq::Error| Problem::Silent(format!("{} does not answer: {error}", self.url));
        let mut response = self.agent.get(&self.url).call().map_err(silent)?;
        let text = response.body_mut().with_config().limit(ANSWER_LIMIT_BYTES).read_to_string().map_err(silent)?;
        let value = serde_json::from_str(&text).map_err(|_not_json| Problem::Garbled)?;
        (self.maker.parse)(&value).ok_or(Problem::Garbled)
    }
}

/// A number of an answer, if there is one.
pub(super) fn number(value: &serde_json::Value, pointer: &str) -> Option<f64> {
    value.pointer(pointer)?.as_f64()
}

#[cfg(test)]
mod tests;
