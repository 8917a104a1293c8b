//! The judgement on one run.

use domain::{Reason, Verdict, VerdictLevel};

use super::field::{InvalidMessage, enumerator, finite};
use super::load::tier;
use crate::pb;

impl From<Verdict> for pb::Verdict {
    fn from(verdict: Verdict) -> Self {
        let Verdict { level, tier, reasons } = verdict;
        Self {
            level: pb::VerdictLevel::from(level).into(),
            reasons: reasons.into_iter().map(Into::into).collect(),
            tier: pb::Tier::from(tier).into(),
        }
    }
}

impl TryFrom<pb::Verdict> for Verdict {
    type Error = InvalidMessage;

    fn try_from(verdict: pb::Verdict) -> Result<Self, InvalidMessage> {
        let pb::Verdict { level: number, reasons, tier: tier_number } = verdict;
        Ok(Self {
            level: level("verdict.level", number)?,
            tier: tier("verdict.tier", tier_number)?,
            reasons: reasons.into_iter().map(Reason::try_from).collect::<Result<_, _>>()?,
        })
    }
}

impl From<Reason> for pb::VerdictReason {
    fn from(reason: Reason) -> Self {
        let Reason { code, message, level, value, threshold, unit } = reason;
        Self { code, message, level: pb::VerdictLevel::from(level).into(), value, threshold, unit }
    }
}

impl TryFrom<pb::VerdictReason> for Reason {
    type Error = InvalidMessage;

    fn try_from(reason: pb::VerdictReason) -> Result<Self, InvalidMessage> {
        let pb::VerdictReason { code, message, level: number, value, threshold, unit } = reason;
        Ok(Self {
            code,
            message,
            level: level("reason.level", number)?,
            value: finite("reason.value", value)?,
            threshold: finite("reason.threshold", threshold)?,
            unit,
        })
    }
}

impl From<VerdictLevel> for pb::VerdictLevel {
    fn from(level: VerdictLevel) -> Self {
        match level {
            VerdictLevel::Valid => Self::Valid,
            VerdictLevel::Suspect => Self::Suspect,
            VerdictLevel::Invalid => Self::Invalid,
        }
    }
}

fn level(field: &'static str, number: i32) -> Result<VerdictLevel, InvalidMessage> {
    match enumerator(field, number)? {
        pb::VerdictLevel::Valid => Ok(VerdictLevel::Valid),
        pb::VerdictLevel::Suspect => Ok(VerdictLevel::Suspect),
        pb::VerdictLevel::Invalid => Ok(VerdictLevel::Invalid),
        pb::VerdictLevel::Unspecified => Err(InvalidMessage::Missing(field)),
    }
}
