//! Actions of IAM that simulate policies, and that tell the context keys which policies read.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::agent::aws::call::Call;
use crate::agent::aws::fault::Fault;
use crate::agent::aws::page;
use crate::agent::aws::page::Page;
use crate::agent::aws::xml::Xml;
use crate::agent::operations::aws_rights::{DecidingStatement, Effect, NamedPolicies};
use crate::agent::operations::aws_simulations;
use crate::agent::operations::aws_simulations::{Assumed, Simulated};
use crate::aws::UserName;
use crate::aws::document::{Holder, HypotheticalContext, IdentityPolicy, Position};

/// `SimulateCustomPolicy`: the answers to assumed requests, under policies of the request.
pub(super) async fn custom_policies(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let policies = brought(&mut call)?;
    let assumed = assumed(&mut call)?;
    let page = Page::read(&mut call).await?;
    call.form.finish()?;
    let answers = aws_simulations::custom(call.state, call.signer, &policies, &assumed).await?;
    results(&call, &page, answers).await
}

/// `SimulatePrincipalPolicy`: the same under the policies of a user.
pub(super) async fn principal(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let user = source(&mut call)?;
    let more = brought(&mut call)?;
    let assumed = assumed(&mut call)?;
    let page = Page::read(&mut call).await?;
    call.form.finish()?;
    let policies = (&user, more);
    let answers = aws_simulations::of_user(call.state, call.signer, policies, &assumed).await?;
    results(&call, &page, answers).await
}

/// `GetContextKeysForCustomPolicy`.
pub(super) async fn keys_of_custom_policies(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let policies = brought(&mut call)?;
    call.form.finish()?;
    let keys = aws_simulations::keys_of_custom(call.state, call.signer, &policies).await?;
    Ok(Some(names(&keys)))
}

/// `GetContextKeysForPrincipalPolicy`.
pub(super) async fn keys_of_principal(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let user = source(&mut call)?;
    let more = brought(&mut call)?;
    call.form.finish()?;
    let keys = aws_simulations::keys_of_user(call.state, call.signer, &user, more).await?;
    Ok(Some(names(&keys)))
}

fn names(keys: &BTreeSet<String>) -> Xml {
    Xml::default().texts("ContextKeyNames", keys.iter())
}

/// The policies of a request, each under its place in the list.
fn brought(call: &mut Call<'_>) -> Result<NamedPolicies, Fault> {
    let texts = call.form.list("PolicyInputList");
    let parsed = texts.iter().enumerate().map(|(at, text)| {
        let policy = IdentityPolicy::parse(text, Holder::Operator);
        let policy = policy.map_err(|fault| Fault::invalid_input(fault.to_string()))?;
        Ok((format!("PolicyInputList.{}", at + 1), Arc::new(policy)))
    });
    parsed.collect()
}

/// The user whose policies are asked about.
fn source(call: &mut Call<'_>) -> Result<UserName, Fault> {
    let arn = call.form.required("PolicySourceArn")?;
    let users = call.state.plane.number.users();
    let name = arn.strip_prefix(&users).and_then(|name| name.parse().ok());
    name.ok_or_else(|| {
        Fault::invalid_input(format!("PolicySourceArn: the ARN of a user, {users}…"))
    })
}

/// The requests that are assumed.
fn assumed(call: &mut Call<'_>) -> Result<Assumed, Fault> {
    let actions = call.form.list("ActionNames");
    let mut resources = call.form.list("ResourceArns");
    if actions.is_empty() {
        return Err(Fault::invalid("the request must contain the parameter ActionNames"));
    }
    if resources.is_empty() {
        resources.push("*".to_owned().into());
    }
    if actions.len().saturating_mul(resources.len()) > MOST {
        return Err(Fault::invalid_input(format!("{MOST} pairs of action and resource at most")));
    }
    let parsed = |fault: &dyn std::fmt::Display| Fault::invalid_input(fault.to_string());
    let mut context = HypotheticalContext::new();
    call.form.take_empty("ContextEntries");
    for at in 1.. {
        let entry = format!("ContextEntries.member.{at}");
        let Some(name) = call.form.take(&format!("{entry}.ContextKeyName")) else { break };
        let values = call.form.list(&format!("{entry}.ContextKeyValues"));
        // The type of a key is known here, or is that of its values.
        call.form.take(&format!("{entry}.ContextKeyType"));
        let values: Vec<&str> = values.iter().map(|value| value.as_str()).collect();
        context = context.with(&name, &values).map_err(|fault| parsed(&fault))?;
    }
    Ok(Assumed {
        actions: actions
            .iter()
            .map(|action| action.parse().map_err(|fault| parsed(&fault)))
            .collect::<Result<_, _>>()?,
        resources: resources
            .iter()
            .map(|resource| resource.parse().map_err(|fault| parsed(&fault)))
            .collect::<Result<_, _>>()?,
        context,
    })
}

async fn results(
    call: &Call<'_>,
    page: &Page,
    answers: Vec<Simulated>,
) -> Result<Option<Xml>, Fault> {
    let numbered = answers.into_iter().enumerate().map(|(at, answer)| (format!("{at:06}"), answer));
    let (answers, last) = page.cut(numbered, |(at, _)| at.clone());
    let results = answers.iter().map(|(_, answer)| result(answer));
    let list = Xml::default().list("EvaluationResults", results);
    Ok(Some(page::end(call, list, last).await?))
}

fn result(Simulated { asked, verdict }: &Simulated) -> Xml {
    Xml::default()
        .text("EvalActionName", asked.action.as_str())
        .text("EvalResourceName", asked.resource.as_str())
        .text("EvalDecision", verdict.effect.name())
        .list("MatchedStatements", verdict.statements.iter().map(statement))
        .texts("MissingContextValues", verdict.missing.iter())
}

fn statement(statement: &DecidingStatement) -> Xml {
    let place = |Position { line, column }: Position| {
        Xml::default().text("Line", line).text("Column", column)
    };
    let kind = if statement.policy.starts_with("PolicyInputList.") { "none" } else { "user" };
    Xml::default()
        .text("SourcePolicyId", &statement.policy)
        .text("SourcePolicyType", kind)
        .group("StartPosition", place(statement.start))
        .group("EndPosition", place(statement.end))
}

/// The most simulated requests of a call.
const MOST: usize = 1_000;

impl Effect {
    fn name(self) -> &'static str {
        match self {
            Effect::Allowed => "allowed",
            Effect::ExplicitDeny => "explicitDeny",
            Effect::ImplicitDeny => "implicitDeny",
        }
    }
}
