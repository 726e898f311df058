//! flowgauge and the scripted upstream as processes of their own, for benchmarks that measure from outside.

use anyhow::{Context, Result, bail};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A process that listens; it is stopped when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Where it listens.
    pub addr: SocketAddr,
    _data: Option<TempDir>,
}

impl Server {
    /// A scripted upstream.
    ///
    /// # Errors
    /// It is not built, or does not listen.
    pub fn upstream() -> Result<Self> {
        let addr = free_address()?;
        let child = spawn("scripted-upstream", &["--port", &addr.port().to_string()])?;
        Self { child, addr, _data: None }.listening()
    }

    /// flowgauge in front of an upstream, with an empty folder of its own.
    ///
    /// # Errors
    /// It is not built, or does not listen.
    pub fn gauge(upstream: SocketAddr) -> Result<Self> {
        let (addr, data) = (free_address()?, tempfile::tempdir()?);
        let dir = data.path().to_str().context("temporary folder")?;
        let (listen, url) = (addr.to_string(), format!("http://{upstream}/v1"));
        let args = ["--data-dir", dir, "serve", "--listen", &listen, "--upstream", &url];
        let child = spawn("flowgauge", &args)?;
        Self { child, addr, _data: Some(data) }.listening()
    }

    /// Its process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    #[expect(clippy::disallowed_methods, reason = "another process starts in its own time")]
    fn listening(self) -> Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            if TcpStream::connect(self.addr).is_ok() {
                return Ok(self);
            }
            std::thread::yield_now();
        }
        bail!("nothing listens on {}", self.addr)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().and_then(|()| self.child.wait().map(drop)).unwrap_or_default();
    }
}

/// Programs stand one folder above an example in cargo's target folder.
fn spawn(name: &str, args: &[&str]) -> Result<Child> {
    let here: PathBuf = std::env::current_exe()?;
    let folder = here.parent().and_then(|p| p.parent()).context("target folder")?;
    Command::new(folder.join(name))
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("start {name}; build it in release first"))
}

fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}
