//! `cargo xtask up` and `cargo xtask spin`: from a checkout to a running suite, again and again on the same data.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;

use crate::bootstrap::{self, Administrator};
use crate::compile;
use crate::env_file::EnvFile;
use crate::paypal::Sandbox;
use crate::project::Project;
use crate::shell;
use crate::suite::{self, Launch, Runner, Suite};

/// Build the suite and run it on this machine, until Ctrl-C.
///
/// Adds Rust's wasm32-wasip2 target when it is missing, builds the components and the embedded host, makes random
/// secrets once (in .env), creates the first administrator with a generated password, loads the demo catalogue into
/// an empty shop, and prints where everything is. The data stays in the state folder: the next `up` goes on with it.
#[derive(Args)]
pub struct UpArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// Run on the real Spin instead of the embedded host (the same as `cargo xtask spin`)
    #[arg(long)]
    spin: bool,
    /// The Spin to run [default: the one on the PATH]
    #[arg(long, value_name = "PATH", env = "SPIN_BINARY")]
    spin_binary: Option<PathBuf>,
}

/// Build the suite and run it on the real Spin (4.1 or later), until Ctrl-C.
///
/// Everything is as with `up`. Spin has no timer, so this command itself calls the maintenance route every five
/// seconds; in production cron or Kubernetes does.
#[derive(Args)]
pub struct SpinArgs {
    #[command(flatten)]
    common: CommonArgs,
    /// The Spin to run [default: the one on the PATH]
    #[arg(long, value_name = "PATH", env = "SPIN_BINARY")]
    spin_binary: Option<PathBuf>,
}

#[derive(Args)]
struct CommonArgs {
    /// Port on the loopback interface
    #[arg(long, default_value_t = 8005)]
    port: u16,
    /// Folder of the databases and logs
    #[arg(long, value_name = "DIR", default_value = ".spin")]
    state_dir: PathBuf,
    /// Leave an empty shop empty, instead of loading the demo catalogue
    #[arg(long)]
    empty: bool,
    /// Run a stand-in for PayPal beside it, on this port or a free one, and take payments with it
    #[arg(long, value_name = "PORT", num_args = 0..=1, default_missing_value = "0")]
    paypal_sandbox: Option<u16>,
}

/// `cargo xtask up`.
pub fn up(args: &UpArgs) -> Result<()> {
    if args.spin {
        return run(&args.common, Some(spin_program(args.spin_binary.as_deref())?));
    }
    run(&args.common, None)
}

/// `cargo xtask spin`.
pub fn spin(args: &SpinArgs) -> Result<()> {
    run(&args.common, Some(spin_program(args.spin_binary.as_deref())?))
}

/// The Spin that was asked for, or the one on the PATH.
pub fn spin_program(asked: Option<&Path>) -> Result<PathBuf> {
    let program = asked.unwrap_or(Path::new("spin"));
    let Some(version) = shell::ask(program, &["--version"]) else {
        bail!(
            "there is no Spin at {}. Install version 4.1 or later (https://spinframework.dev), name it with \
             --spin-binary, or use `cargo xtask up`, which needs none",
            program.display()
        );
    };
    if !new_enough(&version) {
        bail!("{} is {version}; Souk needs WASI 0.3, which Spin has since 4.1", program.display());
    }
    Ok(program.to_owned())
}

fn new_enough(version: &str) -> bool {
    let mut numbers = version.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (4, 1)
}

