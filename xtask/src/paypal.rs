//! The stand-in for PayPal beside a suite: `cargo xtask up --paypal-sandbox`.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::env_file::EnvFile;

/// A running stand-in; it ends when this is dropped.
pub struct Sandbox {
    child: Child,
    account: Value,
}

impl Sandbox {
    /// Starts the stand-in that is `program`, whose books are in `state_dir`, and whose webhooks go to the suite on a port.
    pub fn start(program: &Path, port: u16, state_dir: &Path, suite_port: u16) -> Result<Self> {
        std::fs::create_dir_all(state_dir).with_context(|| format!("cannot make {}", state_dir.display()))?;
        let webhooks = format!("http://127.0.0.1:{suite_port}/api/v1/payments/webhooks/paypal");
        // A group of its own: Ctrl-C ends the suite first, which may still have something to ask.
        let mut child = Command::new(program)
            .args(["--port", &port.to_string(), "--tells", &webhooks, "--file"])
            .arg(state_dir.join("paypal-sandbox.json"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut line = String::new();
        let said = child.stdout.take().context("the stand-in for PayPal has no output")?;
        BufReader::new(said).read_line(&mut line)?;
        let account = serde_json::from_str(&line).unwrap_or_default();
        let sandbox = Self { child, account };
        sandbox.text("url").context("the stand-in for PayPal did not start; is its port taken?")?;
        Ok(sandbox)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.account[name].as_str()
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        self.text("url").unwrap_or_default()
    }

    /// Sets the variables that have the suite use it.
    pub fn tell(&self, secrets: &mut EnvFile) {
        for name in ["url", "client_id", "secret", "webhook_id"] {
            secrets.set(&format!("paypal_{name}"), self.text(name).unwrap_or_default());
        }
        secrets.set("paypal_certs_url", "");
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // It may be gone already, which is what is wanted.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}
