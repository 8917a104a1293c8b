//! What a campaign asks for and this version does not act upon: said aloud, so that nobody takes its absence for a result.

use super::PlannedCell;
use crate::{Gate, Notify};

pub(super) fn notes(cells: &[PlannedCell], gates: &[Gate], notify: &[Notify]) -> Vec<String> {
    let any = |asks: fn(&PlannedCell) -> bool| cells.iter().any(asks);
    [
        (
            any(|cell| cell.spec.accuracy.as_ref().is_some_and(|rule| rule.evaluation.is_none())),
            "`accuracy` is not measured for cells without a data set, and is not applicable to models with random weights",
        ),
        (!gates.is_empty(), "`gates` are recorded with the campaign, but this version judges none"),
        (!notify.is_empty(), "`notify` is recorded with the campaign, but this version tells nobody"),
    ]
    .into_iter()
    .filter(|(asked, _)| *asked)
    .map(|(_, note)| note.to_owned())
    .collect()
}
