//! A campaign file of any bytes is read and planned without a panic.
#![no_main]

use furlong_domain::campaign::{CampaignFile, Catalog, Includes, PlanOptions, includes};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let _paths = includes(text);
    if let Ok(file) = CampaignFile::parse("fuzz.yaml", text, &Includes::new()) {
        let catalog = Catalog::default();
        let _missing = file.missing(&catalog);
        let _plan = file.plan(&catalog, &PlanOptions::default());
    }
});
