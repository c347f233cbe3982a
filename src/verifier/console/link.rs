//! One-time links: an operator makes one for an account, its owner opens it once.
//!
//! A plain link proves nothing: on an account with a device it only stands before the proof. The
//! opening of a recovery link is a proof, as a bypass code is.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::code::LinkCode;
use crate::device::{MfaKind, Refusal};
use crate::id::{AccountId, CallerId, SerialNumber};
use crate::store;
use crate::store::{AccountSnapshot, Action, ItemKind, Sealer, SingleUse, SingleUseList, Write};
use crate::time::UnixTime;
use crate::verifier::client::note_success;
use crate::verifier::decide::Judgement;
use crate::verifier::verified::Proof;
use crate::verifier::{Error, Verified, Verifier};

/// The use of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkPurpose {
    /// Enrolment of a first device, or a way to the sign-in.
    Enroll,
    /// Recovery: the opening counts as a bypass code.
    Recover,
}

/// A link that was made. Its code is shown this once.
#[derive(Debug)]
pub struct MadeLink {
    /// The id by which operators name it.
    pub id: String,
    /// The secret part of its address.
    pub code: LinkCode,
    /// The end of its time.
    pub expires_at: UnixTime,
}

/// A link that can be opened, without its code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// The id by which operators name it.
    pub id: String,
    /// The account that it is for.
    pub account: AccountId,
    /// The use of it.
    pub purpose: LinkPurpose,
    /// The caller who made it.
    pub made_by: CallerId,
    /// The time of its making.
    pub created_at: UnixTime,
    /// The end of its time.
    pub expires_at: UnixTime,
}

/// A link that was opened.
#[derive(Debug)]
pub struct OpenedLink {
    /// The account that it is for, which need not exist yet.
    pub account: AccountId,
    /// The proof, for a recovery link.
    pub recovery: Option<Verified>,
}

/// The body of a link's item, after the digest that authenticates it.
#[derive(Serialize, Deserialize)]
struct Body {
    account: AccountId,
    purpose: LinkPurpose,
    made_by: CallerId,
    created_at: UnixTime,
}

impl Verifier {
    /// Makes a link for an account, 60 to 604,800 seconds long, and voids the account's older ones.
    /// A plain link may be for an account that does not exist yet.
    ///
    /// # Errors
    /// [`Error::BadInput`] for another lifetime, [`Error::NotFound`] for a recovery link of an
    /// account that does not exist, [`Error::Contended`], [`Error::Clock`], [`Error::Store`] or
    /// [`Error::Key`].
    pub async fn make_link(
        &self,
        account: &AccountId,
        ttl: Duration,
        purpose: LinkPurpose,
    ) -> Result<MadeLink, Error> {
        if !(SHORTEST..=LONGEST).contains(&ttl) {
            return Err(Error::BadInput("a link lives 60 to 604800 seconds".to_owned()));
        }
        let sealer = &*self.keys().await?;
        let decided = self.decide(account, |seen, now| async move {
            if purpose == LinkPurpose::Recover && !is_there(seen.as_ref()) {
                return Err(Error::NotFound("account"));
            }
            let made_by = self.caller.clone();
            let body = Body { account: account.clone(), purpose, made_by, created_at: now };
            let (made, item) = new(sealer, &body, now.plus(ttl))?;
            let action = match purpose {
                LinkPurpose::Enroll => Action::LinkMade,
                LinkPurpose::Recover => Action::RecoveryLinkMade,
            };
            let audit = self.event(now, action).account(account).reason(made.id.as_str());
            let mut writes: Vec<Write> = seen.iter().map(expect).collect();
            let (account, kind) = (account.clone(), ItemKind::ConsoleLink);
            writes.push(Write::AddSingleUse(item));
            writes.push(Write::KeepNewest { account, kind, most: 1 });
            Ok(Judgement::change(writes, vec![audit], made))
        });
        Ok(decided.await?.0)
    }

