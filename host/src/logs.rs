//! What components print: to a file of their own, and to the terminal with the component's name before each line.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use anyhow::Context as _;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Where the output of components goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogTarget {
    /// To the terminal and to files under the state folder's `logs`.
    Terminal,
    /// To the files only.
    #[default]
    Files,
    /// Nowhere.
    Nowhere,
}

/// A line longer than this reaches the terminal in pieces.
const LONGEST_LINE_BYTES: usize = 64 << 10;

/// One stream of one component.
#[derive(Clone)]
pub(crate) struct Output(Arc<Mutex<Sink>>);

struct Sink {
    component: String,
    /// The terminal's stream, or none.
    terminal: Option<Stream>,
    file: Option<File>,
    /// A line for the terminal that has not ended.
    line: Vec<u8>,
}

#[derive(Clone, Copy)]
pub(crate) enum Stream {
    Out,
    Err,
}

/// Both streams of a component.
#[derive(Clone)]
pub(crate) struct Outputs {
    pub out: Output,
    pub err: Output,
}

impl Outputs {
    pub fn open(component: &str, target: LogTarget, folder: &Path) -> anyhow::Result<Self> {
        let open = |stream: Stream, name: &str| {
            let file = match target {
                LogTarget::Nowhere => None,
                LogTarget::Terminal | LogTarget::Files => {
                    let path = folder.join(format!("{component}_{name}.txt"));
                    let file = File::options().create(true).append(true).open(&path);
                    Some(file.with_context(|| format!("cannot write {}", path.display()))?)
                }
            };
            let terminal = (target == LogTarget::Terminal).then_some(stream);
            let sink = Sink { component: component.to_owned(), terminal, file, line: Vec::new() };
            anyhow::Ok(Output(Arc::new(Mutex::new(sink))))
        };
        Ok(Self { out: open(Stream::Out, "stdout")?, err: open(Stream::Err, "stderr")? })
    }
}

impl Output {
    /// A line of the host about this component.
    pub fn note(&self, line: &str) {
        let mut sink = self.sink();
        sink.write(line.as_bytes());
        sink.write(b"\n");
    }

    fn sink(&self) -> MutexGuard<'_, Sink> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Sink {
    /// A log that cannot be written must not stop what it tells about.
    fn write(&mut self, bytes: &[u8]) {
        if let Some(file) = &mut self.file {
            _ = file.write_all(bytes);
        }
        let Some(stream) = self.terminal else { return };
        self.line.extend_from_slice(bytes);
        let whole = match self.line.iter().rposition(|byte| *byte == b'\n') {
            Some(last) => last + 1,
            None if self.line.len() > LONGEST_LINE_BYTES => self.line.len(),
            None => return,
        };
        let lines: Vec<u8> = self.line.drain(..whole).collect();
        let mut text = Vec::with_capacity(lines.len() + 64);
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            text.extend_from_slice(format!("[{}] ", self.component).as_bytes());
            text.extend_from_slice(line);
        }
        _ = match stream {
            Stream::Out => io::stdout().lock().write_all(&text),
            Stream::Err => io::stderr().lock().write_all(&text),
        };
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        match self.sink().terminal {
            Some(Stream::Out) => io::stdout().is_terminal(),
            Some(Stream::Err) => io::stderr().is_terminal(),
            None => false,
        }
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Output {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.sink().write(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
