// fails: Router<MfaGuard>
use axum::Router;
use axum::routing::get;
use twostep::guard::MfaPresent;

fn router() -> Router {
    Router::new().route("/", get(orders))
}

async fn orders(mfa: MfaPresent) -> String {
    mfa.account().to_string()
}

fn main() {
    let _ = router;
}
