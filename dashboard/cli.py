"""What can be typed after ``vigil``? Each command imports what it needs, and nothing else."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dashboard.config import Config
    from devices.ports import FoundPort

app = typer.Typer(
    name="vigil",
    help="Keeps watch over ketamine infusion sessions. A secondary display: the bedside monitor's "
    "own alarms stay primary.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
users = typer.Typer(help="Accounts of the people who sign in.", no_args_is_help=True)
app.add_typer(users, name="user")
captures = typer.Typer(
    help="The flight recorder: every byte of every line, as it came.", no_args_is_help=True
)
app.add_typer(captures, name="capture")

ConfigFile = Annotated[
    Path, typer.Option("--config", help="The clinic's TOML file.", show_default=False)
]
AnyConfig = Annotated[
    Path | None, typer.Option("--config", help="The clinic's TOML file.", show_default=False)
]
AnyData = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Folder of a record; without both, the demo's.", show_default=False
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="For programs.")]


def main() -> None:
    app()


def _fail(reason: object, code: int = 2) -> NoReturn:
    typer.echo(f"vigil: {reason}", err=True)
    raise typer.Exit(code)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version

        typer.echo(f"vigil {version('vigil')}")
        raise typer.Exit


@app.callback()
def vigil(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


@app.command()
def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the web page.")] = 8050,
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="Times as fast as real.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same patients.")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget earlier demos first.")] = False,
    accounts: Annotated[
        Path | None, typer.Option(help="Write address and accounts to this file as JSON.")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="Folder of the demo's record.")] = None,
    monitors: Annotated[
        str, typer.Option(help="At each chair: names with commas between, + for two at one chair.")
    ] = "ge-dri",
) -> None:
    """A simulated clinic of four chairs, in the browser. SIMULATED DATA, not for clinical use."""
    with _until_stopped():
        import threading

        if accounts is not None:
            _forget_accounts(accounts)

        from dashboard.clinic import Clinic
        from dashboard.demo import HOST, Demo, NotADemo, write_accounts
        from dashboard.serving import PortBusy, bind, serve, url_of

        at_chairs = _monitors_of(monitors)
        try:
            listener = bind(HOST, port)
        except PortBusy as busy:
            _fail(f"{busy}; --port chooses another", 1)
        url, port = url_of(listener), listener.getsockname()[1]
        try:
            shown = Demo(
                port=port, speed=speed, seed=seed, is_fresh=fresh, data=data, monitors=at_chairs
            )
        except NotADemo as error:
            _fail(error)
        stop = threading.Event()
        with shown.monitors():
            with _opening(shown.config):
                clinic = Clinic(shown.config, shown.clock)
            past = threading.Thread(target=shown.write_history, args=(clinic, stop), name="history")
            try:
                made = shown.accounts(clinic.database)
                shown.prepare(clinic)
                clinic.start()

                def ready() -> None:
                    if accounts is not None:
                        write_accounts(accounts, url, made)
                    typer.echo(f"Vigil demo, SIMULATED DATA: {url}")
                    for account in made:
                        typer.echo(f"  {account['user']:10} {account['password']}")
                    typer.echo("Stop with Ctrl-C.")
                    past.start()

                serve(clinic, listener, ready)
            finally:
                stop.set()
                if past.ident is not None:
                    past.join()
                clinic.stop()


@app.command()
def run(config: ConfigFile) -> None:
    """Watch the monitors that a configuration file names, or that are arranged on its pages."""
    from dashboard.arrangement import passing
    from devices.ports import list_ports

    settings = _config(config, found := list_ports())
    with _until_stopped():
        from dashboard.clinic import Clinic
        from dashboard.clock import SteadyClock
        from dashboard.serving import PortBusy, bind, serve, url_of

        try:
            listener = bind(settings.host, settings.http_port)
        except PortBusy as busy:
            _fail(f"{busy}; choose another in {config}", 1)
        with _opening(settings):
            clinic = Clinic(settings, SteadyClock())
        for warning in passing(settings.chairs, found):
            typer.echo(f"vigil: {warning}", err=True)

        def ready() -> None:
            typer.echo(f"Vigil: {url_of(listener)}")
            if not clinic.chairs:
                typer.echo("No chairs yet: a director or clinician adds them under Monitors.")

        try:
            clinic.start()
            serve(clinic, listener, ready)
        finally:
            clinic.stop()


@app.command()
def simulate(
    monitor: Annotated[str | None, typer.Argument(help="Kind of monitor; see --list.")] = None,
    port: Annotated[
        str | None, typer.Option(help="pty:PATH, tcp:HOST:PORT, serial:DEVICE or file:PATH.")
    ] = None,
    scenario: Annotated[str | None, typer.Option(help="A scripted session; see --list.")] = None,
    recording: Annotated[Path | None, typer.Option(help="Replay this CSV instead.")] = None,
    speed: Annotated[float, typer.Option(help="Times as fast as real.")] = 1.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same patient.")] = 0,
    at: Annotated[float, typer.Option(help="Start so many seconds into the script.")] = 0.0,
    faults: Annotated[
        str, typer.Option("--faults", "--fault", help="Such as split,drop:0.01,noise,stall:20s.")
    ] = "",
    serial: Annotated[
        str | None, typer.Option(help="Who the monitor says it is; by default of the seed.")
    ] = None,
    clock_offset: Annotated[float, typer.Option(help="Seconds that its clock is ahead.")] = 0.0,
    sent: Annotated[
        Path | None, typer.Option(help="Write each message and its fate to this file, as JSON.")
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Name monitors and scenarios.")] = False,
) -> None:
    """Be a bedside monitor made of software, until Ctrl-C."""
    from simulators import __main__ as simulators

    if list_:
        raise typer.Exit(simulators.main(["--list"]))
    if monitor is None or port is None:
        _fail("expected a monitor and --port; --list shows what there is")
    given: dict[str, object] = {
        "--scenario": scenario,
        "--recording": recording,
        "--faults": faults or None,
    }
    given |= {"--serial": serial, "--clock-offset": clock_offset, "--sent": sent}
    given |= {"--speed": speed, "--seed": seed, "--at": at}
    options = [f"{name}={value}" for name, value in given.items() if value is not None]
    raise typer.Exit(simulators.main([monitor, f"--port={port}", *options]))


@app.command()
def decode(
    monitor: Annotated[str, typer.Argument(help="Kind of monitor; see 'vigil monitors'.")],
    file: Annotated[str, typer.Argument(help="Recorded bytes, or - for standard input.")],
) -> None:
    """Print what recorded bytes say: one JSON object a line, a summary on standard error."""
    import json

    from devices.decode import Summary
    from devices.decode import decode as lines_of
    from devices.registry import PROTOCOLS

    if monitor not in PROTOCOLS:
        _fail(f"expected a monitor, one of {', '.join(PROTOCOLS)}, got {monitor}")
    summary = Summary()
    try:
        for line in lines_of(PROTOCOLS[monitor], _chunks(file), summary):
            sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()
    except BrokenPipeError:  # as in `| head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    except OSError as error:
        _fail(f"cannot read {file}: {error.strerror}")
    typer.echo("\n".join(summary.lines), err=True)
    raise typer.Exit(0 if summary.frames else 1)


def _chunks(file: str) -> Iterator[bytes]:
    opened: Any = sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: SIM115
    with opened as source:
        while chunk := source.read1(65536):  # what there is: a pipe is decoded as it comes
            yield chunk


@app.command()
def detect(
    port: Annotated[str, typer.Argument(help="Such as /dev/ttyUSB0, COM3 or socket://host:port.")],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    seconds: Annotated[float, typer.Option(min=1, help="Give up after so many seconds.")] = 20.0,
) -> None:
    """Name the monitor at a port: listen first, then ask only what disturbs none."""
    import json

    from dashboard.clock import SteadyClock
    from devices import detect as detection
    from devices.ports import describe_open_error

    found = None
    with _until_stopped():
        try:
            found = detection.detect(
                port,
                clock=SteadyClock(),
                tell=lambda words: typer.echo(words, err=True),
                seconds=seconds,
            )
        except OSError as error:
            _fail(describe_open_error(error, port))
        except ValueError as error:
            _fail(error)
    if found is None:
        _fail("stopped before a monitor was recognised", 1)
    told = json.dumps(detection.as_json(found), indent=2) if as_json else detection.as_text(found)
    typer.echo(told)
    raise typer.Exit(0 if found.name else 1)


@app.command()
def monitors(
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """The monitors that Vigil can read, and what each was proven with."""
    import json

    from devices.registry import PROTOCOLS

    rows: list[dict[str, Any]] = [
        {
            "name": name,
            "title": entry.title,
            "metrics": sorted(entry.metrics),
            "settings": str(entry.settings),
            "proof": entry.proof.value,
        }
        for name, entry in PROTOCOLS.items()
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        typer.echo(f"{row['name']}  {row['title']}")
        typer.echo(f"    line     {row['settings']}")
        for settings in PROTOCOLS[row["name"]].also:
            typer.echo(f"    or       {settings}")
        typer.echo(f"    reads    {', '.join(row['metrics'])}")
        typer.echo(f"    proof    {row['proof']}")


@app.command()
def alarms(
    session: Annotated[str, typer.Argument(help="Its number or public id, as in /review/...")],
    config: Annotated[
        Path | None, typer.Option(help="The clinic's TOML file.", show_default=False)
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder of a record; without both, the demo's.", show_default=False),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(
            help="What would have been under NAME, NAME:VERSION or a preset's FILE.toml.",
            show_default=False,
        ),
    ] = "",
    delay: Annotated[
        list[str] | None,
        typer.Option(
            help="[SIGN=]SECONDS that every limit, or each of one sign, waits longer.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """The alarm log of a session; or beside it the alarms that other limits would have raised."""
    import json

    from sqlalchemy.exc import DBAPIError

    from clinical.catalog.document import Malformed
    from dashboard import alarm_log
    from dashboard.clock import SteadyClock
    from dashboard.presets import Shelf
    from storage.database import open_database

    if config is not None and data is not None:
        _fail("expected --config or --data, got both")
    folder = data or alarm_log.DEMO if config is None else _config(config).data
    if not (folder / alarm_log.RECORD).is_file():
        _fail(f"there is no record in {folder}", 1)
    database = open_database(f"sqlite:///{folder / alarm_log.RECORD}")
    try:
        delays_s = alarm_log.delays_of(delay or [])
        with database.reading() as db:
            if preset or delays_s:
                shelf = Shelf(database, SteadyClock())
                shelf.load()
                found = alarm_log.compare(db, session, shelf.presets(), preset, delays_s)
                as_text = alarm_log.comparison_as_text
                told = alarm_log.comparison_as_json(found) if as_json else as_text(found, None)
            else:
                log = alarm_log.read_log(db, session)
                told = alarm_log.log_as_json(log) if as_json else alarm_log.log_as_text(log, None)
    except (alarm_log.Unanswerable, Malformed) as error:
        _fail(error)
    except DBAPIError as error:
        _fail(f"the record in {folder} cannot be read: {error.orig}", 1)
    finally:
        database.close()
    typer.echo(json.dumps(told, indent=2) if as_json else told)


@captures.command("list")
def capture_list(config: AnyConfig = None, data: AnyData = None, as_json: AsJson = False) -> None:
    """What is kept, of which chair and monitor, from when to when."""
    import json

    from dashboard import captures as kept
    from storage.captures import FOLDER

    rows = kept.listed(_record_in(config, data) / FOLDER)
    typer.echo(json.dumps(rows, indent=2) if as_json else kept.list_as_text(rows))


def _private(out: str) -> Any:
    """A file to write that nobody else on this computer can read; "-" is standard output."""
    if out == "-":
        return sys.stdout.buffer
    target = os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    # The mode counts for a new file only; a pipe or /dev/null is not ours to close to others.
    if hasattr(os, "fchmod") and stat.S_ISREG(os.fstat(target.fileno()).st_mode):
        os.fchmod(target.fileno(), 0o600)
    return target


@captures.command("export")
def capture_export(
    what: Annotated[str, typer.Argument(metavar="CHAIR|FILE", help="A chair, or one file.")],
    out: Annotated[str, typer.Option("--output", "-o", help="A file, or - for standard output.")],
    config: AnyConfig = None,
    data: AnyData = None,
    monitor: Annotated[str, typer.Option(help="Which, where the chair has two.")] = "",
    since: Annotated[
        str, typer.Option("--from", help="As 2026-03-14T09:00; without a zone, this computer's.")
    ] = "",
    until: Annotated[str, typer.Option("--to", help="Up to, and without.")] = "",
    stamps: Annotated[
        bool, typer.Option("--stamps", help="Before each read: seconds f64, bytes u32.")
    ] = False,
) -> None:
    """The bytes that came, for ``vigil decode``."""
    from dashboard import captures as kept
    from storage.capture_file import NoCapture
    from storage.captures import FOLDER

    try:
        if what.isdecimal() and not Path(what).is_file():
            folder = _record_in(config, data) / FOLDER
            pieces = kept.of_chair(folder, int(what), monitor)
        else:
            pieces = kept.named([Path(what)])
        kept.refuse_source(pieces, out)
        found = kept.exported(pieces, kept.time_of(since), kept.time_of(until), stamps=stamps)
        reads = list(found)  # what cannot be read must not leave half a file
    except (kept.Unclear, NoCapture) as error:
        _fail(error)
    except OSError as error:
        _fail(f"cannot read {error.filename or what}: {error.strerror}")
    try:
        with _private(out) as target:
            size = sum(target.write(read) for read in reads)
    except OSError as error:
        _fail(f"cannot write {out}: {error.strerror}")
    typer.echo(f"{size} bytes", err=True)
    raise typer.Exit(0 if size else 1)


@captures.command("replay")
def capture_replay(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Files of lines.")
    ] = None,
    session: Annotated[
        str, typer.Option(help="Its number or public id: hold a replay against its record.")
    ] = "",
    config: AnyConfig = None,
    data: AnyData = None,
    as_json: AsJson = False,
) -> None:
    """Send what was kept through decoder, link and rules once more.

    Files: one JSON object an observation. A session: whether the very observations and alarms of
    the record come of it; exit 0 where they do, else 1.
    """
    import json

    from dashboard import captures as kept
    from dashboard.line_replay import NotCaptured

    if bool(files) == bool(session):
        _fail("expected files, or --session and no files")
    try:
        if session:
            verdict = kept.judged(_record_in(config, data), session)
            told = kept.verdict_as_json(verdict) if as_json else kept.verdict_as_text(verdict)
            typer.echo(json.dumps(told, indent=2) if as_json else told)
            raise typer.Exit(0 if verdict.is_identical else 1)
        notes: list[str] = []
        count = 0
        for line in kept.observed(kept.named(files or []), notes):
            sys.stdout.write(json.dumps(line) + "\n")
            count += 1
        sys.stdout.flush()
    except BrokenPipeError:  # as in `| head`: the reader has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return
    except kept.Unclear as error:
        _fail(error)
    except NotCaptured as error:
        _fail(error, 1)
    for note in notes:
        typer.echo(f"note: {note}", err=True)
    typer.echo(f"{count} observations", err=True)
    raise typer.Exit(0 if count else 1)


def _record_in(config: Path | None, data: Path | None) -> Path:
    """The folder of the record that the options name."""
    from dashboard.alarm_log import DEMO, RECORD

    if config is not None and data is not None:
        _fail("expected --config or --data, got both")
    folder = data or DEMO if config is None else _config(config).data
    if not (folder / RECORD).is_file():
        _fail(f"there is no record in {folder}", 1)
    return folder


@users.command("add")
def user_add(
    user: Annotated[str, typer.Argument(help="The name to sign in with.")],
    config: ConfigFile,
    role: Annotated[str, typer.Option(help="nurse, clinician or director.")] = "nurse",
    name: Annotated[str | None, typer.Option(help="The name that signatures show.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
) -> None:
    """Add an account; the password is asked for, and never shown."""
    import getpass
    from datetime import UTC, datetime

    from pwdlib import PasswordHash

    from clinical.sign_off import Role
    from storage import people
    from storage.database import migrate, open_database

    if role not in list(Role):
        _fail(f"expected a role, one of {', '.join(Role)}, got {role}")
    if not user.strip():
        _fail("expected a name to sign in with, got none")
    settings = _config(config)
    password = sys.stdin.readline().rstrip("\n") if password_stdin else getpass.getpass()
    if len(password) < PASSWORD_MIN:
        _fail(f"expected a password of at least {PASSWORD_MIN} characters, got {len(password)}")
    password_hash = PasswordHash.recommended().hash(password)  # before the record is locked
    with _opening(settings):
        settings.data.mkdir(parents=True, exist_ok=True, mode=0o700)
        migrate(settings.database_url)
    database = open_database(settings.database_url)
    try:
        with database.writing() as db:
            people.add_user(
                db,
                user=user,
                name=name or user,
                role=Role(role),
                password_hash=password_hash,
                by=f"command line ({getpass.getuser()})",
                now=datetime.now(UTC),
            )
    except people.UserExists as error:
        _fail(error, 1)
    finally:
        database.close()
    typer.echo(f"{user} can sign in as {role}")


@users.command("list")
def user_list(config: ConfigFile) -> None:
    """Every account, with its role."""
    from storage import people
    from storage.database import migrate, open_database

    settings = _config(config)
    if not settings.data.exists():
        _fail(f"there is no record yet in {settings.data}", 1)
    with _opening(settings):
        migrate(settings.database_url)
    database = open_database(settings.database_url)
    try:
        with database.reading() as db:
            for row in people.list_users(db):
                closed = "  deactivated" if row.deactivated_at else ""
                typer.echo(f"{row.user:20} {row.role:10} {row.name}{closed}")
    finally:
        database.close()


PASSWORD_MIN = 12  # length beats rules about kinds of characters


def _config(file: Path, found: Sequence[FoundPort] = ()) -> Config:
    from clinical.catalog.document import Malformed
    from dashboard.config import read_config

    try:
        return read_config(file, found)
    except Malformed as error:
        _fail(error)


def _monitors_of(text: str) -> list[list[str]]:
    """``ge-dri,dinamap+masimo-ascii1`` as the monitors of each chair."""
    from devices.registry import PROTOCOLS

    chairs = [[name.strip() for name in chair.split("+")] for chair in text.split(",")]
    for names in chairs:
        for name in names:
            if name not in PROTOCOLS:
                _fail(f"expected monitors, each one of {', '.join(PROTOCOLS)}, got {name!r}")
        if len(set(names)) < len(names):
            _fail(f"expected two monitors of different kinds at a chair, got {'+'.join(names)}")
    return chairs


def _forget_accounts(file: Path) -> None:
    """Remove what an earlier start wrote: whoever waits for the file must not read that."""
    try:
        if not file.parent.is_dir():
            _fail(f"cannot write {file}: there is no folder {file.parent}")
        file.unlink(missing_ok=True)
    except OSError as error:
        _fail(f"cannot write {file}: {error.strerror}")


@contextmanager
def _opening(settings: Config) -> Iterator[None]:
    """End with words where the record cannot be opened in the block."""
    from sqlalchemy.exc import DBAPIError

    from storage.database import SchemaTooNew

    try:
        yield
    except (SchemaTooNew, OSError, DBAPIError) as error:
        why = error.orig if isinstance(error, DBAPIError) else error
        _fail(f"the record in {settings.data} cannot be opened: {why}", 1)


@contextmanager
def _until_stopped() -> Iterator[None]:
    """Let Ctrl-C, and a service manager's SIGTERM, end the block without an error.

    Ctrl-C too is asked for by name: a shell starts what it puts into the background with SIGINT
    ignored, and then Python leaves it so.
    """
    import signal

    def stop(_number: int, _frame: object) -> NoReturn:
        raise KeyboardInterrupt

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, stop) for number in numbers]
    try:
        yield
    except KeyboardInterrupt:
        pass
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
