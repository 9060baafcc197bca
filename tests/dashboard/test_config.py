"""Is a configuration taken as written, or refused with its line before anything starts?"""

from __future__ import annotations

from pathlib import Path

import pytest

from clinical.catalog.document import Malformed
from clinical.vitals import Metric
from dashboard.arrangement import ChairConfig, MonitorConfig
from dashboard.config import IN_FILE, Config, read_config
from devices.ports import FoundPort
from devices.registry import PROTOCOLS
from tests.conftest import ROOT

WHOLE = """\
[clinic]
name = "North"
data = "record"
host = "localhost"
port = 8060
simulated = true

[[chairs]]
number = 2
name = "Window"
monitor = "ge-dri"
port = "/dev/ttyUSB0"
baud = 115200

[[chairs]]
number = 1
monitor = "ge-dri"
port = "socket://10.0.0.7:4001"
"""


def read(folder: Path, text: str) -> Config:
    file = folder / "clinic.toml"
    file.write_text(text)
    return read_config(file)


def test_a_configuration_is_taken_as_written_in_the_order_of_its_chairs(tmp_path: Path):
    assert read(tmp_path, WHOLE) == Config(
        clinic="North",
        data=tmp_path / "record",
        chairs=(
            ChairConfig(2, "Window", (MonitorConfig("ge-dri", "/dev/ttyUSB0", 115200),)),
            ChairConfig(1, "Chair 1", (MonitorConfig("ge-dri", "socket://10.0.0.7:4001"),)),
        ),
        host="localhost",
        http_port=8060,
        is_simulated=True,
        why_fixed=IN_FILE.format("clinic.toml"),
    )


def test_what_is_left_out_is_this_machine_alone_and_a_real_clinic(tmp_path: Path):
    config = read(
        tmp_path,
        '[clinic]\nname = "N"\n[[chairs]]\nnumber = 1\nmonitor = "ge-dri"\nport = "/dev/tty1"\n',
    )
    assert (config.host, config.http_port, config.is_simulated) == ("127.0.0.1", 8050, False)
    assert config.data == tmp_path / "data"
    assert config.database_url == f"sqlite:///{tmp_path}/data/vigil.sqlite"


def test_an_absolute_folder_stays_where_it_is(tmp_path: Path):
    config = read(tmp_path, WHOLE.replace('"record"', '"/srv/vigil"'))
    assert config.data == Path("/srv/vigil")


def test_the_example_is_accepted_and_shows_every_kind_of_port():
    config = read_config(ROOT / "examples" / "clinic.toml")
    monitors = [monitor for chair in config.chairs for monitor in chair.monitors]
    assert [monitor.port.partition(":")[0] for monitor in monitors] == [
        *("usb", "COM3", "socket"),
        *("/dev/serial/by-id/usb-FTDI_FT232R_USB_UART_A10K3X9B-if00-port0", "COM5"),
    ]
    assert not config.is_simulated


# What is changed in WHOLE, the line that is named, what was expected there and what came.
WRONG = {
    "a text for a number": ("number = 2", 'number = "2"', 9, "number to be a whole number", "'2'"),
    "a number for a text": ('"North"', "7", 2, "name to be a text", "7"),
    "a number for yes or no": ("= true", "= 1", 6, "simulated to be true or false", "1"),
    "yes for a number": ("= 8060", "= true", 5, "port to be a whole number", "True"),
    "a key of the clinic that nobody knows": ("host =", "hots =", 4, "one of data, ", "hots"),
    "a key of a chair that nobody knows": ("baud =", "bauds =", 13, "one of baud, ", "bauds"),
    "a table that nobody knows": (
        "[clinic]",
        "[colours]\n[clinic]",
        1,
        "one of chairs,",
        "colours",
    ),
    "no clinic": ("[clinic]", "[clinics]", 1, "the key clinic", "none"),
    "no name": ('name = "North"\n', "", 1, "the key name", "none"),
    "no port of a chair": ('port = "/dev/ttyUSB0"\n', "", 8, "the key port", "none"),
    "the same number twice": ("number = 1", "number = 2", 16, "number to be different", "2"),
    "a number of no chair": ("number = 2", "number = 65", 9, "a number from 1 to 64", "65"),
    "chair nought": ("number = 2", "number = 0", 9, "a number from 1 to 64", "0"),
    "the same port twice": (
        *("socket://10.0.0.7:4001", "/dev/ttyUSB0", 18),
        *("port to be different for each monitor", "'/dev/ttyUSB0'"),
    ),
    "a monitor that nobody reads": (
        '"ge-dri"',
        '"philips"',
        11,
        f"monitor to be {' or '.join(PROTOCOLS)}",
        "'philips'",
    ),
    "a port that is none": ('"/dev/ttyUSB0"', '"USB 1"', 12, "port to be a serial port", "'USB 1'"),
    "a server without a port": (":4001", "", 18, "port to be a serial port", "'socket://10.0.0.7'"),
    "a web port that is none": ("8060", "80600", 5, "a port from 1 to 65535", "80600"),
    "a host that others reach": ("localhost", "10.0.0.1", 4, "a loopback address", "'10.0.0.1'"),
    "a speed that is no number": ("115200", '"abc"', 13, "baud to be a whole number", "'abc'"),
    "a speed that is no TOML": (
        "115200",
        "abc",
        13,
        "TOML, with texts in quotes",
        "'baud = abc': ",
    ),
    "a speed that no monitor has": ("115200", "17", 13, "baud to be a speed that monitors", "17"),
    "no TOML": ("port = 8060", "port 8060", 5, "TOML", ""),
    "a text without its end": ('"Window"', '"Window', 10, "TOML", ""),
    "the same key twice": ("number = 2", "number = 2\nnumber = 2", 10, "TOML", ""),
}


