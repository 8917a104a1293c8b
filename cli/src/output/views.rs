//! What the commands answer, built from the wire's messages: each type is both the JSON form and the table.

mod accuracy;
mod artifact;
mod campaign;
mod cell;
mod device;
mod figures;
mod model;
mod plan;
mod reference;
mod run;

pub(crate) use accuracy::{AccuracyView, RecordView};
pub(crate) use artifact::{ArtifactView, CollectedView, VerifiedArtifactView};
pub(crate) use campaign::CampaignView;
pub(crate) use cell::CellView;
pub(crate) use device::DeviceView;
pub(crate) use figures::Figures;
pub(crate) use model::{ArchitectureView, ModelDetailView, ModelView, VerifiedFileView, count};
pub(crate) use plan::{Absent, Known, PlanView, ResolvedCellView};
pub(crate) use reference::ReferenceView;
pub(crate) use run::RunView;

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