    /// Links that can be opened, in the order of their ids: at most `limit` after the one of this
    /// id.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn links(&self, after: Option<&str>, limit: u32) -> Result<Vec<Link>, Error> {
        let sealer = &*self.keys().await?;
        // An item's id goes on where the id of its link ends: no item follows in between.
        let after = after.map(|id| format!("{id}~"));
        self.link_items(after, limit)
            .await?
            .into_iter()
            .map(|item| Link::read(sealer, item).ok_or_else(altered))
            .collect()
    }

    /// The link of this id, if it can be opened.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn link(&self, id: &str) -> Result<Option<Link>, Error> {
        let sealer = &*self.keys().await?;
        let Some(item) = self.link_item(id).await? else { return Ok(None) };
        Link::read(sealer, item).map(Some).ok_or_else(altered)
    }

    /// Withdraws a link: it cannot be opened any more.
    ///
    /// # Errors
    /// [`Error::NotFound`] if no link of this id can be opened, [`Error::Contended`],
    /// [`Error::Clock`] or [`Error::Store`].
    pub async fn withdraw_link(&self, id: &str) -> Result<(), Error> {
        self.decide_alone(|now| async move {
            let item = self.link_item(id).await?.ok_or(Error::NotFound("link"))?;
            let event = self.event(now, Action::LinkWithdrawn).account(&item.account).reason(id);
            let writes = vec![Write::Consume { id: item.id, now }];
            Ok(Judgement::change(writes, vec![event], ()))
        })
        .await
    }

    /// Opens a link, once. The opening of a recovery link is a verification.
    ///
    /// # Errors
    /// [`Error::Refused`] for one that was opened, voided or withdrawn, that has expired, or that
    /// was never made, without a difference; [`Error::Contended`], [`Error::Clock`],
    /// [`Error::Store`] or [`Error::Key`].
    pub async fn open_link(&self, code: &LinkCode) -> Result<OpenedLink, Error> {
        let sealer = &*self.keys().await?;
        let id = &sealer.address_digest(PURPOSE, code);
        let now = self.now().await?;
        let Some(item) = self.core.store.single_use(id, now).await? else {
            let account = self.core.store.consumed(id, now).await?;
            return Err(self.not_judged(account.as_ref(), None, now, Refusal::UnknownDevice));
        };
        let account = &item.account;
        let decided = self.decide(account, |seen, now| async move {
            let item = self.core.store.single_use(id, now).await?;
            let link = item.and_then(|item| Link::read(sealer, item));
            let link = link.filter(|link| {
                link.account == *account
                    && (link.purpose == LinkPurpose::Enroll || is_there(seen.as_ref()))
            });
            match link {
                Some(link) => Ok(self.judge_opening(sealer, id, link, (seen, now))),
                None => Err(self.not_judged(account, None, now, Refusal::UnknownDevice)),
            }
        });
        let (proof, committed) = decided.await?;
        let recovery = proof.map(|proof| proof.committed(committed));
        Ok(OpenedLink { account: account.clone(), recovery })
    }

    /// The change that the opening of a link makes.
    fn judge_opening(
        &self,
        sealer: &Sealer,
        item: &str,
        link: Link,
        (seen, now): (Option<AccountSnapshot>, UnixTime),
    ) -> Judgement<Option<Proof>> {
        let account = &link.account;
        let opened = self.event(now, Action::LinkOpened).account(account);
        let opened = opened.reason(link.id.as_str());
        let consume = Write::Consume { id: item.to_owned(), now };
        let (LinkPurpose::Recover, Some(seen)) = (link.purpose, &seen) else {
            let writes = seen.iter().map(expect).chain([consume]).collect();
            return Judgement::change(writes, vec![opened], None);
        };
        let serial: SerialNumber = format!("bypass:{}", link.id)
            .parse()
            .expect("a word and 12 base32 letters are always a serial number");
        let accepted = self.event(now, Action::BypassAccepted).account(account).serial(&serial);
        let tag = self.client_tag(sealer, account);
        let noted = note_success((&seen.account, seen.revision), tag.as_ref(), now);
        let writes = vec![noted.unwrap_or_else(|| expect(seen)), consume];
        let proof = Proof {
            account: link.account,
            serial,
            kind: MfaKind::Bypass,
            at: now,
            revoked_before: None,
            device_generation: 0,
            key: None,
            hardware_token: false,
        };
        Judgement::accepted(writes, vec![opened, accepted], Some(proof))
    }

    /// The item of the link of this id.
    async fn link_item(&self, id: &str) -> Result<Option<SingleUse>, Error> {
        if id.len() != ID_LENGTH || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            return Ok(None);
        }
        let found = self.link_items(Some(id.to_owned()), 1).await?;
        Ok(found.into_iter().find(|item| item.id.starts_with(id)))
    }

    async fn link_items(&self, after: Option<String>, limit: u32) -> Result<Vec<SingleUse>, Error> {
        let now = self.now().await?;
        let kind = ItemKind::ConsoleLink;
        let list = SingleUseList { kind, account: None, now, after, limit };
        Ok(self.core.store.single_uses(list).await?)
    }
}

impl Link {
    /// The link of an item; none if the item is not as it was written.
    fn read(sealer: &Sealer, item: SingleUse) -> Option<Link> {
        let (digest, json) = item.body.split_at_checked(DIGEST)?;
        let body: Body = serde_json::from_slice(json).ok()?;
        let written = sealer.digest(BODY, &[item.id.as_bytes(), json]).ct_eq(digest);
        let id = item.id.get(..ID_LENGTH)?.to_owned();
        let Body { account, purpose, made_by, created_at } = body;
        let known =
            bool::from(written) && item.kind == ItemKind::ConsoleLink && item.account == account;
        let expires_at = item.expires_at;
        known.then_some(Link { id, account, purpose, made_by, created_at, expires_at })
    }
}

/// A new link, and the item that keeps it.
///
/// The body is authenticated by the pepper and not sealed: a link outlives the exchange of a
/// sealing key.
fn new(sealer: &Sealer, body: &Body, expires_at: UnixTime) -> Result<(MadeLink, SingleUse), Error> {
    let code = LinkCode::random()?;
    let id = sealer.address_digest(PURPOSE, &code);
    let json = serde_json::to_vec(body).expect("names and a time are always JSON");
    let mut content = sealer.digest(BODY, &[id.as_bytes(), &json]).to_vec();
    content.extend(json);
    let made = MadeLink { id: id[..ID_LENGTH].to_owned(), code, expires_at };
    let (account, kind) = (body.account.clone(), ItemKind::ConsoleLink);
    Ok((made, SingleUse { id, account, kind, body: content, expires_at }))
}

/// True if the account exists and is not removed.
fn is_there(seen: Option<&AccountSnapshot>) -> bool {
    seen.is_some_and(|seen| seen.account.removed_at.is_none())
}

fn expect(seen: &AccountSnapshot) -> Write {
    Write::ExpectAccount { account: seen.account.id.clone(), seen: seen.revision }
}

fn altered() -> Error {
    store::Error::Corrupt("a link is not as it was written".to_owned()).into()
}

const PURPOSE: &str = "console link";

const BODY: &str = "console link's body";

/// The id of a link is the beginning of its item's id: 60 bits of a keyed digest.
const ID_LENGTH: usize = 12;

/// In bytes.
const DIGEST: usize = 32;

const SHORTEST: Duration = Duration::from_secs(60);

const LONGEST: Duration = Duration::from_secs(604_800);
