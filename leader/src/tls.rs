//! The server's certificate: the user's own, or one made at the first start.

use std::{fs, io, io::Write, os::unix::fs::OpenOptionsExt, path::Path, sync::Arc};

use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use tokio_rustls::TlsAcceptor;

use crate::error::Error;

const CERTIFICATE_FILE: &str = "server.crt";
const KEY_FILE: &str = "server.key";
/// What libpq 17 and later ask for by ALPN.
const ALPN: &[u8] = b"postgresql";

/// Returns what answers TLS handshakes with the certificate under `directory`; makes a self-signed
/// one when there is none.
pub(crate) fn acceptor(directory: &Path) -> Result<TlsAcceptor, Error> {
    let (certificate, key) = (directory.join(CERTIFICATE_FILE), directory.join(KEY_FILE));
    if !certificate.exists() && !key.exists() {
        create(directory, &certificate, &key)?;
    }
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| Error::Tls(format!("{}: {error}", certificate.display())))?;
    let key_der = PrivateKeyDer::from_pem_file(&key)
        .map_err(|error| Error::Tls(format!("{}: {error}", key.display())))?;
    let invalid = |error: rustls::Error| Error::Tls(error.to_string());
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(invalid)?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(invalid)?;
    config.alpn_protocols = vec![ALPN.to_vec()];
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn create(directory: &Path, certificate: &Path, key: &Path) -> Result<(), Error> {
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])
        .map_err(|error| Error::Tls(error.to_string()))?;
    let failed = |path: &Path| {
        let what = format!("cannot write {}", path.display());
        move |source: io::Error| Error::Io { what, source }
    };
    fs::create_dir_all(directory).map_err(failed(directory))?;
    // The key first: a certificate without its key is refused at the next start.
    write_new(key, &made.signing_key.serialize_pem(), 0o600).map_err(failed(key))?;
    write_new(certificate, &made.cert.pem(), 0o644).map_err(failed(certificate))?;
    tracing::info!(certificate = %certificate.display(), "made a self-signed certificate");
    Ok(())
}

fn write_new(path: &Path, text: &str, mode: u32) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_certificate_is_made_once_and_its_key_is_private() {
        let directory = tempfile::tempdir().unwrap();
        acceptor(directory.path()).unwrap();
        let made = fs::read(directory.path().join(CERTIFICATE_FILE)).unwrap();
        let key = fs::metadata(directory.path().join(KEY_FILE)).unwrap();
        assert_eq!(key.permissions().mode() & 0o777, 0o600);
        acceptor(directory.path()).unwrap();
        assert_eq!(fs::read(directory.path().join(CERTIFICATE_FILE)).unwrap(), made);
    }
}
