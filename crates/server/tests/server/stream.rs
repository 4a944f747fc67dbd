//! A peer of few words over TCP.

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use socket2::{Domain, Protocol, Socket, Type};

/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) struct Stream {
    socket: TcpStream,
    unread: Vec<u8>,
}

impl Stream {
    pub(crate) fn connect(server: SocketAddr) -> Self {
        Self::over(TcpStream::connect(server).unwrap())
    }

    /// From another address of this machine: another source.
    pub(crate) fn connect_from(source: [u8; 4], server: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP)).unwrap();
        socket.bind(&SocketAddr::new(IpAddr::from(source), 0).into()).unwrap();
        socket.connect(&server.into()).unwrap();
        Self::over(socket.into())
    }

    pub(crate) fn accept(listener: &TcpListener) -> Self {
        Self::over(listener.accept().unwrap().0)
    }

    fn over(socket: TcpStream) -> Self {
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Self { socket, unread: Vec::new() }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    pub(crate) fn socket(&self) -> &TcpStream {
        &self.socket
    }

    pub(crate) fn send(&self, text: &str) {
        (&self.socket).write_all(text.as_bytes()).unwrap();
    }

    /// The next message. Panics when none comes, or the stream ends.
    pub(crate) fn receive(&mut self) -> String {
        self.next().expect("a message before the end")
    }

    /// The first message that has this in it.
    pub(crate) fn wait_for(&mut self, what: &str) -> String {
        loop {
            let message = self.receive();
            if message.contains(what) {
                return message;
            }
        }
    }

    /// Whether the server has closed it, with nothing said before.
    pub(crate) fn is_closed(&mut self) -> bool {
        self.next().is_none()
    }

    fn next(&mut self) -> Option<String> {
        loop {
            while self.unread.starts_with(b"\r\n") {
                self.unread.drain(..2);
            }
            if let Some(length) = self.whole() {
                let message: Vec<u8> = self.unread.drain(..length).collect();
                return Some(String::from_utf8(message).unwrap());
            }
            let mut piece = [0; 4096];
            match (&self.socket).read(&mut piece) {
                Ok(0) => return None,
                Ok(count) => self.unread.extend_from_slice(&piece[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("neither a message nor the end: {error}"),
            }
        }
    }

    fn whole(&self) -> Option<usize> {
        let head = self.unread.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
        let text = std::str::from_utf8(&self.unread[..head]).unwrap();
        let length = text.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        let length = head + length.parse::<usize>().unwrap();
        (self.unread.len() >= length).then_some(length)
    }
}

/// The value of the first header of that name.
pub(crate) fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let lines = message.lines();
    let mut found = lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.next().unwrap_or_else(|| panic!("no {name} in {message}"))
}

pub(crate) fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").expect("an empty line").1
}
