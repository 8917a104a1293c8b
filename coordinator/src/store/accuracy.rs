//! Accuracy: what runs over data sets came to, how two of them compare, and what runs show of their outputs.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    AccuracyRecord, CampaignId, CellSpec, Digest, ExampleCounts, ExampleProblem, Fingerprint, Metric, OutputCheck,
    RunId, Task,
};
use score::Comparison;
use sqlx::PgConnection;

use super::{
    Store, StoreError,
    row::{Place, bigint, bytes_of, nanoseconds, to_json},
};

/// One run over a data set.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AccuracyRun {
    pub(crate) run: RunId,
    /// Number of the cell it was planned for.
    pub(crate) cell: u32,
    /// The selector of that cell, by the store's number: what one device predicts is not another's accuracy.
    pub(crate) class: i64,
    pub(crate) task: Task,
    pub(crate) counts: ExampleCounts,
    pub(crate) metrics: Vec<Metric>,
    pub(crate) preprocessing: String,
    pub(crate) predictions: Digest,
}

/// Fingerprints that others are held against.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ReferenceOutputs {
    pub(crate) run: RunId,
    pub(crate) device: String,
    /// The runtime's name.
    pub(crate) provider: String,
    pub(crate) fingerprints: Vec<Fingerprint>,
}

impl Store {
    /// The selector of each cell that is evaluated, by the store's number, by number of the cell.
    pub(crate) async fn evaluated_classes(&self, campaign: CampaignId) -> Result<BTreeMap<u32, i64>, StoreError> {
        let rows = sqlx::query!(
            "select id, number, selector_class_id from cell where campaign_id = $1 and evaluation_key is not null",
            campaign.0,
        )
        .fetch_all(&self.pool)
        .await?;
        let classes = rows.into_iter().map(|row| {
            Ok((Place { table: "cell", id: row.id }.number("number", row.number.into())?, row.selector_class_id))
        });
        classes.collect()
    }

