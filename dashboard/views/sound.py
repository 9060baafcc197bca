"""What does a person see who tries out whether this screen can be heard?"""

from __future__ import annotations

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from clinical.alarms import AlarmPriority
from dashboard import ids
from dashboard.sound import HIGHEST_PCT, LOWEST_PCT, Heard

PATH = "/sound"
ASK_FLOOR_EVERY_MS = 5 * 60 * 1000  # what a director sets reaches a screen that nobody touches

HIGH, MEDIUM, LOW = AlarmPriority.HIGH, AlarmPriority.MEDIUM, AlarmPriority.LOW
MEANS = {
    HIGH: ("***", "Act now", "Ten pulses, every 10 s"),
    MEDIUM: ("**", "Act soon", "Three pulses, every 20 s"),
    LOW: ("*", "Take notice", "Two pulses, every 40 s"),
}
UNTESTED = "The sound has not been tested at this screen since you signed in."
PRIMARY = "The bedside monitor's own alarms stay primary, whatever is heard here."


def untested() -> Component:
    """A line for the shell of every page; sound.js shows it until the test was answered.

    One click sends it away, which is recorded as well.
    """
    return html.Div(
        id=ids.SOUND_UNTESTED,
        className="untested",
        role="status",
        hidden=True,
        title=UNTESTED,
        children=[
            html.Span("Sound not tested here", id=ids.SOUND_UNTESTED_SAID),
            dcc.Link("Test", href=PATH, className="button"),
            _answer(Heard.SKIPPED, "line", "Skip"),
        ],
    )


def level() -> Component:
    """The way to the sound from every page; sound.js adds the volume."""
    return dcc.Link(
        "Sound",
        id=ids.SOUND_LEVEL,
        href=PATH,
        className="sound-level",
        title="Volume and test of this screen",
    )


def carried() -> list[Component]:
    """What every page carries unseen: the floor, and what this screen has to say of its sound."""
    return [
        html.Div(id=ids.SOUND_FLOOR, hidden=True),  # sound.js reads its data-sound-floor
        dcc.Interval(id=ids.SOUND_FLOOR_TICK, interval=ASK_FLOOR_EVERY_MS),
        dcc.Store(id=ids.SOUND_SCREEN),  # set by sound.js
        dcc.Store(id=ids.SOUND_ANSWERED),
    ]


def page(floor_pct: int, may_set_floor: bool) -> html.Div:
    return html.Div(
        className="page sound-page",
        children=[
            html.H1("Can you hear an alarm here?"),
            html.P(
                "Play each tone and look at its colour. The answer is recorded with your name, the "
                "time and the volume.",
                className="dim",
            ),
            html.Div([_tone(priority) for priority in (HIGH, MEDIUM, LOW)], className="tones"),
            html.Div(
                [
                    _answer(Heard.ALL, "page", "I heard and saw all three", "button-main"),
                    _answer(Heard.NOT, "page", "I did not"),
                    _answer(Heard.SKIPPED, "page", "Skip"),
                ],
                className="answers",
            ),
            html.P(id=ids.SOUND_SAID, role="status", className="sound-said"),
            html.Section(
                [
                    html.H2("Volume of this screen"),
                    html.Div(id=ids.SOUND_VOLUME),  # sound.js fills it; React leaves it alone
                    html.P(
                        "The volume of the loudspeaker itself, and of the computer, Vigil cannot "
                        "see: that is what the test is for.",
                        className="dim",
                    ),
                ],
                className="part",
            ),
            *([_floor(floor_pct)] if may_set_floor else []),
            html.P(PRIMARY, className="dim"),
        ],
    )


def _tone(priority: AlarmPriority) -> Component:
    stars, means, pulses = MEANS[priority]
    return html.Article(
        className="tone",
        **{"data-tone": priority.value},
        children=[
            html.Div(
                [html.Span(stars, className="tone-stars"), html.Strong(priority.value.upper())],
                className="tone-sign",
            ),
            html.P(means),
            html.P(pulses, className="dim"),
            html.Button(
                f"Play {priority.value}",
                type="button",
                className="button",
                **{"data-sound-test": priority.value},
            ),
        ],
    )


def _answer(heard: Heard, where: str, words: str, more: str = "") -> Component:
    return html.Button(
        words,
        id=ids.sound_heard(heard.value, where),
        type="button",
        className=f"button {more}".strip(),
    )


def _floor(pct: int) -> Component:
    return html.Section(
        [
            html.H2("The floor of all screens"),
            html.P(
                "No screen of the clinic can be turned below this. For the medical director.",
                className="dim",
            ),
            html.Div(
                [
                    dmc.NumberInput(
                        id=ids.SOUND_FLOOR_FIELD,
                        label=f"Lowest volume, {LOWEST_PCT} to {HIGHEST_PCT} %",
                        value=pct,
                        allowDecimal=False,
                    ),
                    html.Button(
                        "Set the floor",
                        id=ids.act("sound-floor"),
                        type="button",
                        className="button",
                    ),
                ],
                className="answers",
            ),
            html.P(id=ids.said("sound", "floor"), role="status"),
        ],
        className="part",
    )
