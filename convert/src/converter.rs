//! Converts and compares: one Python process for each job, in the managed environment.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use domain::Digest;
use domain::model::Provenance;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::agreement::{Agreement, Inputs};
use crate::answer::{self, ConvertedAnswer};
use crate::environment::Environment;
use crate::error::ConvertError;
use crate::job::Job;
use crate::process::{self, End};
use crate::scratch::Scratch;
use crate::scripts::hash_file;

/// A text model of 90 MB takes seconds; calibrating one of gigabytes takes many minutes.
const LIMIT: Duration = Duration::from_mins(30);

/// The converters, ready to be used. Cheap to clone; each call starts a process of its own and waits for its end.
#[derive(Debug, Clone)]
pub struct Converter {
    environment: Environment,
}

/// A variant that was made.
#[derive(Debug, Clone, PartialEq)]
pub struct Converted {
    pub path: PathBuf,
    pub size_bytes: u64,
    pub sha256: Digest,
    /// Beside `path`, under the names that the ONNX file gives them.
    pub side_files: Vec<PathBuf>,
    /// How many nodes of each operator are in the new precision.
    pub nodes: BTreeMap<String, u32>,
    pub duration: Duration,
    pub provenance: Provenance,
}

impl Converter {
    /// Makes sure that the environment is there: quick when it is, otherwise it is created and its packages installed with
    /// pip. Waits for any other process that does the same. `python`: the program to create it with; `None` = the first of
    /// PATH that will do.
    pub fn prepare(
        data_dir: &Path,
        python: Option<&Path>,
        progress: &mut dyn FnMut(String),
    ) -> Result<Self, ConvertError> {
        Ok(Self { environment: Environment::prepare(data_dir, python, progress)? })
    }

    /// Makes a variant. The same job makes the same bytes. `job.out` appears complete or not at all.
    pub fn convert(&self, job: &Job) -> Result<Converted, ConvertError> {
        let Job { original, original_sha256, precision: _, options, out } = job;
        let recipe = job.recipe()?;
        let (found, _) = hash_file(original).map_err(ConvertError::io("read", original))?;
        if found != *original_sha256 {
            return Err(ConvertError::OriginalChanged { path: original.clone(), expected: *original_sha256, found });
        }
        // Beside the result, so that it is moved into place by a rename.
        let folder = absolute(out)?.parent().unwrap_or(Path::new("/")).to_owned();
        let scratch = Scratch::new_in(&folder).map_err(ConvertError::io("create a directory in", &folder))?;
        let made = scratch.path().join("variant.onnx");
        let calibration =
            options.calibration.as_ref().map(|calibration| absolute_text(&calibration.path)).transpose()?;
        let request = json!({
            "action": "convert",
            "recipe": recipe.name(),
            "model": absolute_text(original)?,
            "out": absolute_text(&made)?,
            "side_file_name": format!("{}.data", job.key()?.short()),
            "side_file_bytes": options.side_file_bytes,
            "options": options.to_json(calibration.as_deref()),
        });
        let answer: ConvertedAnswer = self.call("convert the model", &request, scratch.path())?;
        let ConvertedAnswer { tool, versions, options, converted, side_files, duration_ms } = answer;
        let (sha256, size_bytes) = hash_file(&made).map_err(ConvertError::io("read", &made))?;
        let place = |from: &Path, to: &Path| fs::rename(from, to).map_err(ConvertError::io("create", to));
        let mut placed = Vec::with_capacity(side_files.len());
        // The model last: where it is, its side files are.
        for name in side_files {
            let path = folder.join(&name);
            place(&scratch.path().join(&name), &path)?;
            placed.push(path);
        }
        place(&made, out)?;
        Ok(Converted {
            path: out.clone(),
            size_bytes,
            sha256,
            side_files: placed,
            nodes: converted,
            duration: Duration::from_millis(duration_ms),
            provenance: Provenance { original: *original_sha256, tool, versions, options, agreement: None },
        })
    }

    /// Runs both models on the same inputs, on this machine's processor, and compares what they answer.
    pub fn compare(&self, original: &Path, variant: &Path, inputs: &Inputs) -> Result<Agreement, ConvertError> {
        let inputs = match inputs {
            Inputs::Seeded { samples, seed, dims } => json!({"samples": samples.max(&1), "seed": seed, "dims": dims}),
            Inputs::File(path) => json!({"file": absolute_text(path)?}),
        };
        let request = json!({
            "action": "compare",
            "original": absolute_text(original)?,
            "variant": absolute_text(variant)?,
            "inputs": inputs,
        });
        let scratch = tempfile::tempdir().map_err(ConvertError::io("create a directory in", &std::env::temp_dir()))?;
        self.call("compare the models", &request, scratch.path())
    }

    /// Runs the script on one job. `scratch` takes its temporary files.
    fn call<T: DeserializeOwned>(
        &self,
        action: &'static str,
        request: &Value,
        scratch: &Path,
    ) -> Result<T, ConvertError> {
        let Environment { python, script } = &self.environment;
        let mut command = Command::new(python);
        command
            .arg("-s")
            .arg(script)
            .current_dir(scratch)
            .env("TMPDIR", scratch)
            // The converters go through sets of names: the order of a set must not change the file.
            .env("PYTHONHASHSEED", "0")
            // The same scripts may be read by two processes at once.
            .env("PYTHONDONTWRITEBYTECODE", "1");
        for variable in ["PYTHONPATH", "PYTHONHOME", "PYTHONSTARTUP", "PYTHONSAFEPATH"] {
            command.env_remove(variable);
        }
        let end = process::run(&mut command, format!("{request}\n").as_bytes(), LIMIT)
            .map_err(ConvertError::io("start", python))?;
        let output = match end {
            End::Exited(output) => output,
            End::TimedOut { stderr_tail } => {
                return Err(ConvertError::TimedOut { action, limit: LIMIT, stderr: stderr_tail });
            }
        };
        match answer::parse(&output.stdout) {
            Ok(answer) => answer.map_err(|refusal| ConvertError::Refused { action, refusal }),
            // No answer, or half of one: the process was killed or crashed in a library.
            Err(_no_answer) => Err(ConvertError::Died { action, status: output.status, stderr: output.stderr_tail }),
        }
    }
}

/// The script runs in a directory of its own, and a job is text.
fn absolute_text(path: &Path) -> Result<String, ConvertError> {
    let not_text = |path: PathBuf| {
        let source = io::Error::new(io::ErrorKind::InvalidInput, "its name is not UTF-8");
        ConvertError::Io { action: "hand to Python", path, source }
    };
    absolute(path)?.into_os_string().into_string().map_err(|name| not_text(name.into()))
}

fn absolute(path: &Path) -> Result<PathBuf, ConvertError> {
    std::path::absolute(path).map_err(ConvertError::io("find", path))
}
