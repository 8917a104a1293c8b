//! The agent's command line, shared by `furlong-agent` and `furlong agent`.

use std::path::PathBuf;

use clap::Args;
use tempfile::TempDir;

use crate::cache::parse_size;
use crate::config::{self, Config, MeterSpec};
use crate::simulate::{Board, BoardError, Profile};
use crate::station::{self, SensorListing, Station, StationConfig};

/// Longest device name in bytes; a directory is named after it.
const NAME_LIMIT_BYTES: usize = 63;

#[derive(Debug, Clone, Args)]
pub struct AgentArgs {
    /// Address of the coordinator, e.g. `http://127.0.0.1:7717`
    #[arg(long, value_name = "URL")]
    pub coordinator: String,
    /// Name of this device, unique in the fleet [default: the host's name]
    #[arg(long, value_parser = parse_name)]
    pub name: Option<String>,
    /// A label of this device; may be repeated
    #[arg(long = "label", value_name = "KEY=VALUE", value_parser = parse_label)]
    pub labels: Vec<(String, String)>,
    /// Furlong's data directory [default: the system's or the user's own]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// ONNX Runtime's shared library [default: the managed toolchain's]
    #[arg(long, value_name = "FILE")]
    pub onnxruntime: Option<PathBuf>,
    /// Most the cache of models may take, e.g. 20GiB [default: 20GiB, or 80 % of what is free or cached if that is less]
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    pub cache_limit: Option<u64>,
    // Not flattened: clap could not tell any more whether there are arguments of an agent at all.
    /// A meter outside of the board, e.g. `shelly=http://plug.lan` or `command=PROGRAM`; may be repeated
    #[arg(long = "power-meter", value_name = "KIND=ADDRESS")]
    pub meters: Vec<MeterSpec>,
    /// Pretend to be a board: real work on this machine, slowed down, with the sensors of a physical model
    #[arg(long, value_name = "BOARD", value_parser = crate::simulate::parse_board)]
    pub simulate: Option<String>,
    /// Let runs set what their campaign asks for (governor, power mode), and put it back after each
    #[arg(long)]
    pub pin: bool,
    /// Recorded readings of the environment in place of the machine's: for tests only, it makes verdicts worthless
    #[arg(long, value_name = "FILE", hide = true)]
    pub readings: Option<PathBuf>,
    /// A fault of runners that measure a model: for tests only
    #[arg(long = "runner-fault", value_name = "MODEL=FAULT", hide = true)]
    pub runner_faults: Vec<String>,
}

/// What an agent listens with.
#[derive(Debug, Clone, Default, Args)]
pub struct SensingArgs {
    /// A meter outside of the board, e.g. `shelly=http://plug.lan` or `command=PROGRAM`; may be repeated
    #[arg(long = "power-meter", value_name = "KIND=ADDRESS")]
    pub meters: Vec<MeterSpec>,
    /// Pretend to be a board: real work on this machine, slowed down, with the sensors of a physical model
    #[arg(long, value_name = "BOARD", value_parser = crate::simulate::parse_board)]
    pub simulate: Option<String>,
}

/// Sensors that are listened to, and the board they belong to if that is a simulated one.
#[derive(Debug)]
pub struct Sensing {
    pub station: Station,
    _board: Option<(Board, TempDir)>,
}

impl SensingArgs {
    /// Opens the sensors of this machine, or of a simulated board that lives as long as the answer.
    pub fn open(self) -> Result<Sensing, BoardError> {
        let (config, board) = self.prepare()?;
        Ok(Sensing { station: Station::open(config), _board: board })
    }

    /// As [`SensingArgs::open`], and a simulated board slows nobody down: for looking at the sensors alone.
    pub fn open_unpaced(self) -> Result<Sensing, BoardError> {
        let (mut config, board) = self.prepare()?;
        if let Some(simulated) = &mut config.simulated {
            simulated.pace = PathBuf::new();
        }
        Ok(Sensing { station: Station::open(config), _board: board })
    }

    /// Reads every sensor once. Takes a second for each source.
    pub fn list(self) -> Result<SensorListing, BoardError> {
        let (config, _board) = self.prepare()?;
        Ok(station::list(&config))
    }

