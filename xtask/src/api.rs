//! The suite's HTTP interface, as far as this tool calls it.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use ureq::http::{Method, Request, Response};

/// Longest wait for one answer: an import of many products is one request.
const TIMEOUT: Duration = Duration::from_secs(120);
/// Longest answer that is read into memory.
const MAX_ANSWER_BYTES: u64 = 64 * 1024 * 1024;

/// A client of one suite, signed in or not.
#[derive(Clone)]
pub struct Api {
    base: String,
    agent: ureq::Agent,
    token: Option<String>,
}

/// What came back, whatever its status.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The whole body.
    pub body: String,
}

impl Api {
    /// A stranger at `base`, for instance `http://127.0.0.1:8005`.
    pub fn new(base: impl Into<String>) -> Self {
        let base: String = base.into();
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(TIMEOUT))
            .user_agent("souk-xtask")
            .build();
        Self { base: base.trim_end_matches('/').to_owned(), agent: config.into(), token: None }
    }

    /// The same suite, seen by the holder of a bearer token.
    pub fn with_token(&self, token: impl Into<String>) -> Self {
        Self { token: Some(token.into()), ..self.clone() }
    }

    /// Where the suite is.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// Signs in with e-mail and password; the answer's access token.
    pub fn sign_in(&self, email: &str, password: &str) -> Result<String> {
        let body = serde_json::json!({ "email": email, "password": password });
        let answer = self.post("/api/v1/auth/login", &body)?.expect(200, "signing in")?;
        let token = answer.json()?["access_token"].as_str().map(str::to_owned);
        token.context("the answer to signing in has no access_token")
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Result<Answer> {
        self.send(Method::GET, path, &[], Vec::new())
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> Result<Answer> {
        self.send(Method::POST, path, &[("content-type", "application/json")], body.to_string().into_bytes())
    }

    /// Any request.
    pub fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Result<Answer> {
        let url = format!("{}{path}", self.base);
        let mut request = Request::builder().method(method.clone()).uri(&url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let response = if body.is_empty() && method == Method::GET {
            self.agent.run(request.body(())?)
        } else {
            self.agent.run(request.body(body)?)
        };
        read(response.with_context(|| format!("{method} {url}"))?)
    }
}

impl Answer {
    /// This answer when it has the status that was hoped for; otherwise an error that shows it.
    pub fn expect(self, status: u16, doing: &str) -> Result<Self> {
        if self.status != status {
            bail!("{doing} was answered with {}: {}", self.status, self.body.trim());
        }
        Ok(self)
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.body).with_context(|| format!("this is no JSON: {}", self.body))
    }
}

fn read(mut response: Response<ureq::Body>) -> Result<Answer> {
    let body = response.body_mut().with_config().limit(MAX_ANSWER_BYTES).read_to_string()?;
    Ok(Answer { status: response.status().as_u16(), body })
}
