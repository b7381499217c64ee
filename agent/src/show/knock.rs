//! Whether a camera answers at its address, without saying who asks.
//!
//! Owns one short conversation: a TCP connection, and for RTSP an `OPTIONS` request, which needs no
//! login. Nothing of the camera's user name or password is used or known here.

use model::{Camera, CameraProtocol};
use std::io::{Error, ErrorKind};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a camera may take for both, connection and answer.
const LIMIT: Duration = Duration::from_millis(900);

/// Why nobody answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Knock {
    /// Nothing listens there.
    Refused,
    /// No way to it, or its name is unknown.
    Unreachable,
    /// It takes the connection and says nothing, or ends it.
    Silent,
}

/// Asks a camera whether it is there.
///
/// # Errors
/// [`Knock`] after at most a second.
pub(super) async fn knock(camera: &Camera) -> Result<(), Knock> {
    let host = camera.address.trim_matches(['[', ']']);
    let connecting = TcpStream::connect((host, camera.port));
    let mut stream = match timeout(LIMIT, connecting).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(said(&error)),
        Err(_late) => return Err(Knock::Unreachable),
    };
    match camera.protocol {
        CameraProtocol::Rtmp => Ok(()),
        CameraProtocol::Rtsp => timeout(LIMIT, options(&mut stream, host, camera.port))
            .await
            .map_or(Err(Knock::Silent), |answer| {
                answer.map_err(|_| Knock::Silent)
            }),
    }
}

async fn options(stream: &mut TcpStream, host: &str, port: u16) -> Result<(), Error> {
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    let request = format!(
        "OPTIONS rtsp://{host}:{port}/ RTSP/1.0\r\nCSeq: 1\r\nUser-Agent: vistter-agent\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await?;
    // Whatever it thinks of the question: it is a server and it is awake.
    if &answer == b"RTSP/" {
        Ok(())
    } else {
        Err(ErrorKind::InvalidData.into())
    }
}

fn said(error: &Error) -> Knock {
    match error.kind() {
        ErrorKind::ConnectionRefused => Knock::Refused,
        _ => Knock::Unreachable,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    async fn camera(protocol: CameraProtocol) -> (Camera, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let camera = serde_json::json!({
            "id": "1", "name": "c", "address": "127.0.0.1", "port": port, "stream_path": "/x",
        });
        let camera = serde_json::from_value(camera).unwrap();
        (Camera { protocol, ..camera }, listener)
    }

    #[tokio::test]
    async fn a_camera_that_answers_anything_is_there() {
        let (camera, listener) = camera(CameraProtocol::Rtsp).await;
        let server = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut heard = [0; 512];
            let count = stream.read(&mut heard).await.unwrap();
            let answer = b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n";
            stream.write_all(answer).await.unwrap();
            String::from_utf8_lossy(&heard[..count]).into_owned()
        };
        let (answer, heard) = tokio::join!(knock(&camera), server);
        assert_eq!(answer, Ok(()));
        assert!(heard.starts_with("OPTIONS rtsp://127.0.0.1:"), "{heard}");
        assert!(!heard.contains("Authorization"));
    }

    #[tokio::test]
    async fn a_camera_that_takes_the_connection_and_is_silent_or_hangs_up_is_not() {
        let (camera, listener) = camera(CameraProtocol::Rtsp).await;
        let (answer, held) = tokio::join!(knock(&camera), listener.accept());
        assert_eq!(answer, Err(Knock::Silent));
        drop(held);
        let ended = async { drop(listener.accept().await.unwrap()) };
        let (answer, ()) = tokio::join!(knock(&camera), ended);
        assert_eq!(answer, Err(Knock::Silent));
    }

    #[tokio::test]
    async fn a_closed_port_is_refused_and_rtmp_needs_the_connection_alone() {
        let (camera, listener) = camera(CameraProtocol::Rtmp).await;
        assert_eq!(knock(&camera).await, Ok(()));
        drop(listener);
        assert_eq!(knock(&camera).await, Err(Knock::Refused));
    }
}
