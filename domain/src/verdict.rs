//! The judgement on one run: valid, suspect or invalid, each with machine-readable reasons and the number behind them.
//! Who judges: crate `analysis`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Tier;

/// The judgement on one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    pub level: VerdictLevel,
    /// How thoroughly was measured what is judged here.
    #[serde(default)]
    pub tier: Tier,
    /// Empty if and only if the run is valid.
    pub reasons: Vec<Reason>,
}

impl Verdict {
    /// Adds reasons against the run.
    pub fn object(&mut self, reasons: impl IntoIterator<Item = Reason>) {
        for reason in reasons {
            self.level = self.level.max(reason.level);
            self.reasons.push(reason);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VerdictLevel {
    Valid,
    /// The figures may be disturbed: repeated once.
    Suspect,
    /// The figures must not be used.
    Invalid,
}

impl VerdictLevel {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

impl fmt::Display for VerdictLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One reason against a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// Machine-readable, e.g. `foreign-cpu`.
    pub code: String,
    /// For people, with the number and the threshold.
    pub message: String,
    /// What this reason alone makes of the run.
    #[serde(default = "suspect")]
    pub level: VerdictLevel,
    /// The evidence, and what it was held against, in `unit`.
    #[serde(default)]
    pub value: f64,
    #[serde(default)]
    pub threshold: f64,
    /// e.g. `queries`, `s`, `ns`, `share`, `ratio`; empty where there is nothing to count.
    #[serde(default)]
    pub unit: String,
}

/// Reasons stored before they had a level.
fn suspect() -> VerdictLevel {
    VerdictLevel::Suspect
}
