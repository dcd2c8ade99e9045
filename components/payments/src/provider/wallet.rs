//! The wallet: the buyer's own account with the shop, which the service transactions keeps. It knows a charge by its
//! payment, and each part of one by its key.

use super::{Answer, Charge, Part, Proof, Provider, Said, Settled, Standing, Unanswered};
use crate::method::MethodKind;
use crate::rules::CALL_LASTS;
use http::{Method, StatusCode};
use serde_json::{Value, json};
use souk_kit::Ctx;
use souk_kit::client::Reply;

/// The provider.
pub struct Wallet;

impl Provider for Wallet {
    fn name(&self) -> &'static str {
        "wallet"
    }

    fn method(&self) -> MethodKind {
        MethodKind::Wallet
    }

    fn answers_here(&self, _: &Charge) -> bool {
        false
    }

    fn create<'a>(&'a self, _: &'a Ctx, _: &'a Charge) -> Answer<'a, Said> {
        Box::pin(async { Ok(Standing::Created.into()) })
    }

    fn authorize<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, _: Proof<'a>) -> Answer<'a, Said> {
        self.resume(ctx, charge)
    }

    fn resume<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Said> {
        Box::pin(async move {
            let body = json!({"user_id": charge.user, "amount": charge.amount});
            let held = ask(ctx, Method::PUT, charge, "", &body).await?;
            if held.status.is_client_error() {
                return Ok(Standing::Declined(refusal(&held)).into());
            }
            if !charge.capture {
                return Ok(Standing::Authorized.into());
            }
            let body = json!({"key": charge.key, "amount": charge.amount, "final": true});
            let taken = ask(ctx, Method::POST, charge, "/capture", &body).await?;
            Ok(match taken.status.is_client_error() {
                true => Standing::Declined(refusal(&taken)).into(),
                false => Standing::Captured.into(),
            })
        })
    }

    fn capture<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled> {
        let body = json!({"key": part.key, "amount": part.amount});
        Box::pin(
            async move { ask(ctx, Method::POST, charge, "/capture", &body).await.map(|it| settled(&it)) },
        )
    }

    fn release<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, _: &'a Part) -> Answer<'a, Settled> {
        Box::pin(async move {
            ask(ctx, Method::POST, charge, "/release", &json!({})).await.map(|it| settled(&it))
        })
    }

    fn cancel<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge) -> Answer<'a, Standing> {
        Box::pin(async move {
            let released = ask(ctx, Method::POST, charge, "/release", &json!({})).await?;
            let may_be_on_its_way = !charge.since.after(CALL_LASTS).has_passed();
            if released.status == StatusCode::NOT_FOUND && may_be_on_its_way {
                return Err(Unanswered("nothing is held yet, and may still be".into()));
            }
            if released.status == StatusCode::CONFLICT {
                // All of it was taken before the buyer, or the shop, thought otherwise.
                let body = json!({"key": charge.key, "amount": charge.amount});
                ask(ctx, Method::POST, charge, "/refunds", &body).await?;
            }
            Ok(Standing::Cancelled)
        })
    }

    fn refund<'a>(&'a self, ctx: &'a Ctx, charge: &'a Charge, part: &'a Part) -> Answer<'a, Settled> {
        let body = json!({"key": part.key, "amount": part.amount});
        Box::pin(
            async move { ask(ctx, Method::POST, charge, "/refunds", &body).await.map(|it| settled(&it)) },
        )
    }
}

/// Asks about what is held for a payment. An answer is one that says what happened, or that nothing will.
async fn ask(
    ctx: &Ctx,
    method: Method,
    charge: &Charge,
    what: &str,
    body: &Value,
) -> Result<Reply, Unanswered> {
    let path = format!("/holds/by-payment/{}{what}", charge.payment);
    let reply = ctx.call(method, "transactions", path).json(body)?.send().await?;
    let is_clear = reply.status.is_success()
        || matches!(
            reply.status,
            StatusCode::NOT_FOUND | StatusCode::CONFLICT | StatusCode::UNPROCESSABLE_ENTITY
        );
    if is_clear { Ok(reply) } else { Err(reply.unexpected().into()) }
}

fn settled(reply: &Reply) -> Settled {
    if reply.status.is_success() { Settled::Done } else { Settled::Refused }
}

/// Why a wallet does not pay, as buyers are told: `insufficient_funds`.
fn refusal(reply: &Reply) -> String {
    reply.kind().map_or_else(|| "refused".to_owned(), |kind| kind.replace('-', "_"))
}
