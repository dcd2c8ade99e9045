//! The stand-in by itself: `cargo xtask up --paypal-sandbox` runs it beside the suite.

use anyhow::Result;
use clap::Parser;
use paypal_sandbox::{Options, Sandbox};
use std::io::Write as _;
use std::path::PathBuf;

/// Stand in for PayPal on the loopback interface, until killed. Prints one line of JSON: how a merchant reaches it.
#[derive(Parser)]
struct Arguments {
    /// Port on the loopback interface; 0 for a free one
    #[arg(long, default_value_t = 0)]
    port: u16,
    /// File of its books
    #[arg(long)]
    file: Option<PathBuf>,
    /// Where its webhooks go
    #[arg(long, value_name = "URL")]
    tells: Option<String>,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let options = Options { port: arguments.port, file: arguments.file, ..Options::default() };
    let sandbox = Sandbox::start(options)?;
    if let Some(url) = &arguments.tells {
        sandbox.tells(url);
    }
    let (client_id, secret, webhook_id) = sandbox.account();
    let account = serde_json::json!({
        "url": sandbox.url(), "client_id": client_id, "secret": secret, "webhook_id": webhook_id,
    });
    writeln!(std::io::stdout(), "{account}")?;
    loop {
        std::thread::park();
    }
}
