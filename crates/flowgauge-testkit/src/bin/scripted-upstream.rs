//! The scripted upstream as a program, for SDKs of other languages and for benchmarks.

use flowgauge_testkit::upstream::Upstream;
use std::io::Write;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let (mut port, mut keeps) = (0u16, false);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--port" => {
                let value =
                    arguments.next().ok_or_else(|| anyhow::anyhow!("--port wants a number"))?;
                port = value.parse()?;
            }
            // Off by default: a benchmark's requests would fill the memory.
            "--keep" => keeps = true,
            other => anyhow::bail!(
                "unknown argument {other}; usage: scripted-upstream [--port N] [--keep]"
            ),
        }
    }
    let upstream = Upstream::start_on(port, Vec::new(), keeps).await?;
    writeln!(std::io::stdout().lock(), "{}", upstream.base_url())?;
    upstream.run().await;
    Ok(())
}
