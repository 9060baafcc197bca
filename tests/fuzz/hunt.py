"""Which bytes break a decoder? The fuzzer's own process: one monitor, until the time is up.

    python -m tests.fuzz.hunt MONITOR [options and corpus folders of libFuzzer]

atheris watches which lines of devices/ an input reaches and keeps what reaches new ones. It never
returns: the process ends with 0, or after the first input that breaks a property.
"""

import sys

import atheris

with atheris.instrument_imports(include=["devices.protocols"]):
    from tests.fuzz.properties import check_monitor

name = sys.argv.pop(1)
atheris.Setup(sys.argv, lambda wire: check_monitor(name, wire))
atheris.Fuzz()
