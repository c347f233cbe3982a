// fails: expected `MfaGuard`, found `Shop`
use axum::Router;
use axum::routing::get;
use twostep::guard::{MfaGuard, MfaPresent};

#[derive(Clone)]
struct Shop {
    guard: MfaGuard,
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
