"""Errors, the log, and memory."""
import ctypes
import gc
import os
import pickle
import socket
import subprocess
import sys

import pytest
import xlchannel
from conftest import NOBODY, ROOT, store
from xlchannel import Channel, Connection, ErrorCode, LogLevel, abi


@pytest.fixture
def log():
    """What the library logs, as (level, message)."""
    messages = []
    xlchannel.set_logger(lambda level, message: messages.append((level, message)))
    yield messages
    xlchannel.set_logger(None)


@pytest.mark.parametrize("channel, cause", [
    (Channel("", Connection.PTY), "no name"),
    (Channel("n" * 257, Connection.PTY), "257 bytes"),
    (Channel("new\nline", Connection.PTY), "control character"),
    (Channel("a\x7f", Connection.PTY), "control character"),
    (Channel("n\0ul", Connection.PTY), "NUL"),
    (Channel("\ud800", Connection.PTY), "encoded"),
    (Channel("unknown", Connection.UNKNOWN), "no connection"),
    (Channel("no path", Connection.SOCKET), "no path"),
    (Channel("no path", Connection.PATH, ""), "no path"),
    (Channel("relative", Connection.SOCKET, "tmp/s"), "not absolute"),
    (Channel("long", Connection.SOCKET, "/" + "s" * 107), "108 bytes"),
    (Channel("control", Connection.PATH, "/tmp/\x01"), "control character"),
    (Channel("superfluous", Connection.PTY, "/tmp/s"), "no path, '/tmp/s'"),
    (Channel("superfluous", Connection.NONE, "/tmp/s"), "no path, '/tmp/s'"),
    (Channel("devid", Connection.PTY, devid=-2), "devid -2"),
    (Channel("devid", Connection.PTY, devid=2**31 - 1), "devid 2147483647"),
    (Channel("devid", Connection.PTY, devid=2**31), "devid"),
    (Channel("devid", Connection.PTY, devid=2**32), "devid"),
    (Channel("backend", Connection.PTY, backend_domid=-1), "domid"),
    (Channel("backend", Connection.PTY, backend_domid=2**32), "domid"),
], ids=ascii)
def test_invalid_channels(guest, log, channel, cause):
    with pytest.raises(xlchannel.InvalidError, match=cause) as caught:
        xlchannel.add(guest, channel)
    assert isinstance(caught.value, ValueError)
    assert (caught.value.code, caught.value.name) == (-6, "INVAL")
    assert xlchannel.channels(guest) == []


def test_connection_must_be_one():
    with pytest.raises(ValueError):
        Channel("org.test", 3)
    channel = Channel("org.test", 0x100)
    assert channel.connection is Connection.NONE
    channel.connection = 77
    with pytest.raises(ValueError):
        xlchannel.add(1, channel)


# What bytes() would take, and more.
@pytest.mark.parametrize("text", [5, 0, True, [104, 105], (1,), 1.5, memoryview(b"text"), object(), {}], ids=repr)
def test_what_is_no_text(text):
    for call in (lambda: Channel(text), lambda: Channel("a", Connection.PATH, text),
                 lambda: Channel("a", backend_domname=text), lambda: xlchannel.by_name(1, text),
                 lambda: xlchannel.domid(text), lambda: xlchannel.from_json(text),
                 lambda: xlchannel.config_channels(text)):
        with pytest.raises(TypeError):
            call()
    for field in "name", "backend_domname":
        channel = Channel("a", Connection.NONE)
        setattr(channel, field, text)
        for call in xlchannel.add, xlchannel.remove, xlchannel.destroy:
            with pytest.raises(TypeError):
                call(1, channel)
        with pytest.raises(TypeError):
            xlchannel.to_json(channel)


