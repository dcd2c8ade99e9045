//! Who did something to an account, and from where: what the audit log in auth is told with every event.

use serde_json::{Value, json};
use souk_kit::Ctx;

/// The facts of an event, with who caused it.
pub fn told(ctx: &Ctx, mut facts: Value) -> Value {
    facts["actor"] = json!(ctx.actor());
    facts["address"] = json!(ctx.address());
    facts["user_agent"] = json!(ctx.user_agent());
    facts["request_id"] = json!(ctx.request_id());
    facts
}
