//! Takes the body of one answer into the part, as long as it comes.

use std::mem;

use reqwest::Response;

use super::{BLOCK_BYTES, Progress, Shared, Trouble, TryEnded, impostor};
use crate::error::FetchError;
use crate::retry::Patience;
use crate::source::shown;

/// Returns when the body is at its end. However it ends, what came is in the part.
pub(super) async fn receive(
    mut response: Response,
    total_bytes: Option<u64>,
    part: &Shared,
    patience: &Patience,
    progress: &mut impl FnMut(Progress),
) -> Result<(), TryEnded> {
    let mut bytes = part.with(|part| part.held()).await;
    let mut is_first = bytes == 0;
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    let mut in_window = 0;
    let window = || Box::pin(tokio::time::sleep(patience.stall_window));
    let mut deadline = window();
    let ended: Result<(), Trouble> = loop {
        tokio::select! {
            chunk = response.chunk() => match chunk {
                Ok(Some(chunk)) => {
                    if mem::take(&mut is_first) {
                        impostor::check_start(&chunk, shown(response.url()))?;
                    }
                    block.extend_from_slice(&chunk);
                    bytes += chunk.len() as u64;
                    in_window += chunk.len() as u64;
                    progress(Progress::Receiving { bytes, total_bytes });
                    if block.len() >= BLOCK_BYTES {
                        block = write(part, block).await?;
                        // The time that the disk took is not the server's.
                        (deadline, in_window) = (window(), 0);
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => break Err(Trouble::Lost(error.without_url())),
            },
            () = &mut deadline => {
                if in_window < patience.stall_bytes {
                    break Err(Trouble::Stalled { bytes: patience.stall_bytes, within: patience.stall_window });
                }
                (deadline, in_window) = (window(), 0);
            }
        }
    };
    write(part, block).await?;
    ended?;
    match total_bytes {
        Some(expected) if bytes < expected => Err(Trouble::Short { held: bytes, expected }.into()),
        _ => Ok(()),
    }
}

/// Appends the block, and gives it back empty.
async fn write(part: &Shared, mut block: Vec<u8>) -> Result<Vec<u8>, FetchError> {
    part.with(move |part| {
        part.write(&block)?;
        block.clear();
        Ok(block)
    })
    .await
}
