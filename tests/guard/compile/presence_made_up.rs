// fails: cannot initialize a tuple struct which contains private fields
use twostep::guard::MfaPresent;
use twostep::session::SessionContext;

fn made_up(context: SessionContext) -> MfaPresent {
    MfaPresent(context)
}

fn main() {
    let _ = made_up;
}
