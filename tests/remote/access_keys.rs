//! Keys with which AWS's clients sign, by the typed client.

use test_support::people::now;
use twostep::client::Client;
use twostep::id::AccountId;
use twostep::wire::{
    AskAwsCredentials, AskAwsSigningKey, AwsVerification, ChangeAccessKey, MakeAccessKey,
    VerifyAwsRequest,
};

/// Calls each method that concerns them.
pub(super) async fn ask_about_access_keys(client: &Client, account: &AccountId) {
    let key = MakeAccessKey { account: Some(account.to_string()), root: None };
    let made = client.make_access_key(&key).await.unwrap();
    let id = &made.access_key_id;
    let ask = AskAwsCredentials { token: "e30.e30.e30".into(), duration_seconds: None };
    assert!(client.aws_credentials(&ask).await.is_err(), "it is no live context");
    let headers = vec![("host".to_owned(), "a.example".into())];
    let (service, method, path) = ("s3".to_owned(), "GET".to_owned(), "/".to_owned());
    let request =
        VerifyAwsRequest { service, method, path, headers, ..VerifyAwsRequest::default() };
    let verified = client.verify_aws_request(&request).await.unwrap();
    assert!(matches!(verified, AwsVerification::Invalid(refused) if refused.error.status == 403));
    let day = now().to_string().split('T').next().unwrap().replace('-', "");
    let ask = AskAwsSigningKey {
        access_key_id: id.clone(),
        session_token: None,
        date: day,
        region: "eu-central-1".to_owned(),
        service: "s3".to_owned(),
    };
    let key = client.aws_signing_key(&ask).await.unwrap();
    assert_eq!((key.signing_key.as_str().len(), key.context), (64, None));
    client.change_access_key(id, ChangeAccessKey { active: false }).await.unwrap();
    let keys = client.access_keys().await.unwrap().access_keys;
    assert_eq!((keys[0].access_key_id.as_str(), keys[0].active), (id.as_str(), false));
    client.delete_access_key(id).await.unwrap();
}
