//! Contracts that are wallets (ERC-1271), asked by JSON-RPC: the variables `wallet_rpc_url` and `wallet_rpc_path`.

use super::address::Address;
use super::signature;
use crate::outside;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use souk_kit::{Ctx, Problem, Result, settings};

/// The answer to one call.
#[derive(Deserialize)]
struct Reply {
    id: u64,
    result: Option<String>,
    error: Option<Failure>,
}

#[derive(Deserialize)]
struct Failure {
    code: i64,
    #[serde(default)]
    message: String,
}

impl Failure {
    /// Whether it is the contract's own, not the node's: contracts may say no by reverting.
    fn is_no(&self) -> bool {
        self.code == 3
            || ["revert", "invalid opcode", "out of gas"].iter().any(|word| self.message.contains(word))
    }
}

/// What the node said.
#[derive(Debug, PartialEq, Eq)]
enum Said {
    Yes,
    No,
    /// Nothing that a decision could be made of, and why.
    Nothing(String),
}

/// Whether the contract at an address takes the signature for its own. Without a node no contract does.
pub async fn confirms(
    ctx: &Ctx,
    chain_id: u64,
    address: &Address,
    hash: &[u8; 32],
    signature: &[u8],
) -> Result<bool> {
    let origin = settings::variable("wallet_rpc_url").await?;
    if origin.is_empty() {
        return Ok(false);
    }
    let path = settings::variable("wallet_rpc_path").await?;
    let url = format!("{origin}/{}", path.trim_start_matches('/'));
    let question = question(address, hash, signature).to_string();
    let request = http::Request::post(url).header("accept", "application/json");
    let answer = outside::ask(request, question.into_bytes(), ctx.time_left()).await;
    let said = match answer {
        Ok((StatusCode::OK, body)) => read(&body, chain_id),
        Ok((status, _)) => Said::Nothing(format!("answered {}", status.as_u16())),
        Err(why) => Said::Nothing(why.into()),
    };
    match said {
        Said::Yes => Ok(true),
        Said::No => Ok(false),
        Said::Nothing(why) => Err(Problem::unavailable(format!("the chain's node {why}"))),
    }
}

/// A batch: which chain it is, and what the contract says.
fn question(address: &Address, hash: &[u8; 32], signature: &[u8]) -> Value {
    let call = json!({"to": address.to_string(), "data": signature::question(hash, signature)});
    json!([
        {"jsonrpc": "2.0", "id": 0, "method": "eth_chainId", "params": []},
        {"jsonrpc": "2.0", "id": 1, "method": "eth_call", "params": [call, "latest"]},
    ])
}

fn read(json: &[u8], chain_id: u64) -> Said {
    let Ok(replies) = serde_json::from_slice::<Vec<Reply>>(json) else {
        return Said::Nothing("answered nonsense".into());
    };
    let reply = |id: u64| replies.iter().find(|reply| reply.id == id);
    let chain = reply(0).and_then(|reply| reply.result.as_deref()?.strip_prefix("0x"));
    // The same address is another contract's on another chain, and may be another person's.
    if chain.and_then(|digits| u64::from_str_radix(digits, 16).ok()) != Some(chain_id) {
        return Said::Nothing("is not of the chain wallet_chain_id".into());
    }
    match reply(1) {
        Some(Reply { result: Some(answer), .. }) if signature::is_yes(answer) => Said::Yes,
        Some(Reply { result: Some(_), .. }) => Said::No,
        Some(Reply { error: Some(failure), .. }) if failure.is_no() => Said::No,
        _ => Said::Nothing("could not make the call".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(call: Value) -> Said {
        let mut call = call;
        call["id"] = json!(1);
        // In any order, as JSON-RPC allows.
        read(json!([call, {"jsonrpc": "2.0", "id": 0, "result": "0x1"}]).to_string().as_bytes(), 1)
    }

    #[test]
    fn a_contract_says_yes_or_no_and_a_node_may_say_nothing() {
        assert_eq!(said(json!({"result": format!("0x1626ba7e{}", "0".repeat(56))})), Said::Yes);
        assert_eq!(said(json!({"result": "0x"})), Said::No);
        assert_eq!(said(json!({"result": "0xffffffff"})), Said::No);
        assert_eq!(said(json!({"error": {"code": 3, "message": "execution reverted: bad"}})), Said::No);
        assert_eq!(said(json!({"error": {"code": -32000, "message": "execution reverted"}})), Said::No);
        assert!(matches!(said(json!({"error": {"code": -32005, "message": "limit"}})), Said::Nothing(_)));
        assert!(matches!(said(json!({})), Said::Nothing(_)));
    }

    #[test]
    fn a_node_of_another_chain_decides_nothing() {
        let yes = format!("0x1626ba7e{}", "0".repeat(56));
        let answer = |chain: Value| json!([{"id": 0, "result": chain}, {"id": 1, "result": yes}]).to_string();
        assert_eq!(read(answer(json!("0x1")).as_bytes(), 1), Said::Yes);
        for chain in [json!("0x2"), json!("1"), json!(null), json!("0x")] {
            assert!(matches!(read(answer(chain.clone()).as_bytes(), 1), Said::Nothing(_)), "{chain}");
        }
        for nonsense in ["", "{}", "<html>", "[1]"] {
            assert!(matches!(read(nonsense.as_bytes(), 1), Said::Nothing(_)), "{nonsense}");
        }
    }
}
