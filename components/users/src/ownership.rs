//! Proof, beyond a token, that an account's owner is there: for what a thief of the token must not do.

use crate::account::Profile;
use crate::guess::{self, Guess};
use crate::problem::UsersError;
use crate::siwe::{self, Proven, WalletProof};
use crate::store;
use souk_kit::{Caller, Ctx, FieldError, Problem, Result, Secret, Tx};

/// A credential of the account, shown and not yet spent.
pub struct Ownership(Option<Proven>);

impl Ownership {
    /// Takes the account's password or, where none came, a text that one of its wallets signed.
    pub async fn show(
        ctx: &Ctx,
        caller: &Caller,
        profile: &Profile,
        password: Option<&Secret>,
        wallet: Option<&WalletProof>,
    ) -> Result<Self> {
        match (password, wallet) {
            (Some(password), _) => {
                must_know_password(ctx, caller, profile, password, "/password").await?;
                Ok(Self(None))
            }
            (None, Some(proof)) => {
                let proven = siwe::prove(ctx, proof, "/wallet").await?;
                let owner = store::wallet::owner(&ctx.conn().await?, proven.address).await?;
                if owner == Some(profile.id) {
                    Ok(Self(Some(proven)))
                } else {
                    Err(UsersError::WrongWallet.into())
                }
            }
            (None, None) => Err(Problem::invalid(vec![FieldError::at("/password", "is required")])),
        }
    }

    /// Makes sure that it does not show the same again, in the transaction of what it was shown for.
    pub async fn spend(&self, tx: &mut Tx) -> Result<()> {
        match &self.0 {
            Some(proven) => proven.spend(tx).await,
            None => Ok(()),
        }
    }
}

/// Refuses whoever does not know the account's password, blaming `pointer`. Answers the password's version.
pub async fn must_know_password(
    ctx: &Ctx,
    caller: &Caller,
    profile: &Profile,
    password: &Secret,
    pointer: &'static str,
) -> Result<i64> {
    // Who has no address has no password.
    let email = profile.email.as_deref().ok_or(UsersError::WrongPassword(pointer))?;
    let guess = Guess { email, password, address: caller.address.as_deref() };
    let known = guess::judge(ctx, guess).await?.filter(|known| known.user_id == Some(profile.id));
    Ok(known.ok_or(UsersError::WrongPassword(pointer))?.password_version)
}
