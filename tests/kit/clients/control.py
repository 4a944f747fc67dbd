"""A control port for softphones that have none, in the words of baresip's (module ctrl_tcp): so the
wire tests drive all of them alike.

A command arrives as the netstring of {"command": "accept", "params": ""}; an event leaves as the
netstring of {"event": true, "type": "CALL_INCOMING", "peerdisplayname": "Dr Martin"}.
"""

import json
import socket


class Control:
    """Listens at ADDRESS:PORT for one driver. Nothing here blocks once the driver has come."""

    def __init__(self, address):
        host, port = address.split(":")
        listener = socket.create_server((host, int(port)))
        self.driver, _ = listener.accept()
        self.driver.setblocking(False)
        listener.close()
        self.unread = b""

    def fileno(self):
        return self.driver.fileno()

    def commands(self):
        """What the driver has asked for since, as (command, params). It ends with the driver."""
        try:
            got = self.driver.recv(65536)
            if not got:
                raise SystemExit("the driver is gone")
            self.unread += got
        except BlockingIOError:
            pass
        while b":" in self.unread:
            length, rest = self.unread.split(b":", 1)
            if len(rest) <= int(length):
                return
            self.unread = rest[int(length) + 1:]
            command = json.loads(rest[:int(length)])
            yield command["command"], command["params"]

    def tell(self, kind, name=""):
        text = json.dumps({"event": True, "type": kind, "peerdisplayname": name}).encode()
        print(kind, name, flush=True)
        self.driver.sendall(b"%d:%s," % (len(text), text))