@pytest.mark.parametrize(("old", "new", "line", "expected", "got"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_said_with_file_line_expected_and_got(
    tmp_path: Path, old: str, new: str, line: int, expected: str, got: str
):
    assert old in WHOLE
    with pytest.raises(Malformed) as refused:
        read(tmp_path, WHOLE.replace(old, new, 1))
    error = refused.value
    assert str(error).startswith(f"clinic.toml, line {line}: expected ")
    assert expected in error.expected
    assert error.got.startswith(got)


def test_com3_and_COM3_are_one_port(tmp_path: Path):
    text = WHOLE.replace("/dev/ttyUSB0", "COM3").replace("socket://10.0.0.7:4001", "com3")
    with pytest.raises(Malformed, match=r"different for each monitor: Window .*, got 'com3'"):
        read(tmp_path, text)


def test_two_names_of_one_adapter_are_one_port_where_it_is_plugged_in(tmp_path: Path):
    key = "usb:0403:6001:A10K3X7Q"
    read(tmp_path, WHOLE.replace("socket://10.0.0.7:4001", key))
    found = FoundPort("/dev/ttyUSB0", "", key, "A10K3X7Q", 0x0403, 0x6001)
    with pytest.raises(Malformed, match=f"line 18: .* Window .* has it, .*, got '{key}'"):
        read_config(tmp_path / "clinic.toml", [found])


def test_a_single_table_is_no_list_of_chairs(tmp_path: Path):
    with pytest.raises(Malformed, match="line 3: expected chairs to be a list"):
        read(tmp_path, '[clinic]\nname = "N"\n[chairs]\nnumber = 1\n')


@pytest.mark.parametrize("chairs", ["chairs = []\n", ""], ids=["an empty list", "no list"])
def test_a_file_may_leave_the_chairs_to_the_monitors_page(tmp_path: Path, chairs: str):
    assert read(tmp_path, f'{chairs}[clinic]\nname = "N"\n').chairs == ()


def test_a_file_that_is_missing_or_no_text_is_refused(tmp_path: Path):
    with pytest.raises(Malformed, match="expected a readable file, got No such file"):
        read_config(tmp_path / "nowhere.toml")
    with pytest.raises(Malformed, match="expected a readable file, got Is a directory"):
        read_config(tmp_path)
    file = tmp_path / "clinic.toml"
    file.write_bytes(b"name = \xff")
    with pytest.raises(Malformed, match="expected UTF-8 text"):
        read_config(file)


TWO = """\
[clinic]
name = "North"

[[chairs]]
number = 1
name = "Window"

[[chairs.monitors]]
monitor = "ge-dri"
port = "/dev/ttyUSB0"

[[chairs.monitors]]
monitor = "OTHER"
port = "/dev/ttyUSB1"
baud = 19200
prefers = ["spo2", "pulse_rate"]

[[chairs]]
number = 2
monitor = "ge-dri"
port = "/dev/ttyUSB2"
"""


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> str:
    """Two monitors at a chair; the second is one of the registry under a name of its own."""
    monkeypatch.setitem(PROTOCOLS, "other", PROTOCOLS["ge-dri"])
    return TWO.replace("OTHER", "other")


def test_a_chair_may_have_two_monitors(tmp_path: Path, two: str):
    first, second = read(tmp_path, two).chairs
    assert first.monitors == (
        MonitorConfig("ge-dri", "/dev/ttyUSB0"),
        MonitorConfig("other", "/dev/ttyUSB1", 19200, frozenset({Metric.SPO2, Metric.PULSE_RATE})),
    )
    assert second.monitors == (MonitorConfig("ge-dri", "/dev/ttyUSB2"),)


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ('"other"', '"ge-dri"', 13, "monitor to be two monitors of different kinds"),
        ("ttyUSB1", "ttyUSB0", 14, "port to be different for each monitor"),
        ("ttyUSB2", "ttyUSB1", 21, "port to be different for each monitor"),
        ('"spo2"', '"perfusion"', 16, "prefers to be "),
        (
            "baud = 19200",
            'prefer = ["spo2"]',
            15,
            "one of baud, listen_only, monitor, ",
        ),
        ('name = "Window"', 'monitor = "ge-dri"', 6, "one of monitors, name, number"),
        (
            'port = "/dev/ttyUSB0"\n',
            'port = "/dev/ttyUSB0"\nprefers = ["spo2"]\n',
            17,
            "prefers to be each metric for one monitor only",
        ),
    ],
)
def test_two_monitors_at_a_chair_are_checked_each(tmp_path, two, old, new, line, words):
    with pytest.raises(Malformed, match=words) as refused:
        read(tmp_path, two.replace(old, new, 1))
    assert refused.value.line == line
