//! Pairing and unpairing as commands of their own, while the agent is stopped.

use crate::config::Config;
use crate::link::{self, PairFault};
use anyhow::{Context, Result, anyhow};
use protocol::HasCode;
use runtime::{Clock, SystemClock, chain};
use std::io::Read;
use std::path::Path;
use store::Store;

/// Longest accepted file of authorities in bytes.
const CA_LIMIT: u64 = 1 << 20;

fn open(config: &Config) -> Result<Store> {
    let (store, _) = Store::open(&config.data_dir, SystemClock.wall()).with_context(|| {
        format!(
            "the data folder {} cannot be used; if the agent runs, pair and unpair on its page, or stop it first",
            config.data_dir.display()
        )
    })?;
    Ok(store)
}

/// Redeems a pairing token. Answers what to tell the operator.
///
/// # Errors
/// With what to do, when Studio refuses or cannot be reached; nothing is changed then.
pub fn pair(config: &Config, studio: &str, token: &str, ca: Option<&Path>) -> Result<String> {
    let ca_pem = ca.map(read).transpose()?;
    let store = open(config)?;
    let serial = link::identity(&store)?.serial;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("no runtime")?;
    let asked = link::Asked {
        studio,
        token,
        ca_pem: ca_pem.as_deref(),
        proxy: config.link.proxy.as_ref(),
    };
    let device = runtime
        .block_on(link::pair(&store, &asked))
        .map_err(|fault| with_advice(&fault))
        .with_context(|| format!("the device {serial} was not paired"))?;
    Ok(format!(
        "Paired: serial {serial} is device {device}. Start the agent to connect.\n"
    ))
}

/// A refusal with its causes, and with what the operator can do.
fn with_advice(fault: &PairFault) -> anyhow::Error {
    anyhow!("{}. {}", chain(fault), fault.remediation())
}

fn read(path: &Path) -> Result<String> {
    let mut pem = String::new();
    let file = std::fs::File::open(path)
        .with_context(|| format!("{} cannot be opened", path.display()))?;
    file.take(CA_LIMIT)
        .read_to_string(&mut pem)
        .with_context(|| format!("{} cannot be read", path.display()))?;
    Ok(pem)
}

/// Forgets Studio. Answers what to tell the operator.
///
/// # Errors
/// When the device is not paired.
pub fn unpair(config: &Config) -> Result<String> {
    let store = open(config)?;
    link::unpair(&store).map_err(|fault| with_advice(&fault))?;
    Ok("Unpaired: the keys are made anew, everything local stays. Remove the device in Studio too.\n".to_owned())
}

/// The device's serial, which a pairing token is made for.
///
/// # Errors
/// When the data folder cannot be used.
pub fn serial(config: &Config) -> Result<String> {
    let store = open(config)?;
    Ok(format!("{}\n", link::identity(&store)?.serial))
}
