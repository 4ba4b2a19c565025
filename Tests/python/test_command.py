"""The command xlchannel, as a shell runs it."""
import json
import os
import pathlib
import re
import subprocess
import time

import pytest
import xlchannel
from conftest import Backend, GUEST, LOGS, NOBODY, ROOT, SOCKETS, store
from xlchannel import Channel, Connection

COMMAND = pathlib.Path(os.environ.get("XLCHANNEL", ROOT / ".build/sbin/xlchannel")).absolute()
USAGE = 64


@pytest.fixture(scope="module", autouse=True)
def built():
    assert os.access(COMMAND, os.X_OK), f"{COMMAND} is not there: make builds it"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", os.path.dirname(os.path.abspath(os.environ["XLCHANNEL_LIBRARY"])))
    monkeypatch.setenv("PATH", str(COMMAND.parent), prepend=":")


def run(*arguments):
    """Runs the command; the texts are as os.fsdecode gives them."""
    return subprocess.run([COMMAND, *map(os.fsencode, map(str, arguments))], capture_output=True, encoding="utf-8",
                          errors="surrogateescape", timeout=60)


def output(*arguments):
    """What the command prints when all goes well."""
    result = run(*arguments)
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def complaint(*arguments, output=""):
    """The line that it prints when something fails."""
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (1, output)
    assert re.fullmatch(r"xlchannel: [^\n]+\n", result.stderr), result.stderr
    return result.stderr[len("xlchannel: "):-1]


def rows(text):
    """The rows of a table, without the line that names the columns; checks that the columns are aligned."""
    lines = text.splitlines()
    assert text.endswith("\n") and all(line == line.rstrip() for line in lines)
    words = [line.split() for line in lines]
    assert len({len(row) for row in words}) == 1, text
    starts = {tuple(match.start() for match in re.finditer(r"\S+", line)) for line in lines}
    assert len(starts) == 1, text
    return words[1:]


@pytest.fixture
def four(tmp_path):
    return [("org.test.pty", "pty", None), ("org.test.socket", "socket", f"{tmp_path}/socket"),
            ("org.test.path", "path", f"{tmp_path}/log"), ("org.test.none", "none", None)]


def test_the_whole_life(guest, four):
    assert output("list", guest) == "DEVID  NAME  CONNECTION  STATE  PATH\n"
    expected = []
    for devid, (name, connection, path) in enumerate(four):
        printed = output("add", guest, name, connection, *[path] * bool(path))
        terminal = xlchannel.info(guest, Channel(name)).path
        assert connection != "pty" or re.fullmatch(r"/dev/pts/\d+", terminal)
        place = path or terminal or "-"
        assert printed == f"{devid} {place}\n"
        expected.append([str(devid), name, connection, "initialising", place])
    assert xlchannel.channels(guest) == [
        Channel(name, Connection[connection.upper()], path, devid) for devid, (name, connection, path) in enumerate(four)]

    assert rows(output("list", guest)) == expected
    assert rows(output("list", guest + 1)) == []
    assert output("list").startswith("DOMID  DEVID  NAME")
    assert rows(output("list")) == [[str(guest), *row] for row in expected]

    for by_name in four[1][0], four[3][0]:
        assert output("remove", guest, by_name) == ""
    assert rows(output("list", guest)) == [expected[0], expected[2]]
    assert output("remove", guest, 0, "org.test.path") == "", "several, by devid and by name"
    assert rows(output("list")) == []


def test_json(guest, four):
    assert json.loads(output("list", guest, "--json")) == json.loads(output("list", "--json")) == []
    for name, connection, path in four:
        output("add", guest, name, connection, *[path] * bool(path))
    other = output("add", guest + 1, "other", "none")
    assert other == "0 -\n"

    added = xlchannel.channels(guest)
    objects = json.loads(output("list", "--json", guest))
    assert objects == [json.loads(xlchannel.to_json(channel)) for channel in added]
    assert json.loads(output("list", "--json")) == [
        *({"domid": guest, **entry} for entry in objects),
        {"domid": guest + 1, "devid": 0, "name": "other", "connection.none": {}}]
    # It is the library's text, an object after the other.
    assert [xlchannel.from_json(json.dumps(entry)) for entry in objects] == added
    text = output("list", "--json", guest)
    assert text.replace("\n    ", "\n").startswith("[\n" + xlchannel.to_json(added[0]).rstrip())
    assert not re.search(r"[ \t]$", text, re.M)

    state = json.loads(output("show", guest, "org.test.pty", "--json"))
    assert state["connection.pty"] == {"path": xlchannel.info(guest, added[0]).path}
    assert (state["devid"], state["state"], state["frontend_id"]) == (0, 1, guest)
    output("remove", guest, *range(4))
    output("remove", guest + 1, 0)


