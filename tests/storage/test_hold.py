"""Can two programs run on one record, and does a killed one leave its lock behind?"""

from __future__ import annotations

import subprocess
import sys

import pytest

from storage.hold import Hold, RecordInUse

HOLDER = """
import sys
from pathlib import Path
from storage.hold import Hold
hold = Hold(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_record_is_held_once_and_free_after_its_release(tmp_path):
    first = Hold(tmp_path)
    with pytest.raises(RecordInUse, match="another Vigil is running"):
        Hold(tmp_path)
    first.release()
    Hold(tmp_path).release()


def test_a_killed_program_leaves_no_lock_behind(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RecordInUse):
            Hold(tmp_path)
        other.kill()
    Hold(tmp_path).release()
