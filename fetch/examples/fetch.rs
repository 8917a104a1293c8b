//! Fetches one source into a folder: `cargo run -p furlong-fetch --example fetch -- SOURCE FOLDER [HUB]`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to its user")]

use std::path::Path;
use std::process::ExitCode;

use furlong_fetch::{HubSettings, Progress, Request};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [source, folder, hub @ ..] = &arguments[..] else {
        eprintln!("usage: fetch SOURCE FOLDER [HUB]");
        return ExitCode::FAILURE;
    };
    match run(source, Path::new(folder), hub.first().map(String::as_str)).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(inner) = cause {
                eprintln!("caused by: {inner}");
                cause = inner.source();
            }
            ExitCode::FAILURE
        }
    }
}

async fn run(source: &str, folder: &Path, hub: Option<&str>) -> Result<(), Box<dyn std::error::Error>> {
    let hub = hub.map_or(Ok(HubSettings::none()), |hub| HubSettings::new(hub, None))?;
    let request = Request::new(source.parse()?, folder);
    let fetched = furlong_fetch::fetch(&request, &hub, |progress| {
        if let Progress::Retrying { .. } | Progress::Asking { .. } = progress {
            eprintln!("{progress:?}");
        }
    })
    .await?;
    println!("{} {} {}\n{}", fetched.sha256, fetched.size_bytes, fetched.path.display(), fetched.source);
    Ok(())
}
