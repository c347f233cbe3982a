//! gRPC: the same layer before a tonic server, asked by a tonic client.

use std::convert::Infallible;
use std::future;
use std::future::Ready;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http;
use bytes::{Buf, BufMut};
use http_body_util::BodyExt;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::server::{NamedService, UnaryService};
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request, Response, Status, client, server};
use tower::{Service, ServiceExt};
use twostep::guard::MfaLayer;
use twostep::session::SessionContext;

use super::desk::Desk;

/// A service with one method, which says who asked and what.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "guard.Greeter";
}

impl Service<http::Request<tonic::body::Body>> for Greeter {
    type Response = http::Response<tonic::body::Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<tonic::body::Body>) -> Self::Future {
        Box::pin(async { Ok(server::Grpc::new(Text).unary(Greeter, request).await) })
    }
}

impl UnaryService<String> for Greeter {
    type Response = String;
    type Future = Ready<Result<Response<String>, Status>>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        let context = request.extensions().get::<SessionContext>().cloned();
        let who =
            context.ok_or_else(|| Status::internal("the layer let a request in without a context"));
        future::ready(who.map(|context| {
            Response::new(format!("{} {}", context.account(), request.into_inner()))
        }))
    }
}

/// Messages that are text, so that no code has to be generated.
#[derive(Clone, Copy)]
struct Text;

impl Codec for Text {
    type Encode = String;
    type Decode = String;
    type Encoder = Text;
    type Decoder = Text;

    fn encoder(&mut self) -> Text {
        Text
    }

    fn decoder(&mut self) -> Text {
        Text
    }
}

impl Encoder for Text {
    type Item = String;
    type Error = Status;

    fn encode(&mut self, text: String, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put_slice(text.as_bytes());
        Ok(())
    }
}

impl Decoder for Text {
    type Item = String;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buffer.copy_to_bytes(buffer.remaining());
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

async fn served(desk: &Desk) -> (Channel, AbortHandle) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::builder().layer(MfaLayer::new(desk.guard())).add_service(Greeter);
    let server =
        tokio::spawn(server.serve_with_incoming(TcpIncoming::from(listener))).abort_handle();
    let channel = Endpoint::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap();
    (channel, server)
}

async fn greet(
    channel: &Channel,
    what: &str,
    metadata: &[(&'static str, String)],
) -> Result<String, Status> {
    let mut client = client::Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(what.to_owned());
    for (name, value) in metadata {
        request.metadata_mut().append(*name, value.parse().unwrap());
    }
    let answer = client.unary(request, "/guard.Greeter/Greet".parse().unwrap(), Text).await;
    answer.map(Response::into_inner)
}

#[tokio::test]
async fn a_grpc_call_is_answered_with_a_token_and_unauthenticated_without() {
    let desk = Desk::new();
    let (channel, server) = served(&desk).await;
    let bearer = |token: &str| ("authorization", format!("Bearer {token}"));

    let status = greet(&channel, "hello", &[]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(
        status.message(),
        "send a context in which MFA is present: Authorization: Bearer TOKEN"
    );
    assert_eq!(
        status.metadata().get("www-authenticate").unwrap(),
        r#"Bearer realm="mfa", acr_values="mfa", max_age="900""#
    );

    let status = greet(&channel, "hello", &[bearer(&desk.without_mfa())]).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let challenge = status.metadata().get("www-authenticate").unwrap().to_str().unwrap();
    assert!(challenge.contains("insufficient_user_authentication"), "{challenge}");

    for metadata in [vec![bearer("x")], vec![bearer(&desk.of("alice")), bearer(&desk.of("bob"))]] {
        assert_eq!(
            greet(&channel, "hello", &metadata).await.unwrap_err().code(),
            Code::Unauthenticated
        );
    }
    assert_eq!(
        greet(&channel, "hello", &[bearer(&desk.of("alice"))]).await.unwrap(),
        "alice hello"
    );
    server.abort();
}

/// Many at once on one connection: each is answered as who it is.
#[tokio::test]
async fn calls_that_share_a_connection_share_nothing_else() {
    let desk = Desk::new();
    let (channel, server) = served(&desk).await;
    let calls: Vec<_> = (0..60)
        .map(|number| {
            let account = ["alice", "nobody", "bob"][number % 3];
            let metadata: Vec<_> = (account != "nobody")
                .then(|| ("authorization", format!("Bearer {}", desk.of(account))))
                .into_iter()
                .collect();
            let channel = channel.clone();
            tokio::spawn(async move {
                (account, number, greet(&channel, &number.to_string(), &metadata).await)
            })
        })
        .collect();
    for call in calls {
        match call.await.unwrap() {
            ("nobody", _, answer) => assert_eq!(answer.unwrap_err().code(), Code::Unauthenticated),
            (account, number, answer) => assert_eq!(answer.unwrap(), format!("{account} {number}")),
        }
    }
    server.abort();
}

#[tokio::test]
async fn a_grpc_refusal_is_over_with_its_headers() {
    let service = Desk::new().service();
    for path in ["/present", "/layer"] {
        for (sent, answered) in [
            ("application/grpc", Some("application/grpc")),
            ("application/grpc+proto", Some("application/grpc")),
            ("Application/gRPC;charset=x", Some("application/grpc")),
            ("application/grpc-web+proto", Some("application/grpc-web")),
            ("application/grpc-web-text", Some("application/grpc-web-text")),
            ("application/grpcx", None),
            ("application/json", None),
        ] {
            let request = http::Request::get(path)
                .header("content-type", sent)
                .body(Body::empty())
                .unwrap();
            let answer = service.clone().oneshot(request).await.unwrap();
            let (head, body) = answer.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            assert_eq!(head.headers["cache-control"], "no-store");
            assert!(head.headers.contains_key("www-authenticate"));
            match answered {
                Some(kind) => {
                    assert_eq!(
                        (head.status.as_u16(), &head.headers["grpc-status"]),
                        (200, &"16".parse().unwrap())
                    );
                    assert_eq!(head.headers["content-type"], kind);
                    assert!(body.is_empty() && head.headers["grpc-message"].len() > 10);
                }
                None => {
                    assert_eq!(head.status.as_u16(), 401);
                    assert!(!head.headers.contains_key("grpc-status"));
                }
            }
        }
    }
}