fn run(args: &CommonArgs, spin: Option<PathBuf>) -> Result<()> {
    let project = Project::find()?;
    suite::check_port(args.port)?;
    shell::say("Building the components");
    compile::components(&project, false)?;
    let runner = if let Some(spin) = spin {
        Runner::Spin(spin)
    } else {
        shell::say("Building the host");
        Runner::Host(compile::programs(&project, &["souk-host"])?.remove(0))
    };
    let mut secrets = EnvFile::complete(&project)?;
    let state_dir = project.path(&args.state_dir);
    let paypal = match args.paypal_sandbox {
        Some(port) => Some(stand_in(&project, port, &state_dir, args.port)?),
        None => None,
    };
    if let Some(paypal) = &paypal {
        paypal.tell(&mut secrets);
    }

    shell::say("Starting the suite");
    let mut suite = Suite::start(&launch(&project, &runner, args.port, &state_dir, &secrets)?)?;
    match prepare(&project, &suite, &secrets, args.empty) {
        Ok(administrator) => show(args.port, &secrets, administrator, paypal.as_ref())?,
        Err(_) if suite::interrupted() => {}
        Err(error) => return Err(error),
    }
    let status = suite.wait()?;
    if !suite::interrupted() && !status.success() {
        bail!("the suite ended by itself ({status})");
    }
    shell::say("Stopped; `cargo xtask up` goes on with the same data");
    Ok(())
}

fn stand_in(project: &Project, port: u16, state_dir: &Path, suite_port: u16) -> Result<Sandbox> {
    shell::say("Building the stand-in for PayPal");
    let program = compile::programs(project, &["souk-paypal-sandbox"])?.remove(0);
    Sandbox::start(&program, port, state_dir, suite_port)
}

/// How the suite of this checkout is started with its state in `state_dir`.
pub fn launch<'a>(
    project: &Project,
    runner: &'a Runner,
    port: u16,
    state_dir: &Path,
    secrets: &'a EnvFile,
) -> Result<Launch<'a>> {
    std::fs::create_dir_all(state_dir).with_context(|| format!("cannot make {}", state_dir.display()))?;
    let config = project.path("runtime-config.toml");
    let runtime_config = match runner {
        Runner::Host(_) => config,
        Runner::Spin(_) => suite::runtime_config_in(state_dir, &config)?,
    };
    Ok(Launch {
        runner,
        manifest: project.path("spin.toml"),
        runtime_config: Some(runtime_config),
        port,
        state_dir: state_dir.to_owned(),
        secrets,
        log: None,
    })
}

fn prepare(project: &Project, suite: &Suite, secrets: &EnvFile, empty: bool) -> Result<Administrator> {
    let api = suite.api();
    let administrator = bootstrap::administrator(&api, secrets)?;
    if !empty && let Err(error) = bootstrap::demo_catalogue(project, &api, secrets) {
        // A shop whose administrator has another password is a shop in use: it runs without the demo.
        if administrator == Administrator::Created {
            return Err(error);
        }
        shell::warn(format!("the demo catalogue was not loaded: {error:#}"));
    }
    Ok(administrator)
}

fn show(port: u16, secrets: &EnvFile, administrator: Administrator, paypal: Option<&Sandbox>) -> Result<()> {
    let (email, password) = bootstrap::credentials(secrets)?;
    let url = format!("http://localhost:{port}");
    let kept = secrets.path().display();
    let admin = match administrator {
        Administrator::Created => format!("{email}, password {password} (kept in {kept})"),
        Administrator::Existed => format!("{email}; the first password is kept in {kept}"),
    };
    shell::say("Souk is running");
    let paypal = paypal.map_or_else(String::new, |paypal| {
        format!(
            "\n    PayPal         a stand-in at {}: confirm a payment with {{\"method\": {{\"type\": \"paypal\"}}}},\n    \
             {:15}open the address that it answers, approve, and `continue` the payment",
            paypal.url(),
            ""
        )
    });
    eprintln!(
        "\n    API            {url}/api/v1\n    documentation  {url}/docs\n    OpenAPI        {url}/openapi.json\n    \
         administrator  {admin}{paypal}\n\n    Ctrl-C stops it.\n"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spin_must_have_wasi_0_3() {
        assert!(new_enough("spin 4.1.0-pre0 (abcdef1 2026-08-20)"));
        assert!(new_enough("spin 10.0.0"));
        assert!(!new_enough("spin 4.0.9"));
        assert!(!new_enough("spin"));
    }
}
