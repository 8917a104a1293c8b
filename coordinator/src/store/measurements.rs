//! Measurements with what follows from them. Read in parts: figures for lists, and the large things one run at a time.

use std::{collections::BTreeMap, time::Duration};

use analysis::Analysis;
use domain::{
    AttemptId, Digest, LatencySummary, Measurement, OutputCheck, Placement, Rate, ResultUid, RunId, Samples,
    Statistics, Timestamp, Verdict,
};
use serde_json::Value;
use sqlx::{PgConnection, types::time::OffsetDateTime};

use super::{
    AttemptContext, Store, StoreError,
    accuracy::{insert_accuracy, insert_check},
    row::{Place, at, bigint, bytes_of, name_of, nanoseconds, to_json},
    telemetry::{insert_energy, insert_telemetry},
};

/// What a done run came to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct MeasurementRecord {
    /// Without its blobs, its placement and its telemetry: see [`Store::samples`], [`Store::slip`], [`Store::placement`] and
    /// [`Store::telemetry`].
    pub(crate) measurement: Measurement,
    /// Those of `statistics`, where there are any.
    pub(crate) latency: LatencySummary,
    /// `None`: stored by a version that did not compute them.
    pub(crate) statistics: Option<Statistics>,
    pub(crate) verdict: Verdict,
    /// See [`domain::StableEnvironment::id`]. `None`: stored by a version that did not tell environments apart.
    pub(crate) env_id: Option<Digest>,
    /// The simulated board that measured; `None` = a real device.
    pub(crate) simulated: Option<String>,
}

struct MeasurementRow {
    run_id: i64,
    started_at: OffsetDateTime,
    measured_ns: i64,
    issuing_ns: i64,
    stop: String,
    sample_count: i64,
    quantum_ns: i64,
    slip_quantum_ns: Option<i64>,
    rate_millis: Option<i64>,
    trials: Value,
    min_ns: i64,
    p50_ns: i64,
    p90_ns: i64,
    p95_ns: i64,
    p99_ns: i64,
    p999_ns: i64,
    max_ns: i64,
    mean_ns: f64,
    mad_ns: i64,
    statistics: Option<Value>,
    runtime_load_ns: i64,
    session_load_ns: i64,
    first_inference_ns: i64,
    warmup_iterations: i64,
    peak_rss_bytes: i64,
    end_rss_bytes: i64,
    samples_per_query: i64,
    environment: Value,
    env_id: Option<Vec<u8>>,
    placement_problem: Option<String>,
    inputs: Value,
    outputs: Value,
    tier: String,
    verdict: String,
    verdict_reasons: Value,
    simulated: Option<String>,
}

impl TryFrom<MeasurementRow> for MeasurementRecord {
    type Error = StoreError;

    fn try_from(row: MeasurementRow) -> Result<Self, StoreError> {
        let place = Place { table: "measurement", id: row.run_id };
        let unsigned = |column, value| place.number::<u64>(column, value);
        let duration = |column, value| place.number(column, value).map(Duration::from_nanos);
        let blob = |quantum_ns| samples(place, Vec::new(), quantum_ns, row.sample_count);
        let rate =
            |millis| Rate::from_millis(unsigned("rate_millis", millis)?).ok_or(place.inconsistent("rate_millis"));
        let measurement = Measurement {
            started_at: row.started_at.into(),
            measured: duration("measured_ns", row.measured_ns)?,
            issuing: duration("issuing_ns", row.issuing_ns)?,
            stop: place.named("stop", row.stop)?,
            samples: blob(row.quantum_ns)?,
            slip: row.slip_quantum_ns.map(blob).transpose()?,
            rate: row.rate_millis.map(rate).transpose()?,
            trials: place.json("trials", row.trials)?,
            histogram: Vec::new(),
            runtime_load: duration("runtime_load_ns", row.runtime_load_ns)?,
            session_load: duration("session_load_ns", row.session_load_ns)?,
            first_inference: duration("first_inference_ns", row.first_inference_ns)?,
            warmup_iterations: place.number("warmup_iterations", row.warmup_iterations)?,
            peak_rss_bytes: unsigned("peak_rss_bytes", row.peak_rss_bytes)?,
            end_rss_bytes: unsigned("end_rss_bytes", row.end_rss_bytes)?,
            samples_per_query: place.number("samples_per_query", row.samples_per_query)?,
            environment: place.json("environment", row.environment)?,
            placement: None,
            placement_problem: row.placement_problem,
            inputs: place.json("inputs", row.inputs)?,
            outputs: place.json("outputs", row.outputs)?,
            accuracy: None,
            check: OutputCheck::default(),
            telemetry: None,
        };
        let latency = LatencySummary {
            min_ns: unsigned("min_ns", row.min_ns)?,
            p50_ns: unsigned("p50_ns", row.p50_ns)?,
            p90_ns: unsigned("p90_ns", row.p90_ns)?,
            p95_ns: unsigned("p95_ns", row.p95_ns)?,
            p99_ns: unsigned("p99_ns", row.p99_ns)?,
            p999_ns: unsigned("p999_ns", row.p999_ns)?,
            max_ns: unsigned("max_ns", row.max_ns)?,
            mean_ns: row.mean_ns,
            mad_ns: unsigned("mad_ns", row.mad_ns)?,
        };
        Ok(Self {
            measurement,
            latency,
            statistics: row.statistics.map(|value| place.json("statistics", value)).transpose()?,
            verdict: Verdict {
                level: place.named("verdict", row.verdict)?,
                tier: place.named("tier", row.tier)?,
                reasons: place.json("verdict_reasons", row.verdict_reasons)?,
            },
            env_id: row.env_id.map(|bytes| place.digest("env_id", &bytes)).transpose()?,
            simulated: row.simulated,
        })
    }
}

