// fails: MfaGuard: FromRef<()>
use axum::extract::FromRequestParts;
use twostep::guard::{Mfa, RoutePolicy};
use twostep::policy::Policy;

struct Fresh;

impl RoutePolicy for Fresh {
    fn policy() -> Policy {
        Policy::mfa_present()
    }
}

fn taken_from<S: Send + Sync, T: FromRequestParts<S>>() {}

fn main() {
    taken_from::<(), Mfa<Fresh>>();
}
