//! How long attempts took, by combination: what planning a campaign asks.

use std::time::Duration;

use domain::Digest;

use super::{
    Store, StoreError,
    row::{Place, bytes_of},
};

/// What the latest successful attempts of one combination say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CellEstimate {
    pub(crate) key: Digest,
    /// How many they are; at most 20.
    pub(crate) attempts: u32,
    /// From grant to stored result, the median.
    pub(crate) attempt: Duration,
}

impl Store {
    /// Of those keys that were measured before.
    pub(crate) async fn estimates(&self, keys: &[Digest]) -> Result<Vec<CellEstimate>, StoreError> {
        let keys: Vec<_> = keys.iter().map(bytes_of).collect();
        let rows = sqlx::query!(
            r#"select w.key as "key!", count(*) as "attempts!",
                   percentile_disc(0.5) within group (order by latest.seconds) as "seconds!"
               from (select distinct key from unnest($1::bytea[]) as given (key)) as w
               cross join lateral (
                   select extract(epoch from a.ended_at - a.leased_at)::double precision as seconds
                   from measurement m join attempt a on a.id = m.attempt_id join run r on r.id = m.run_id
                   where r.mode = 'performance' and m.cell_key = w.key and a.ended_at >= a.leased_at order by m.started_at desc limit 20) as latest
               group by w.key order by w.key"#,
            &keys,
        )
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter()
            .map(|row| {
                let place = Place { table: "measurement", id: "?" };
                Ok(CellEstimate {
                    key: place.digest("cell_key", &row.key)?,
                    attempts: place.number("attempts", row.attempts)?,
                    attempt: Duration::try_from_secs_f64(row.seconds)
                        .map_err(|_negative| place.inconsistent("leased_at"))?,
                })
            })
            .collect()
    }
}
