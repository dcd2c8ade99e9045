//! Who did something to an account, and from where: what the audit log in auth is told with every event.

use serde_json::{Value, json};
use souk_kit::{Caller, Ctx};

/// The facts of an event, with who caused it.
pub fn told(ctx: &Ctx, caller: &Caller, mut facts: Value) -> Value {
    facts["actor"] = json!(caller.subject.to_string());
    facts["address"] = json!(caller.address);
    facts["request_id"] = json!(ctx.request_id());
    facts
}
