//! Stand-ins for those who tell rates: the European Central Bank's daily document, CoinGecko's `/simple/price`, and a node
//! that has Chainlink feeds. Each answers as the real one is documented to, and refuses what the real one would.

use crate::standin::{Seen, StandIn};
use bytes::Bytes;
use http::{Method, Response};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What ails a feed.
#[derive(Debug, Clone)]
pub enum Trouble {
    /// It answers with this status.
    Status(u16),
    /// It answers 429, and wants to be left alone for so many seconds.
    RateLimited(u64),
    /// It answers this with 200.
    Says(String),
    /// It answers well, but only after a while.
    Slow(Duration),
}

/// A round of a Chainlink feed.
#[derive(Debug, Clone)]
pub struct Round {
    /// The decimals of the feed.
    pub decimals: u8,
    /// The round's id.
    pub id: u128,
    /// What it says, in its smallest units; below zero it means nothing.
    pub answer: i128,
    /// When, in seconds since 1970; 0 while the round goes on.
    pub updated_at: u64,
    /// In which round that was answered.
    pub answered_in: u128,
}

impl Round {
    /// A good round of now: so many units with 8 decimals.
    pub fn of(answer: i128) -> Self {
        let id = (7 << 64) + 12_345;
        Self { decimals: 8, id, answer, updated_at: crate::token::now(), answered_in: id }
    }
}

#[derive(Default)]
struct State {
    day: String,
    euro: BTreeMap<String, String>,
    /// By id: euros, dollars, and when.
    coins: BTreeMap<String, (String, String, u64)>,
    rounds: BTreeMap<String, Round>,
    troubles: BTreeMap<&'static str, Trouble>,
}

/// Three feeds at one address.
pub struct Feeds {
    server: StandIn,
    state: Arc<Mutex<State>>,
}

/// Yesterday's date, plus so many days.
fn day(plus: i32) -> String {
    let sql = format!("SELECT date('now', '{} days')", plus - 1);
    let database = Connection::open_in_memory().expect("a database in memory");
    database.query_row(&sql, [], |row| row.get(0)).expect("a date")
}

impl Feeds {
    /// Starts them. The bank knows four currencies since yesterday; nobody knows any token.
    pub fn start() -> Self {
        let rates = [("USD", "1.0944"), ("JPY", "147.34"), ("GBP", "0.88073"), ("PLN", "4.6138")];
        let euro = rates.map(|(code, rate)| (code.to_owned(), rate.to_owned())).into();
        let state = Arc::new(Mutex::new(State { day: day(0), euro, ..State::default() }));
        let told = Arc::clone(&state);
        Self { server: StandIn::answering(move |seen| answer(&told, seen)), state }
    }

    /// The variables that have prices ask them. Nobody is asked again by itself before the day is over.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        let origin = format!("http://{}", self.server.authority());
        ["prices_ecb_url", "prices_coingecko_url", "prices_chainlink_url"]
            .map(|name| (name, origin.clone()))
            .into()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The bank says that a euro is so many of a currency.
    pub fn euro_is(&self, code: &str, rate: &str) {
        self.state().euro.insert(code.into(), rate.into());
    }

    /// The bank's document is of yesterday, plus so many days.
    pub fn bank_is_of(&self, plus: i32) {
        self.state().day = day(plus);
    }

    /// CoinGecko says what a coin is worth, as of so many seconds ago.
    pub fn coin_is(&self, id: &str, eur: &str, usd: &str, ago_s: u64) {
        let at = crate::token::now() - ago_s;
        self.state().coins.insert(id.into(), (eur.into(), usd.into(), at));
    }

    /// A feed says something.
    pub fn feed_says(&self, address: &str, round: Round) {
        self.state().rounds.insert(address.to_lowercase(), round);
    }

    /// Something ails `ecb`, `coingecko` or `chainlink`, until it is well.
    pub fn ails(&self, source: &'static str, trouble: Trouble) {
        self.state().troubles.insert(source, trouble);
    }

    /// All is well again.
    pub fn is_well(&self, source: &'static str) {
        self.state().troubles.remove(source);
    }

    /// What reached each of them since the last time somebody asked.
    pub fn have_seen(&self, source: &str) -> Vec<Seen> {
        self.server.has_seen().into_iter().filter(|seen| source_of(seen) == source).collect()
    }
}

fn source_of(seen: &Seen) -> &'static str {
    match seen.path.split('?').next().unwrap_or_default() {
        "/stats/eurofxref/eurofxref-daily.xml" => "ecb",
        "/api/v3/simple/price" => "coingecko",
        "/" => "chainlink",
        _ => "nobody",
    }
}

fn response(status: u16, media_type: &str, body: impl Into<Bytes>) -> Response<Bytes> {
    let response = Response::builder().status(status).header("content-type", media_type);
    response.body(body.into()).expect("a response")
}

fn as_json(status: u16, body: &Value) -> Response<Bytes> {
    response(status, "application/json; charset=utf-8", body.to_string())
}

