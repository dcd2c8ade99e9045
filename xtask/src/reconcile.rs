//! `cargo xtask reconcile`: whether payments, orders, invoices and the ledger agree.

use anyhow::{Context, Result, bail};
use clap::Args;
use serde::Deserialize;

use crate::api::Api;
use crate::bootstrap;
use crate::env_file::EnvFile;
use crate::project::Project;
use crate::shell;

/// Orders that each service is asked for at once.
const LIMIT: u32 = 500;

/// Compare what payments, orders, invoices and the ledger say of every order's money.
///
/// Prints what differs. What has changed within the last minute may still be settling; anything else makes the command fail.
#[derive(Args)]
pub struct ReconcileArgs {
    /// The suite
    #[arg(long, value_name = "URL", default_value = "http://localhost:8005")]
    url: String,
    /// An access token with the scope transactions:read; without, the administrator of .env signs in
    #[arg(long, env = "SOUK_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Only orders placed from this instant (RFC 3339)
    #[arg(long)]
    from: Option<String>,
    /// Only orders placed before this instant
    #[arg(long)]
    to: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    checked: u64,
    differences: Vec<Difference>,
    next_cursor: Option<String>,
}

#[derive(Deserialize)]
struct Difference {
    order_id: Option<String>,
    payment_id: Option<String>,
    kind: String,
    settling: bool,
    message: String,
}

/// `cargo xtask reconcile`.
pub fn run(args: &ReconcileArgs) -> Result<()> {
    let stranger = Api::new(&args.url);
    let api = match &args.token {
        Some(token) => stranger.with_token(token),
        None => bootstrap::signed_in(&stranger, &EnvFile::read(&Project::find()?)?)?,
    };
    let (mut checked, mut settling, mut staying) = (0, 0, 0);
    let mut cursor = None;
    loop {
        let page = read(&api, args, cursor.as_deref())?;
        checked += page.checked;
        for difference in &page.differences {
            if settling + staying == 0 {
                println!("{:<30}  {:<30}  {:<23}  {:<8}  what", "order", "payment", "kind", "");
            }
            println!("{}", line(difference));
            *(if difference.settling { &mut settling } else { &mut staying }) += 1;
        }
        match page.next_cursor {
            Some(next) => cursor = Some(next),
            None => break,
        }
    }
    shell::say(format!("{checked} orders compared, {settling} differences settling, {staying} staying"));
    if staying > 0 {
        bail!("{staying} differences stay until somebody sees to them: docs/ledger.md says what each means");
    }
    Ok(())
}

fn read(api: &Api, args: &ReconcileArgs, cursor: Option<&str>) -> Result<Page> {
    let mut path = format!("/api/v1/transactions/reconciliation?limit={LIMIT}");
    let given = [("from", args.from.as_deref()), ("to", args.to.as_deref()), ("cursor", cursor)];
    for (name, value) in given.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        // A plus of a time's offset would be read as a space.
        path += &format!("&{name}={}", value.replace('+', "%2B"));
    }
    let answer = api.get(&path)?.expect(200, "comparing the books")?;
    serde_json::from_str(&answer.body).context("the answer is no page of a reconciliation")
}

fn line(it: &Difference) -> String {
    let id = |id: &Option<String>| id.clone().unwrap_or_else(|| "-".into());
    let settling = if it.settling { "settling" } else { "" };
    format!(
        "{:<30}  {:<30}  {:<23}  {settling:<8}  {}",
        id(&it.order_id),
        id(&it.payment_id),
        it.kind,
        it.message
    )
}
