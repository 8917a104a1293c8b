//! Where operators are executed: a few calls in a second session that writes a profile, apart from what is measured,
//! because profiling slows a model down by some 10 %.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use domain::Placement;

use super::{Engine, RuntimeError, SessionSetup, Source, trace};
use crate::runner::input::Query;
use crate::stopwatch;

/// No placement.
#[derive(Debug, thiserror::Error)]
pub(in crate::runner) enum ProfileError {
    #[error("there is no place for a profile in {}", path.display())]
    Scratch { path: PathBuf, source: io::Error },
    #[error("the runtime can't end its profile")]
    End(#[source] ort::Error),
    #[error("the runtime's profile can't be read")]
    Unreadable(#[source] io::Error),
    #[error("the runtime's profile is not the JSON it used to be")]
    Malformed(#[source] serde_json::Error),
    #[error("the runtime's profile has {size_bytes} bytes, and at most {limit_bytes} are read")]
    TooLarge { size_bytes: u64, limit_bytes: u64 },
    #[error("the runtime's profile has no whole call")]
    Empty,
}

impl Engine {
    /// Profiles `calls` inferences, or as many as `budget` allows, and tells where their nodes were executed. The first
    /// inference of each shape is not counted, unless there is time for no other. Loads the model a second time, and
    /// leaves nothing in `scratch`.
    #[expect(clippy::too_many_arguments, reason = "what is profiled, how long, and where; no two belong together")]
    pub(in crate::runner) fn profile(
        &self,
        source: Source<'_>,
        setup: &SessionSetup<'_>,
        queries: &[Query],
        state: &BTreeMap<String, String>,
        calls: u32,
        budget: Duration,
        scratch: &Path,
    ) -> Result<Placement, RuntimeError> {
        let no_place = |source| ProfileError::Scratch { path: scratch.to_owned(), source };
        let folder = tempfile::tempdir_in(scratch).map_err(no_place)?;
        let prefix = folder.path().join("profile");
        let model = self.open(source, &SessionSetup { profile: Some(&prefix), ..*setup })?;
        let begin = stopwatch::now();
        let bound = model.bind(&queries[..queries.len().min(calls.max(1) as usize)], state)?;
        let mut done = 0;
        while done < calls && stopwatch::now() - begin < budget {
            let query = done as usize % bound.queries();
            bound.run(query).map_err(|source| RuntimeError::Run { number: done, query, source })?;
            done += 1;
        }
        let left_out = if done > 0 { bound.first_inferences() } else { 0 };
        let file = bound.end_profiling().map_err(ProfileError::End)?;
        Ok(trace::read(Path::new(&file), left_out)?)
    }
}