def test_taken(guest, log):
    first = xlchannel.add(guest, Channel("first", Connection.NONE))
    second = xlchannel.add(guest, Channel("second", Connection.PTY))
    for channel, cause in ((Channel("first", Connection.PTY), '"first".* the name is taken'),
                           (Channel("third", Connection.PTY, devid=first.devid), '"third".* the devid is taken'),
                           (Channel("second", Connection.NONE, devid=5), '"second".* the name is taken')):
        with pytest.raises(xlchannel.DeviceExistsError, match=cause) as caught:
            xlchannel.add(guest, channel)
        assert (caught.value.code, caught.value.name) == (-17, "DEVICE_EXISTS")
    assert xlchannel.channels(guest) == [first, second]
    xlchannel.remove(guest, first)
    xlchannel.remove(guest, second)


def test_no_such_channel(guest, log):
    for call in (lambda: xlchannel.by_devid(guest, 0), lambda: xlchannel.by_devid(guest, -1),
                 lambda: xlchannel.by_name(guest, "nobody"), lambda: xlchannel.by_name(guest, ""),
                 lambda: xlchannel.info(guest, Channel(devid=3)), lambda: xlchannel.info(guest, Channel("nobody")),
                 lambda: xlchannel.remove(guest, Channel(devid=3)), lambda: xlchannel.remove(guest, Channel("nobody")),
                 lambda: xlchannel.destroy(guest, Channel(devid=3))):
        with pytest.raises(xlchannel.NotFoundError) as caught:
            call()
        assert isinstance(caught.value, LookupError)
        assert (caught.value.code, caught.value.name) == (-23, "NOTFOUND")


def test_the_primary_console_is_no_channel(guest, log):
    for call in (xlchannel.info, xlchannel.remove, xlchannel.destroy):
        with pytest.raises(xlchannel.ChannelError):
            call(guest, Channel(devid=-1, name="console"))


def test_no_such_domain(guest, log):
    for call in (lambda: xlchannel.add(NOBODY, Channel("org.test", Connection.PTY)),
                 lambda: xlchannel.by_devid(NOBODY, 0), lambda: xlchannel.by_name(NOBODY, "org.test"),
                 lambda: xlchannel.info(NOBODY, Channel(devid=0)),
                 lambda: xlchannel.remove(NOBODY, Channel(devid=0)), lambda: xlchannel.destroy(NOBODY, Channel("org.test"))):
        with pytest.raises(xlchannel.DomainNotFoundError) as caught:
            call()
        assert (caught.value.code, caught.value.name) == (-21, "DOMAIN_NOTFOUND")
    for backend in {"backend_domid": NOBODY}, {"backend_domname": "nobody"}, {"backend_domname": str(NOBODY)}:
        with pytest.raises(xlchannel.DomainNotFoundError, match="backend domain"):
            xlchannel.add(guest, Channel("org.test", Connection.PTY, **backend))
    assert xlchannel.channels(NOBODY) == [], "as with libxl"


def test_no_backend(guest, log):
    """Nothing serves the other guest's channels."""
    before = store()
    with pytest.raises(xlchannel.NotReadyError, match="xenchanneld is not running in the backend domain 2"):
        xlchannel.add(guest, Channel("org.test", Connection.PTY, backend_domid=2))
    assert store() == before


def test_the_backend_refuses(guest, log, tmp_path):
    """What it says is told, and nothing is left of the channel."""
    before = store()
    for connection in Connection.SOCKET, Connection.PATH:
        with pytest.raises(xlchannel.ChannelError, match="the backend says: .*No such file or directory") as caught:
            xlchannel.add(guest, Channel("org.test", connection, f"{tmp_path}/not/here"))
        assert caught.value.name == "FAIL"
        assert store() == before


@pytest.mark.parametrize("domid", [-1, 2**32, 2**32 + 1])
def test_domid_out_of_range(domid):
    for call in (lambda: xlchannel.channels(domid), lambda: xlchannel.by_devid(domid, 0),
                 lambda: xlchannel.by_name(domid, "a"), lambda: xlchannel.add(domid, Channel("a", Connection.PTY)),
                 lambda: xlchannel.remove(domid, Channel("a"))):
        with pytest.raises(xlchannel.InvalidError, match="domid"):
            call()


