//! Furlong's nouns and rules: what a campaign, cell, run, attempt, measurement and verdict are.
//!
//! Everything here is pure: no I/O, no network, no database, no runtime. Time, randomness and ids come in as
//! arguments; [`clock`] alone holds the implementations that read the machine.

pub mod accuracy;
pub mod attempt;
pub mod campaign;
pub mod cell;
pub mod clock;
pub mod condition;
pub mod device;
pub mod energy;
pub mod environment;
pub mod failure;
pub mod gate;
pub mod id;
pub mod load;
pub mod measurement;
pub mod model;
pub mod model_card;
pub mod placement;
pub mod power;
pub mod preparation;
pub mod run;
pub mod selector;
mod spelling;
pub mod statistics;
pub mod task;
pub mod telemetry;
pub mod units;
pub mod verdict;

pub use accuracy::{
    AccuracyRecord, AccuracyRule, Evaluation, ExampleCounts, ExampleProblem, Fingerprint, Metric, OnBadExample,
    OutputCheck,
};
pub use attempt::{AttemptPhase, AttemptState, InvalidTransition};
pub use cell::{Affinity, CellSpec, FileRef, InputSource, Optimization, ProviderName, Requirement, Runtime, Settings};
pub use clock::{Clock, IdSource, RandomIds, SystemClock, Timestamp};
pub use condition::{EnvironmentRule, Regime, ThermalGate};
pub use device::{DeviceFacts, DeviceState, Heat, Labels};
pub use energy::{EnergyFigure, HeatFigure, MlperfPower, RailFigure, ThrottleVerdict};
pub use environment::{Drift, Environment, StableEnvironment, VolatileEnvironment};
pub use failure::{Failure, FailureKind};
pub use gate::{Channel, Gate, Notify, Occasion, OnInconclusive};
pub use id::{AttemptId, CampaignId, DeviceId, Digest, Fence, ResultUid, RunId};
pub use load::{MeasureRule, Percentile, Rate, Scenario, ServerLoad, StopReason, Tier, Warmup};
pub use measurement::{Measurement, Samples, Trial};
pub use model::{
    Agreement, CostFacts, Evaluable, ExpectedAccuracy, GraphFacts, KnownModel, ModelCard, ModelFile, ModelRef,
    Precision, Provenance, Recipe, Weights,
};
pub use model_card::{DeclaredCard, InvalidCard};
pub use placement::{OperatorTime, PlacedNode, Placement, ProviderShare};
pub use power::{PowerMethod, PowerRule};
pub use preparation::{
    Activation, BoxForm, BoxUnit, Categories, Colours, Detector, Head, ImagePreprocessing, Interpolation, Layout,
    Level, Pooling, Postprocessing, Preprocessing, Resize, Spans, TensorPreprocessing, TextPreprocessing,
};
pub use run::{CampaignState, Order, RunMode, RunState};
pub use selector::Selector;
pub use statistics::{Estimate, LatencySummary, Segment, Statistics, SteadyClass, SteadyState};
pub use task::{Takes, Task, UnknownTask};
pub use telemetry::{
    Cooldown, CooldownOutcome, Pin, PowerRecord, Quantity, Rail, RailKind, Scope, Series, Telemetry, ThrottleCause,
    ThrottleSignal, Window, Windows,
};
pub use verdict::{Reason, Verdict, VerdictLevel};
