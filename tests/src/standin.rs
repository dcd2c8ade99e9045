//! A stand-in: a server on loopback that a test puts where services would be, to see what reaches them and to answer as
//! it likes.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// A request that reached a stand-in.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its whole body.
    pub body: Bytes,
}

impl Seen {
    /// A header as text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A running stand-in. It ends when it is dropped.
pub struct StandIn {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    _stop: oneshot::Sender<()>,
}

type Script = Arc<dyn Fn(&Seen) -> Response<Bytes> + Send + Sync>;

impl StandIn {
    /// Starts one that answers what `script` says: a status and JSON.
    pub fn start(script: impl Fn(&Seen) -> (u16, Value) + Send + Sync + 'static) -> Self {
        Self::answering(move |seen| {
            let (status, json) = script(seen);
            let response = Response::builder().status(status).header("content-type", "application/json");
            response.body(json.to_string().into()).expect("a response")
        })
    }

    /// Starts one that answers what `script` says, whatever that is.
    pub fn answering(script: impl Fn(&Seen) -> Response<Bytes> + Send + Sync + 'static) -> Self {
        let (seen, script): (_, Script) = (Arc::default(), Arc::new(script));
        let (say_address, address) = std::sync::mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let log = Arc::clone(&seen);
        // In a thread of its own, so that it answers while the test's thread waits.
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(async {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
                say_address.send(listener.local_addr().expect("an address")).expect("the test waits");
                tokio::select! {
                    () = accept(listener, log, script) => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address: address.recv().expect("the stand-in starts"), seen, _stop: stop }
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// What reached it since the last time somebody asked.
    pub fn has_seen(&self) -> Vec<Seen> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn accept(listener: TcpListener, seen: Arc<Mutex<Vec<Seen>>>, script: Script) {
    while let Ok((stream, _)) = listener.accept().await {
        let (seen, script) = (Arc::clone(&seen), Arc::clone(&script));
        let service = service_fn(move |request| answer(request, Arc::clone(&seen), Arc::clone(&script)));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn answer(
    request: Request<Incoming>,
    log: Arc<Mutex<Vec<Seen>>>,
    script: Script,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
    let seen = Seen { method: parts.method, path, headers: parts.headers, body };
    let response = script(&seen);
    log.lock().unwrap_or_else(PoisonError::into_inner).push(seen);
    Ok(response.map(Full::new))
}
