//! Actions of IAM on users and their access keys.

use std::str::FromStr;

use crate::agent::access::Failure;
use crate::agent::aws::call::Call;
use crate::agent::aws::fault::Fault;
use crate::agent::aws::page;
use crate::agent::aws::page::Page;
use crate::agent::aws::xml::Xml;
use crate::agent::operations::aws_devices::Deletion;
use crate::agent::operations::aws_users;
use crate::agent::operations::aws_users::User;
use crate::aws::sigv4::AccessKeyId;
use crate::aws::{AccessKeyRecord, UserName};
use crate::store::Account;

/// The status of a key, in IAM's words.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Status {
    Active,
    Inactive,
}

/// `GetUser`: a user; without a name, the signer.
pub(super) async fn get(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let user: Option<UserName> = call.form.parsed("UserName")?;
    call.form.finish()?;
    let user = aws_users::user(call.state, call.signer, user.as_ref()).await?;
    Ok(Some(Xml::default().group("User", outline(&call, &user))))
}

/// `CreateUser`: an account without a device. Paths other than `/` are not built.
pub(super) async fn create(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let name: UserName = call.form.required_as("UserName")?;
    let path = call.form.take("Path");
    call.form.finish()?;
    if path.is_some_and(|path| path.as_str() != "/") {
        return Err(Fault::invalid("Path: users have the path /"));
    }
    let user = aws_users::create(call.state, call.signer, &name).await?;
    Ok(Some(Xml::default().group("User", outline(&call, &user))))
}

/// `ListUsers`: users by name.
pub(super) async fn list(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let prefix = call.form.take("PathPrefix");
    let page = Page::read(&mut call).await?;
    call.form.finish()?;
    let from = (page.after.as_deref(), page.most);
    let mut users = aws_users::list(call.state, call.signer, from).await?;
    if prefix.is_some_and(|prefix| prefix.as_str() != "/") {
        users.clear();
    }
    let (users, last) = page.cut(users, |user: &User| user.name.to_string());
    let outlines = users.iter().map(|user| outline(&call, user));
    let list = Xml::default().list("Users", outlines);
    Ok(Some(page::end(&call, list, last).await?))
}

/// `DeleteUser`: a user without keys, policies and devices.
pub(super) async fn delete(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let name: UserName = call.form.required_as("UserName")?;
    call.form.finish()?;
    match aws_users::delete(call.state, call.signer, &name).await? {
        Deletion::Done => Ok(None),
        Deletion::InUse => Err(Fault::delete_conflict(
            "the user has devices, access keys or policies: delete these first",
        )),
    }
}

/// `GetAccessKeyLastUsed`: time, service and region of a key's last signature.
pub(super) async fn key_last_used(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let id: AccessKeyId = call.form.required_as("AccessKeyId")?;
    call.form.finish()?;
    let (user, last) = aws_users::last_use(call.state, call.signer, &id).await?;
    let (service, region) = match &last {
        Some(last) => (last.service.as_str(), last.region.as_str()),
        None => ("N/A", "N/A"),
    };
    let used = Xml::default()
        .optional("LastUsedDate", last.as_ref().map(|last| last.at))
        .text("ServiceName", service)
        .text("Region", region);
    let answer = Xml::default().optional("UserName", user).group("AccessKeyLastUsed", used);
    Ok(Some(answer))
}

/// `CreateAccessKey`: the one time that the secret is shown.
pub(super) async fn create_key(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let user: Option<UserName> = call.form.parsed("UserName")?;
    call.form.finish()?;
    let made = aws_users::make_key(call.state, call.signer, user.as_ref()).await?;
    let key = Xml::default()
        .text("UserName", named(&call, user.as_ref()))
        .text("AccessKeyId", &made.record.id)
        .text("Status", Status::of(&made.record).name())
        .text("SecretAccessKey", &*made.secret)
        .text("CreateDate", made.record.created_at);
    Ok(Some(Xml::default().group("AccessKey", key)))
}

/// `ListAccessKeys`: the keys of a user, by id.
pub(super) async fn list_keys(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let user: Option<UserName> = call.form.parsed("UserName")?;
    let page = Page::read(&mut call).await?;
    call.form.finish()?;
    let mut keys = aws_users::keys(call.state, call.signer, user.as_ref()).await?;
    keys.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
    let (keys, last) = page.cut(keys, |key: &AccessKeyRecord| key.id.to_string());
    let name = named(&call, user.as_ref());
    let outlines = keys.iter().map(|key| {
        Xml::default()
            .text("UserName", &name)
            .text("AccessKeyId", &key.id)
            .text("Status", Status::of(key).name())
            .text("CreateDate", key.created_at)
    });
    let list = Xml::default().list("AccessKeyMetadata", outlines);
    Ok(Some(page::end(&call, list, last).await?))
}

/// `UpdateAccessKey`: a key may sign, or no longer.
pub(super) async fn update_key(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let user: Option<UserName> = call.form.parsed("UserName")?;
    let id: AccessKeyId = call.form.required_as("AccessKeyId")?;
    let status: Status = call.form.required_as("Status")?;
    call.form.finish()?;
    let key = (user.as_ref(), &id);
    aws_users::set_active(call.state, call.signer, key, status == Status::Active).await?;
    Ok(None)
}

/// `DeleteAccessKey`: the sessions of a key end with it.
pub(super) async fn delete_key(mut call: Call<'_>) -> Result<Option<Xml>, Fault> {
    let user: Option<UserName> = call.form.parsed("UserName")?;
    let id: AccessKeyId = call.form.required_as("AccessKeyId")?;
    call.form.finish()?;
    aws_users::delete_key(call.state, call.signer, (user.as_ref(), &id)).await?;
    Ok(None)
}

/// A user as other answers show one.
pub(super) async fn of(call: &Call<'_>, name: UserName, account: &Account) -> Result<Xml, Failure> {
    Ok(outline(call, &aws_users::shown(call.state, name, account).await?))
}

fn outline(call: &Call<'_>, user: &User) -> Xml {
    Xml::default()
        .text("Path", "/")
        .text("UserName", &user.name)
        .text("UserId", &user.id)
        .text("Arn", call.state.plane.number.user(&user.name))
        .text("CreateDate", user.created_at)
}

/// The name of the user who has a key; root's keys have that of its account.
fn named(call: &Call<'_>, user: Option<&UserName>) -> String {
    match user {
        Some(user) => user.to_string(),
        None => call.signer.identity.principal.account().to_string(),
    }
}

impl Status {
    fn of(key: &AccessKeyRecord) -> Status {
        if key.active { Status::Active } else { Status::Inactive }
    }

    fn name(self) -> &'static str {
        match self {
            Status::Active => "Active",
            Status::Inactive => "Inactive",
        }
    }
}

impl FromStr for Status {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Status, &'static str> {
        match text {
            "Active" => Ok(Status::Active),
            "Inactive" => Ok(Status::Inactive),
            _ => Err("Active or Inactive"),
        }
    }
}
