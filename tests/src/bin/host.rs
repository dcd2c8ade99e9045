//! `souk-host`, built together with the tests so that those that kill it never kill an old one.

use clap::Parser as _;
use souk_host::cli::{Arguments, run};

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    run(Arguments::parse()).await
}
