//! One worker process and the frames to and from it.

use flowgauge_sql::wire::{self, FromWorker, MAX_FRAME, ToWorker};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// How long a worker may take to be ready: it links the query engine, which a loaded machine reads slowly.
const START: Duration = Duration::from_secs(20);

/// A running worker; killed when dropped.
#[derive(Debug)]
pub(super) struct Process {
    directories: Vec<PathBuf>,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts one. It is given no environment: nothing in it is for statements.
    pub(super) async fn start(program: &Path, directories: Vec<PathBuf>) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg("sql-worker")
            .args(&directories)
            .env_clear()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.ok_or_else(|| io::Error::other("it has no pipes"))?;
        let mut process = Self { directories, child, input, output: BufReader::new(output) };
        match tokio::time::timeout(START, process.read()).await {
            Ok(Ok(Some(FromWorker::Ready))) => Ok(process),
            Ok(Ok(_)) => {
                Err(io::Error::other("it ended or said something else than that it is ready"))
            }
            Ok(Err(e)) => Err(e),
            Err(_) => Err(io::Error::other("it took too long")),
        }
    }

    /// Whether it may read just these.
    pub(super) fn reads(&self, directories: &[PathBuf]) -> bool {
        self.directories == directories
    }

    /// Writes a frame.
    pub(super) async fn write(&mut self, frame: &ToWorker) -> io::Result<()> {
        self.input.write_all(&wire::frame_of(frame)?).await?;
        self.input.flush().await
    }

    /// Reads a frame; nothing when it has ended.
    ///
    /// Not safe to cancel: a frame read in part is lost, and the process with it.
    pub(super) async fn read(&mut self) -> io::Result<Option<FromWorker>> {
        let mut head = [0; 4];
        match self.output.read_exact(&mut head).await {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => drop(other?),
        }
        let length = u32::from_le_bytes(head);
        if length > MAX_FRAME {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a frame is too long"));
        }
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
        self.output.read_exact(&mut bytes).await?;
        wire::value_of(&bytes).map(Some)
    }

    /// What its memory is looked up by while it is read from.
    pub(super) fn watched(&self) -> Watched {
        Watched(self.child.id())
    }
}

/// A process whose memory is looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Watched(Option<u32>);

impl Watched {
    /// Bytes of memory it has, where that can be told.
    pub(super) fn memory(self) -> Option<u64> {
        let text = std::fs::read_to_string(format!("/proc/{}/statm", self.0?)).ok()?;
        let pages: u64 = text.split_whitespace().nth(1)?.parse().ok()?;
        Some(pages * PAGE)
    }
}

/// Bytes in a page of Linux on x86-64; elsewhere pages are no smaller.
const PAGE: u64 = 4_096;
