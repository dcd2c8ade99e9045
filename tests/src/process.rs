//! A suite in a process of its own, which can be killed as nothing in this one can.

use crate::suite::CACHE;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// A running `souk-host`.
pub struct Process {
    child: Child,
    url: String,
}

impl Process {
    pub(crate) fn start(
        program: &Path,
        manifest: &Path,
        state: &Path,
        variables: &BTreeMap<String, String>,
    ) -> Self {
        let root = crate::project::root();
        let mut child = Command::new(program)
            .args(["--quiet", "--listen", "127.0.0.1:0"])
            .arg("--from")
            .arg(manifest)
            .arg("--runtime-config-file")
            .arg(root.join("runtime-config.toml"))
            .arg("--state-dir")
            .arg(state)
            .arg("--cache-dir")
            .arg(&*CACHE)
            // A developer's .env must not reach it.
            .current_dir(state)
            .envs(
                variables
                    .iter()
                    .map(|(name, value)| (format!("SPIN_VARIABLE_{}", name.to_uppercase()), value)),
            )
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
        let said = BufReader::new(child.stdout.take().expect("its output is a pipe"));
        let serving = |line: String| line.strip_prefix("Serving ").map(|url| url.trim().to_owned());
        let mut said = said.lines().map_while(Result::ok);
        let url = said.find_map(serving);
        let url = url.unwrap_or_else(|| panic!("{} did not say where it serves", program.display()));
        // What it says later must find a reader, or it dies of a broken pipe.
        std::thread::spawn(move || said.for_each(drop));
        Self { child, url }
    }

    /// Where it listens.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// `kill -9`.
    pub(crate) fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it is gone");
    }

    /// SIGTERM.
    pub(crate) fn stop(mut self) {
        let asked = Command::new("kill").arg(self.child.id().to_string()).status().expect("there is a kill");
        assert!(asked.success(), "it was not running any more");
        let status = self.child.wait().expect("it ends");
        assert!(status.success(), "it stopped with {status}");
    }
}

impl Drop for Process {
    /// A test that fails must not leave it behind.
    fn drop(&mut self) {
        if let Ok(None) = self.child.try_wait() {
            _ = self.child.kill();
            _ = self.child.wait();
        }
    }
}
