//! Whether anybody is there where a way leads: a connection that says nothing and is closed again.
//!
//! Owns what ends a wait early. A server that is there and turned the device away is not knocked at: it is
//! waited for as the back-off says.

use crate::channel::ConnectError;
use crate::proxy::{self, Proxy};
use crate::ways::Way;
use runtime::Backoff;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;

/// Between two knocks.
const PERIOD: Duration = Duration::from_secs(1);
/// So long one may take: the system asks again after a second.
const LIMIT: Duration = Duration::from_secs(3);
/// Devices that have waited together come back over so much time.
const SPREAD: Duration = Duration::from_millis(1500);

/// A TCP connection to where a way leads.
///
/// # Errors
/// [`ConnectError::Tcp`] after at most three seconds, [`ConnectError::Proxy`], [`ConnectError::Address`].
pub(crate) async fn reach(way: &Way, proxy: Option<&Proxy>) -> Result<TcpStream, ConnectError> {
    let address = way.place();
    let reached = timeout(LIMIT, proxy::tcp(proxy, way.door()?, &address)).await;
    reached.unwrap_or_else(|_late| {
        let source = io::ErrorKind::TimedOut.into();
        Err(ConnectError::Tcp { address, source })
    })
}

/// Whether there is a server: what takes a connection and passes nothing on is none, and what shows a
/// wrong certificate is one.
async fn answers(way: &Way, proxy: Option<&Proxy>, tls: &Arc<ClientConfig>) -> bool {
    let greeted = async {
        let tcp = reach(way, proxy).await.ok()?;
        let (host, _) = way.door().ok()?;
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let connector = TlsConnector::from(Arc::clone(tls));
        match connector.connect(name, tcp).await {
            Ok(_closed_again) => Some(()),
            Err(error) => (error.kind() == io::ErrorKind::InvalidData).then_some(()),
        }
    };
    matches!(timeout(LIMIT, greeted).await, Ok(Some(())))
}

/// Ends soon after Studio is there where it was not; `silent` is whether it was not before. Never ends
/// where it was there all the time.
pub(crate) async fn wakes(way: &Way, proxy: Option<&Proxy>, tls: &Arc<ClientConfig>, silent: bool) {
    let mut silent = silent;
    loop {
        sleep(PERIOD).await;
        match answers(way, proxy, tls).await {
            true if silent => break,
            true => std::future::pending().await,
            false => silent = true,
        }
    }
    let spread = Backoff::new(SPREAD, SPREAD, 100).expect("a time, all of it random");
    sleep(spread.delay(1, runtime::random())).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustls::RootCertStore;
    use rustls::crypto::ring;
    use std::net::SocketAddr;
    use tokio::io::AsyncWriteExt;
    use tokio::net::{TcpListener, TcpSocket};

    fn way(address: SocketAddr) -> Way {
        let port = address.port();
        Way::Socket(format!("wss://localhost:{port}/agent").parse().unwrap())
    }

    fn tls() -> Arc<ClientConfig> {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = builder.with_root_certificates(RootCertStore::empty());
        Arc::new(builder.with_no_client_auth())
    }

    /// An address that is ours, and where nobody listens yet.
    fn closed() -> (TcpSocket, SocketAddr) {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    }

    /// Says something that is not TLS to everybody.
    async fn serve(listener: TcpListener) {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _gone = stream.write_all(b"who is there?").await;
        }
    }

    #[tokio::test]
    async fn a_server_that_comes_is_noticed() {
        let (socket, address) = closed();
        let (way, tls) = (way(address), tls());
        assert!(matches!(
            reach(&way, None).await,
            Err(ConnectError::Tcp { .. })
        ));
        assert!(!answers(&way, None, &tls).await);
        let wakes = wakes(&way, None, &tls, true);
        tokio::pin!(wakes);
        // Two knocks at a closed door.
        assert!(timeout(2 * PERIOD + PERIOD / 2, &mut wakes).await.is_err());
        let _serves = runtime::spawn(serve(socket.listen(8).unwrap()));
        timeout(Duration::from_secs(60), wakes).await.unwrap();
    }

    #[tokio::test]
    async fn a_server_that_was_there_all_the_time_is_left_in_peace() {
        let (socket, address) = closed();
        let (way, tls) = (way(address), tls());
        let _serves = runtime::spawn(serve(socket.listen(8).unwrap()));
        let wakes = wakes(&way, None, &tls, false);
        assert!(timeout(3 * PERIOD + SPREAD, wakes).await.is_err());
    }

    #[tokio::test]
    async fn what_takes_a_connection_and_says_nothing_is_no_server() {
        let (socket, address) = closed();
        let _listens = socket.listen(8).unwrap();
        assert!(reach(&way(address), None).await.is_ok());
        assert!(!answers(&way(address), None, &tls()).await);
    }
}