@pytest.mark.parametrize("text", ["", "{", "nonsense", '{"devid": "x"', b'{"name": "\xff"}',
                                  '{"connection.pty": {}, "connection.socket": {}}'], ids=ascii)
def test_bad_json(log, text):
    with pytest.raises(xlchannel.ChannelError) as caught:
        xlchannel.from_json(text)
    assert (caught.value.code, caught.value.name) == (-3, "FAIL")
    assert type(caught.value) is xlchannel.ChannelError
    with pytest.raises(xlchannel.InvalidError):
        xlchannel.from_json("{}\0")


def test_message_tells_all(guest, log):
    added = xlchannel.add(guest, Channel("org.test", Connection.PTY, devid=3))
    with pytest.raises(xlchannel.DeviceExistsError) as caught:
        xlchannel.add(guest, Channel("org.other", Connection.NONE, devid=3))
    xlchannel.remove(guest, added)
    error = caught.value
    assert (error.domid, error.devid, error.channel_name) == (guest, 3, "org.other")
    text = str(error)
    assert text == f"{error.message} [DEVICE_EXISTS]" and text.startswith(f"domain {guest}: ")
    assert "the devid is taken" in text
    assert text.count("org.other") == text.count("3") == 1, "each fact once"
    [(level, message)] = log
    assert level == LogLevel.ERROR and message == error.message, "the library's own words"

    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error) and str(copy) == text and vars(copy) == vars(error)


def test_without_a_logger_exceptions_alone_tell_errors(guest, capfd):
    with pytest.raises(xlchannel.NotFoundError) as caught:
        xlchannel.by_name(guest, "nobody")
    assert capfd.readouterr() == ("", "")
    assert str(caught.value) == f'domain {guest}: there is no channel named "nobody" [NOTFOUND]'
    assert (caught.value.domid, caught.value.devid, caught.value.channel_name) == (guest, None, "nobody")


def test_the_default_of_c_can_be_restored(guest, capfd):
    xlchannel.lib.libxl_channel_set_logger(None)
    try:
        with pytest.raises(xlchannel.NotFoundError) as caught:
            xlchannel.by_name(guest, "nobody")
    finally:
        xlchannel.set_logger(None)
    assert capfd.readouterr() == ("", f"libxlchannel: error: {caught.value.message}\n")


def test_a_devid_that_is_not_chosen_is_not_told(guest):
    with pytest.raises(xlchannel.InvalidError) as caught:
        xlchannel.add(guest, Channel("org.test", Connection.SOCKET, "relative"))
    text = str(caught.value)
    assert text.startswith(f"domain {guest}: ") and "not absolute" in text
    assert text.count("org.test") == text.count("relative") == 1
    assert caught.value.devid is None


def test_errors_of_c_functions(guest):
    """The message that exceptions have is there for those who use ctypes."""
    number = ctypes.c_uint32()
    assert abi.lib.libxl_channel_domain_qualifier_to_domid(None, b"", ctypes.byref(number)) == ErrorCode.INVAL
    assert abi.lib.libxl_channel_last_error() == b"the domain's name is empty"
    with pytest.raises(xlchannel.InvalidError, match="^the domain's name is empty"):
        xlchannel.domid("")


