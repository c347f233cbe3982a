//! A request as it came: unread and untrusted.

use std::fmt;

use crate::aws::sigv4::BadPart;
use crate::aws::sigv4::signature::from_hex;

/// A request, untrusted, as it came over the wire.
///
/// The reader of a verified request must split and decode the query as a form (`+` is a space), and
/// must read the same path: not one that a proxy rewrote. `Debug` shows method and path alone.
#[derive(Clone)]
pub struct Request<'a> {
    /// Method, in the letters that came.
    pub method: &'a str,
    /// Path, still percent-encoded, without the query.
    pub path: &'a str,
    /// Query, still percent-encoded, without `?`; empty if there is none.
    pub query: &'a str,
    /// Headers in the order that they came, repeated ones repeated. HTTP/2's `:authority` stands
    /// here as `host`; a folded value is on one line (RFC 9112 §5.2).
    pub headers: Vec<Header<'a>>,
    /// Body, as far as it is known.
    pub body: Body<'a>,
}

/// One header line.
#[derive(Clone, Copy)]
pub struct Header<'a> {
    /// Name, in any letters.
    pub name: &'a str,
    /// Value, which need not be UTF-8.
    pub value: &'a [u8],
}

/// Body of a request, as far as it is known.
#[derive(Clone, Copy)]
pub enum Body<'a> {
    /// The whole body.
    Bytes(&'a [u8]),
    /// SHA-256 of the body, computed by the caller.
    Digest([u8; 32]),
    /// A body that is not here yet: the digest that was signed must be compared later.
    NotHere,
}

impl Body<'_> {
    /// A body of this SHA-256, in 64 lower hexadecimal digits.
    ///
    /// # Errors
    /// [`BadPart`] for another text.
    pub fn of_digest(text: &str) -> Result<Body<'static>, BadPart> {
        let digest = from_hex(text).map(Body::Digest);
        digest.ok_or(BadPart("a SHA-256 has 64 lower hexadecimal digits"))
    }
}

impl<'a> Header<'a> {
    /// A line of a name and a value.
    pub fn new<V: AsRef<[u8]> + ?Sized>(name: &'a str, value: &'a V) -> Header<'a> {
        Header { name, value: value.as_ref() }
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({:?} {:?}, ..)", self.method, self.path)
    }
}
