//! What the zoo can build, one a row.

use std::io::{self, Write};

use serde::Serialize;

use super::count;
use crate::output::{Answer, Table};

#[derive(Debug, Serialize)]
pub(crate) struct ArchitectureView {
    name: &'static str,
    aliases: &'static [&'static str],
    task: String,
    summary: &'static str,
    /// Number of weights, head included.
    parameters: u64,
    /// As its authors say, and where.
    published_parameters: u64,
    published_in: &'static str,
}

impl From<&zoo::Architecture> for ArchitectureView {
    fn from(architecture: &zoo::Architecture) -> Self {
        let zoo::Architecture { name, aliases, task, summary, parameters, published, .. } = *architecture;
        Self {
            name,
            aliases,
            task: task.to_string(),
            summary,
            parameters,
            published_parameters: published.parameters,
            published_in: published.source,
        }
    }
}

impl Answer for Vec<ArchitectureView> {
    const SCHEMA: &'static str = "furlong.architectures/v1";

    fn table(&self, out: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["NAME", ">PARAMETERS", "TASK", "SUMMARY"]);
        for architecture in self {
            table.row([
                architecture.name.to_owned(),
                count(architecture.parameters),
                architecture.task.clone(),
                architecture.summary.to_owned(),
            ]);
        }
        table.write(out)
    }
}