def test_show(guest, tmp_path):
    output("add", guest, "org.test", "socket", tmp_path / "s", "--devid", 5)
    shown = output("show", guest, "org.test")
    assert shown == output("show", guest, 5)
    assert dict(line.split() for line in shown.splitlines()) == {
        "domid": str(guest), "devid": "5", "name": "org.test", "connection": "socket", "path": f"{tmp_path}/s",
        "state": "initialising", "backend-domid": "0", "backend": f"/local/domain/0/backend/console/{guest}/6",
        "frontend": f"/local/domain/{guest}/device/console/6", "event-channel": "-", "ring-ref": "-"}
    state = f"/local/domain/{guest}/device/console/6/state"
    for value, word in ("4", "connected"), ("8", "reconfigured"), ("9", "9"), ("-5", "-5"), ("1", "initialising"):
        subprocess.run(["xenstore-write", "--", state, value], check=True)
        assert re.search(r"^state +(.*)$", output("show", guest, 5), re.M).group(1) == word
    output("remove", guest, 5)


def test_devid(guest):
    assert output("add", guest, "seven", "none", "--devid=7") == "7 -\n"
    assert output("add", guest, "lowest", "none") == "0 -\n"
    line = complaint("add", guest, "again", "none", "--devid", 7)
    assert line.startswith(f"domain {guest}: ") and line.endswith(": the devid is taken")
    assert line.count("again") == line.count("7") == 1, "each fact once"
    output("remove", guest, 7, 0)


def test_a_warning_is_no_error(guest):
    """Linux guests have no device of its own for a tenth console."""
    xlchannel.set_logger(lambda level, message: None)
    for number in range(9):
        xlchannel.add(guest, Channel(f"number {number}", Connection.NONE))
    result = run("add", guest, "ten", "none")
    assert (result.returncode, result.stdout) == (0, "10 -\n")
    assert re.fullmatch(rf'xlchannel: warning: domain {guest}: [^\n]*"ten"[^\n]*Linux [^\n]+\n', result.stderr)
    xlchannel.set_logger(None)
    output("remove", guest, *range(9), 10)


@pytest.mark.parametrize("backend", ["2", "guest2"])
def test_backend(guest, driver_domain, backend):
    assert output("add", guest, "org.test", "none", "--backend", backend) == "0 -\n"
    assert xlchannel.by_devid(guest, 0).backend_domid == driver_domain
    assert re.search(rf"^backend-domid +{driver_domain}$", output("show", guest, 0), re.M)
    output("remove", guest, 0)


def test_force(guest):
    """A backend that does not let go is waited for, and the channel stays; by force it goes at once."""
    with Backend(guest + 1, guest) as backend:
        output("add", guest, "org.test", "none", "--backend", guest + 1)
        backend.end.set()  # announced, but silent from now on
        backend.join()
        line = complaint("remove", guest, "org.test")
        assert line.startswith(f"domain {guest}: ") and "org.test" in line and "within 10 seconds" in line
        assert len(xlchannel.channels(guest)) == 1
        began = time.monotonic()
        assert output("remove", "--force", guest, "org.test") == ""
        assert time.monotonic() - began < 5
        assert xlchannel.channels(guest) == []


def test_names_that_are_numbers(guest):
    output("add", guest, "7", "none")
    output("add", guest, "0", "none")
    assert "there is no channel with devid 7" in complaint("remove", guest, "7")
    assert "there is no channel with devid 7" in complaint("show", guest, "7")
    assert re.search(r"^devid +0$", output("show", guest, "--name", "7"), re.M)
    output("remove", guest, "7", "--name")
    assert rows(output("list", guest)) == [["1", "0", "none", "initialising", "-"]]
    output("remove", guest, "--name", "0")


