//! Certificate authorities that a server's certificate may come from.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use tokio_postgres_rustls::MakeRustlsConnect;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use crate::store::Error;

/// The connector that checks a server's certificate, and the name in it, against the authorities
/// in this file, or against those that the system trusts.
pub(super) async fn connector(file: Option<PathBuf>) -> Result<MakeRustlsConnect, Error> {
    let read = tokio::task::spawn_blocking(move || match file {
        Some(file) => from_pem(&file),
        None => system(),
    });
    let roots = read.await.map_err(|error| Error::Unavailable(error.to_string()))??;
    // The provider is named here, so that features of other crates do not decide it.
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
    let builder = builder
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::Unavailable(error.to_string()))?;
    let config = builder.with_root_certificates(roots).with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn from_pem(file: &Path) -> Result<RootCertStore, Error> {
    let bad = |reason: String| {
        let file = file.display();
        Error::Unavailable(format!("the authorities in {file} cannot be read: {reason}"))
    };
    let pem = std::fs::read(file).map_err(|error| bad(error.to_string()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| bad(error.to_string()))?;
        roots.add(certificate).map_err(|error| bad(error.to_string()))?;
    }
    if roots.is_empty() { Err(bad("no certificate in PEM".to_owned())) } else { Ok(roots) }
}

fn system() -> Result<RootCertStore, Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    if roots.add_parsable_certificates(found.certs).0 == 0 {
        let none = "the system trusts no authority: install ca-certificates, or name a file with \
                    the authority of the servers";
        return Err(Error::Unavailable(none.to_owned()));
    }
    Ok(roots)
}
