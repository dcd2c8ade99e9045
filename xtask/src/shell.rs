//! Running other programs, and telling a person what is going on.

use std::ffi::{OsStr, OsString};
use std::io::IsTerminal;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// Says what happens next. On standard error, so that standard output stays usable by other programs.
pub fn say(text: impl AsRef<str>) {
    eprintln!("{} {}", paint("1;32", "==>"), text.as_ref());
}

/// Says something that is not wrong, and that the reader may want to change.
pub fn warn(text: impl AsRef<str>) {
    eprintln!("{} {}", paint("1;33", "warning:"), text.as_ref());
}

/// Says why a command failed, with everything that led to it.
pub fn error(error: &anyhow::Error) {
    eprintln!("{} {error:#}", paint("1;31", "error:"));
}

/// `text` in an ANSI style, or plain when nobody looks.
pub fn paint(style: &str, text: &str) -> String {
    if std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none() {
        format!("\x1b[{style}m{text}\x1b[0m")
    } else {
        text.to_owned()
    }
}

/// A duration as a person says it: `840 ms`, `12.3 s`, `4 min 05 s`.
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    match duration.as_secs() {
        0 => format!("{} ms", duration.as_millis()),
        1..60 => format!("{seconds:.1} s"),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}

/// A command in the project's folder, shown before it runs, with its output passed through.
pub fn run(root: &Path, program: impl AsRef<OsStr>, args: &[impl AsRef<OsStr>]) -> Result<()> {
    run_with(root, program, args, &[])
}

/// [`run`] with variables added to the environment.
pub fn run_with(
    root: &Path,
    program: impl AsRef<OsStr>,
    args: &[impl AsRef<OsStr>],
    env: &[(String, String)],
) -> Result<()> {
    let mut command = Command::new(program.as_ref());
    command.args(args).current_dir(root).envs(env.iter().map(|(name, value)| (name, value)));
    for name in set_for_us() {
        command.env_remove(name);
    }
    let line = shown(&command);
    eprintln!("    {}", paint("2", &line));
    let status = command.status().with_context(|| format!("cannot run `{line}`"))?;
    if !status.success() {
        bail!("`{line}` failed ({status})");
    }
    Ok(())
}

/// What `cargo run` says about this package to this program. Build scripts ask for the same names, and some (ring's)
/// run again when they change: Cargo would compile half of the host anew whenever it is called from here after it was
/// called by hand, and the other way round.
fn set_for_us() -> impl Iterator<Item = OsString> {
    let ours = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    std::env::vars_os().map(|(name, _)| name).filter(move |name| name.to_str().is_some_and(ours))
}

/// Standard output of a command that is asked something; `None` when it is missing or fails.
pub fn ask(program: impl AsRef<OsStr>, args: &[&str]) -> Option<String> {
    let output = Command::new(program).args(args).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// How far a long piece of work has come: one line redrawn on a terminal, a line every tenth in a log.
pub struct Progress {
    what: String,
    total: u64,
    started: Instant,
    shown: u64,
}

impl Progress {
    /// Starts at nothing of `total`.
    pub fn new(what: impl Into<String>, total: u64) -> Self {
        Self { what: what.into(), total: total.max(1), started: Instant::now(), shown: 0 }
    }

    /// Shows that `done` of the total is done.
    pub fn at(&mut self, done: u64) {
        let percent = done.min(self.total) * 100 / self.total;
        let step = if std::io::stderr().is_terminal() { 1 } else { 10 };
        if percent / step == self.shown / step && done < self.total {
            return;
        }
        self.shown = percent;
        let line = format!("    {}: {done} of {} ({percent} %)", self.what, self.total);
        if std::io::stderr().is_terminal() {
            eprint!("\r{line}\x1b[K");
        } else {
            eprintln!("{line}");
        }
    }

    /// Ends the line with the time it took.
    pub fn done(self) {
        let line = format!("    {}: {} in {}", self.what, self.total, human(self.started.elapsed()));
        if std::io::stderr().is_terminal() {
            eprintln!("\r{line}\x1b[K");
        } else {
            eprintln!("{line}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        assert_eq!(human(Duration::from_millis(840)), "840 ms");
        assert_eq!(human(Duration::from_millis(12_340)), "12.3 s");
        assert_eq!(human(Duration::from_secs(245)), "4 min 05 s");
    }
}
