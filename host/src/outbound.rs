//! Requests that components make: checked against the allowed hosts, handed to another component in process, or sent.

use std::sync::{Arc, Weak};

use http::Uri;
use http::header::HOST;
use http_body_util::BodyExt as _;
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks, default_send_request};

use crate::allowed_hosts::INTERNAL_DOMAIN;
use crate::app::App;
use crate::guest::Grants;
use crate::routes::Match;

/// The host name by which an application calls itself through its own front door.
const ITSELF: &str = "self.alt";

/// The way out of one instance.
#[derive(Clone)]
pub(crate) struct Outbound {
    pub app: Weak<App>,
    pub grants: Arc<Grants>,
}

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sent = Result<(http::Response<WasiBody>, Io), Error>;

impl WasiHttpHooks for Outbound {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        _consumed: Io,
    ) -> Box<dyn Future<Output = Sent> + Send> {
        let outbound = self.clone();
        Box::new(async move { outbound.send(request, options).await })
    }
}

impl Outbound {
    async fn send(self, mut request: http::Request<WasiBody>, options: Option<RequestOptions>) -> Sent {
        let app = self.app.upgrade().ok_or(Error::ConnectionTerminated)?;
        let host = request.uri().host().unwrap_or_default().to_owned();
        if host.is_empty() || host == ITSELF {
            if !self.grants.allowed_hosts.permits_itself() {
                return Err(Error::HttpRequestDenied);
            }
            *request.uri_mut() = with_authority(request.uri(), &app.local_authority())?;
            request.headers_mut().remove(HOST);
            request
                .headers_mut()
                .insert(HOST, app.local_authority().parse().map_err(|_| Error::HttpRequestUriInvalid)?);
            return send_out(request, options).await;
        }
        let scheme = request.uri().scheme_str().unwrap_or("https");
        let port = request.uri().port_u16();
        if !self.grants.allowed_hosts.permits(scheme, &host, port, app.component_ids()) {
            self.grants.outputs.err.note(&format!(
                "{} may not call {scheme}://{host}: allowed_outbound_hosts does not name it",
                self.grants.component
            ));
            return Err(Error::HttpRequestDenied);
        }
        let component = host.strip_suffix(INTERNAL_DOMAIN).filter(|name| !name.contains('.'));
        if app.faults.is_unreachable(component.unwrap_or(&host)) {
            return Err(Error::ConnectionRefused);
        }
        match component {
            Some(component) => chain(&app, component, request, options).await,
            None => send_out(request, options).await,
        }
    }
}

/// Hands the request to a component of the same application.
async fn chain(
    app: &Arc<App>,
    component: &str,
    mut request: http::Request<WasiBody>,
    options: Option<RequestOptions>,
) -> Sent {
    // Spin takes the header away and leaves the name in the URI's authority.
    request.headers_mut().remove(HOST);
    let route = Match::direct(component, request.uri().path());
    let answer = app.call(route, request, crate::app::NO_CLIENT);
    let response = match options.and_then(|options| options.first_byte_timeout) {
        Some(limit) => tokio::time::timeout(limit, answer).await.map_err(|_| Error::ConnectionReadTimeout)?,
        None => answer.await,
    };
    if app.faults.is_mute(component) {
        return Err(Error::ConnectionTerminated);
    }
    Ok((response, Box::new(async { Ok(()) })))
}

async fn send_out(request: http::Request<WasiBody>, options: Option<RequestOptions>) -> Sent {
    let (response, io) = default_send_request(request, options).await?;
    Ok((response.map(|body| body.boxed_unsync()), Box::new(io)))
}

fn with_authority(uri: &Uri, authority: &str) -> Result<Uri, Error> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    Uri::builder()
        .scheme("http")
        .authority(authority)
        .path_and_query(path)
        .build()
        .map_err(|_| Error::HttpRequestUriInvalid)
}
