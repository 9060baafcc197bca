"""Does every command say what it did, and in words what it cannot do?"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dashboard.cli import app
from devices.registry import PROTOCOLS
from tests.conftest import ROOT

VIGIL = [sys.executable, "-c", "from dashboard.cli import main; main()"]
KEYS = [
    *("metric", "value", "unit", "quality", "source", "device_time", "measurement_id", "offset"),
]
CONFIG = """
[clinic]
name = "North"
data = "record"

[[chairs]]
number = 1
monitor = "ge-dri"
port = "/dev/ttyUSB0"
"""
PASSWORD = "correct horse battery\n"


def said(*arguments: str, stdin: str | bytes = "") -> Result:
    """What a command says, in this process."""
    return CliRunner().invoke(app, arguments, input=stdin)


def ran(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """What a command says, in a process of its own."""
    settings = {"cwd": ROOT, "capture_output": True, "text": True, "timeout": 50, **options}
    return subprocess.run([*VIGIL, *arguments], check=False, **settings)  # type: ignore[call-overload]


def assert_refused(result: Result, *words: str, code: int = 2) -> None:
    """The exit code, and a line of words instead of a traceback."""
    assert result.exit_code == code, result.output
    assert isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    for each in words:
        assert each in result.stderr


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "clinic.toml"
    file.write_text(CONFIG)
    return file


def add_user(config: Path, user: str = "ana", *options: str, password: str = PASSWORD) -> Result:
    asked = ["user", "add", user, "--config", str(config), "--password-stdin", *options]
    return said(*asked, stdin=password)


# Help.


def test_help_lists_the_commands():
    result = said("--help")
    assert result.exit_code == 0
    for command in ("demo", "run", "simulate", "decode", "monitors", "alarms", "user"):
        assert f"\n  {command} " in result.stdout
    assert "the bedside monitor's own alarms stay primary" in " ".join(result.stdout.split())


@pytest.mark.parametrize(
    "command", ["demo", "run", "simulate", "decode", "monitors", "alarms", "user"]
)
def test_each_command_has_help(command: str):
    assert said(command, "--help").exit_code == 0


def test_the_version_is_the_one_that_is_installed():
    assert said("--version").stdout == f"vigil {version('vigil')}\n"


def test_an_unknown_command_is_wrong_usage():
    assert_refused(said("watch"), "No such command 'watch'")


# What is loaded: a command imports what it needs, and nothing else.

SCREEN = {"dash", "plotly", "pandas", "numpy", "fastapi", "dash_mantine_components"}
RECORD = {"sqlalchemy", "sqlmodel", "alembic"}
PORTS = {"serial"}


def loaded(program: str, *arguments: str) -> set[str]:
    """Names of the packages that a Python ``program`` has imported at its end."""
    report = "import atexit, sys; atexit.register(lambda: print('\\n', *sys.modules, sep='\\n'))"
    told = subprocess.run(
        [sys.executable, "-c", f"{report}\n{program}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert "Traceback" not in told.stderr, told.stderr
    return {line.partition(".")[0] for line in told.stdout.splitlines()}


@pytest.mark.parametrize(
    ("arguments", "unwanted"),
    [
        (["--help"], SCREEN | RECORD | PORTS),
        (["--version"], SCREEN | RECORD | PORTS),
        (["simulate", "--list"], SCREEN | RECORD | PORTS | {"devices", "clinical"}),
        (["simulate", "ge-dri", "--port", "nowhere"], SCREEN | RECORD | {"devices", "clinical"}),
        (["monitors"], SCREEN | RECORD | {"simulators"}),
        (["decode", "ge-dri", os.devnull], SCREEN | RECORD | {"simulators"}),
        (["run", "--config", "nowhere.toml"], SCREEN | RECORD | {"simulators"}),
        (["alarms", "1", "--data", "nowhere"], SCREEN | {"alembic", "simulators"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_loads_no_more_than_it_needs(arguments: list[str], unwanted: set[str]):
    assert not loaded("from dashboard.cli import main; main()", *arguments) & unwanted


@pytest.mark.parametrize(
    ("room", "unwanted"),
    [
        ("clinical.engine", SCREEN | RECORD | PORTS),
        ("devices.supervisor", SCREEN | RECORD),
        ("storage.writer", SCREEN | PORTS | {"simulators"}),
        ("dashboard.clinic", SCREEN | {"simulators"}),
    ],
)
def test_the_acquisition_half_loads_no_screen(room: str, unwanted: set[str]):
    assert not loaded(f"import {room}") & unwanted


# simulate


def test_simulate_lists_monitors_and_scenarios():
    for arguments in (["simulate", "ge-dri", "--list"], ["simulate", "--list"]):
        done = ran(*arguments)
        assert done.returncode == 0
        for name in ("ge-dri", "calm", "rising-pressure", "bradycardia", "empty"):
            assert f"\n  {name} " in done.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["ge", "--port", "tcp:127.0.0.1:0"], "expected one of ge-dri, "),
        (["ge-dri", "--port", "usb"], "expected pty:PATH"),
        (["ge-dri", "--port", "tcp:127.0.0.1:0", "--scenario", "clam"], "calm"),
        (["ge-dri", "--port", "tcp:127.0.0.1:0", "--recording", "none.csv"], "none.csv"),
        (["ge-dri", "--port", "tcp:127.0.0.1:0", "--speed", "0"], "expected a number above 0"),
        (["ge-dri", "--port", "tcp:127.0.0.1:0", "--faults", "gremlins"], "expected split"),
        (["ge-dri"], "expected a monitor and --port"),
        ([], "expected a monitor and --port"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_simulate_refuses_in_words(arguments: list[str], words: str):
    done = ran("simulate", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_simulate_says_where_it_listens_until_ctrl_c():
    command = [*VIGIL, "simulate", "ge-dri", "--port", "tcp:127.0.0.1:0", "--speed", "5"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ge-dri listening on tcp:127.0.0.1:")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
        assert "Traceback" not in process.stdout.read()


# decode


@pytest.fixture(scope="session")
def wire() -> bytes:
    """Two minutes of a simulated monitor."""
    command = [sys.executable, "-m", "simulators", "ge-dri", "--port", "file:-", "--length", "120"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout


def test_decode_reads_a_real_capture(shared: Path):
    capture = shared / "captures" / "ge-s5.raw"
    if not capture.exists():
        pytest.skip("no capture ge-s5.raw in ../shared")
    result = said("decode", "ge-dri", str(capture))
    assert result.exit_code == 0
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert all(list(line) == KEYS for line in lines)
    cuff = [line for line in lines if line["metric"].startswith("nibp_")]
    assert {line["measurement_id"] for line in cuff} == {"n1"}
    assert [line["metric"] for line in cuff] == [
        *("nibp_systolic", "nibp_diastolic", "nibp_mean", "nibp_pulse"),
    ]
    assert result.stderr.startswith("21 frames, 0 garbled, ")


def test_decode_reads_standard_input(wire: bytes):
    result = said("decode", "ge-dri", "-", stdin=wire)
    assert result.exit_code == 0
    count, *more = result.stderr.splitlines()
    assert count == f"120 frames, 0 garbled, {len(wire)} bytes"
    assert more[0].startswith("from: ")
    assert {tuple(json.loads(line)) for line in result.stdout.splitlines()} == {tuple(KEYS)}


def test_decode_says_when_a_frame_was_cut_off(wire: bytes):
    result = said("decode", "ge-dri", "-", stdin=wire[:-10])
    assert result.exit_code == 0
    assert result.stderr.startswith("119 frames, 0 garbled, ")
    assert "after the last frame)" in result.stderr


@pytest.mark.parametrize("noise", [b"", b"hello", bytes(range(256)) * 40], ids=len)
def test_decode_of_what_is_no_recording_prints_no_number(noise: bytes):
    result = said("decode", "ge-dri", "-", stdin=noise)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("0 frames, ")


def test_decode_refuses_in_words(tmp_path: Path):
    assert_refused(said("decode", "ge", "-"), "expected a monitor, one of ge-dri, ")
    missing = tmp_path / "missing.raw"
    assert_refused(
        said("decode", "ge-dri", str(missing)), f"cannot read {missing}: No such file or directory"
    )
    assert_refused(said("decode", "ge-dri", str(tmp_path)), "Is a directory")
    assert_refused(said("decode", "ge-dri"), "Missing argument 'file'")


def test_decode_is_silent_when_its_reader_has_had_enough(tmp_path: Path, wire: bytes):
    file = tmp_path / "wire.raw"
    file.write_bytes(wire * 20)  # far more than a pipe holds
    with subprocess.Popen(
        [*VIGIL, "decode", "ge-dri", str(file)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        process.wait(20)


@pytest.mark.parametrize("name", PROTOCOLS)
def test_what_each_simulated_monitor_sends_is_decoded(name: str, tmp_path: Path):
    """The last minute of a script: a cuff that is asked has long been at work by then."""
    file = tmp_path / "wire.raw"
    script = ("--scenario", "capnography", "--at", "3540")
    simulated = said("simulate", name, "--port", f"file:{file}", *script)
    assert (simulated.exit_code, simulated.output) == (0, "")
    wire = file.read_bytes()
    result = said("decode", name, "-", stdin=wire)
    assert result.exit_code == 0
    garbled = 1 if name == "nonin-ascii" else 0  # its header, which no manual prints
    count, *more = result.stderr.splitlines()
    frames, _, rest = count.partition(" ")
    assert int(frames) > 0
    assert rest == f"frames, {garbled} garbled, {len(wire)} bytes"
    assert all(line.startswith(("from: ", "not read: ")) for line in more)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert {tuple(line) for line in lines} == {tuple(KEYS)}
    assert {line["metric"] for line in lines} <= PROTOCOLS[name].metrics
    assert any(line["quality"] == "valid" and line["value"] is not None for line in lines)
    assert all(0 < line["offset"] <= len(wire) for line in lines)


# monitors


def test_monitors_are_listed_for_people_and_for_programs():
    assert said("monitors").stdout.startswith("ge-dri  GE ")
    rows = json.loads(said("monitors", "--json").stdout)
    assert [row["name"] for row in rows] == list(PROTOCOLS)
    keys = {"name", "title", "metrics", "settings", "proof"}
    assert all(set(row) == keys for row in rows)
    row = rows[0]
    assert (row["name"], row["settings"]) == ("ge-dri", "19200 baud, 8E1, RTS/CTS")
    assert {"heart_rate", "spo2", "nibp_systolic"} <= set(row["metrics"])


# demo


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("nothing", f"expected monitors, each one of {', '.join(PROTOCOLS)}, got 'nothing'"),
        ("ge-dri,", "got ''"),
        ("ge-dri,suntech+", "got ''"),
        ("ge-dri+ge-dri", "expected two monitors of different kinds at a chair, got ge-dri+ge-dri"),
        ("nellcor,dinamap+nellcor+dinamap", "got dinamap+nellcor+dinamap"),
    ],
)
def test_a_demo_refuses_monitors_in_words_before_it_touches_anything(
    tmp_path: Path, asked: str, words: str
):
    data = tmp_path / "demo"
    refused = said("demo", "--port", "0", "--data", str(data), "--monitors", asked)
    assert_refused(refused, f"vigil: {words}" if words.startswith("exp") else words)
    assert not data.exists()


# user


def test_an_account_is_added_and_listed_and_its_password_shown_nowhere(config: Path):
    added = add_user(config, "ana", "--role", "clinician", "--name", "Ana Ruiz")
    assert (added.exit_code, added.stdout) == (0, "ana can sign in as clinician\n")
    assert add_user(config, "bo").exit_code == 0
    listed = said("user", "list", "--config", str(config))
    assert [line.split(maxsplit=2) for line in listed.stdout.splitlines()] == [
        ["ana", "clinician", "Ana Ruiz"],
        ["bo", "nurse", "bo"],
    ]
    record = config.parent / "record" / "vigil.sqlite"
    assert PASSWORD.strip() not in added.output + listed.output
    assert PASSWORD.strip().encode() not in record.read_bytes()
    assert record.stat().st_mode & 0o077 == 0
    assert record.parent.stat().st_mode & 0o077 == 0


def test_an_account_is_refused_in_words(config: Path):
    short = add_user(config, password="too short\n")
    assert_refused(short, "expected a password of at least 12 characters, got 9")
    assert_refused(add_user(config, password=""), "got 0")
    assert_refused(add_user(config, "ana", "--role", "doctor"), "expected a role, one of nurse,")
    assert_refused(add_user(config, " "), "expected a name to sign in with")
    assert add_user(config).exit_code == 0
    assert_refused(add_user(config), "there is a user 'ana' already", code=1)


def test_there_is_no_list_where_there_is_no_record(config: Path):
    listed = said("user", "list", "--config", str(config))
    assert_refused(listed, "there is no record yet", code=1)
    assert not (config.parent / "record").exists()


# run


@pytest.mark.parametrize(
    "command", [["run"], ["user", "list"], ["user", "add", "ana"]], ids=" ".join
)
def test_a_malformed_configuration_is_refused_by_file_line_expected_and_got(
    tmp_path: Path, command: list[str]
):
    file = tmp_path / "clinic.toml"
    assert_refused(said(*command, "--config", str(file)), "clinic.toml", "No such file")
    file.write_text(CONFIG.replace("ge-dri", "philips"))
    assert_refused(
        said(*command, "--config", str(file)),
        "vigil: clinic.toml, line 8: expected monitor to be "
        f"{' or '.join(PROTOCOLS)}, got 'philips'\n",
    )
    assert_refused(said(*command), "Missing option '--config'")


def test_a_busy_web_port_is_said_in_words(config: Path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        config.write_text(CONFIG.replace("[clinic]", f"[clinic]\nport = {port}"))
        done = ran("run", "--config", str(config))
        words = f"vigil: port {port} on 127.0.0.1 cannot be had: another program uses it;"
        assert (done.returncode, done.stderr) == (1, f"{words} choose another in {config}\n")
        done = ran("demo", "--port", str(port), "--data", str(config.parent / "demo"))
        assert (done.returncode, done.stderr) == (1, f"{words} --port chooses another\n")
    assert not (config.parent / "demo").exists()


@pytest.mark.parametrize("command", [["user", "list"], ["run"]], ids=" ".join)
def test_a_record_that_cannot_be_opened_is_said_in_words(config: Path, command: list[str]):
    config.write_text(CONFIG.replace("[clinic]", "[clinic]\nport = 49151"))
    folder = config.parent / "record"
    words = f"vigil: the record in {folder} cannot be opened: "
    folder.write_text("a file in the place of the folder")
    done = ran(*command, "--config", str(config))
    assert (done.returncode, done.stderr.startswith(words)) == (1, True), done.stderr
    folder.unlink()
    folder.mkdir()
    (folder / "vigil.sqlite").write_text("a text and no database " * 50)
    done = ran(*command, "--config", str(config))
    assert (done.returncode, done.stderr) == (1, f"{words}file is not a database\n")
