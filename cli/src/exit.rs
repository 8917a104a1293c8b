//! What can go wrong for a user, and the documented exit code of each.

use std::{fmt, process::ExitCode};

use tonic::{Code, Status};

/// Everything a command may end with, other than success.
#[derive(Debug)]
pub(crate) enum CliError {
    /// The campaign file, a name or an argument is wrong; the text is complete and rendered.
    Invalid(String),
    /// The campaign ended, but not every run has a result.
    RunsFailed {
        failed: u32,
        cancelled: u32,
        total: u32,
    },
    /// Everything was measured, and cells are less accurate than the campaign asks for.
    TooInaccurate {
        cells: Vec<u32>,
    },
    /// No coordinator answers.
    Unreachable {
        uri: String,
        why: String,
    },
    /// The coordinator, or its database, went away while it was asked.
    Away(String),
    /// The user pressed Ctrl-C while following a campaign.
    Interrupted {
        campaign: domain::CampaignId,
    },
    /// The user pressed Ctrl-C, and nothing goes on.
    Stopped,
    /// A measurement on this machine failed; the text is complete.
    Measuring(String),
    /// The reader of our output went away.
    OutputClosed,
    Internal(anyhow::Error),
}

impl CliError {
    /// See `furlong --help`.
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::OutputClosed => 0,
            Self::Internal(_) => 1,
            Self::Invalid(_) => 2,
            Self::RunsFailed { .. } | Self::Measuring(_) => 3,
            Self::TooInaccurate { .. } => 4,
            Self::Unreachable { .. } | Self::Away(_) => 8,
            Self::Interrupted { .. } | Self::Stopped => 130,
        })
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(text) => {
                if !text.starts_with("error: ") {
                    f.write_str("error: ")?;
                }
                f.write_str(text.trim_end())
            }
            Self::RunsFailed { failed, cancelled, total } => {
                write!(f, "error: {failed} of {total} runs failed")?;
                if *cancelled > 0 {
                    write!(f, ", {cancelled} were cancelled")?;
                }
                Ok(())
            }
            Self::TooInaccurate { cells } => {
                let cells: Vec<String> = cells.iter().map(u32::to_string).collect();
                let (noun, verb) = if cells.len() == 1 { ("cell", "has") } else { ("cells", "have") };
                write!(
                    f,
                    "error: {noun} {} {verb} less of the reference's accuracy than `min_ratio` asks for",
                    cells.join(", ")
                )
            }
            Self::Unreachable { uri, why } => write!(
                f,
                "error: no coordinator answers at {uri}: {why}\nhint: `furlong up` starts one on this machine; --coordinator URL names another"
            ),
            Self::Away(why) => write!(f, "error: the coordinator can't answer now: {why}\nhint: try again in a moment"),
            Self::Interrupted { campaign } => write!(
                f,
                "interrupted: {campaign} goes on\nhint: `furlong watch {campaign}` follows it, `furlong cancel {campaign}` ends it"
            ),
            Self::Stopped => f.write_str("interrupted"),
            Self::Measuring(text) => write!(f, "error: {}", text.trim_end()),
            Self::OutputClosed => Ok(()),
            Self::Internal(error) => {
                write!(f, "error: {error}")?;
                error.chain().skip(1).try_for_each(|cause| write!(f, "\n  because: {cause}"))
            }
        }
    }
}

impl From<Status> for CliError {
    fn from(status: Status) -> Self {
        match status.code() {
            Code::InvalidArgument
            | Code::NotFound
            | Code::AlreadyExists
            | Code::FailedPrecondition
            | Code::OutOfRange => Self::Invalid(status.message().to_owned()),
            Code::Unavailable => Self::Away(status.message().to_owned()),
            _ => Self::Internal(anyhow::anyhow!("the coordinator answered {:?}: {}", status.code(), status.message())),
        }
    }
}

impl From<anyhow::Error> for CliError {
    fn from(error: anyhow::Error) -> Self {
        match error.downcast_ref::<std::io::Error>() {
            Some(io) if io.kind() == std::io::ErrorKind::BrokenPipe => Self::OutputClosed,
            _ => Self::Internal(error),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        anyhow::Error::from(error).into()
    }
}

impl From<toolchain::ToolchainError> for CliError {
    fn from(error: toolchain::ToolchainError) -> Self {
        Self::Internal(error.into())
    }
}
