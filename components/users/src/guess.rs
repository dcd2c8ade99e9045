//! A guess at somebody's password: every place where a password proves something asks here, so that all of them together
//! give an attacker no more guesses than one.

use crate::password;
use crate::problem::UsersError;
use crate::rules;
use crate::store::{self, Credentials};
use souk_kit::{Ctx, Result, Secret, network};

/// What somebody says is the password of an account.
pub struct Guess<'a> {
    /// The account's e-mail address, normalised. It need not be anybody's.
    pub email: &'a str,
    /// The guess.
    pub password: &'a Secret,
    /// Where it comes from.
    pub address: Option<&'a str>,
}

/// Whose password the guess is; nothing when it is wrong; a refusal when there have been too many.
///
/// An unknown address takes as long as a wrong password. The hash takes 50 ms, in which others may guess as well: so it is
/// decided again afterwards, one by one, in the transaction that counts. Who comes too late by then learns nothing from it,
/// and a right guess counts like a wrong one, or the next pause would tell.
pub async fn judge(ctx: &Ctx, guess: Guess<'_>) -> Result<Option<Credentials>> {
    let (email, network) = (guess.email, network::of(guess.address));
    let before = store::credentials(&ctx.conn().await?, email, &network).await?;
    if let Some(pause) = rules::wait(before.history) {
        return Err(UsersError::TooManyAttempts(pause).into());
    }
    let known = before.password_hash.as_deref();
    let is_right = password::verify(guess.password, known).await?;
    let renewed = match known.filter(|hash| is_right && password::is_outdated(hash)) {
        Some(_) => Some(password::hash(guess.password).await?),
        None => None,
    };

    let mut tx = ctx.begin().await?;
    let now = store::credentials(&tx, email, &network).await?;
    let pause = rules::wait(now.history);
    if pause.is_some() || !is_right || !now.is_same_password(&before) {
        store::note_failure(&mut tx, email, &network).await?;
        tx.commit().await?;
        return pause.map_or(Ok(None), |pause| Err(UsersError::TooManyAttempts(pause).into()));
    }
    store::note_success(&mut tx, email, &network).await?;
    if let (Some(id), Some(hash)) = (now.user_id, renewed) {
        store::renew_hash(&mut tx, id, &hash).await?;
    }
    tx.commit().await?;
    Ok(Some(now))
}
