"""What the parts of the test suite that are written in Python share; pytest.ini puts Tests on the path."""
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