@pytest.mark.parametrize("name, shown", [
    ("ünïcödé 日本", r"ünïcödé\x20日本"), ("two words", r"two\x20words"), ("back\\slash", r"back\x5cslash"),
    (" ", r"\x20"), ("-", r"\x2d"), ("--json", "--json"), ('"quoted"', '"quoted"'), ("%s%n", "%s%n"),
    ("not UTF-8 \udcff\udcfe", r"not\x20UTF-8\x20\xff\xfe"), ("half \udce2\udc82", r"half\x20\xe2\x82"),
    ("\udced\udca0\udc80", r"\xed\xa0\x80"),                                        # a surrogate, which is no UTF-8
    ("C1 \x9b31m", r"C1\x20\xc2\x9b31m"), ("line\u2028", r"line\xe2\x80\xa8"),      # terminals and editors obey these
    ("\u202eright to left", r"\xe2\x80\xaeright\x20to\x20left"), ("no\u00a0blank", r"no\xc2\xa0blank"),
    ("private \U0010fffd", r"private\x20\xf4\x8f\xbf\xbd"), ("\U0010ff41", r"\xf4\x8f\xbd\x81"),
    ("n" * 256, "n" * 256)], ids=ascii)
def test_names(guest, name, shown):
    path = f"{LOGS}/names"
    assert output("add", "--", guest, name, "path", path) == f"0 {path}\n"
    assert xlchannel.channels(guest) == [Channel(name, Connection.PATH, path, 0)], "byte for byte"
    assert rows(output("list", guest)) == [["0", shown, "path", "initialising", path]]
    # bash's printf makes the name of it again.
    again = subprocess.run(["bash", "-c", 'printf %b "$1"', "bash", shown], capture_output=True, check=True).stdout
    assert os.fsdecode(again) == name
    text = output("list", "--json", guest)
    assert json.loads(text)[0]["name"] == name
    assert text.encode().decode().replace("\n", "").isprintable(), "UTF-8, and nothing that a terminal obeys"
    assert f"name           {shown}\n" in output("show", "--", guest, name)
    line = complaint("add", "--", guest, name, "none")
    assert line.startswith(f"domain {guest}: ") and line.endswith(": the name is taken") and line.isprintable()
    assert output("remove", "--", guest, name) == ""


def test_names_in_xenstore_that_add_refuses(guest):
    """Another toolstack, or who breaks into one, may have put in anything."""
    output("add", guest, "org.test", "pty")
    record = f"/libxl/{guest}/device/console/1"
    hostile = "a\n0 org.forged\x1b[31m\x07\r\x7f"
    # The summary of ours, which has a checksum of its own, is gone: so the nodes of libxl count.
    before = [line for line in store() if line.startswith(f"{record}/")]
    summaries = {line.split(" = ")[0] for line in before} - {f"{record}/{node}" for node in (
        "frontend", "backend", "frontend-id", "online", "state", "protocol", "name", "connection", "path")}
    for node in summaries:
        subprocess.run(["xenstore-rm", node], check=True)
    subprocess.run(["xenstore-write", f"{record}/name", hostile], check=True)
    assert xlchannel.channels(guest)[0].name == hostile
    shown = r"a\x0a0\x20org.forged\x1b[31m\x07\x0d\x7f"
    assert [row[1] for row in rows(output("list", guest))] == [shown]
    text = output("list", "--json")
    assert json.loads(text)[0]["name"] == hostile and text.replace("\n", "").isprintable()
    terminal = f"/local/domain/{guest}/device/console/1/tty"
    subprocess.run(["xenstore-write", terminal, "/dev/\x1b[31m\n"], check=True)
    assert [row[4] for row in rows(output("list", guest))] == [r"/dev/\x1b[31m\x0a"]
    assert output("remove", guest, hostile) == ""


