//! Passing a request on to its service, and the answer back, both as they stream.

use crate::SERVICE;
use crate::access::{self, Needs, Operation};
use crate::arrival::Arrival;
use crate::headers;
use crate::problem::GatewayError;
use crate::token;
use axum::body::Body;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use http_body_util::Limited;
use souk_kit::caller::IDENTITY;
use souk_kit::client::{self, within};
use souk_kit::context::{DEADLINE, REQUEST_ID, TRACEPARENT};
use souk_kit::permission::scope::ACCOUNT;
use souk_kit::problem::kinds;
use souk_kit::service::Route;
use souk_kit::wire;
use souk_kit::{Caller, Ctx, Problem, Result, Subject};
use spin_sdk::wasip3::http::types::ErrorCode;
use spin_sdk::wasip3::http_compat::IncomingResponseBody;

/// The host tells here who is at the other end of the connection.
const CLIENT_ADDRESS: &str = "spin-client-addr";

/// Answers whatever the gateway does not answer itself.
pub async fn forward(ctx: Ctx, request: Request) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path();
    if !access::is_plain(path) {
        return Err(Problem::new(
            kinds::MALFORMED_REQUEST,
            "The path has dots, doubled or encoded slashes, or odd bytes.",
        ));
    }
    let inner = access::service_path(path).ok_or_else(Problem::not_found)?;
    let operations = access::operations(inner).ok_or_else(Problem::not_found)?;
    let allow = access::allowed(operations);
    let Some(operation) = access::select(operations, &parts.method) else {
        if parts.method == Method::OPTIONS {
            return Ok((StatusCode::NO_CONTENT, [(header::ALLOW, allow)]).into_response());
        }
        let detail = format!("Allowed here: {allow}.");
        return Err(Problem::new(kinds::METHOD_NOT_ALLOWED, detail).header(header::ALLOW, &allow));
    };
    let caller = identify(&ctx, operation, &parts).await?;
    let mut response = match exchange(&ctx, operation, inner, &caller, &parts, body).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    };
    response.extensions_mut().insert(Route(operation.path.into()));
    Ok(response)
}

/// Whom the request is made for, and whether they may.
async fn identify(ctx: &Ctx, operation: &Operation, parts: &Parts) -> Result<Caller> {
    if query_has(&parts.uri, "access_token") {
        return Err(Problem::bad_parameter(
            "access_token",
            "must not stand in the address: it ends up in logs",
        ));
    }
    let token = match operation.needs {
        Needs::OwnCredential | Needs::Page => None,
        _ => token::of_request(&parts.headers)?,
    };
    let mut caller = match token {
        Some(token) => token::caller(ctx, token).await?,
        None => Caller::anonymous(&SERVICE),
    };
    match operation.needs {
        Needs::Nothing | Needs::Holder(_) | Needs::OwnCredential | Needs::Page => {}
        Needs::Owner(_) | Needs::Scope(_) if token.is_none() => {
            return Err(Problem::unauthenticated("This needs an access token: sign in first."));
        }
        Needs::Scope(scope) if !caller.has(scope) => {
            return Err(GatewayError::InsufficientScope(scope).into());
        }
        // Who was let in for one purpose is not the owner of everything: a program that was told a name may read no order.
        Needs::Owner(others) if !caller.has(ACCOUNT) && !caller.has(others) => {
            let lacking = if matches!(caller.subject, Subject::User(_)) { ACCOUNT } else { others };
            return Err(GatewayError::InsufficientScope(lacking).into());
        }
        Needs::Owner(_) | Needs::Scope(_) => {}
    }
    // The host adds its value after those that the client sent.
    let address = parts.headers.get_all(CLIENT_ADDRESS).iter().next_back();
    caller.address = address.and_then(|value| value.to_str().ok()).map(without_port);
    Ok(caller)
}

fn query_has(uri: &Uri, name: &str) -> bool {
    uri.query().unwrap_or_default().split('&').any(|pair| pair.split('=').next() == Some(name))
}

/// `192.0.2.7:5000` or `[2001:db8::1]:5000` without its port.
fn without_port(address: &str) -> String {
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.trim_start_matches('[').trim_end_matches(']').to_owned()
}

