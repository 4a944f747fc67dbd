"""A secretary's phone on linphonec, told what to do over a control port (see control.py).

linphonec is a program for a terminal: its prompts are read here, and commands typed. It speaks --play
and keeps what it hears in --heard, one WAV a conversation. It does not say when it has registered,
and leaves without taking its registration back.
"""

import argparse
import os
import re
import selectors
import signal
import subprocess

from control import Control

INCOMING = re.compile(r'new incoming call from (?:"(.*)" )?<')
ESTABLISHED = re.compile(r"^Call \d+ .*connected\.$")
CLOSED = re.compile(r"^Call \d+ .*(ended \(.*\)|error)\.$")
LISTED = re.compile(r"^Status: (.*)$")

SETTINGS = """\
[sip]
sip_port={udp_port}
sip_tcp_port={tcp_port}
sip_tls_port=-1
default_proxy=0
register_only_when_network_is_up=0
auto_net_state_mon=0
ipv6=0
media_encryption=none
guess_hostname=0
contact=sip:{user}@{host}
[net]
firewall_policy=0
[rtp]
audio_rtp_port={rtp}
[sound]
use_files=1
echocancellation=0
[audio_codec_0]
mime=PCMA
rate=8000
channels=1
enabled=1
[audio_codec_1]
mime=PCMU
rate=8000
channels=1
enabled=1
[video]
enabled=0
[proxy_0]
reg_proxy=<sip:{server};transport={transport}>
reg_route=<sip:{server};transport={transport}>
reg_identity=sip:{user}@{domain}
reg_sendregister=1
reg_expires=600
[auth_info_0]
username={user}
passwd={password}
[misc]
network_reachable=1
"""


class Phone:
    def __init__(self, options):
        self.options = options
        self.control = Control(options.control)
        self.recordings = 0
        self.is_asked = False
        self.unread = b""
        self.process = start(options)
        self.type("soundcard use files")
        self.type(f"play {os.path.relpath(options.play)}")  # a long line would be wrapped, and lost
        self.record()

    def run(self):
        signal.signal(signal.SIGTERM, self.switch_off)
        selector = selectors.DefaultSelector()
        selector.register(self.control, selectors.EVENT_READ, self.obey)
        selector.register(self.process.stdout, selectors.EVENT_READ, self.read)
        while self.process.poll() is None:
            for ready, _ in selector.select(0.1):
                ready.data()

    def switch_off(self, *_):
        self.type("quit")

    def obey(self):
        for command, params in self.control.commands():
            if command == "accept":
                self.type("answer")
            elif command == "hangup":
                self.type("terminate")
            elif command == "hold":
                self.type("pause")
            elif command == "resume":
                self.type("resume")
            elif command == "list":
                self.is_asked = True
                self.type("call-logs")
            elif command == "dial":
                self.type(f"call sip:{params}@{self.options.server}")

    def record(self):
        """Names the file of the next conversation: while one rings or goes on, that would end it all."""
        self.recordings += 1
        heard = os.path.relpath(self.options.heard)
        self.type(f"record {os.path.join(heard, f'{self.recordings:03}-dec.wav')}")

    def type(self, line):
        print("typed:", line, flush=True)
        self.process.stdin.write(line.encode() + b"\n")

    def read(self):
        got = os.read(self.process.stdout.fileno(), 65536)
        print(got.decode(errors="replace"), end="", flush=True)
        *lines, self.unread = (self.unread + got).split(b"\n")
        for line in lines:
            self.understand(line.decode(errors="replace").replace("linphonec> ", "").strip())

    def understand(self, line):
        if found := INCOMING.search(line):
            self.control.tell("CALL_INCOMING", found.group(1) or "")
        elif ESTABLISHED.search(line):
            self.control.tell("CALL_ESTABLISHED")
        elif CLOSED.search(line):
            self.control.tell("CALL_CLOSED")
            self.record()
        elif (found := LISTED.search(line)) and self.is_asked:
            self.is_asked = False  # the newest is first
            self.control.tell("LISTED", found.group(1))
        elif line == "unregistered":
                self.type("quit")


def start(options):
    home = os.environ["HOME"]
    os.makedirs(os.path.join(home, ".local/share/linphone"), exist_ok=True)  # else it gives up
    host, port = options.listen.split(":")
    is_udp = options.transport == "udp"
    settings = os.path.join(home, "linphonerc")
    with open(settings, "w", encoding="utf-8") as file:
        file.write(SETTINGS.format(
            udp_port=port if is_udp else -1, tcp_port=-1 if is_udp else port, host=host,
            domain=options.server.split(":")[0], **vars(options)))
    command = ["stdbuf", "-oL", "setpriv", "--pdeathsig", "KILL", "linphonec", "-c", settings]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, bufsize=0)


def main():
    parser = argparse.ArgumentParser()
    for name in ("user", "password", "server", "transport", "listen", "rtp", "control", "play",
                 "heard"):
        parser.add_argument("--" + name, required=True)
    Phone(parser.parse_args()).run()


main()
