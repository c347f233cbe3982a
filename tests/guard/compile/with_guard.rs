// compiles
use axum::Router;
use axum::extract::FromRef;
use axum::routing::get;
use twostep::guard::{MfaGuard, MfaPresent};

#[derive(Clone)]
struct Shop {
    guard: MfaGuard,
}

impl FromRef<Shop> for MfaGuard {
    fn from_ref(shop: &Shop) -> MfaGuard {
        shop.guard.clone()
    }
}

fn router(shop: Shop) -> Router {
    Router::new().route("/", get(orders)).with_state(shop)
}

async fn orders(mfa: MfaPresent) -> String {
    mfa.account().to_string()
}

fn main() {
    let _ = router;
}
