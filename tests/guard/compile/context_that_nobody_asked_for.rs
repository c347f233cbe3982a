// fails: FromRequestParts<MfaGuard> A bare context would be one that no policy was asked about; it
// is there as an `Option` and as `MfaPresent`.
use axum::extract::FromRequestParts;
use twostep::guard::MfaGuard;
use twostep::session::SessionContext;

fn taken_from<S: Send + Sync, T: FromRequestParts<S>>() {}

fn main() {
    taken_from::<MfaGuard, Option<SessionContext>>();
    taken_from::<MfaGuard, SessionContext>();
}
