// fails: MfaGuard: FromRef<()>
use axum::extract::FromRequestParts;
use twostep::guard::MfaPresent;

fn taken_from<S: Send + Sync, T: FromRequestParts<S>>() {}

fn main() {
    taken_from::<(), MfaPresent>();
}
