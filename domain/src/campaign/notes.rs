//! What a campaign asks for and this version does not act upon: said aloud, so that nobody takes its absence for a result.

use super::PlannedCell;
use crate::{EnvironmentRule, Gate, Notify};

pub(super) fn notes(cells: &[PlannedCell], gates: &[Gate], notify: &[Notify]) -> Vec<String> {
    let any = |asks: fn(&PlannedCell) -> bool| cells.iter().any(asks);
    let asks_for_rest = any(|cell| {
        let EnvironmentRule { governor: _, max_start_temp_c, cooldown } = &cell.spec.environment;
        max_start_temp_c.is_some() || cooldown.is_some()
    });
    [
        (any(|cell| cell.spec.power.is_some()), "`power` is recorded with the cells, but this version measures no energy"),
        (
            any(|cell| cell.spec.accuracy.as_ref().is_some_and(|rule| rule.evaluation.is_none())),
            "`accuracy` is not measured for cells without a data set, and is not applicable to models with random weights",
        ),
        (
            asks_for_rest,
            "`environment` is recorded with the cells, but this version waits for no temperature and takes no rest between runs",
        ),
        (!gates.is_empty(), "`gates` are recorded with the campaign, but this version judges none"),
        (!notify.is_empty(), "`notify` is recorded with the campaign, but this version tells nobody"),
    ]
    .into_iter()
    .filter(|(asked, _)| *asked)
    .map(|(_, note)| note.to_owned())
    .collect()
}
