//! Sign-In with Ethereum (ERC-4361): who signs our text with a wallet's key has the wallet.
//!
//! The text must be for this suite (its domain, address, chain, and a nonce of ours that nobody has used), for now, and
//! signed by the address that it names: by its key (EIP-191), or, if it is a contract, by what the contract takes for a
//! signature (ERC-1271).

mod address;
mod chain;
mod message;
mod nonce;
mod signature;

pub use address::Address;
pub use nonce::Nonce;

use crate::problem::UsersError;
use crate::store;
use garde::Validate;
use message::Message;
use serde::{Deserialize, Serialize};
use souk_kit::db::between_transactions;
use souk_kit::{Ctx, FieldError, Problem, Result, Timestamp, Tx, settings};
use std::time::Duration;
use utoipa::ToSchema;

/// By how much the clock of a wallet's computer may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(60);

/// A text that a wallet signed.
#[derive(Debug, Deserialize, Validate, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WalletProof {
    /// The message of ERC-4361, as it was signed.
    #[garde(length(min = 1, max = message::MAX_MESSAGE))]
    pub message: String,
    /// The signature, in hexadecimal: 65 bytes of a key, or whatever a contract takes for one.
    #[garde(length(min = 4, max = 2 + 2 * signature::MAX_SIGNATURE))]
    #[schema(example = "0x5d99b6f7…1b")]
    pub signature: String,
}

/// What a message for this suite has to say.
#[derive(Debug, Serialize, ToSchema)]
pub struct Terms {
    /// Its nonce: good once.
    pub nonce: String,
    /// Its domain.
    #[schema(example = "localhost:8005")]
    pub domain: String,
    /// Its URI; one below it will do as well.
    #[schema(example = "http://localhost:8005")]
    pub uri: String,
    /// Its version.
    #[schema(example = "1")]
    pub version: &'static str,
    /// Its chain id.
    pub chain_id: u64,
    /// When it may say that it was issued.
    pub issued_at: Timestamp,
    /// Until when the nonce can be used.
    pub expires_at: Timestamp,
}

/// A wallet whose owner is there, once the nonce is spent.
#[derive(Debug)]
pub struct Proven {
    /// The wallet.
    pub address: Address,
    /// The chain that it was proven on.
    pub chain_id: u64,
    nonce: Nonce,
}

impl Proven {
    /// Spends the nonce in the transaction of what it was proven for: the same proof does nothing twice.
    pub async fn spend(&self, tx: &mut Tx) -> Result<()> {
        match store::wallet::use_nonce(tx, &self.nonce).await? {
            true => Ok(()),
            false => Err(UsersError::WalletNotProven("The nonce has been used.").into()),
        }
    }
}

/// Where messages are for.
struct Here {
    origin: String,
    chain_id: u64,
}

impl Here {
    async fn read() -> Result<Self> {
        let chain_id = settings::number("wallet_chain_id").await?;
        Ok(Self { origin: settings::variable("public_url").await?, chain_id })
    }

    fn scheme(&self) -> &str {
        self.origin.split("://").next().unwrap_or_default()
    }

    /// Host, and port if it is no usual one.
    fn domain(&self) -> &str {
        let rest = self.origin.split_once("://").map_or(self.origin.as_str(), |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }

    fn has(&self, uri: &str) -> bool {
        uri.strip_prefix(&self.origin)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
    }

    /// Refuses a message that was signed for somebody else, or for another time.
    fn accepts(&self, message: &Message, now: Timestamp) -> Result<(), UsersError> {
        let refusals = [
            (message.domain != self.domain(), "The message is for another domain."),
            (
                message.scheme.as_deref().is_some_and(|it| it != self.scheme()),
                "The message is for another origin.",
            ),
            (!self.has(&message.uri), "The message is for another URI."),
            (message.chain_id != self.chain_id, "The message is for another chain."),
            (message.issued_at > now.after(AHEAD), "The message is of the future."),
            (message.not_before.is_some_and(|at| at > now), "The message does not hold yet."),
            (message.expires_at.is_some_and(|at| at <= now), "The message has expired."),
        ];
        match refusals.into_iter().find(|(is_wrong, _)| *is_wrong) {
            Some((_, why)) => Err(UsersError::WalletNotProven(why)),
            None => Ok(()),
        }
    }
}

/// What the next message has to say.
pub async fn terms() -> Result<Terms> {
    let (here, now) = (Here::read().await?, Timestamp::now());
    let nonce = Nonce::issue(now, &settings::key("identity_key").await?)?;
    Ok(Terms {
        domain: here.domain().into(),
        chain_id: here.chain_id,
        version: "1",
        issued_at: now,
        expires_at: nonce.expires_at(),
        nonce: nonce.to_string(),
        uri: here.origin,
    })
}

/// Whose wallet it is. What is no message is refused, blaming the field below `pointer`.
pub async fn prove(ctx: &Ctx, proof: &WalletProof, pointer: &str) -> Result<Proven> {
    let invalid =
        |field: &str, what: &str| Problem::invalid(vec![FieldError::at(format!("{pointer}/{field}"), what)]);
    let message =
        Message::read(&proof.message).map_err(|message::Malformed(what)| invalid("message", what))?;
    let signature = signature::bytes(&proof.signature)
        .ok_or_else(|| invalid("signature", "must be bytes in hexadecimal, after 0x"))?;
    let now = Timestamp::now();
    let here = Here::read().await?;
    here.accepts(&message, now)?;
    let nonce = Nonce::read(&message.nonce, now, &settings::key("identity_key").await?)?
        .ok_or(UsersError::WalletNotProven("The nonce is none of ours, or has expired."))?;
    let hash = signature::hash(&proof.message);
    between_transactions().await;
    let is_signed = signature::signer(&hash, &signature) == Some(message.address)
        || chain::confirms(ctx, here.chain_id, &message.address, &hash, &signature).await?;
    match is_signed {
        true => Ok(Proven { address: message.address, chain_id: here.chain_id, nonce }),
        false => Err(UsersError::WalletNotProven("The signature is not that of the address.").into()),
    }
}

#[cfg(test)]
mod tests;
