//! Actions of IAM on the policies of users.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::agent::aws::call::Call;
use crate::agent::aws::fault::Fault;
use crate::agent::aws::page;
use crate::agent::aws::page::Page;
use crate::agent::aws::xml::Xml;
use crate::agent::operations::aws_policies;
use crate::aws::{PolicyName, UserName};

/// `PutUserPolicy`: a policy takes the place of the one of its name.
pub(super) async fn put(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let (user, name) = named(&mut call)?;
    let document = call.form.required("PolicyDocument")?;
    call.form.finish()?;
    aws_policies::put(call.state, call.signer, (&user, &name), &document).await??;
    Ok(None)
}

/// `GetUserPolicy`: the text of a policy, percent-encoded (RFC 3986) as AWS does.
pub(super) async fn get(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let (user, name) = named(&mut call)?;
    call.form.finish()?;
    let document = aws_policies::get(call.state, call.signer, (&user, &name)).await?;
    let policy = Xml::default()
        .text("UserName", user)
        .text("PolicyName", name)
        .text("PolicyDocument", utf8_percent_encode(&document, NON_ALPHANUMERIC));
    Ok(Some(policy))
}

/// `ListUserPolicies`: the names of a user's policies, in order.
pub(super) async fn list(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let user: UserName = call.form.required_as("UserName")?;
    let page = Page::read(&mut call).await?;
    call.form.finish()?;
    let names = aws_policies::list(call.state, call.signer, &user).await?;
    let (names, last) = page.cut(names, ToString::to_string);
    let list = Xml::default().texts("PolicyNames", names.iter());
    Ok(Some(page::end(&call, list, last).await?))
}

/// `DeleteUserPolicy`.
pub(super) async fn delete(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let (user, name) = named(&mut call)?;
    call.form.finish()?;
    aws_policies::delete(call.state, call.signer, (&user, &name)).await?;
    Ok(None)
}

/// The policy that a request names.
fn named(call: &mut Call<'_>) -> Result<(UserName, PolicyName), Fault> {
    Ok((call.form.required_as("UserName")?, call.form.required_as("PolicyName")?))
}