fn answer(state: &Mutex<State>, seen: &Seen) -> Response<Bytes> {
    let source = source_of(seen);
    let trouble = state.lock().unwrap_or_else(PoisonError::into_inner).troubles.get(source).cloned();
    match trouble {
        Some(Trouble::Status(status)) => return response(status, "text/html", "<html>Sorry</html>"),
        Some(Trouble::RateLimited(seconds)) => {
            let message =
                "You've exceeded the Rate Limit. Please visit https://www.coingecko.com/en/api/pricing";
            let mut answer = as_json(429, &json!({"status": {"error_code": 429, "error_message": message}}));
            answer.headers_mut().insert("retry-after", seconds.into());
            return answer;
        }
        Some(Trouble::Says(text)) => return response(200, "application/json", text),
        Some(Trouble::Slow(pause)) => std::thread::sleep(pause),
        None => {}
    }
    let state = state.lock().unwrap_or_else(PoisonError::into_inner);
    match source {
        "ecb" => response(200, "text/xml", bank(&state)),
        "coingecko" => coins(&state, seen),
        "chainlink" => node(&state, seen),
        _ => response(404, "text/html", "<html>Not found</html>"),
    }
}

/// The document, down to its tabs and its quotation marks.
fn bank(state: &State) -> String {
    let rates =
        state.euro.iter().map(|(code, rate)| format!("\t\t\t<Cube currency='{code}' rate='{rate}'/>\n"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gesmes:Envelope xmlns:gesmes=\"http://www.gesmes.org/xml/2002-08-01\" \
         xmlns=\"http://www.ecb.int/vocabulary/2002-08-01/eurofxref\">\n\t<gesmes:subject>Reference rates</gesmes:subject>\n\t\
         <gesmes:Sender>\n\t\t<gesmes:name>European Central Bank</gesmes:name>\n\t</gesmes:Sender>\n\t<Cube>\n\t\t\
         <Cube time='{}'>\n{}\t\t</Cube>\n\t</Cube>\n</gesmes:Envelope>\n",
        state.day,
        rates.collect::<String>()
    )
}

fn coins(state: &State, seen: &Seen) -> Response<Bytes> {
    let query = seen.path.split_once('?').map_or("", |(_, query)| query);
    let parameters: BTreeMap<_, _> = query.split('&').filter_map(|pair| pair.split_once('=')).collect();
    let missing = |name: &str| as_json(422, &json!({"error": format!("Missing parameter {name}")}));
    let Some(ids) = parameters.get("ids") else { return missing("ids") };
    let Some(quotes) = parameters.get("vs_currencies") else { return missing("vs_currencies") };
    if seen.method != Method::GET || seen.header("user-agent").is_none() {
        return response(403, "text/html", "<html>Access denied</html>");
    }
    let quotes: Vec<&str> = quotes.split(',').collect();
    let known = ids.split(',').filter_map(|id| Some((id, state.coins.get(id)?)));
    let coin = |(id, (eur, usd, at)): (&str, &(String, String, u64))| {
        let prices = [("eur", eur), ("usd", usd)].into_iter().filter(|(quote, _)| quotes.contains(quote));
        let mut members: Vec<_> = prices.map(|(quote, price)| format!("\"{quote}\":{price}")).collect();
        if parameters.get("include_last_updated_at") == Some(&"true") {
            members.push(format!("\"last_updated_at\":{at}"));
        }
        format!("\"{id}\":{{{}}}", members.join(","))
    };
    let all: Vec<_> = known.map(coin).collect();
    response(200, "application/json; charset=utf-8", format!("{{{}}}", all.join(",")))
}

fn node(state: &State, seen: &Seen) -> Response<Bytes> {
    let question: Value = serde_json::from_slice(&seen.body).unwrap_or_default();
    if seen.method != Method::POST || seen.header("content-type") != Some("application/json") {
        return response(415, "text/plain", "invalid content type, only application/json is supported");
    }
    let Some(calls) = question.as_array() else {
        let error = json!({"code": -32600, "message": "Invalid Request"});
        return as_json(200, &json!({"jsonrpc": "2.0", "id": null, "error": error}));
    };
    // In any order, as JSON-RPC allows.
    as_json(200, &calls.iter().rev().map(|call| called(state, call)).collect())
}

fn called(state: &State, call: &Value) -> Value {
    let id = &call["id"];
    let error = |code: i64, message: &str| json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": message}});
    if call["jsonrpc"] != "2.0" || call["method"] != "eth_call" {
        return error(-32601, "the method does not exist/is not available");
    }
    let (Some(to), Some(data), "latest") = (
        call["params"][0]["to"].as_str(),
        call["params"][0]["data"].as_str(),
        call["params"][1].as_str().unwrap_or_default(),
    ) else {
        return error(-32602, "invalid argument 0");
    };
    // What no contract is at answers nothing.
    let Some(round) = state.rounds.get(&to.to_lowercase()) else {
        return json!({"jsonrpc": "2.0", "id": id, "result": "0x"});
    };
    let word = |value: u128| format!("{value:064x}");
    let signed = |value: i128| {
        if value < 0 { format!("{}{value:032x}", "f".repeat(32)) } else { format!("{value:064x}") }
    };
    let started = word(round.updated_at.saturating_sub(12).into());
    match data {
        "0x313ce567" => {
            json!({"jsonrpc": "2.0", "id": id, "result": format!("0x{}", word(round.decimals.into()))})
        }
        "0xfeaf968c" => {
            let words = [
                word(round.id),
                signed(round.answer),
                started,
                word(round.updated_at.into()),
                word(round.answered_in),
            ];
            json!({"jsonrpc": "2.0", "id": id, "result": format!("0x{}", words.concat())})
        }
        _ => error(3, "execution reverted"),
    }
}