impl Store {
    /// Those of `runs` that have one, by run.
    pub(super) async fn measurements(&self, runs: &[i64]) -> Result<BTreeMap<i64, MeasurementRecord>, StoreError> {
        let rows = sqlx::query_as!(
            MeasurementRow,
            r#"select m.run_id, m.started_at, m.measured_ns, m.issuing_ns, m.stop, m.sample_count, b.quantum_ns,
                   (select s.quantum_ns from slip_blob s where s.run_id = m.run_id) as slip_quantum_ns,
                   m.rate_millis, m.trials, m.min_ns, m.p50_ns, m.p90_ns, m.p95_ns, m.p99_ns, m.p999_ns, m.max_ns, m.mean_ns, m.mad_ns, m.statistics, m.runtime_load_ns,
                   m.session_load_ns, m.first_inference_ns, m.warmup_iterations, m.peak_rss_bytes, m.end_rss_bytes,
                   m.samples_per_query, m.environment, m.env_id, m.placement_problem, m.inputs, m.outputs, m.tier,
                   m.verdict, m.verdict_reasons, m.simulated
               from measurement m join sample_blob b on b.run_id = m.run_id
               where m.run_id = any($1)"#,
            runs,
        )
        .fetch_all(&self.pool)
        .await?;
        let mut accuracies = self.accuracy_records(runs).await?;
        rows.into_iter()
            .map(|row| {
                let run = row.run_id;
                let mut record = MeasurementRecord::try_from(row)?;
                record.measurement.accuracy = accuracies.remove(&run).map(Box::new);
                Ok((run, record))
            })
            .collect()
    }

    /// The latencies of a run, compressed.
    pub(crate) async fn samples(&self, run: RunId) -> Result<Option<Samples>, StoreError> {
        let row = sqlx::query!(
            "select b.data, b.quantum_ns, m.sample_count from sample_blob b join measurement m on m.run_id = b.run_id
             where b.run_id = $1",
            run.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| samples(Place { table: "sample_blob", id: run.0 }, row.data, row.quantum_ns, row.sample_count))
            .transpose()
    }

    /// The schedule slips of a run, compressed; `None` outside of the server scenario.
    pub(crate) async fn slip(&self, run: RunId) -> Result<Option<Samples>, StoreError> {
        let row = sqlx::query!(
            "select b.data, b.quantum_ns, m.sample_count from slip_blob b join measurement m on m.run_id = b.run_id
             where b.run_id = $1",
            run.0,
        )
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| samples(Place { table: "slip_blob", id: run.0 }, row.data, row.quantum_ns, row.sample_count))
            .transpose()
    }

    /// Where the operators of a run were executed; `None` if it is not known.
    pub(crate) async fn placement(&self, run: RunId) -> Result<Option<Placement>, StoreError> {
        let data = sqlx::query_scalar!("select data from placement where run_id = $1", run.0)
            .fetch_optional(&self.pool)
            .await?;
        data.map(|data| Place { table: "placement", id: run.0 }.json("data", data)).transpose()
    }
}

fn samples(place: Place<i64>, pco: Vec<u8>, quantum_ns: i64, count: i64) -> Result<Samples, StoreError> {
    Ok(Samples {
        pco,
        count: place.number("sample_count", count)?,
        quantum_ns: place.number("quantum_ns", quantum_ns)?,
    })
}

