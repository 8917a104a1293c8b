//! What a campaign's results must hold for it to pass, and who is told. Judges nothing itself.

use serde::{Deserialize, Serialize};

/// One condition on a metric of every cell.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// e.g. `latency.p99`.
    pub metric: String,
    /// What it is compared with, e.g. `last(main)`; `None` = `min` and `max` alone.
    pub baseline: Option<String>,
    /// Parts per million of the baseline.
    pub max_regression_millionths: Option<u32>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub on_inconclusive: OnInconclusive,
}

/// What becomes of a gate that can't be decided.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnInconclusive {
    Pass,
    #[default]
    Warn,
    Fail,
}

impl OnInconclusive {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// Whom to tell of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notify {
    pub channel: Channel,
    /// A channel's name, an address, or a URL, as the channel needs it.
    pub target: String,
    pub on: Vec<Occasion>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channel {
    Slack,
    Webhook,
    Email,
}

impl Channel {
    pub const ALL: [Self; 3] = [Self::Slack, Self::Webhook, Self::Email];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Slack => "slack",
            Self::Webhook => "webhook",
            Self::Email => "email",
        }
    }
}

/// When somebody is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    Regression,
    Improvement,
    /// A run failed for good.
    Failed,
    /// The campaign ended.
    Done,
}

impl Occasion {
    pub const ALL: [Self; 4] = [Self::Regression, Self::Improvement, Self::Failed, Self::Done];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Regression => "regression",
            Self::Improvement => "improvement",
            Self::Failed => "failed",
            Self::Done => "done",
        }
    }
}