def test_the_log_is_for_those_who_take_it(guest, log, capfd):
    with pytest.raises(xlchannel.NotFoundError):
        xlchannel.by_name(guest, b"bytes \xff%s%n")
    assert len(log) == 1 and isinstance(log[0][0], LogLevel) and "%s%n" in log[0][1]
    xlchannel.set_logger(None)
    with pytest.raises(xlchannel.NotFoundError):
        xlchannel.by_name(guest, "nobody")
    assert len(log) == 1
    assert capfd.readouterr() == ("", ""), "and without one nobody is told"


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_a_logger_that_raises_harms_nothing(guest):
    def log(level, message):
        raise RuntimeError("no log today")

    xlchannel.set_logger(log)
    try:
        with pytest.raises(xlchannel.NotFoundError, match="no channel named") as caught:
            xlchannel.by_name(guest, "nobody")
        assert str(caught.value).startswith(f"domain {guest}: ")
    finally:
        xlchannel.set_logger(None)


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_has_a_name(code):
    error = xlchannel.ChannelError(code, "why")
    assert error.name == code.name and str(error) == f"why [{code.name}]"


def python(program, **environment):
    """Runs a program with the module, elsewhere than in the source tree."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "python"),
                   "XLCHANNEL_LIBRARY": os.path.abspath(os.environ["XLCHANNEL_LIBRARY"]), **environment}
    return subprocess.run([sys.executable, "-c", program], env=environment, cwd="/", capture_output=True, text=True,
                          timeout=60)


LISTING = "import xlchannel\nprint(xlchannel.channels(1))"


def test_library_by_variable_or_soname():
    assert python(LISTING).stdout == "[]\n"
    directory = os.path.dirname(os.path.abspath(os.environ["XLCHANNEL_LIBRARY"]))
    assert python(LISTING, XLCHANNEL_LIBRARY="", LD_LIBRARY_PATH=directory).stdout == "[]\n"
    result = python(LISTING, XLCHANNEL_LIBRARY="/nowhere/libxlchannel.so.1")
    assert result.returncode != 0
    assert "ImportError: cannot load /nowhere/libxlchannel.so.1" in result.stderr
    assert "XLCHANNEL_LIBRARY" in result.stderr


def test_no_xenstored(tmp_path):
    nowhere = str(tmp_path / "nowhere")
    result = python("""
import xlchannel
from xlchannel import Channel, Connection
for call in (lambda: xlchannel.channels(1), lambda: xlchannel.by_devid(1, 0), lambda: xlchannel.by_name(1, "a"),
             lambda: xlchannel.add(1, Channel("a", Connection.PTY)), lambda: xlchannel.remove(1, Channel("a")),
             lambda: xlchannel.info(1, Channel(devid=0))):
    try:
        print("result", call())
    except xlchannel.NotFoundError as error:
        print("NotFoundError", error)
    except xlchannel.ChannelError as error:
        print("ChannelError", error)
""", XENSTORED_PATH=nowhere)
    lines = result.stdout.splitlines()
    assert len(lines) == 6 and result.stderr == ""
    assert all(line.startswith("ChannelError domain 1: ") and "xenstored" in line for line in lines), lines


def test_silent_xenstored_times_out(tmp_path):
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        result = python("""
import xlchannel
try:
    xlchannel.channels(1)
except xlchannel.TimedOutError as error:
    print(error.code, error.name, error.message)
""", XENSTORED_PATH=path)
    assert result.stdout.startswith("-9 TIMEDOUT domain 1: ") and result.stderr == ""


CLOSED = [[0, 1, 2], [1], [2], [1, 2]]


@pytest.mark.parametrize("closed", CLOSED, ids=str)
def test_closed_standard_streams(guest, closed, tmp_path):
    """No socket or file gets the number of one, where it would get what is printed."""
    program = """
import os, stat, sys
import xlchannel
from xlchannel import Channel, Connection

xlchannel.lib.libxl_channel_set_logger(None)  # errors go to stderr

out = os.dup2(os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT), 50)
closed = [int(number) for number in sys.argv[2:]]
for number in closed:
    os.close(number)

def taken():
    for number in closed:
        try:
            os.fstat(number)
            return True
        except OSError:
            pass
    return False

