"""What every part written in Python needs of pytest; the fixtures are in the parts."""
import os


def pytest_configure(config):
    # Short, since tests put sockets there; the host removes it.
    if "XENHOST_DIR" in os.environ:
        config.option.basetemp = os.environ["TMPDIR"] + "/t"
