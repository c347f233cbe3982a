//! The worth of an attestation statement.

/// The result of a statement before its certificate chain is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Proof {
    /// The statement is empty.
    Nothing,
    /// The statement is signed with the credential's own key.
    Own,
    /// The statement is signed with the key of its leaf certificate.
    Certified,
}
