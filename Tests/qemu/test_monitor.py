"""Monitors that die, hang, or send garbage: a clear error in bounded time, and nothing left."""
import json
import time

import pytest
import xlchannel
from conftest import GUEST, RECORDS
from support.backends import QEMUBackend
from support.qemu import FakeMonitor, monitor_of
from xlchannel import Channel, Connection, ErrorCode

GREETING = b'{"QMP": {"version": {}, "capabilities": []}}\r\n'
CHANNEL = Channel("org.test.channel", Connection.NONE)


def answer(connection, lines, *replies):
    """Greets, and gives these replies to the commands; `None` the usual one."""
    connection.sendall(GREETING)
    for reply in replies:
        request = json.loads(next(lines))
        usual = {"return": [] if request["execute"] == "query-chardev" else {}, "id": request["id"]}
        connection.sendall(json.dumps(usual).encode() + b"\r\n" if reply is None else reply)


def failing(script):
    """The error of an add, and how long it took."""
    began = time.monotonic()
    with FakeMonitor(GUEST, script), pytest.raises(xlchannel.ChannelError) as caught:
        xlchannel.add(GUEST, CHANNEL)
    return caught.value, time.monotonic() - began


@pytest.mark.parametrize("script, code, words", [
    (lambda c, l: None, ErrorCode.FAIL, "QEMU closed the connection"),
    (lambda c, l: answer(c, l), ErrorCode.FAIL, "qmp_capabilities: "),
    (lambda c, l: answer(c, l, None), ErrorCode.FAIL, "query-chardev: "),
    (lambda c, l: answer(c, l, None, None), ErrorCode.FAIL, "chardev-add: "),
    (lambda c, l: c.sendall(b"garbage\n"), ErrorCode.PROTOCOL_ERROR_QMP, "what is no QMP"),
    (lambda c, l: c.sendall(b"{}\n"), ErrorCode.PROTOCOL_ERROR_QMP, "no known kind"),
    (lambda c, l: c.sendall(b"x" * (3 << 20)), ErrorCode.PROTOCOL_ERROR_QMP, "a line without an end"),
    (lambda c, l: c.sendall(b"[" * 100000 + b"\n"), ErrorCode.PROTOCOL_ERROR_QMP, "what is no QMP"),
    (lambda c, l: c.sendall(b'{"return": {}}\n'), ErrorCode.PROTOCOL_ERROR_QMP, "does not greet"),
    (lambda c, l: answer(c, l, b'{"return": {}, "id": 99}\n'), ErrorCode.PROTOCOL_ERROR_QMP, "not asked"),
    (lambda c, l: answer(c, l, None, b'{"return": [{"label": 7}, 7, "x"], "id": 2}\n', b"\0\n"),
     ErrorCode.PROTOCOL_ERROR_QMP, "chardev-add: "),
], ids=lambda value: value if isinstance(value, str) else "")
def test_broken(script, code, words):
    error, seconds = failing(script)
    assert error.code == code and words in str(error) and str(error).startswith(f"domain {GUEST}: ")
    assert '"org.test.channel"' in str(error)
    assert seconds < 5


def test_an_event_may_come_before_the_greeting():
    refusal = b'{"id": 1, "error": {"class": "GenericError", "desc": "enough"}}\n'

    def script(connection, lines):
        connection.sendall(b'{"event": "DEVICE_DELETED", "data": {"device": "xen-console-1"}}\r\n')
        answer(connection, lines, refusal)

    error, _ = failing(script)
    assert "qmp_capabilities: QEMU says: \"enough\"" in str(error)


@pytest.mark.parametrize("name, code", [
    ("GenericError", ErrorCode.QMP_GENERIC_ERROR), ("CommandNotFound", ErrorCode.QMP_COMMAND_NOT_FOUND),
    ("DeviceNotActive", ErrorCode.QMP_DEVICE_NOT_ACTIVE), ("DeviceNotFound", ErrorCode.QMP_DEVICE_NOT_FOUND),
    ("Other", ErrorCode.UNKNOWN_QMP_ERROR),
])
def test_refusals_have_qemus_own_text(name, code):
    refusal = json.dumps({"id": 3, "error": {"class": name, "desc": "it's full"}}).encode() + b"\n"
    error, _ = failing(lambda c, l: answer(c, l, None, None, refusal))
    assert error.code == code and "chardev-add: QEMU says: \"it's full\"" in str(error)


def test_events_are_passed_over():
    event = b'{"timestamp": {"seconds": 1, "microseconds": 1}, "event": "STOP", "data": {"return": {}, "id": 3}}\r\n'
    seen = []

    def script(connection, lines):
        connection.sendall(GREETING + event)
        for line in lines:
            request = json.loads(line)
            seen.append(request["execute"])
            reply = json.dumps({"return": [] if request["execute"] == "query-chardev" else {}, "id": request["id"]})
            for byte in event + reply.encode() + b"\r\n" + event:
                connection.send(bytes([byte]))

    with FakeMonitor(GUEST, script), QEMUBackend(GUEST):
        added = xlchannel.add(GUEST, CHANNEL)
        xlchannel.remove(GUEST, added)
    assert "chardev-add" in seen and "chardev-remove" in seen


@pytest.mark.parametrize("script", [
    lambda c, l: time.sleep(12), lambda c, l: (answer(c, l, None), time.sleep(12)),
], ids=["before the greeting", "after the negotiation"])
def test_a_hang_ends_after_10_seconds(script):
    error, seconds = failing(script)
    assert error.code == ErrorCode.TIMEDOUT and "QEMU did not answer within 10 seconds" in str(error)
    assert 9 < seconds < 15


def test_a_monitor_that_nobody_listens_on():
    monitor_of(GUEST).touch()
    try:
        with pytest.raises(xlchannel.NotReadyError, match="no QEMU listens"):
            xlchannel.add(GUEST, CHANNEL)
    finally:
        monitor_of(GUEST).unlink()


def test_no_monitor_and_no_xenchanneld(store):
    with pytest.raises(xlchannel.NotReadyError, match="xenchanneld is not running in the backend domain and the guest has no QEMU"):
        xlchannel.add(GUEST, CHANNEL)
    assert store.children(RECORDS) == ["0"]
