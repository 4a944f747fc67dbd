"""A secretary's phone on pjsua2, told what to do over a control port (see control.py).

It registers when the driver has come, rings with 180, speaks --play for ever and keeps what it hears
in --heard, one WAV a conversation.
"""

import argparse
import os
import signal

import pjsua2 as pj

from control import Control

TRANSPORTS = {"udp": pj.PJSIP_TRANSPORT_UDP, "tcp": pj.PJSIP_TRANSPORT_TCP}


class Call(pj.Call):
    def __init__(self, phone, call_id=pj.PJSUA_INVALID_ID):
        super().__init__(phone.account, call_id)
        self.phone = phone
        self.player = self.recorder = None
        self.is_established = False

    def onCallState(self, _):
        info = self.getInfo()
        if info.state == pj.PJSIP_INV_STATE_CONFIRMED:
            self.is_established = True
            self.phone.control.tell("CALL_ESTABLISHED")
        elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
            self.player = self.recorder = None  # completes the WAV
            self.phone.ended.append(self)
            self.phone.control.tell("CALL_CLOSED", info.lastReason)

    def onCallMediaState(self, _):
        info = self.getInfo()  # kept: iterating over a temporary reads freed memory
        for index, media in enumerate(info.media):
            is_active = media.status == pj.PJSUA_CALL_MEDIA_ACTIVE
            if media.type == pj.PJMEDIA_TYPE_AUDIO and is_active:
                self.connect(self.getAudioMedia(index))

    def connect(self, audio):
        if self.player is None:
            self.player = pj.AudioMediaPlayer()
            self.player.createPlayer(self.phone.options.play)
            self.recorder = pj.AudioMediaRecorder()
            self.recorder.createRecorder(self.phone.next_recording())
        self.player.startTransmit(audio)
        audio.startTransmit(self.recorder)


class Account(pj.Account):
    def __init__(self, phone):
        super().__init__()
        self.phone = phone

    def onRegState(self, state):
        is_in = state.code == 200 and state.expiration > 0
        self.phone.control.tell("REGISTER_OK" if is_in else "REGISTER_FAIL", str(state.code))

    def onIncomingCall(self, incoming):
        call = Call(self.phone, incoming.callId)
        self.phone.calls.append(call)
        answer(call, 180)
        remote = call.getInfo().remoteUri
        name = remote.split('"')[1] if remote.startswith('"') else ""
        self.phone.control.tell("CALL_INCOMING", name)


class Phone:
    def __init__(self, options):
        self.options = options
        self.control = Control(options.control)
        self.calls, self.ended, self.recordings = [], [], 0
        self.is_on = True
        self.endpoint = endpoint(options)
        self.account = Account(self)
        self.account.create(account_config(options))

    def run(self):
        signal.signal(signal.SIGTERM, self.switch_off)
        while self.is_on:
            self.endpoint.libHandleEvents(10)
            self.forget_ended()
            for command, params in self.control.commands():
                self.obey(command, params)
        # Its end takes the registration back.
        self.endpoint.libDestroy()
        os._exit(0)  # the wrapper's destructors assert after that

    def switch_off(self, *_):
        self.is_on = False

    def obey(self, command, params):
        if command == "dial":
            call = Call(self)
            self.calls.append(call)
            host = f"{self.options.server};transport={self.options.transport}"
            call.makeCall(f"sip:{params}@{host}", pj.CallOpParam(True))
            return
        call = self.calls[-1]
        if command == "accept":
            answer(call, 200)
        elif command == "hangup":
            hangup = pj.CallOpParam()
            hangup.statusCode = 0 if call.is_established else 486
            call.hangup(hangup)
        elif command == "press":
            call.dialDtmf(params)
        elif command == "hold":
            call.setHold(pj.CallOpParam())
        elif command == "resume":
            resume = pj.CallOpParam(True)
            resume.opt.flag = pj.PJSUA_CALL_UNHOLD
            call.reinvite(resume)

    def forget_ended(self):
        """Not in the callback: the library still uses the call there."""
        for call in self.ended:
            self.calls.remove(call)
        self.ended.clear()

    def next_recording(self):
        self.recordings += 1
        return os.path.join(self.options.heard, f"{self.recordings:03}-dec.wav")


def answer(call, status):
    response = pj.CallOpParam()
    response.statusCode = status
    call.answer(response)


def endpoint(options):
    host, port = options.listen.split(":")
    made = pj.Endpoint()
    made.libCreate()
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = 4
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.medConfig.noVad = True  # else silence of the far side is not sent, and the tone is chopped
    config.medConfig.ecTailLen = 0  # an echo canceller eats tones
    config.medConfig.clockRate = config.medConfig.sndClockRate = 8000
    made.libInit(config)
    transport = pj.TransportConfig()
    transport.boundAddress = transport.publicAddress = host
    transport.port = int(port)
    made.transportCreate(TRANSPORTS[options.transport], transport)
    made.libStart()
    made.audDevManager().setNullDev()
    for codec in made.codecEnum2():
        wanted = codec.codecId in ("PCMA/8000/1", "PCMU/8000/1")
        made.codecSetPriority(codec.codecId, 200 if wanted else 0)
    return made


def account_config(options):
    host, _ = options.listen.split(":")
    server = f"sip:{options.server};transport={options.transport}"
    config = pj.AccountConfig()
    config.idUri = f"sip:{options.user}@{options.server.split(':')[0]}"
    config.regConfig.registrarUri = server
    config.regConfig.timeoutSec = 600
    config.regConfig.retryIntervalSec = config.regConfig.firstRetryIntervalSec = 1
    config.sipConfig.proxies.append(server + ";lr")
    credentials = pj.AuthCredInfo("digest", "*", options.user, 0, options.password)
    config.sipConfig.authCreds.append(credentials)
    config.mediaConfig.transportConfig.boundAddress = host
    config.mediaConfig.transportConfig.port = int(options.rtp)
    return config


def main():
    parser = argparse.ArgumentParser()
    for name in ("user", "password", "server", "transport", "listen", "rtp", "control", "play",
                 "heard"):
        parser.add_argument("--" + name, required=True)
    Phone(parser.parse_args()).run()


main()
