//! The front door: TCP connections, HTTP/1.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use wasmtime_wasi_http::Error;

use crate::app::App;
use crate::phase::{Follow, Phase, reached};

/// How long to wait when the machine has no more sockets.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until the host stops; then the listener is gone and new ones are refused.
pub(crate) async fn accept(listener: TcpListener, app: Arc<App>, mut phase: Follow) {
    loop {
        let accepted = tokio::select! {
            biased;
            () = reached(&mut phase, Phase::Stopping) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                let alive = app.alive.clone();
                let connection = serve(stream, client, app.clone(), phase.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(alive);
                });
            }
            Err(e) => {
                tracing::warn!("no connection could be accepted: {e}");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, client: SocketAddr, app: Arc<App>, phase: Follow) {
    // Else a short chunk of a response waits for the client's delayed acknowledgement: 40 ms.
    _ = stream.set_nodelay(true);
    let service = service_fn(move |request: http::Request<Incoming>| {
        let app = app.clone();
        let request = request.map(|body| body.map_err(Error::from).boxed_unsync());
        async move { Ok::<_, std::convert::Infallible>(app.serve(request, client).await) }
    });
    let mut connection =
        std::pin::pin!(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    let (mut stopping, mut killed) = (phase.clone(), phase);
    let stopped = async {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = reached(&mut stopping, Phase::Stopping) => {}
        }
        connection.as_mut().graceful_shutdown();
        connection.await
    };
    let ended = tokio::select! {
        biased;
        // First, so that the client does not hear how an instance ended that was cut off.
        () = reached(&mut killed, Phase::Killed) => return,
        ended = stopped => ended,
    };
    if let Err(e) = ended {
        tracing::debug!(%client, "the connection broke: {e}");
    }
}
