//! AWS Signature Version 4 through the public API: AWS's own test suite, and each refusal.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod codes;
mod refusals;
mod scope;
mod vectors;

use std::time::Duration;

use twostep::aws::sigv4::{
    AccessKey, Body, Header, Refusal, Request, Rules, Scope, SessionToken, Signed, Signer,
    SigningKey,
};
use twostep::secret::Secret;
use twostep::time::UnixTime;

/// 2015-08-30T12:36:00Z, the time of AWS's suite.
const NOW: UnixTime = UnixTime(1_440_938_160);

/// A request that a test may edit.
#[derive(Clone)]
struct Sent {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Sent {
    fn plain() -> Sent {
        Sent {
            method: "POST".to_owned(),
            path: "/a/b".to_owned(),
            query: "x=1&y=2".to_owned(),
            headers: vec![("Host".to_owned(), "example.com".to_owned())],
            body: b"body".to_vec(),
        }
    }

    fn with(mut self, name: &str, value: &str) -> Sent {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn without(mut self, name: &str) -> Sent {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    /// Replaces a text in all headers and in the query.
    #[track_caller]
    fn replacing(mut self, from: &str, to: &str) -> Sent {
        let before = (self.query.clone(), self.headers.clone());
        self.query = self.query.replace(from, to);
        self.headers.iter_mut().for_each(|(_, value)| *value = value.replace(from, to));
        assert!(before != (self.query.clone(), self.headers.clone()), "{from} is not there");
        self
    }

    fn with_query(mut self, more: &str) -> Sent {
        self.query = format!("{}&{more}", self.query);
        self
    }

    fn request(&self) -> Request<'_> {
        let headers = self.headers.iter().map(|(name, value)| Header::new(name, value));
        Request {
            method: &self.method,
            path: &self.path,
            query: &self.query,
            headers: headers.collect(),
            body: Body::Bytes(&self.body),
        }
    }

    fn signed(self, rules: &Rules, service: &str) -> Sent {
        self.signed_by("AKIDEXAMPLE", rules, service, None)
    }

    fn signed_by(
        mut self,
        id: &str,
        rules: &Rules,
        service: &str,
        token: Option<&SessionToken>,
    ) -> Sent {
        let key = signing_key(id, service);
        let signer = Signer::new(rules, &key);
        let signer = token.map_or(signer, |token| signer.session_token(token));
        let added = signer.sign(&self.request(), NOW).unwrap();
        self.headers
            .extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self
    }

    fn presigned(mut self, rules: &Rules, service: &str, seconds: u64) -> Sent {
        let key = signing_key("AKIDEXAMPLE", service);
        let lifetime = Duration::from_secs(seconds);
        self.query = Signer::new(rules, &key).presign(&self.request(), NOW, lifetime).unwrap();
        self
    }

    fn verified(&self, rules: &Rules, now: UnixTime) -> Result<Signed, Refusal> {
        let claimed = rules.parse(&self.request(), now)?;
        let id = claimed.access_key_id().as_str().to_owned();
        claimed.verify_with(&access_key(&id))
    }

    fn refused(&self, rules: &Rules) -> Refusal {
        self.verified(rules, NOW).expect_err("a refusal")
    }
}

fn access_key(id: &str) -> AccessKey {
    let secret = Secret::from(b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".as_slice());
    AccessKey::new(id.parse().unwrap(), secret).unwrap()
}

fn signing_key(id: &str, service: &str) -> SigningKey {
    SigningKey::derive(&access_key(id), Scope::new(NOW.into(), "us-east-1", service).unwrap())
}

fn sts() -> Rules {
    Rules::service("sts").unwrap()
}
