//! What an earlier version stored is read by this one.

use super::*;

/// One measured run, as the first schema held it.
const OLD: &str = r#"
    insert into device (id, name, labels, facts, agent_version, boot_id, enrolled_at, last_seen)
        values ('00000000-0000-0000-0000-000000000001', 'desk', '{}', '{}', '0.1.0', '', now(), now());
    insert into campaign (name, file_name, yaml, state, created_at, finished_at) values ('old', 'o.yaml', '', 'done', now(), now());
    insert into selector_class (selector) values ('any');
    insert into cell (campaign_id, number, key, selector_class_id, spec) values (1, 1, sha256(''), 1, '{
        "model": {"name": "m", "sha256": "0000000000000000000000000000000000000000000000000000000000000000",
                  "size_bytes": 1, "tokenizer_sha256": null},
        "runtime": "onnxruntime", "provider": "cpu", "scenario": "single-stream", "batch": 4, "sequence_length": null,
        "intra_threads": 2, "input": {"random": {"seed": 0}},
        "warmup": {"min_iterations": 10, "min_duration": {"secs": 0, "nanos": 500000000}},
        "measure": {"min_queries": 64, "min_duration": {"secs": 2, "nanos": 500000000},
                    "max_duration": {"secs": 60, "nanos": 0}},
        "time_limit": null}');
    insert into run (campaign_id, cell_id, selector_class_id, position, repetition, state, ended_at)
        select 1, 1, 1, number - 1, number, 'done', now() from generate_series(1, 2) as number;
    insert into attempt (run_id, device_id, number, fence, state, leased_at, lease_until, ended_at)
        select id, '00000000-0000-0000-0000-000000000001', 1, 1, 'done', now(), now(), now() from run;
    insert into measurement (run_id, attempt_id, result_uid, device_id, cell_key, stored_at, started_at, measured_ns,
            sample_count, min_ns, p50_ns, p90_ns, p95_ns, p99_ns, p999_ns, max_ns, mean_ns, mad_ns, runtime_load_ns,
            session_load_ns, first_inference_ns, warmup_iterations, peak_rss_bytes, end_rss_bytes, batch, environment,
            inputs, outputs, verdict, verdict_reasons)
        -- The second run has too few queries.
        select id, id, gen_random_uuid(), '00000000-0000-0000-0000-000000000001', sha256(''), now(), now(), 2500000000,
            65 - id, 1, 2, 3, 4, 5, 6, 500000000, 2.5, 1, 1, 2, 3, 10, 4, 5, 4,
            '{"agent_version": "0.1.0", "runtime_version": "1.32.0", "runtime_build": "", "provider": "CPUExecutionProvider",
              "cpu_model": "c", "isa": ["avx2"], "cores": 2, "kernel": "6.1", "governor": null, "foreign_cpu_share": 0.5,
              "involuntary_switches": 7, "load_average": null, "autogroup_raised": true}',
            '[]', '[]', 'suspect', '[{"code": "foreign-cpu", "message": "others were busy"}]'
        from run;
    insert into sample_blob (run_id, codec, quantum_ns, data) select id, 'pco-u64', 50, '\x01' from run;
"#;

#[tokio::test]
async fn what_an_earlier_version_stored_says_what_is_not_known_of_it() {
    let pool = test_cluster::empty_database().await;
    let migrations = sqlx::migrate!("../migrations");
    migrations.run_to(1, &pool).await.expect("the first schema");
    sqlx::raw_sql(OLD).execute(&pool).await.expect("old rows");
    migrations.run(&pool).await.expect("migrates");
    let store = Store { pool };

    let runs = store.runs(RunPage::Campaign { id: CampaignId(1), after: 0 }, 10).await.expect("lists");
    let measured: Vec<_> = runs.iter().map(|run| run.measured.as_ref().expect("measured")).collect();
    let first = measured[0];
    assert_eq!((first.statistics.as_ref(), first.env_id, first.latency.p99_ns), (None, None, 5));
    assert_eq!(first.measurement.issuing, Duration::from_secs(2), "at least");
    assert_eq!((first.measurement.samples_per_query, first.measurement.samples.quantum_ns), (4, 50));
    assert_eq!(
        measured.iter().map(|run| run.measurement.stop).collect::<Vec<_>>(),
        [StopReason::Satisfied, StopReason::MaxDuration]
    );
    let Environment { stable, volatile } = &first.measurement.environment;
    assert_eq!((stable.kernel.as_str(), volatile.involuntary_switches), ("6.1", Some(7)));
    let Verdict { level, tier, reasons } = &first.verdict;
    assert_eq!((*level, *tier, reasons[0].level), (VerdictLevel::Suspect, domain::Tier::Custom, VerdictLevel::Suspect));
    let mut figures = store.run_figures(CampaignId(1)).await.expect("reads");
    let figures = figures.remove(0).measured.expect("measured");
    assert_eq!((figures.p50_ns, figures.p90_ns, figures.p99_ns), (2, None, None));
    assert_eq!((figures.energy, figures.simulated), (Err("none was recorded".to_owned()), None));
}
