//! API keys: made here, known by a keyed digest, shown once.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use crate::id::AccountId;
use crate::store::{Action, ApiKeyRecord, Change, Sealer, Write, random};
use crate::verifier::decide::Judgement;
use crate::verifier::{Error, Verifier};

/// A new API key before it is made: a role, and the accounts it is limited to.
#[derive(Clone, Debug)]
pub struct NewApiKey {
    /// Name given by its holder.
    pub name: Option<String>,
    /// Role, in the agent's words.
    pub role: String,
    /// The accounts it is limited to; none: all.
    pub accounts: Option<Vec<String>>,
    /// Refusals state their reason.
    pub explain: bool,
    /// Key of a proxy, which is trusted to name the target of a request.
    pub forward: bool,
    /// Account of the operator that it is for.
    pub operator: Option<AccountId>,
    /// Services of AWS's wire whose signing keys it may ask for.
    pub signing_keys: Vec<String>,
}

impl Verifier {
    /// Makes an API key. The text is returned this once: `twostep_ID_SECRET`, with 256 random bits.
    ///
    /// # Errors
    /// [`Error::Clock`], [`Error::Store`] or [`Error::Key`].
    pub async fn make_api_key(
        &self,
        new: NewApiKey,
    ) -> Result<(ApiKeyRecord, Zeroizing<String>), Error> {
        let sealer = self.sealer().await?;
        let (sealer, new) = (&sealer, &new);
        self.decide_alone(|now| async move {
            let id = base32::encode(base32::Alphabet::Crockford, &random::<10>()?[..]);
            let secret = Zeroizing::new(URL_SAFE_NO_PAD.encode(&random::<32>()?[..]));
            let key = Zeroizing::new(format!("twostep_{id}_{}", *secret));
            let digest = sealer.api_key_digest(&key).to_vec();
            let NewApiKey { name, role, accounts, explain, forward, operator, signing_keys } =
                new.clone();
            let record = ApiKeyRecord {
                id,
                digest,
                name,
                role,
                accounts,
                explain,
                forward,
                operator,
                signing_keys,
                created_at: now,
            };
            let writes = vec![Write::PutApiKey(record.clone())];
            let audit = vec![self.event(now, Action::ApiKeyMade).reason(record.id.as_str())];
            Ok(Judgement::change(writes, audit, (record, key)))
        })
        .await
    }

    /// Revokes an API key, at once.
    ///
    /// # Errors
    /// [`Error::NotFound`] if there is no key of this id, [`Error::Clock`] or [`Error::Store`].
    pub async fn revoke_api_key(&self, id: &str) -> Result<(), Error> {
        let now = self.now().await?;
        let audit = vec![self.event(now, Action::ApiKeyRevoked).reason(id)];
        let writes = vec![Write::RevokeApiKey { id: id.to_owned() }];
        let revoked = self.commit(Change { account: None, writes, audit }).await?;
        revoked.map(|_| ()).ok_or(Error::NotFound("API key"))
    }

    /// The digest that an API key is found by.
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Key`] if the store's pepper cannot be read and opened.
    pub async fn api_key_digest(&self, key: &str) -> Result<[u8; 32], Error> {
        Ok(self.sealer().await?.api_key_digest(key))
    }
}

impl Sealer {
    fn api_key_digest(&self, key: &str) -> [u8; 32] {
        self.digest("api key", &[key.as_bytes()])
    }
}