def test_paths(guest):
    path = f"{SOCKETS}/a b\udcff\\"
    assert output("add", guest, "org.test", "socket", path) == f"0 {SOCKETS}/a\\x20b\\xff\\x5c\n"
    assert os.path.exists(path) and xlchannel.by_devid(guest, 0).path == path
    output("remove", guest, 0)


@pytest.mark.parametrize("arguments, cause", [
    (["org.test", "socket", "relative"], 'the path "relative" is not absolute'),
    (["", "pty"], "no name"),
    (["new\nline", "pty"], r"new\x0aline.*control character"),
    (["org.test", "path", "/nowhere/at/all"], "org.test.*the backend says: .*No such file"),
    (["org.test", "pty", "--backend", "nobody"], 'org.test.*no backend domain named "nobody"'),
    (["org.test", "pty", "--backend", "3"], "org.test.*xenchanneld is not running in the backend domain 3"),
    (["org.test", "pty", "--devid=-2"], "org.test.*devid"),
], ids=ascii)
def test_add_fails(guest, arguments, cause):
    line = complaint("add", guest, *arguments)
    assert line.startswith(f"domain {guest}: ") and re.search(cause.replace("\\", r"\\"), line)
    assert line.count("org.test") <= 1, "each fact once"


def test_a_guest_by_its_name(guest):
    name = f"guest{guest}"
    assert output("add", name, "org.test", "none") == "0 -\n"
    assert rows(output("list", name)) == rows(output("list", guest)) != []
    assert output("list", name, "--json") == output("list", guest, "--json")
    assert output("show", name, 0) == output("show", guest, "org.test")
    assert output("remove", name, "org.test") == ""
    assert xlchannel.channels(guest) == []


@pytest.mark.parametrize("name", ["nobody", "-1", "4294967296", "guest", "\udcff"], ids=ascii)
def test_no_such_name(name):
    shown = r"\xff" if name == "\udcff" else name
    line = f'there is no domain named "{shown}"'
    assert complaint("list", "--", name) == complaint("list", "--json", "--", name) == line
    for arguments in ["add", name, "org.test", "pty"], ["show", name, "org.test"], ["remove", name, "one", "two"]:
        assert complaint(arguments[0], "--", *arguments[1:]) == line


def test_an_empty_name():
    assert complaint("list", "") == "the domain's name is empty"


def test_no_such_channel(guest):
    output("add", guest, "org.test", "none")
    assert complaint("show", guest, "nobody") == \
        f'domain {guest}: there is no channel named "nobody"'
    assert complaint("show", guest, 3) == f"domain {guest}: there is no channel with devid 3"
    for force in [], ["--force"]:
        result = run("remove", guest, "nobody", 3, "org.test", *force)
        assert (result.returncode, result.stdout) == (1, "")
        assert result.stderr == (
            f'xlchannel: domain {guest}: there is no channel named "nobody"\n'
            f"xlchannel: domain {guest}: there is no channel with devid 3\n")
        assert xlchannel.channels(guest) == [], "the others are removed"
        output("add", guest, "org.test", "none")
    output("remove", guest, 0)


def test_no_such_domain(guest):
    for arguments in [
            ["list", NOBODY], ["list", NOBODY, "--json"], ["show", NOBODY, "org.test"], ["show", NOBODY, 0],
            ["add", NOBODY, "org.test", "pty"], ["remove", NOBODY, "org.test"], ["remove", NOBODY, 2, "--force"]]:
        line = complaint(*arguments)
        assert line.startswith(f"domain {NOBODY}: ") and line.endswith("there is no such domain")
        assert line.count(str(NOBODY)) == 1


def test_no_xenstored(monkeypatch, tmp_path):
    monkeypatch.setenv("XENSTORED_PATH", f"{tmp_path}/nowhere")
    cause = "no connection to xenstored: No such file or directory"
    assert complaint("list") == f"listing the channels of all domains: {cause}"
    assert complaint("list", GUEST) == f"domain {GUEST}: listing the channels: {cause}"
    for arguments in ["add", GUEST, "org.test", "pty"], ["show", GUEST, "org.test"], ["remove", GUEST, "org.test"]:
        assert re.search(f"^domain {GUEST}: .*org.test.*: {cause}$", complaint(*arguments))


