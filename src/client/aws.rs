//! Questions about the requests of AWS's clients.

use crate::client::{Client, Error};
use crate::wire::{
    AskAwsCredentials, AskAwsSigningKey, AwsCredentials, AwsSigningKey, AwsVerification,
    VerifyAwsRequest,
};

impl Client {
    /// Verifies a signed request that a service received: who signed, if MFA was present, and what
    /// policies say.
    ///
    /// # Errors
    /// [`Error`]. A request that is to be refused is an answer.
    pub async fn verify_aws_request(
        &self,
        request: &VerifyAwsRequest,
    ) -> Result<AwsVerification, Error> {
        self.post(&["v1", "aws", "verify"]).json(request)?.read().await
    }

    /// Turns a live context with MFA into temporary credentials, which end with it.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn aws_credentials(&self, ask: &AskAwsCredentials) -> Result<AwsCredentials, Error> {
        self.post(&["v1", "aws", "credentials"]).json(ask)?.read().await
    }

    /// The signing key of an access key for one day, region and service.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn aws_signing_key(&self, ask: &AskAwsSigningKey) -> Result<AwsSigningKey, Error> {
        self.post(&["v1", "aws", "signing-keys"]).json(ask)?.read().await
    }
}
