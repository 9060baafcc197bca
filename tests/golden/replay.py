"""What does Vigil log when a recording is shown by a bedside monitor and read off its cable?

    CSV -> simulated GE screen -> bytes -> SerialLink, decoder, translate -> SessionMonitor -> log

One clock is handed from the simulator to the line and on to the rules, so that hours take seconds
and nothing waits. Nobody is in the room: no alarm is acknowledged, no baseline is locked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event

from clinical.commands import OutcomeKind
from clinical.links import ClockRead, Identified, LinkEvent, LinkState
from clinical.monitor import Observed
from clinical.phases import SessionPhase
from clinical.record import AlarmEvent, Fact
from devices.link import Frame, SerialLink
from devices.registry import PROTOCOLS
from simulators.displayed import Displayed
from simulators.ge_dri import Monitor
from simulators.recording import Recording
from tests.clinical.fakes import BEGIN, Bedside, at

PROTOCOL = PROTOCOLS["ge-dri"]
PRESET = "ketamine-adult"
LEAD_S = 60.0  # the line is up, with nobody in the chair, before the first row
TAIL_S = 5.0  # the last row is seen by the slowest monitor, too
AFTER_FRAME_S = 0.001  # what is due in the moment of a frame is looked at after it
WHOLE = 4096  # bytes that a read takes at most, where nobody says less


@dataclass
class Cable:
    """The monitor's end of the line and the clock of both: a read that finds nothing waits, which
    here means that it is later.

    ``size`` is how many bytes a read takes at most. The line is stopped after ``length_s``.
    """

    monitor: Monitor
    chair: Bedside
    length_s: float
    size: int
    wakes: bool
    stop: Event = field(default_factory=Event)
    now_s: float = 0.0
    waiting: bytearray = field(default_factory=bytearray)
    bytes_read: int = 0
    speed: float = 1.0

    # --- what SerialLink knows of a port ---

    def read(self) -> bytes:
        if not self.waiting:
            said, next_s = self.monitor.due(self.now_s)
            if not said:
                self.pass_until(min(next_s, self.now_s + 1.0, self.length_s))
                said, _ = self.monitor.due(self.now_s)
            self.waiting += said
        data = bytes(self.waiting[: self.size])
        del self.waiting[: self.size]
        self.bytes_read += len(data)
        if not data and self.now_s >= self.length_s:
            self.stop.set()
        return data

    def write(self, data: bytes) -> None:
        self.waiting += self.monitor.heard(data, self.now_s)

    def close(self) -> None:
        """Nothing was opened."""

    # --- what it knows of a clock ---

    def now(self):
        return at(self.now_s)

    def monotonic(self) -> float:
        return self.now_s

    def pass_until(self, until_s: float) -> None:
        self.now_s = until_s
        if self.wakes:
            self.chair.wait(until_s - AFTER_FRAME_S)
        self.chair.now = at(until_s)
        if self.chair.state.session is None and until_s >= LEAD_S:
            assert self.chair.start(preset=PRESET).kind is OutcomeKind.DONE
            self.chair.bring_to(SessionPhase.INFUSING)


def replayed(
    file: Path, *, size: int = WHOLE, min_interval_s: int = 1, wakes: bool = True
) -> Bedside:
    """The chair after the whole of ``file``, in an infusion that began with its first row.

    ``min_interval_s`` is the shortest interval that the monitor agrees to: 1 s, or 5 s as its
    manual has it. ``wakes``: the rules are stepped between frames too, as the engine does.
    """
    recording = Recording(file)

    def showing(t_s: float) -> Displayed:
        return recording.at(t_s - LEAD_S)

    chair = Bedside()
    monitor = Monitor(
        showing, begin_unix_s=BEGIN.timestamp(), level=10, min_interval_s=min_interval_s
    )
    cable = Cable(monitor, chair, LEAD_S + recording.length_s + TAIL_S, size, wakes)
    told: list[LinkState] = []
    talk = PROTOCOL.talk()

    def tell(state: LinkState, detail: str) -> None:
        if told[-1:] != [state]:
            told.append(state)
            chair.step(LinkEvent(state, cable.now(), detail), cable.now())

    def emit(frame: Frame | Identified | ClockRead) -> None:
        if not isinstance(frame, Frame):
            return
        seen = Observed(frame.observations, frame.received_at, talk.interval_s, alarms=frame.alarms)
        chair.step(seen, cable.now())

    link = SerialLink(cable, PROTOCOL, PROTOCOL.decoder(), talk, cable, tell=tell, emit=emit)
    link.run(cable.stop)
    assert LinkState.DAMAGED not in told
    assert told.count(LinkState.LIVE) == 1, "the line was live from before the session to its end"
    assert told[-1] is LinkState.LIVE
    return chair


def written(facts: Sequence[Fact]) -> str:
    """The alarm log as a text: one line an event, in the order in which it was written.

    Minute and second of the recording, change, priority, condition, text.
    """
    return "".join(_line(fact) for fact in facts if isinstance(fact, AlarmEvent))


def _line(event: AlarmEvent) -> str:
    second = int((event.at - BEGIN).total_seconds() - LEAD_S)
    minute, second = divmod(second, 60)
    what = f"{event.change:<12} {event.priority:<6} {event.condition:<22} {event.text}"
    return f"{minute:4d}:{second:02d} {what}\n"