async fn exchange(
    ctx: &Ctx,
    operation: &Operation,
    path: &str,
    caller: &Caller,
    parts: &Parts,
    body: Body,
) -> Result<Response> {
    let length = content_length(&parts.headers)?;
    if length.is_some_and(|length| length > operation.max_body) {
        return Err(Problem::new(
            kinds::BODY_TOO_LARGE,
            format!("At most {} bytes are accepted here.", operation.max_body),
        ));
    }
    let head = || head(ctx, operation, path, caller, parts);
    // A body of unknown length is one, unless the method says that there is none.
    let has_body = length.map_or(!parts.method.is_safe(), |length| length > 0);
    let arrival = Arrival::default();
    let exchange = async {
        match has_body {
            true => {
                let most = usize::try_from(operation.max_body).unwrap_or(usize::MAX);
                let body = Body::new(Limited::new(arrival.watch(body), most));
                Ok(wire::send(http::Request::from_parts(head()?, body)).await)
            }
            false => send_without_body(head).await,
        }
    };
    let sent = within(operation.patience, exchange).await.transpose()?.ok_or_else(|| {
        if arrival.is_under_way() {
            arrival.give_up();
            return Problem::from(GatewayError::RequestTimeout);
        }
        let cause = format!("{} did not answer in time", operation.service);
        Problem::fault(kinds::TIMEOUT, "The service did not answer in time.", cause)
    })?;
    let response = sent.map_err(|error| wire::no_answer(operation.service, &error))?;
    answer(ctx, operation, wire::pass_on(response))
}

/// A service's answer, or why there is none.
type Sent = Result<http::Response<IncomingResponseBody>, ErrorCode>;

/// Sends a request that has no body, and once more when no answer came and it may be repeated.
async fn send_without_body(head: impl Fn() -> Result<Parts>) -> Result<Sent> {
    let first = head()?;
    let is_safe = first.method.is_safe();
    let sent = wire::send(http::Request::from_parts(first, Body::empty())).await;
    if sent.is_ok() || !is_safe {
        return Ok(sent);
    }
    spin_sdk::time::sleep(client::FIRST_PAUSE).await;
    Ok(wire::send(http::Request::from_parts(head()?, Body::empty())).await)
}

/// What a service is told of a request: where it goes, what it believes, and the client's own headers.
fn head(ctx: &Ctx, operation: &Operation, path: &str, caller: &Caller, parts: &Parts) -> Result<Parts> {
    let path_and_query = match parts.uri.query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    let (mut head, ()) = http::Request::new(()).into_parts();
    head.method = parts.method.clone();
    head.uri = client::url(operation.service, &path_and_query)?
        .parse()
        .map_err(|error| Problem::internal(format!("address of {}: {error}", operation.service)))?;
    head.headers = headers::for_service(&parts.headers);
    sign(ctx, operation, caller, parts, &mut head.headers)?;
    Ok(head)
}

fn content_length(headers: &HeaderMap) -> Result<Option<u64>> {
    let Some(value) = headers.get(header::CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    length.map(Some).ok_or_else(|| Problem::bad_parameter("Content-Length", "must be a number of bytes"))
}

/// Adds what the service believes: the identity, the ids of the request, and how long it has.
fn sign(
    ctx: &Ctx,
    operation: &Operation,
    caller: &Caller,
    parts: &Parts,
    headers: &mut HeaderMap,
) -> Result<()> {
    let text = |text: &str| {
        HeaderValue::from_str(text).map_err(|error| Problem::internal(format!("header: {error}")))
    };
    headers.insert(IDENTITY, caller.assertion_for(operation.service)?);
    headers.insert(REQUEST_ID, text(ctx.request_id())?);
    headers.insert(TRACEPARENT, text(ctx.traceparent())?);
    headers.insert(
        DEADLINE,
        HeaderValue::from(u64::try_from(operation.patience.as_millis()).unwrap_or(u64::MAX)),
    );
    let own = match operation.needs {
        Needs::OwnCredential => header::AUTHORIZATION,
        Needs::Page => header::COOKIE,
        Needs::Nothing | Needs::Holder(_) | Needs::Owner(_) | Needs::Scope(_) => return Ok(()),
    };
    for credential in parts.headers.get_all(&own) {
        headers.append(&own, credential.clone());
    }
    Ok(())
}

/// The service's answer as the client gets it. A fault that the service did not describe itself is described here.
fn answer(ctx: &Ctx, operation: &Operation, mut response: Response) -> Result<Response> {
    let is_described = response.headers().get(REQUEST_ID).is_some_and(|id| id == ctx.request_id());
    if response.status().is_server_error() && !is_described {
        let cause = format!("{} answered {} without a problem of ours", operation.service, response.status());
        return Err(Problem::fault(kinds::UPSTREAM_FAILED, "The service failed. It has been logged.", cause));
    }
    headers::for_client(response.headers_mut());
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_loses_its_port() {
        assert_eq!(without_port("192.0.2.7:5000"), "192.0.2.7");
        assert_eq!(without_port("[2001:db8::1]:5000"), "2001:db8::1");
    }

    #[test]
    fn a_token_in_the_address_is_noticed() {
        let has = |uri: &str| query_has(&uri.parse().unwrap(), "access_token");
        assert!(has("/a?access_token=x") && has("/a?b=c&access_token") && !has("/a?q=access_token"));
    }
}
