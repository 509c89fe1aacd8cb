//! A service on loopback that says to every visitor what a test wants it to say.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread;

/// Serves until the test ends; `answer` makes the bytes of an answer from those of a request. Returns host and port.
pub fn serve(answer: impl Fn(&[u8]) -> Vec<u8> + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address").to_string();
    thread::spawn(move || {
        for mut visitor in listener.incoming().filter_map(Result::ok) {
            let mut request = vec![0; 8 << 10];
            // Errors say that the visitor has gone, as its time limit may have it.
            let length = visitor.read(&mut request).unwrap_or(0);
            let _ = visitor.write_all(&answer(&request[..length]));
        }
    });
    address
}

/// An answer in HTTP/1.1, whose status line and body may hold anything.
pub fn response(status: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    [head.as_bytes(), body].concat()
}
