// fails: FromRequestParts<MfaGuard>
// A context that no policy has judged is no extractor. `Option<SessionContext>` and `MfaPresent`
// are extractors.
use axum::extract::FromRequestParts;
use twostep::guard::MfaGuard;
use twostep::session::SessionContext;

fn taken_from<S: Send + Sync, T: FromRequestParts<S>>() {}

fn main() {
    taken_from::<MfaGuard, Option<SessionContext>>();
    taken_from::<MfaGuard, SessionContext>();
}
