//! AWS's error codes for signatures, with their status.

use std::fmt;

/// An error code of AWS: of the Query protocol ("Common errors" in the IAM and STS API References)
/// or of S3 ("Error responses" in the S3 API Reference).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Code {
    /// S3: no signature, an unsigned header, or a presigned request that is over.
    AccessDenied,
    /// S3: the header or the scope is malformed.
    AuthorizationHeaderMalformed,
    /// S3: the presigned query is malformed.
    AuthorizationQueryParametersError,
    /// Not well formed.
    IncompleteSignature,
    /// S3: a temporary key without its token.
    InvalidAccessKeyId,
    /// S3: two forms at once, or a payload that is not allowed.
    InvalidArgument,
    /// Token and key do not belong together.
    InvalidClientTokenId,
    /// S3: the request is malformed.
    InvalidRequest,
    /// S3: a token with a long-term key.
    InvalidToken,
    /// S3: the path or the query is malformed.
    InvalidUri,
    /// The query is malformed.
    MalformedQueryString,
    /// No signature.
    MissingAuthenticationToken,
    /// S3: the clocks differ.
    RequestTimeTooSkewed,
    /// The signature is not that of the key; for other services than S3 also: clock and scope.
    SignatureDoesNotMatch,
    /// S3: the body is not the one that was signed.
    XAmzContentSha256Mismatch,
}

impl Code {
    /// The code as AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::AccessDenied => "AccessDenied",
            Code::AuthorizationHeaderMalformed => "AuthorizationHeaderMalformed",
            Code::AuthorizationQueryParametersError => "AuthorizationQueryParametersError",
            Code::IncompleteSignature => "IncompleteSignature",
            Code::InvalidAccessKeyId => "InvalidAccessKeyId",
            Code::InvalidArgument => "InvalidArgument",
            Code::InvalidClientTokenId => "InvalidClientTokenId",
            Code::InvalidRequest => "InvalidRequest",
            Code::InvalidToken => "InvalidToken",
            Code::InvalidUri => "InvalidURI",
            Code::MalformedQueryString => "MalformedQueryString",
            Code::MissingAuthenticationToken => "MissingAuthenticationToken",
            Code::RequestTimeTooSkewed => "RequestTimeTooSkewed",
            Code::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            Code::XAmzContentSha256Mismatch => "XAmzContentSHA256Mismatch",
        }
    }

    /// HTTP status.
    pub fn status(self) -> u16 {
        match self {
            Code::AccessDenied
            | Code::InvalidAccessKeyId
            | Code::InvalidClientTokenId
            | Code::MissingAuthenticationToken
            | Code::RequestTimeTooSkewed
            | Code::SignatureDoesNotMatch => 403,
            Code::MalformedQueryString => 404,
            Code::AuthorizationHeaderMalformed
            | Code::AuthorizationQueryParametersError
            | Code::IncompleteSignature
            | Code::InvalidArgument
            | Code::InvalidRequest
            | Code::InvalidToken
            | Code::InvalidUri
            | Code::XAmzContentSha256Mismatch => 400,
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