def test_output_that_cannot_be_written(guest):
    with open("/dev/full", "w") as full:
        result = subprocess.run([COMMAND, "list"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert (result.returncode, result.stderr) == (1, "xlchannel: cannot write: No space left on device\n")


def closed(streams, *arguments):
    """Runs the command with some of its standard streams closed."""
    return subprocess.run(["sh", "-c", f'exec "$0" "$@" {streams}', COMMAND, *map(str, arguments)], capture_output=True,
                          text=True, timeout=60)


def test_closed_standard_streams(guest):
    """No socket gets the number of one, and with it what is printed."""
    result = closed(">&-", "list", guest)
    assert (result.returncode, result.stderr) == (1, "xlchannel: cannot write: Bad file descriptor\n")
    result = closed("<&- >&-", "add", guest, "org.test", "pty")
    assert (result.returncode, result.stderr) == (1, "xlchannel: cannot write: Bad file descriptor\n")
    assert [channel.name for channel in xlchannel.channels(guest)] == ["org.test"]

    output("add", guest, "other", "none")
    for streams in "2>&-", "<&- >&- 2>&-":
        result = closed(streams, "remove", guest, "nobody", "org.test", 77, "other")
        assert (result.returncode, result.stdout, result.stderr) == (1, "", "")
        assert xlchannel.channels(guest) == [], "the complaints went nowhere, and not to xenstored"
        output("add", guest, "org.test", "pty")
        output("add", guest, "other", "none")
    assert closed("2>&-", "list", guest).stdout == output("list", guest)
    output("remove", guest, "org.test", "other")


@pytest.mark.parametrize("arguments, words", [
    (["frob"], "Unexpected argument 'frob'"),
    (["list", "1", "2"], "Unexpected argument '2'"),
    (["list", "--frob"], "Unknown option '--frob'"),
    (["add"], "Missing expected argument '<domain>'"), (["add", "1", "name"], "Missing expected argument '<connection>'"),
    (["add", "1", "name", "tty"], "one of 'pty', 'socket', 'path' or 'none'"),
    (["add", "1", "name", "socket"], "socket needs a PATH"), (["add", "1", "name", "path"], "path needs a PATH"),
    (["add", "1", "name", "pty", "/tmp/x"], "pty takes no PATH"),
    (["add", "1", "name", "none", "/tmp/x"], "none takes no PATH"),
    (["add", "1", "name", "pty", "--devid", "x"], "'x' is invalid"),
    (["add", "1", "name", "pty", "--devid", "2147483648"], "is invalid"),
    (["show", "1"], "Missing expected argument '<channel>'"), (["remove", "1"], "Missing expected argument '<channel>"),
    (["show", "1", "99999999999"], "There is no devid 99999999999"),
    (["remove", "1", "a", "99999999999"], "There is no devid 99999999999"),
], ids=ascii)
def test_usage(guest, arguments, words):
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (USAGE, "")
    assert words in result.stderr and "Usage: xlchannel" in result.stderr


def test_help():
    assert run("--version").stdout == f"xlchannel {xlchannel.__version__}\n"
    general = output("--help")
    assert output() == general
    for subcommand in "list", "add", "show", "remove":
        assert re.search(rf"^  {subcommand}  ", general, re.M)
        text = output(subcommand, "--help")
        assert f"USAGE: xlchannel {subcommand} " in text and output("help", subcommand) == text
    for shell in "bash", "zsh", "fish":
        assert "xlchannel" in output("--generate-completion-script", shell)


def test_the_example(guest, tmp_path):
    result = subprocess.run(["sh", "-eux", ROOT / "examples/command.sh"], cwd=tmp_path, capture_output=True, text=True,
                            timeout=60)
    assert result.returncode == 0, result.stderr
    first, second, _, shell, backup, *_ = result.stdout.splitlines()
    assert re.fullmatch(r"0 /dev/pts/\d+", first) and second == f"1 {tmp_path}/backup"
    assert shell.split() == ["0", "org.example.shell", "pty", "initialising", first[2:]]
    assert backup.split() == ["1", "org.example.backup", "socket", "initialising", f"{tmp_path}/backup"]
