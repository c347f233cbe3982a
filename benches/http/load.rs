//! The load: so many connections that are kept, each with one request under way, from one thread.

use std::time::Instant;

use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::servers::Server;

/// The requests of each connection, one after the other.
pub(crate) struct Load {
    connections: Vec<Vec<Vec<u8>>>,
}

/// The result of a round.
pub(crate) struct Round {
    pub(crate) per_second: f64,
    /// The server's processor time for one request.
    pub(crate) cpu_micros: f64,
    /// The context in the last answer, if there was one.
    pub(crate) token: String,
    /// Sorted.
    millis: Vec<f64>,
}

impl Load {
    pub(crate) fn hello(connections: usize, each: usize) -> Load {
        Load {
            connections: vec![
                vec![b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(); each];
                connections
            ],
        }
    }

    pub(crate) fn sessions(connections: usize, requests: Vec<Vec<u8>>) -> Load {
        Load {
            connections: requests.chunks(requests.len() / connections).map(<[_]>::to_vec).collect(),
        }
    }

    pub(crate) fn introspections(connections: usize, each: usize, key: &str, token: &str) -> Load {
        let body = format!("{{\"token\":\"{token}\"}}");
        let head = format!(
            "POST /v1/sessions/introspect HTTP/1.1\r\nHost: localhost\r\n\
             Authorization: Bearer {key}\r\n"
        );
        let request = format!(
            "{head}Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Load { connections: vec![vec![request.into_bytes(); each]; connections] }
    }

    /// Sends all of it to a server, which must give every request this status.
    pub(crate) fn on(self, server: &Server, status: u16) -> Round {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let requests: usize = self.connections.iter().map(Vec::len).sum();
        runtime.block_on(async {
            let mut streams = Vec::new();
            for requests in self.connections {
                let stream = TcpStream::connect(&server.address).await.unwrap();
                stream.set_nodelay(true).unwrap();
                streams.push((stream, requests));
            }
            let (mut tasks, cpu, began) = (JoinSet::new(), server.cpu_seconds(), Instant::now());
            for (stream, requests) in streams {
                tasks.spawn(one_connection(stream, requests, status));
            }
            let done = tasks.join_all().await;
            let (seconds, cpu) = (began.elapsed().as_secs_f64(), server.cpu_seconds() - cpu);
            let count = f64::from(u32::try_from(requests).unwrap());
            let token = token(&done[0].1);
            let mut millis: Vec<f64> = done.into_iter().flat_map(|(millis, _)| millis).collect();
            millis.sort_by(f64::total_cmp);
            Round { per_second: count / seconds, cpu_micros: cpu * 1e6 / count, token, millis }
        })
    }
}

/// The time of each request, and the last answer.
async fn one_connection(
    stream: TcpStream,
    requests: Vec<Vec<u8>>,
    status: u16,
) -> (Vec<f64>, Vec<u8>) {
    let (mut millis, mut answer, mut buffer) =
        (Vec::with_capacity(requests.len()), Vec::new(), [0; 4_096]);
    let expected = format!("HTTP/1.1 {status} ");
    for request in requests {
        let began = Instant::now();
        // The request is small, and the socket is idle: one write takes it whole.
        stream.writable().await.unwrap();
        assert_eq!(stream.try_write(&request).unwrap(), request.len());
        answer.clear();
        while !is_whole(&answer) {
            stream.readable().await.unwrap();
            match stream.try_read(&mut buffer) {
                Ok(0) => panic!("the server hung up"),
                Ok(read) => answer.extend_from_slice(&buffer[..read]),
                Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock),
            }
        }
        millis.push(began.elapsed().as_secs_f64() * 1e3);
        assert!(answer.starts_with(expected.as_bytes()), "{}", String::from_utf8_lossy(&answer));
    }
    (millis, answer)
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else {
        return false;
    };
    let head = std::str::from_utf8(&answer[..end]).unwrap();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    answer.len() >= end + 4 + length
}

fn token(answer: &[u8]) -> String {
    let text = String::from_utf8_lossy(answer);
    text.split_once("\"token\":\"")
        .map(|(_, rest)| rest.split('"').next().unwrap_or_default().to_owned())
        .unwrap_or_default()
}

impl Round {
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        self.millis[(self.millis.len() * percent / 100).min(self.millis.len() - 1)]
    }
}