    fn prepare(self) -> Result<(StationConfig, Option<(Board, TempDir)>), BoardError> {
        let Self { meters, simulate } = self;
        let start = |name: String| {
            let files = |source| BoardError::Files { directory: std::env::temp_dir(), source };
            let directory = tempfile::Builder::new().prefix("furlong-board-").tempdir().map_err(files)?;
            Ok::<_, BoardError>((Board::start(Profile::named(&name)?, directory.path())?, directory))
        };
        let board = simulate.map(start).transpose()?;
        let simulated = board.as_ref().map(|(board, _)| board.simulated());
        Ok((StationConfig { meters, simulated, ..StationConfig::local() }, board))
    }
}

/// Arguments that make no configuration.
#[derive(Debug, thiserror::Error)]
pub enum InvalidArgs {
    #[error("this machine has no usable name\nhint: name the device with --name NAME")]
    NoName,
    #[error("label `{key}` is given twice, as `{first}` and as `{second}`")]
    LabelTwice { key: String, first: String, second: String },
    #[error("cannot find the program to run as runner")]
    NoRunner(#[source] std::io::Error),
}

impl AgentArgs {
    /// The configuration these arguments mean on this machine.
    pub fn into_config(self) -> Result<Config, InvalidArgs> {
        let Self {
            coordinator,
            name,
            labels,
            data_dir,
            onnxruntime,
            cache_limit,
            meters,
            simulate,
            pin,
            readings,
            runner_faults,
        } = self;
        let host_name = || config::host_name().and_then(|name| parse_name(&name).ok());
        let name = name.or_else(host_name).ok_or(InvalidArgs::NoName)?;
        let data_dir = data_dir.unwrap_or_else(config::default_data_dir);
        let mut runner_command = config::own_runner().map_err(InvalidArgs::NoRunner)?;
        runner_command.arguments.extend(runner_faults.into_iter().flat_map(|fault| ["--fault".into(), fault.into()]));
        let mut unique = std::collections::BTreeMap::new();
        for (key, second) in labels {
            if let Some(first) = unique.insert(key.clone(), second.clone()) {
                return Err(InvalidArgs::LabelTwice { key, first, second });
            }
        }
        Ok(Config {
            coordinator,
            labels: unique,
            data_dir: config::agent_data_dir(&data_dir, &name),
            onnxruntime,
            toolchain_root: config::toolchain_root(&data_dir),
            cache_limit,
            readings,
            runner_command,
            name,
            meters,
            may_pin: pin,
            simulate,
        })
    }
}

fn parse_name(text: &str) -> Result<String, String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.is_empty() || text.len() > NAME_LIMIT_BYTES || text.starts_with('.') || !text.bytes().all(allowed) {
        return Err(format!("a name has 1 to {NAME_LIMIT_BYTES} letters, digits, `-`, `_` or `.`, and no leading dot"));
    }
    Ok(text.to_owned())
}

fn parse_label(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() && !value.is_empty() && !key.ends_with('!') && !text.contains(',') => {
            Ok((key.to_owned(), value.to_owned()))
        }
        _ => Err("a label is KEY=VALUE, without `,` and `!`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_directories() {
        assert!(parse_name("orin-nano_01.lab").is_ok());
        for bad in ["", ".", "..", ".hidden", "a/b", "a b", "é", &"x".repeat(64)] {
            assert!(parse_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn labels_are_what_selectors_can_say() {
        assert_eq!(parse_label("class=orin"), Ok(("class".to_owned(), "orin".to_owned())));
        for bad in ["class", "=x", "x=", "a!=b", "a=b,c"] {
            assert!(parse_label(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_label_given_twice_is_an_error() {
        let args = AgentArgs {
            coordinator: "http://127.0.0.1:1".to_owned(),
            name: Some("n".to_owned()),
            labels: vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())],
            data_dir: Some(PathBuf::from("d")),
            onnxruntime: None,
            cache_limit: None,
            meters: Vec::new(),
            simulate: None,
            pin: false,
            readings: None,
            runner_faults: Vec::new(),
        };
        assert!(matches!(args.into_config(), Err(InvalidArgs::LabelTwice { .. })));
    }
}