/// Stores the one measurement of a run. The caller has made sure that it is the one.
pub(super) async fn insert_measurement(
    tx: &mut PgConnection,
    (attempt, result_uid): (&AttemptContext, ResultUid),
    measurement: &Measurement,
    analysis: &Analysis,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Measurement {
        started_at,
        measured,
        issuing,
        stop,
        samples,
        slip,
        rate,
        trials,
        histogram,
        runtime_load,
        session_load,
        first_inference,
        warmup_iterations,
        peak_rss_bytes,
        end_rss_bytes,
        samples_per_query,
        environment,
        placement,
        placement_problem,
        inputs,
        outputs,
        accuracy,
        check,
        telemetry,
    } = measurement;
    let Analysis { statistics, verdict } = analysis;
    let LatencySummary { min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns } =
        statistics.latency;
    let AttemptContext { id: AttemptId(attempt_id), run: RunId(run), device, .. } = attempt;
    sqlx::query!(
        "insert into measurement (run_id, attempt_id, result_uid, device_id, cell_key, stored_at, started_at,
             measured_ns, issuing_ns, stop, sample_count, rate_millis, trials, min_ns, p50_ns, p90_ns, p95_ns, p99_ns,
             p999_ns, max_ns, mean_ns, mad_ns, statistics, runtime_load_ns, session_load_ns, first_inference_ns,
             warmup_iterations, peak_rss_bytes, end_rss_bytes, samples_per_query, environment, env_id,
             placement_problem, inputs, outputs, tier, verdict, verdict_reasons, simulated)
         select $1, $2, $3, $4, c.key, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
             $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35, $36, $37, $38
         from run r join cell c on c.id = r.cell_id where r.id = $1",
        run,
        attempt_id,
        result_uid.0,
        device.0,
        at(now),
        at(*started_at),
        nanoseconds("measured_ns", *measured)?,
        nanoseconds("issuing_ns", *issuing)?,
        stop.name(),
        i64::from(samples.count),
        rate.map(|rate| bigint("rate_millis", rate.millis())).transpose()?,
        to_json("trials", trials)?,
        bigint("min_ns", min_ns)?,
        bigint("p50_ns", p50_ns)?,
        bigint("p90_ns", p90_ns)?,
        bigint("p95_ns", p95_ns)?,
        bigint("p99_ns", p99_ns)?,
        bigint("p999_ns", p999_ns)?,
        bigint("max_ns", max_ns)?,
        mean_ns,
        bigint("mad_ns", mad_ns)?,
        to_json("statistics", statistics)?,
        nanoseconds("runtime_load_ns", *runtime_load)?,
        nanoseconds("session_load_ns", *session_load)?,
        nanoseconds("first_inference_ns", *first_inference)?,
        i64::from(*warmup_iterations),
        bigint("peak_rss_bytes", *peak_rss_bytes)?,
        bigint("end_rss_bytes", *end_rss_bytes)?,
        i64::from(*samples_per_query),
        to_json("environment", environment)?,
        &bytes_of(&environment.stable.id()),
        placement_problem.as_ref().map(|problem| problem.replace('\0', "\u{fffd}")),
        to_json("inputs", inputs)?,
        to_json("outputs", outputs)?,
        name_of("tier", &verdict.tier)?,
        verdict.level.name(),
        to_json("verdict_reasons", &verdict.reasons)?,
        attempt.simulated,
    )
    .execute(&mut *tx)
    .await?;
    sqlx::query!("insert into latency_histogram (run_id, data) values ($1, $2)", run, histogram)
        .execute(&mut *tx)
        .await?;
    sqlx::query!(
        "insert into sample_blob (run_id, codec, quantum_ns, data) values ($1, 'pco-u64', $2, $3)",
        run,
        i64::from(samples.quantum_ns),
        samples.pco,
    )
    .execute(&mut *tx)
    .await?;
    if let Some(slip) = slip {
        sqlx::query!(
            "insert into slip_blob (run_id, codec, quantum_ns, data) values ($1, 'pco-u64', $2, $3)",
            run,
            i64::from(slip.quantum_ns),
            slip.pco,
        )
        .execute(&mut *tx)
        .await?;
    }
    if let Some(placement) = placement {
        sqlx::query!("insert into placement (run_id, data) values ($1, $2)", run, to_json("data", placement)?)
            .execute(&mut *tx)
            .await?;
    }
    if let Some(record) = accuracy {
        insert_accuracy(tx, RunId(*run), record).await?;
    }
    insert_check(tx, RunId(*run), &attempt.spec, check).await?;
    if let Some(telemetry) = telemetry {
        insert_telemetry(tx, RunId(*run), telemetry).await?;
    }
    insert_energy(tx, RunId(*run), attempt.spec.environment.regime, statistics).await?;
    Ok(())
}
