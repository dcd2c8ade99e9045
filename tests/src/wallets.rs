//! Ethereum wallets that sign, contracts that are wallets, and the node that they are asked at.

use crate::answer::Answer;
use crate::person::Person;
use crate::standin::{Seen, StandIn};
use crate::suite::Suite;
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};
use sha3::{Digest as _, Keccak256};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A wallet with a key.
#[derive(Clone)]
pub struct Wallet {
    key: SigningKey,
    /// Its address, in the case that is its checksum.
    pub address: String,
}

/// The mixed case of ERC-55.
pub fn checksummed(lower: &str) -> String {
    let hash = hex::encode(Keccak256::digest(lower.as_bytes()));
    let cased = lower.chars().zip(hash.chars()).map(|(digit, nibble)| match nibble {
        '8'..='f' => digit.to_ascii_uppercase(),
        _ => digit,
    });
    format!("0x{}", cased.collect::<String>())
}

fn hash(message: &str) -> [u8; 32] {
    let prefixed = format!("\x19Ethereum Signed Message:\n{}{message}", message.len());
    Keccak256::digest(prefixed.as_bytes()).into()
}

impl Wallet {
    /// One that nobody has.
    pub fn new() -> Self {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the machine gives random bytes");
        let key = SigningKey::from_slice(&bytes).expect("a key");
        let point = key.verifying_key().to_sec1_point(false);
        let address = hex::encode(&Keccak256::digest(&point.as_bytes()[1..])[12..]);
        Self { key, address: checksummed(&address) }
    }

    /// Its signature of a text, as wallets make it.
    pub fn signs(&self, message: &str) -> String {
        let (signature, recovery) = self.key.sign_prehash_recoverable(&hash(message));
        format!("0x{}{:02x}", hex::encode(signature.to_bytes()), 27 + recovery.to_byte())
    }

    /// What it sends to come in, by the terms that the suite gave.
    pub fn answers(&self, terms: &Value) -> Value {
        let message = message(terms, &self.address, "");
        json!({"message": message, "signature": self.signs(&message)})
    }
}

impl Default for Wallet {
    fn default() -> Self {
        Self::new()
    }
}

/// The message that the terms ask for, with more lines at its end.
pub fn message(terms: &Value, address: &str, more: &str) -> String {
    let text = |name: &str| terms[name].as_str().unwrap_or_else(|| panic!("no {name} in {terms}")).to_owned();
    format!(
        "{} wants you to sign in with your Ethereum account:\n{address}\n\nSign in to the shop.\n\nURI: {}\nVersion: {}\n\
         Chain ID: {}\nNonce: {}\nIssued At: {}{more}",
        text("domain"),
        text("uri"),
        text("version"),
        terms["chain_id"],
        text("nonce"),
        text("issued_at")
    )
}

impl Person {
    /// Asks what a wallet is to sign.
    pub async fn wallet_terms(&self) -> Value {
        self.post("/api/v1/auth/siwe/nonce", &json!({})).without_token().await.is(200).json().clone()
    }

    /// Sends what a wallet signed, to come in.
    pub async fn comes_in_with(&self, signed: &Value) -> Answer {
        self.post("/api/v1/auth/siwe", signed).without_token().await
    }

    /// Links a wallet to the own account.
    pub async fn links(&self, wallet: &Wallet) -> Answer {
        let terms = self.wallet_terms().await;
        self.post("/api/v1/users/me/wallets", &wallet.answers(&terms)).await
    }

    /// The addresses of one's wallets.
    pub async fn wallets(&self) -> Vec<String> {
        let answer = self.get("/api/v1/users/me/wallets").await.is(200);
        let items = answer.json()["items"].as_array().cloned().unwrap_or_default();
        items.iter().filter_map(|wallet| wallet["address"].as_str().map(str::to_owned)).collect()
    }
}

