//! What the commands answer, built from the wire's messages: each type is both the JSON form and the table.

mod campaign;
mod cell;
mod device;
mod model;
mod plan;
mod run;

pub(crate) use campaign::CampaignView;
pub(crate) use cell::CellView;
pub(crate) use device::DeviceView;
pub(crate) use model::ModelView;
pub(crate) use plan::{Models, PlanView};
pub(crate) use run::RunView;

use proto::pb;

/// A cell's settings in one line.
fn describe_cell(spec: &pb::CellSpec) -> String {
    let model = spec.model.as_ref().map(|model| model.name.as_str()).unwrap_or_default();
    let sequence = if spec.sequence_length > 0 { format!(" seq {}", spec.sequence_length) } else { String::new() };
    let threads = if spec.intra_threads == 1 { "thread" } else { "threads" };
    format!(
        "{model} {}/{} {} batch {}{sequence} {} {threads}",
        spec.runtime,
        spec.provider,
        scenario(spec),
        spec.batch,
        spec.intra_threads,
    )
}

fn scenario(spec: &pb::CellSpec) -> &'static str {
    match spec.scenario() {
        pb::Scenario::SingleStream => "single-stream",
        pb::Scenario::Unspecified => "unknown",
    }
}

#[cfg(test)]
fn written(answer: &impl super::Answer) -> String {
    let mut out = Vec::new();
    answer.table(&mut out).expect("a vector takes everything");
    String::from_utf8(out).expect("UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_list_names_the_next_step() {
        insta::assert_snapshot!(written(&Vec::<ModelView>::new()), @"no model yet; `furlong models add NAME FILE` makes one");
        insta::assert_snapshot!(written(&Vec::<DeviceView>::new()), @"no device yet; `furlong agent --coordinator URL` on a board makes one");
        insta::assert_snapshot!(written(&Vec::<CampaignView>::new()), @"no campaign yet; `furlong submit FILE` makes one");
    }
}
