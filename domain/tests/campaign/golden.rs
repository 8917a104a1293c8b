//! The survey that the format was designed for.

use std::collections::BTreeMap;

use furlong_domain::{
    ProviderName,
    campaign::{CampaignFile, Catalog, PlanOptions},
};

use crate::fixture::{includes, model};

/// 5 models x 3 precisions x 5 devices x 4 scenarios = 300; less 20 (rpi5, fp16), 15 (rpi5, multi-stream, of which 5 are
/// gone already) and 5 (snapdragon, fp32, server); and one more.
#[test]
fn the_survey_has_266_cells_and_1330_runs() {
    let text = include_str!("../golden/survey.yaml");
    let file = CampaignFile::parse("survey.yaml", text, &includes()).unwrap_or_else(|error| panic!("{error}"));
    let models = file.model_names();
    let models = models.iter().map(|name| model(name, Some("fp32"), true, &["fp16", "int8"])).collect();
    let catalog = Catalog { models, ..Catalog::default() };
    let plan = file.plan(&catalog, &PlanOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!((plan.product, plan.cells.len(), plan.runs().len(), plan.seed), (300, 266, 1330, Some(7)));
    let rules: Vec<(&str, usize)> = plan.rules.iter().map(|rule| (rule.rule.as_str(), rule.cells)).collect();
    let expected = [
        ("exclude 1", 20),
        ("exclude 2", 10),
        ("exclude 3", 5),
        ("overlay 1", 60),
        ("overlay 2", 65),
        ("overlay 3", 60),
        ("extra", 1),
    ];
    assert_eq!(rules, expected);
    let scenarios = plan.cells.iter().fold(BTreeMap::<&str, usize>::new(), |mut counts, cell| {
        *counts.entry(cell.spec.scenario.name()).or_default() += 1;
        counts
    });
    assert_eq!(scenarios, [("multi-stream", 60), ("offline", 71), ("server", 65), ("single-stream", 70)].into());
    let orin = plan.cells.iter().find(|cell| cell.device.to_string() == "orin-nano-8g").expect("a cell");
    assert_eq!(orin.spec.fallback, [ProviderName::parse("cuda").expect("known")]);
    assert_eq!(orin.spec.power_mode.as_deref(), Some("15W"));
    assert_eq!(orin.spec.power.as_ref().expect("stated").source, "auto", "the file itself takes precedence");
    assert_eq!(plan.cells[265].tag.as_deref(), Some("big-batch"));
}
