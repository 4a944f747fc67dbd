//! rtpengine in userspace as another reference: started, told of the calls by its ng protocol (bencode over
//! UDP), and ended.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};

const PROGRAM: &str = "/usr/bin/rtpengine";
const CONTROL: &str = "127.0.0.1:22222";
const PORTS: (u16, u16) = (24_000, 30_000);

pub(crate) struct Rtpengine {
    child: Child,
    control: UdpSocket,
    cookie: u32,
}

impl Rtpengine {
    /// `None` where it is not installed.
    pub(crate) fn start() -> anyhow::Result<Option<Self>> {
        if !Path::new(PROGRAM).exists() {
            return Ok(None);
        }
        let child = Command::new(PROGRAM)
            .args(["--foreground", "--table=-1", "--interface=127.0.0.1", "--num-threads=1"])
            .arg(format!("--listen-ng={CONTROL}"))
            .arg(format!("--port-min={}", PORTS.0))
            .arg(format!("--port-max={}", PORTS.1))
            .args(["--log-stderr", "--log-level=2"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("start rtpengine")?;
        let control = UdpSocket::bind("127.0.0.1:0").context("open a control socket")?;
        control.connect(CONTROL)?;
        control.set_read_timeout(Some(Duration::from_millis(500)))?;
        let mut rtpengine = Self { child, control, cookie: 0 };
        for _ in 0..20 {
            if rtpengine.ask("d7:command4:pinge").is_ok() {
                return Ok(Some(rtpengine));
            }
            std::thread::park_timeout(Duration::from_millis(100));
        }
        anyhow::bail!("rtpengine does not answer on {CONTROL}")
    }

    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Where a call's caller and its secretary send to.
    pub(crate) fn call(
        &mut self,
        number: usize,
        caller: SocketAddr,
        secretary: SocketAddr,
    ) -> anyhow::Result<(SocketAddr, SocketAddr)> {
        let secretary_port = self.describe("offer", number, caller)?;
        let caller_port = self.describe("answer", number, secretary)?;
        Ok((caller_port, secretary_port))
    }

    /// Tells one side's description and gets the address that stands for it on the other side.
    fn describe(
        &mut self,
        command: &str,
        number: usize,
        address: SocketAddr,
    ) -> anyhow::Result<SocketAddr> {
        let (ip, port) = (address.ip(), address.port());
        let sdp = format!(
            "v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
             m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
        );
        let call_id = format!("bench-{number}");
        let mut fields = BTreeMap::from([
            ("call-id", call_id.as_str()),
            ("command", command),
            ("from-tag", "caller"),
            ("ICE", "remove"),
            ("sdp", &sdp),
        ]);
        if command == "answer" {
            fields.insert("to-tag", "secretary");
        }
        let fields: String = fields.iter().map(|(key, value)| text(key) + &text(value)).collect();
        let answer = self.ask(&format!("d{fields}e"))?;
        ensure!(answer.contains("6:result2:ok"), "rtpengine says {answer}");
        let port = answer
            .split_once("m=audio ")
            .and_then(|(_, rest)| rest.split_once(' '))
            .and_then(|(port, _)| port.parse().ok())
            .with_context(|| format!("no port in {answer}"))?;
        Ok(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    fn ask(&mut self, dictionary: &str) -> anyhow::Result<String> {
        self.cookie += 1;
        self.control.send(format!("{} {dictionary}", self.cookie).as_bytes())?;
        let mut bytes = [0; 65_535];
        let length = self.control.recv(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }
}

/// A bencoded string.
fn text(text: &str) -> String {
    format!("{}:{text}", text.len())
}

impl Drop for Rtpengine {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _gone = self.child.wait();
    }
}
