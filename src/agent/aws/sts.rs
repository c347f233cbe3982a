//! Actions of the Security Token Service.

use crate::agent::aws::call::Call;
use crate::agent::aws::fault::Fault;
use crate::agent::aws::xml::Xml;
use crate::agent::operations::aws_sessions;
use crate::agent::operations::aws_sessions::{MfaGiven, TokenRequest};
use crate::aws::Credentials;
use crate::aws::sigv4::AccessKeyId;

/// `GetSessionToken`: temporary credentials of a user, with MFA if a code came along.
pub(super) async fn session_token(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let request = TokenRequest {
        seconds: call.form.parsed("DurationSeconds")?,
        mfa: MfaGiven {
            serial: call.form.take("SerialNumber").map(|serial| serial.to_string()),
            code: call.form.take("TokenCode"),
        },
    };
    call.form.finish()?;
    let made = aws_sessions::session_token(call.state, call.signer, request, call.arrived).await?;
    Ok(Some(credentials(&made)))
}

/// `GetCallerIdentity`: who signed.
pub(super) fn caller_identity(call: &Call<'_>) -> Result<Option<Xml>, Fault> {
    call.form.finish()?;
    let (number, principal) = (&call.state.plane.number, &call.signer.identity.principal);
    let identity = Xml::default()
        .text("Arn", principal.arn(number))
        .text("UserId", principal.unique_id(number))
        .text("Account", number);
    Ok(Some(identity))
}

/// `GetAccessKeyInfo`: the account of a key that was made here.
pub(super) async fn access_key_info(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let id: AccessKeyId = call.form.required_as("AccessKeyId")?;
    call.form.finish()?;
    let length = id.as_str().len();
    if length < 16 {
        return Err(Fault::invalid("AccessKeyId: at least 16 characters"));
    }
    let found = call.state.plane.own_keys().find(&id).await?;
    match found {
        Some(_) => Ok(Some(Xml::default().text("Account", &call.state.plane.number))),
        None => Err(Fault::access_denied("this account has no such access key")),
    }
}

fn credentials(made: &Credentials) -> Xml {
    let inside = Xml::default()
        .text("AccessKeyId", &made.id)
        .text("SecretAccessKey", &*made.secret)
        .text("SessionToken", &*made.token)
        .text("Expiration", made.expires_at);
    Xml::default().group("Credentials", inside)
}
