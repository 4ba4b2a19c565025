"""What holds for any channel and any text."""
import json
import os

import pytest
import xlchannel
from conftest import LOGS, SOCKETS, store
from hypothesis import HealthCheck, given, settings, strategies as st
from xlchannel import Channel, Connection

uint32 = st.integers(0, 2**32 - 1)
int32 = st.integers(-2**31, 2**31 - 1)
# Any text that JSON and a C string can hold.
texts = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=60)
# What a channel to be added may be named: not always UTF-8.
printable = st.sampled_from([byte for byte in range(256) if byte >= 0x20 and byte != 0x7f])
names = st.lists(printable, min_size=1, max_size=256).map(bytes)
# Odd names of files, which the daemon really makes: in directories for nothing else. A socket's path has 107 bytes at most.
LONGEST_NAME = min(60, 106 - len(os.fsencode(SOCKETS)))
assert LONGEST_NAME > 0, f"there is no place for a socket in {SOCKETS}"
files = st.lists(printable.filter(lambda byte: byte != ord("/")), min_size=1, max_size=LONGEST_NAME).map(bytes).filter(
    lambda name: name not in (b".", b".."))


@st.composite
def any_channels(draw):
    connection = draw(st.sampled_from(Connection))
    return Channel(
        name=draw(texts), connection=connection, devid=draw(int32), backend_domid=draw(uint32),
        path=draw(st.none() | texts) if connection.has_path else None, backend_domname=draw(st.none() | texts))


@st.composite
def valid_channels(draw, devids=st.just(-1)):
    connection = draw(st.sampled_from([value for value in Connection if value != Connection.UNKNOWN]))
    directory = SOCKETS if connection == Connection.SOCKET else LOGS
    path = os.fsencode(directory) + b"/" + draw(files) if connection.has_path else None
    return Channel(draw(names), connection, path, devid=draw(devids))


@pytest.fixture
def quiet():
    xlchannel.set_logger(lambda level, message: None)
    yield
    xlchannel.set_logger(None)


on_host = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
                   max_examples=40)
quietly = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=1000)


@settings(max_examples=1000)
@given(any_channels())
def test_json_round_trip(channel):
    text = xlchannel.to_json(channel)
    result = xlchannel.from_json(text)
    assert result == channel
    assert xlchannel.to_json(result) == text
    document = json.loads(text)
    assert document.get("name", "") == channel.name
    assert document.get("devid", -1) == channel.devid
    assert document[f"connection.{channel.connection}"] == ({} if channel.path is None else {"path": channel.path})


def channel_or_error(text):
    try:
        channel = xlchannel.from_json(text)
    except xlchannel.ChannelError:
        return None
    assert isinstance(channel.connection, Connection)
    assert -2**31 <= channel.devid < 2**31 and 0 <= channel.backend_domid < 2**32
    # What was read can be written and read again.
    assert xlchannel.from_json(xlchannel.to_json(channel)).name == channel.name
    return channel


@quietly
@given(st.text() | st.binary())
def test_any_text(quiet, text):
    channel_or_error(text)


keys = st.sampled_from(["backend_domid", "backend_domname", "devid", "name", "path", "", "connection"]
                       + [f"connection.{connection}" for connection in Connection]) | st.text(max_size=5)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4), max_leaves=12)


@quietly
@given(st.dictionaries(keys, values, max_size=8) | values, st.booleans())
def test_any_document(quiet, document, ascii):
    channel = channel_or_error(json.dumps(document, ensure_ascii=ascii).encode("utf-8", "surrogatepass"))
    if not isinstance(document, dict):
        return
    devid = document.get("devid", -1)
    # libxl takes what exceeds 64 bits for a number of another kind, and so for absent.
    if channel and type(devid) is int and -2**63 <= devid < 2**63:
        assert channel.devid == devid


@quietly
@given(any_channels(), st.data())
def test_mutated_text(quiet, channel, data):
    text = bytearray(xlchannel.to_json(channel).encode("utf-8", "surrogateescape"))
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(text)))
        end = data.draw(st.integers(start, min(len(text), start + 8)))
        text[start:end] = data.draw(st.binary(max_size=4) | st.just(text[:start]))
    channel_or_error(bytes(text))


@pytest.mark.parametrize("opening", ["[", '{"a":', '{"connection.socket":', "-", "9", '{"devid": 1'])
def test_deep_and_long(quiet, opening):
    for times in 1, 100, 100_000:
        channel_or_error(opening * times)


@on_host
@given(st.lists(valid_channels(), max_size=12, unique_by=(lambda channel: channel.name, lambda channel: channel.path or channel.name)))
def test_list_is_what_was_added(guest, channels):
    before = store()
    added = [xlchannel.add(guest, channel) for channel in channels]
    try:
        assert [channel.devid for channel in added] == [*range(9), 10, 11, 12][:len(channels)]
        for given, channel in zip(channels, added):
            assert channel == Channel(given.name, given.connection, given.path, channel.devid)
            assert xlchannel.by_name(guest, given.name) == channel
        assert xlchannel.channels(guest) == added
    finally:
        for channel in added:
            xlchannel.remove(guest, channel)
    assert store() == before


@on_host
@given(st.lists(st.tuples(st.booleans(), valid_channels(st.integers(-1, 4))), max_size=12))
def test_any_sequence_against_a_model(guest, quiet, steps):
    """A dictionary of devids is the model of a domain's channels."""
    model = {}
    try:
        for adding, channel in steps:
            if channel.path and channel.path in [other.path for other in model.values()]:
                continue                               # the daemon's to judge
            if adding:
                devid = next(n for n in range(20) if n not in model) if channel.devid == -1 else channel.devid
                free = devid not in model and channel.name not in [other.name for other in model.values()]
                if free:
                    model[devid] = xlchannel.add(guest, channel)
                    assert model[devid].devid == devid
                else:
                    with pytest.raises(xlchannel.DeviceExistsError):
                        xlchannel.add(guest, channel)
            elif channel.devid in model:
                xlchannel.remove(guest, Channel(devid=channel.devid))
                del model[channel.devid]
            else:
                with pytest.raises(xlchannel.NotFoundError):
                    xlchannel.remove(guest, Channel("nobody" * 50, devid=channel.devid))
            assert xlchannel.channels(guest) == [model[devid] for devid in sorted(model)]
    finally:
        for channel in model.values():
            xlchannel.destroy(guest, channel)