impl Suite {
    /// Somebody signs in with a wallet.
    pub async fn arrives_with(&self, wallet: &Wallet) -> Answer {
        let stranger = self.stranger();
        let terms = stranger.wallet_terms().await;
        stranger.comes_in_with(&wallet.answers(&terms)).await
    }
}

/// What ails the node.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// It answers with this status.
    Status(u16),
    /// It answers this with 200.
    Says(String),
    /// It answers calls with this error.
    Error(i64, &'static str),
}

#[derive(Default)]
struct State {
    chain: u64,
    /// What each contract takes for a signature, of whatever.
    contracts: BTreeMap<String, String>,
    trouble: Option<Trouble>,
}

/// A chain's node, with contracts that are wallets.
pub struct Node {
    server: StandIn,
    state: Arc<Mutex<State>>,
}

impl Node {
    /// Starts one of chain 1.
    pub fn start() -> Self {
        let state = Arc::new(Mutex::new(State { chain: 1, ..State::default() }));
        let told = Arc::clone(&state);
        Self { server: StandIn::start(move |seen| answer(&lock(&told), seen)), state }
    }

    /// A suite that asks it.
    pub async fn suite(&self) -> Option<Suite> {
        let origin = format!("http://{}", self.server.authority());
        Suite::own_with(&[("wallet_rpc_url", origin.as_str()), ("wallet_rpc_path", "/v2/the-key")]).await
    }

    /// A contract that takes these bytes, in hexadecimal, for a signature. Its address.
    pub fn has_contract(&self, signature: &str) -> String {
        let address = Wallet::new().address;
        lock(&self.state)
            .contracts
            .insert(address.to_lowercase(), signature.trim_start_matches("0x").to_owned());
        address
    }

    /// It is of another chain.
    pub fn is_of_chain(&self, chain: u64) {
        lock(&self.state).chain = chain;
    }

    /// Something ails it, or nothing any more.
    pub fn ails(&self, trouble: Option<Trouble>) {
        lock(&self.state).trouble = trouble;
    }

    /// How often it was asked since the last time somebody wanted to know.
    pub fn times_asked(&self) -> usize {
        self.server.has_seen().len()
    }
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn answer(state: &State, seen: &Seen) -> (u16, Value) {
    match &state.trouble {
        Some(Trouble::Status(status)) => return (*status, json!({"error": "no"})),
        Some(Trouble::Says(text)) => return (200, serde_json::from_str(text).unwrap_or(json!(text))),
        _ => {}
    }
    if seen.path != "/v2/the-key" || seen.header("content-type") != Some("application/json") {
        return (404, json!({}));
    }
    let calls: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    // In any order, as JSON-RPC allows.
    (200, calls.as_array().into_iter().flatten().rev().map(|call| called(state, call)).collect())
}

fn called(state: &State, call: &Value) -> Value {
    let result = |result: String| json!({"jsonrpc": "2.0", "id": call["id"], "result": result});
    let error = |code: i64, message: &str| json!({"jsonrpc": "2.0", "id": call["id"], "error": {"code": code, "message": message}});
    match (call["method"].as_str(), &state.trouble) {
        (Some("eth_chainId"), _) => return result(format!("{:#x}", state.chain)),
        (_, Some(Trouble::Error(code, message))) => return error(*code, message),
        (Some("eth_call"), _) => {}
        _ => return error(-32601, "the method does not exist/is not available"),
    }
    let to = call["params"][0]["to"].as_str().unwrap_or_default().to_lowercase();
    let data = call["params"][0]["data"].as_str().unwrap_or_default();
    // Where there is no contract, nothing answers.
    let Some(signature) = state.contracts.get(&to) else { return result("0x".into()) };
    let length = format!("{:064x}", signature.len() / 2);
    let encoded = format!("{:064x}{length}{signature}", 64);
    let fits =
        data.starts_with("0x1626ba7e") && data.get(10 + 64..).is_some_and(|rest| rest.starts_with(&encoded));
    match fits {
        true => result(format!("0x1626ba7e{}", "0".repeat(56))),
        false => error(3, "execution reverted"),
    }
}
