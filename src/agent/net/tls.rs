//! TLS from files, which are read again on SIGHUP.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use crate::agent::config::TlsConfig;
use crate::agent::metrics::Validity;
use crate::time::UnixTime;

/// The certificate in use. An open connection keeps the one that it began with.
pub(crate) struct Tls {
    files: TlsConfig,
    current: Mutex<Arc<ServerConfig>>,
}

/// A certificate or its key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{key}: {path}: {reason}")]
pub(crate) struct TlsError {
    key: &'static str,
    path: String,
    reason: String,
}

impl Tls {
    pub(crate) fn load(files: &TlsConfig) -> Result<Tls, TlsError> {
        Ok(Tls { files: files.clone(), current: Mutex::new(server_config(files)?) })
    }

    /// Reads the files again. Unusable files change nothing.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let read = server_config(&self.files)?;
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = read;
        Ok(())
    }

    /// The time in which the certificate is valid.
    pub(crate) fn validity(&self) -> Option<Validity> {
        validity(&self.files)
    }

    pub(crate) fn current(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The time in which the certificate of these files is valid; none where it cannot be read.
fn validity(files: &TlsConfig) -> Option<Validity> {
    let leaf = CertificateDer::pem_file_iter(&files.cert).ok()?.next()?.ok()?;
    let (_, certificate) = X509Certificate::from_der(&leaf).ok()?;
    let time = |time: ASN1Time| UnixTime(u64::try_from(time.timestamp()).unwrap_or(0));
    let validity = certificate.validity();
    Some(Validity { not_before: time(validity.not_before), not_after: time(validity.not_after) })
}

/// The configuration that the files hold, if it is usable.
pub(crate) fn server_config(files: &TlsConfig) -> Result<Arc<ServerConfig>, TlsError> {
    let of_cert = |reason: String| TlsError {
        key: "tls.cert",
        path: files.cert.display().to_string(),
        reason,
    };
    let of_key =
        |reason: String| TlsError { key: "tls.key", path: files.key.display().to_string(), reason };
    let directory = || "it is a directory: name the file in it".to_owned();
    if files.cert.is_dir() {
        return Err(of_cert(directory()));
    }
    if files.key.is_dir() {
        return Err(of_key(directory()));
    }
    let chain =
        CertificateDer::pem_file_iter(&files.cert).map_err(|error| of_cert(error.to_string()))?;
    let chain: Vec<CertificateDer<'static>> =
        chain.collect::<Result<_, _>>().map_err(|error| of_cert(error.to_string()))?;
    if chain.is_empty() {
        return Err(of_cert("holds no certificate in PEM".to_owned()));
    }
    kept_to_few(&files.key).map_err(of_key)?;
    let key =
        PrivateKeyDer::from_pem_file(&files.key).map_err(|error| of_key(error.to_string()))?;
    // Name the provider: otherwise the features of other crates would choose it.
    let versions = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions();
    let builder = versions.map_err(|error| of_cert(error.to_string()))?.with_no_client_auth();
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| of_key(error.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Refuses a private key that all users can read. A group may read it, so that one key can serve
/// several programs.
fn kept_to_few(key: &Path) -> Result<(), String> {
    let mode = std::fs::metadata(key).map_err(|error| error.to_string())?.mode();
    if mode & 0o007 == 0 {
        Ok(())
    } else {
        Err(format!("every user can read this key; run: chmod o-rwx {}", key.display()))
    }
}
