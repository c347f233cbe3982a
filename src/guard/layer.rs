//! A tower layer that admits only requests its policy allows.

use std::future;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum_core::BoxError;
use axum_core::body::Body;
use axum_core::response::IntoResponse;
use http::{Request, Response};
use http_body::Body as HttpBody;
use tower_layer::Layer;
use tower_service::Service;

use crate::guard::MfaGuard;
use crate::policy::Policy;
use crate::session::{AnyContext, ContextWithoutMfa, SessionContext};

/// Guards a whole service: a router, a part of one, a gRPC server. The inner service finds the
/// [`SessionContext`] in the extensions of the request; under a policy that allows it, a
/// [`ContextWithoutMfa`] or neither.
#[derive(Clone)]
pub struct MfaLayer {
    guard: MfaGuard,
    policy: Policy,
}

/// A guarded service, made by [`MfaLayer`].
#[derive(Clone)]
pub struct MfaService<S> {
    inner: S,
    layer: MfaLayer,
}

impl MfaLayer {
    /// A layer with this guard and its policy.
    pub fn new(guard: MfaGuard) -> MfaLayer {
        MfaLayer { policy: guard.policy().clone(), guard }
    }

    /// Replaces the guard's policy for this layer.
    #[must_use]
    pub fn with_policy(self, policy: Policy) -> MfaLayer {
        MfaLayer { policy, ..self }
    }
}

impl<S> Layer<S> for MfaLayer {
    type Service = MfaService<S>;

    fn layer(&self, inner: S) -> MfaService<S> {
        MfaService { inner, layer: self.clone() }
    }
}

impl<S, B, R> Service<Request<B>> for MfaService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    S::Future: Send + 'static,
    S::Error: Send + 'static,
    R: HttpBody<Data = bytes::Bytes> + Send + 'static,
    R::Error: Into<BoxError>,
{
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        // Drop contexts set by outer layers: only this request's own token counts.
        request.extensions_mut().remove::<SessionContext>();
        request.extensions_mut().remove::<ContextWithoutMfa>();
        match self.layer.guard.admit(request.headers(), &self.layer.policy) {
            Ok(context) => {
                let extensions = request.extensions_mut();
                match context {
                    Some(AnyContext::Mfa(context)) => {
                        extensions.insert(context);
                    }
                    Some(AnyContext::WithoutMfa(context)) => {
                        extensions.insert(context);
                    }
                    None => {}
                }
                let answer = self.inner.call(request);
                Box::pin(async move { Ok(answer.await?.map(Body::new)) })
            }
            Err(refusal) => Box::pin(future::ready(Ok(refusal.into_response()))),
        }
    }
}
