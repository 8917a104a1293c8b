//! The fleet.

use domain::units;
use maud::{Markup, html};

use super::layout::{Page, device_table, heat, page, simulated};
use crate::{engine::Engine, store::StoreError};

pub(super) async fn render(engine: &Engine) -> Result<Markup, StoreError> {
    let devices = engine.devices().await?;
    let body = html! {
        (device_table(&devices))
        @for device in &devices {
            @let facts = &device.record.facts;
            section {
                h2 { (device.record.name) @if let Some(board) = &facts.simulated { " " (simulated(board)) } }
                dl {
                    dt { "Memory" } dd { (units::bytes(facts.memory_bytes)) }
                    dt { "Kernel" } dd { (facts.kernel) }
                    dt { "Instruction set" } dd { (facts.isa.join(", ")) }
                    dt { "Providers" } dd { (facts.providers.join(", ")) }
                    dt { "Power" } dd {
                        @if facts.power_sensors.is_empty() { (facts.no_power_reason.as_deref().unwrap_or("no sensor found")) }
                        @else { (facts.power_sensors.join(", ")) }
                    }
                    dt { "Heat" } dd {
                        (heat(device))
                        @if let Some((heat, _)) = device.record.heat {
                            ", " @match heat.reference_c {
                                Some(rest) => { "at rest " (units::celsius(rest)) }
                                None => "temperature of rest not learnt yet",
                            }
                        }
                    }
                    @if let Some(board) = &facts.simulated { dt { "Simulated" } dd { (board) } }
                    dt { "Agent" } dd { (device.record.agent_version) }
                }
            }
        }
    };
    Ok(page(Page { title: "Devices", refresh: false }, &body))
}