    /// All valid runs over data sets of a campaign, in order: figures of others must not be used.
    pub(crate) async fn accuracy_runs(&self, campaign: CampaignId) -> Result<Vec<AccuracyRun>, StoreError> {
        let rows = sqlx::query!(
            "select a.run_id, c.number, c.selector_class_id, a.task, a.total, a.seen, a.scored, a.skipped, a.metrics, a.preprocessing,
                 a.predictions_sha256
             from run r join cell c on c.id = r.cell_id join accuracy a on a.run_id = r.id
             join measurement m on m.run_id = r.id
             where r.campaign_id = $1 and r.mode = 'accuracy' and m.verdict <> 'invalid' order by a.run_id",
            campaign.0,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let place = Place { table: "accuracy", id: row.run_id };
                Ok(AccuracyRun {
                    run: RunId(row.run_id),
                    cell: place.number("number", row.number.into())?,
                    class: row.selector_class_id,
                    task: Task::parse(&row.task).map_err(|_unknown| place.inconsistent("task"))?,
                    counts: counts(place, [row.total, row.seen, row.scored, row.skipped])?,
                    metrics: place.json("metrics", row.metrics)?,
                    preprocessing: row.preprocessing,
                    predictions: place.digest("predictions_sha256", &row.predictions_sha256)?,
                })
            })
            .collect()
    }

    /// Those of `runs` over data sets, by run, without their predictions.
    pub(super) async fn accuracy_records(&self, runs: &[i64]) -> Result<BTreeMap<i64, AccuracyRecord>, StoreError> {
        let rows = sqlx::query!(
            "select run_id, task, dataset_sha256, total, seen, scored, skipped, problems, metrics, preprocessing,
                 elapsed_ns, inference_ns
             from accuracy where run_id = any($1)",
            runs,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let place = Place { table: "accuracy", id: row.run_id };
                let duration = |column, value| place.number(column, value).map(Duration::from_nanos);
                let problems: Vec<ExampleProblem> = place.json("problems", row.problems)?;
                let record = AccuracyRecord {
                    task: Task::parse(&row.task).map_err(|_unknown| place.inconsistent("task"))?,
                    dataset: place.digest("dataset_sha256", &row.dataset_sha256)?,
                    counts: counts(place, [row.total, row.seen, row.scored, row.skipped])?,
                    problems,
                    metrics: place.json("metrics", row.metrics)?,
                    predictions: Vec::new(),
                    preprocessing: row.preprocessing,
                    elapsed: duration("elapsed_ns", row.elapsed_ns)?,
                    inference: duration("inference_ns", row.inference_ns)?,
                };
                Ok((row.run_id, record))
            })
            .collect()
    }

    /// Predictions of a valid run over the data set that tells of a run's cell: of the same campaign and key, and of the same
    /// devices if there is one.
    pub(crate) async fn predictions_of(
        &self,
        run: RunId,
        evaluation_key: &Digest,
    ) -> Result<Option<(RunId, Digest)>, StoreError> {
        let row = sqlx::query!(
            "select a.run_id, a.predictions_sha256
             from run asked join cell c on c.campaign_id = asked.campaign_id and c.evaluation_key = $2
             join run r on r.cell_id = c.id join accuracy a on a.run_id = r.id join measurement m on m.run_id = r.id
             where asked.id = $1 and m.verdict <> 'invalid'
             order by c.selector_class_id <> asked.selector_class_id, a.run_id limit 1",
            run.0,
            &bytes_of(evaluation_key),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            let place = Place { table: "accuracy", id: row.run_id };
            Ok((RunId(row.run_id), place.digest("predictions_sha256", &row.predictions_sha256)?))
        })
        .transpose()
    }

    /// Outputs of the same model file on the same inputs: of a processor if there are any, else of whoever was first. Runs
    /// whose own outputs were found wrong are no reference.
    pub(crate) async fn reference_outputs(
        &self,
        model: &Digest,
        inputs: &Digest,
    ) -> Result<Option<ReferenceOutputs>, StoreError> {
        let row = sqlx::query!(
            r#"select o.run_id, d.name, m.environment #>> '{stable,provider}' as provider, o.fingerprints
               from output_check o join measurement m on m.run_id = o.run_id join device d on d.id = m.device_id
               where o.model_sha256 = $1 and o.inputs_sha256 = $2 and m.verdict <> 'invalid'
               order by (m.environment #>> '{stable,provider}') is distinct from 'CPUExecutionProvider', o.run_id limit 1"#,
            &bytes_of(model),
            &bytes_of(inputs),
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| {
            let place = Place { table: "output_check", id: row.run_id };
            Ok(ReferenceOutputs {
                run: RunId(row.run_id),
                device: row.name,
                provider: row.provider.unwrap_or_default(),
                fingerprints: place.json("fingerprints", row.fingerprints)?,
            })
        })
        .transpose()
    }

    /// How `run` compares with `reference`, if somebody has computed it.
    pub(crate) async fn comparison(&self, run: RunId, reference: RunId) -> Result<Option<Comparison>, StoreError> {
        let stored = sqlx::query_scalar!(
            "select comparison from accuracy_comparison where run_id = $1 and reference_run_id = $2",
            run.0,
            reference.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        stored.map(|value| Place { table: "accuracy_comparison", id: run.0 }.json("comparison", value)).transpose()
    }

    /// Keeps a comparison. Whoever computed it first wins: both computed the same.
    pub(crate) async fn keep_comparison(
        &self,
        run: RunId,
        reference: RunId,
        comparison: &Comparison,
    ) -> Result<(), StoreError> {
        sqlx::query!(
            "insert into accuracy_comparison (run_id, reference_run_id, comparison) values ($1, $2, $3)
             on conflict do nothing",
            run.0,
            reference.0,
            to_json("comparison", comparison)?,
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

fn counts(place: Place<i64>, [total, seen, scored, skipped]: [i64; 4]) -> Result<ExampleCounts, StoreError> {
    Ok(ExampleCounts {
        total: place.number("total", total)?,
        seen: place.number("seen", seen)?,
        scored: place.number("scored", scored)?,
        skipped: place.number("skipped", skipped)?,
    })
}

/// Stores what a run over a data set came to. Its predictions are an artifact already.
pub(super) async fn insert_accuracy(
    tx: &mut PgConnection,
    run: RunId,
    record: &AccuracyRecord,
) -> Result<(), StoreError> {
    let AccuracyRecord { task, dataset, counts, problems, metrics, predictions, preprocessing, elapsed, inference } =
        record;
    let ExampleCounts { total, seen, scored, skipped } = *counts;
    sqlx::query!(
        "insert into accuracy (run_id, task, dataset_sha256, total, seen, scored, skipped, problems, metrics,
             predictions_sha256, preprocessing, elapsed_ns, inference_ns)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        run.0,
        task.name(),
        &bytes_of(dataset),
        bigint("total", total)?,
        bigint("seen", seen)?,
        bigint("scored", scored)?,
        bigint("skipped", skipped)?,
        to_json("problems", problems)?,
        to_json("metrics", metrics)?,
        &bytes_of(&Digest::of(predictions)),
        preprocessing.replace('\0', "\u{fffd}"),
        nanoseconds("elapsed_ns", *elapsed)?,
        nanoseconds("inference_ns", *inference)?,
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// Stores what a run shows of its outputs, if it shows any.
pub(super) async fn insert_check(
    tx: &mut PgConnection,
    run: RunId,
    spec: &CellSpec,
    check: &OutputCheck,
) -> Result<(), StoreError> {
    if *check == OutputCheck::default() {
        return Ok(());
    }
    let OutputCheck { inputs, fingerprints, predictions } = check;
    sqlx::query!(
        "insert into output_check (run_id, model_sha256, inputs_sha256, fingerprints, predictions)
         values ($1, $2, $3, $4, $5)",
        run.0,
        &bytes_of(&spec.model.sha256),
        inputs.as_ref().map(bytes_of),
        to_json("fingerprints", fingerprints)?,
        predictions,
    )
    .execute(tx)
    .await?;
    Ok(())
}
