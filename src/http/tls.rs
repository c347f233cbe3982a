//! Certificate authorities that a server's certificate may come from.

use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

/// The trusted authorities. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Roots(Arc<ClientConfig>);

/// No authority to trust.
#[non_exhaustive]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadRoots {
    /// The system has no usable authority.
    System(String),
    /// The text contains no certificate in PEM, or a malformed one.
    Pem,
}

impl Roots {
    /// The authorities that the operating system trusts at this moment.
    ///
    /// # Errors
    /// [`BadRoots::System`] if there are none: install `ca-certificates`, or use
    /// [`Roots::from_pem`].
    pub fn system() -> Result<Roots, BadRoots> {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        if roots.add_parsable_certificates(found.certs).0 == 0 {
            let errors: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
            return Err(BadRoots::System(errors.join("; ")));
        }
        Ok(Roots::of(roots))
    }

    /// Exactly these authorities: certificates in PEM.
    ///
    /// # Errors
    /// [`BadRoots::Pem`].
    pub fn from_pem(pem: &[u8]) -> Result<Roots, BadRoots> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots.add(certificate.map_err(|_| BadRoots::Pem)?).map_err(|_| BadRoots::Pem)?;
        }
        if roots.is_empty() { Err(BadRoots::Pem) } else { Ok(Roots::of(roots)) }
    }

    /// No authority, for servers without TLS.
    pub fn none() -> Roots {
        Roots::of(RootCertStore::empty())
    }

    fn of(roots: RootCertStore) -> Roots {
        // The provider is named here, so that features of other crates do not decide it. The
        // protocol versions are those of this build of rustls: 1.2 and 1.3.
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let mut config = match builder.with_safe_default_protocol_versions() {
            Ok(builder) => builder.with_root_certificates(roots).with_no_client_auth(),
            // Every built-in protocol version has a cipher suite in this provider.
            Err(error) => unreachable!("{error}"),
        };
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Roots(Arc::new(config))
    }

    pub(super) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }
}

impl std::fmt::Display for BadRoots {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            BadRoots::System(why) if why.is_empty() => {
                f.write_str("the system trusts no certificate authority: install ca-certificates")
            }
            BadRoots::System(why) => {
                write!(f, "the system's certificate authorities cannot be read: {why}")
            }
            BadRoots::Pem => f.write_str("the text is not a certificate in PEM"),
        }
    }
}

impl std::error::Error for BadRoots {}
