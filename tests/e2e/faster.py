"""What if ``vigil run`` had a faster clock? Then an hour's visit would fit into a test.

    python -m tests.e2e.faster --config FILE --speed N

The same program otherwise: a clinic on real ports, and no data of a demo.
"""

from __future__ import annotations

import argparse
import signal
from pathlib import Path

from dashboard.clinic import Clinic
from dashboard.clock import SteadyClock
from dashboard.config import read_config
from dashboard.serving import bind, serve


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--speed", type=float, required=True)
    options = parser.parse_args()
    config = read_config(options.config)
    listener = bind(config.host, config.http_port)
    clinic = Clinic(config, SteadyClock(options.speed))
    try:
        clinic.start()
        serve(clinic, listener, lambda: print("ready", flush=True))
    finally:
        clinic.stop()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends it the way Ctrl-C does
    try:
        main()
    except KeyboardInterrupt:
        pass
