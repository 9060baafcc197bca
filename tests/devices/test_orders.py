"""Does what a nurse orders reach the monitor's cuff, on the thread that owns the port?"""

from __future__ import annotations

import errno
from dataclasses import replace
from queue import SimpleQueue
from threading import Event

import pytest

from clinical.links import CuffOrder, LinkState
from devices.link import SerialLink
from devices.protocols.ge_dri import Talk, request_frame
from devices.registry import PROTOCOLS
from devices.supervisor import Supervisor
from tests.devices import ge_frames as ge
from tests.devices.lines import HandClock, Heard, ScriptedPort

ASK, STOP = request_frame(1, 0), request_frame(0, 0)


class Obeys(Talk):
    """A conversation that passes orders on in plain words."""

    def order(self, order: CuffOrder, _now_s: float) -> bytes:
        return f"{order}!".encode()


GE = PROTOCOLS["ge-dri"]
WORKS_CUFF = replace(GE, talk=Obeys, works_cuff=True)


def linked(protocol, orders, *script):
    clock, stop = HandClock(), Event()
    port = ScriptedPort(clock, script, stop)
    link = SerialLink(
        *(port, protocol, protocol.decoder(), protocol.talk(), clock),
        tell=lambda state, detail: None,
        emit=lambda frame: None,
        orders=orders,
    )
    link.run(stop)
    return port.written


def test_an_order_is_said_after_the_next_read_in_the_turn_it_was_given():
    orders: SimpleQueue[CuffOrder] = SimpleQueue()
    orders.put(CuffOrder.START)
    orders.put(CuffOrder.CANCEL)
    written = linked(WORKS_CUFF, orders, ge.WORKED, 1.0)
    assert written == [STOP + ASK, b"start!cancel!", STOP]


def test_a_monitor_that_obeys_nobody_is_told_nothing():
    orders: SimpleQueue[CuffOrder] = SimpleQueue()
    orders.put(CuffOrder.START)
    assert linked(GE, orders, 0.1) == [STOP + ASK, STOP]
    supervisor = Supervisor("chair 1", "/dev/ttyUSB0", GE, HandClock(), print)
    with pytest.raises(ValueError, match="does not let its cuff be worked"):
        supervisor.order(CuffOrder.START)


@pytest.mark.parametrize(
    ("given", "later_s", "said"),
    [
        ([CuffOrder.START], 0, b""),
        ([CuffOrder.START, CuffOrder.CANCEL], 60, b"cancel!"),
        ([CuffOrder.START, CuffOrder.CANCEL], 60.1, b""),
    ],
)
def test_of_what_was_ordered_while_the_cable_was_out_only_a_recent_cancel_is_said(
    given, later_s, said
):
    heard, ports = Heard(), []
    clock = HandClock()

    def open_port(_port, _settings, _read_within_s):
        if not ports:
            ports.append(None)
            raise OSError(errno.ENOENT, "no such file")
        ports.append(ScriptedPort(clock, [ge.WORKED]))
        return ports[-1]

    supervisor = Supervisor(
        *("chair 1", "/dev/ttyUSB0", WORKS_CUFF, clock, heard), open_port=open_port
    )
    for order in given:
        supervisor.order(order)
    clock.advance(later_s)
    supervisor.start()
    try:
        heard.until(LinkState.DISCONNECTED)
        heard.until(LinkState.LIVE)
    finally:
        supervisor.stop()
    written = b"".join(ports[-1].written)
    assert written.replace(STOP, b"").replace(ASK, b"") == said