for _ in range(3):
    added = xlchannel.add(1, Channel("org.test", Connection.PTY))
    for stream in 1, 2:
        try:
            os.write(stream, b"what is printed")
        except OSError:
            pass
    try:
        xlchannel.by_name(1, "nobody")  # logs an error, to stderr
    except xlchannel.NotFoundError as error:
        os.write(out, f"{error.name} {taken()} {[channel.name for channel in xlchannel.channels(1)]}\\n".encode())
    xlchannel.remove(1, added)
"""
    result = subprocess.run([sys.executable, "-c", program, tmp_path / "out", *map(str, closed)], timeout=60,
                            capture_output=True)
    assert (tmp_path / "out").read_text() == "NOTFOUND False ['org.test']\n" * 3, result.stderr
    assert result.returncode in (0, 120), "120: Python cannot flush its stdout"


def test_an_empty_list_after_a_restart_of_xenstored():
    result = subprocess.run([ROOT / "Tests/host/run", sys.executable, "-c", f"""
import subprocess, xlchannel
xlchannel.channels(1)
subprocess.run(["{ROOT}/Tests/host/restart-xenstored"], check=True, stdout=subprocess.DEVNULL)
print(xlchannel.channels(1))
"""], capture_output=True, text=True, timeout=60)
    assert result.stdout == "[]\n", result.stderr


@pytest.mark.parametrize("logger", ["", "xlchannel.set_logger(lambda level, message: None)"], ids=["quiet", "logger"])
def test_logger_at_exit_and_unload(logger):
    result = python(f"import threading, xlchannel\n{logger}\n" + """
def work():
    while True:
        try:
            xlchannel.by_devid(1, 77)
        except xlchannel.NotFoundError:
            pass
for _ in range(4):
    threading.Thread(target=work, daemon=True).start()
import time; time.sleep(0.3)
print("end")
""")
    assert (result.returncode, result.stdout, result.stderr) == (0, "end\n", "")


def test_nothing_leaks(guest, log, tmp_path):
    mallinfo = ctypes.CDLL(None).mallinfo2

    class Mallinfo(ctypes.Structure):
        _fields_ = [(name, ctypes.c_size_t) for name in (
            "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")]

    mallinfo.restype = Mallinfo
    name = "n" * 200
    added = xlchannel.add(guest, Channel(name, Connection.SOCKET, f"{tmp_path}/socket"))
    text = xlchannel.to_json(added)
    document = f'{{"channels": [{text}, {text}]}}'

    def refused(call, *arguments):
        with pytest.raises(xlchannel.ChannelError):
            call(*arguments)

    def round():
        xlchannel.channels(guest)
        xlchannel.info(guest, added)
        xlchannel.by_devid(guest, added.devid)
        xlchannel.by_name(guest, name)
        xlchannel.from_json(xlchannel.to_json(added))
        xlchannel.config_channels(document)
        refused(xlchannel.config_channels, document[:-1])
        xlchannel.destroy(guest, xlchannel.add(guest, Channel("m" * 200, Connection.PATH, f"{tmp_path}/" + "q" * 200)))
        refused(xlchannel.add, guest, Channel("m" * 200, Connection.PATH, "relative" * 20))
        refused(xlchannel.add, guest, added)
        refused(xlchannel.by_name, guest, "o" * 200)
        refused(xlchannel.from_json, text[:-3])
        refused(xlchannel.from_json, text + "\0")
        refused(xlchannel.from_json, text.replace("{", '{"connection.pty": {},', 1))
        log.clear()

    def used(rounds):
        for _ in range(rounds):
            round()
        gc.collect()
        return mallinfo().uordblks

    levels = [used(100) for _ in range(6)]
    xlchannel.remove(guest, added)
    # What is left of each round shows in every step, by 24 bytes at least; what Python keeps for itself, only in some.
    growth = min(after - before for before, after in zip(levels, levels[1:]))
    assert growth < 100 * 16, f"{growth} bytes in 100 rounds"
