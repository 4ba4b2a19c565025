"""Waiting for what another process does."""
import time

PATIENCE = 10


def wait_until(condition, what="it", timeout=PATIENCE):
    """The first true value of condition()."""
    deadline = time.monotonic() + timeout
    pause = 0.0005
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {timeout} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.02)
    return value
