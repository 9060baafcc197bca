"""What does each alarm preset say, who answers for it, and with which form is it changed?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo
from itertools import pairwise
from typing import TYPE_CHECKING

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from clinical.alarms import AlarmLimit, Direction, RelativeLimit
from clinical.catalog.edition import Difference, Number, differences, numbers_of, words
from clinical.catalog.loader import UnknownEntry
from clinical.catalog.preset import Preset
from clinical.vitals import CUFF, NATURE, Metric
from dashboard import ids
from dashboard.views import wording
from dashboard.views.limits import COLUMNS
from dashboard.views.numbers import UNIT

if TYPE_CHECKING:
    from dashboard.presets import Shelved

NONE = "–"
UNSIGNED = "Not signed by a medical director yet"
FOR_DIRECTORS = "Only a medical director changes or signs a preset."
FORM = "form"
MIN_S = 60
REASON_MAX = 500


def page(shelved: Shelved, may_sign: str | None, zone: tzinfo | None) -> html.Div:
    """Every preset in its newest edition. ``may_sign`` is the user, where a director looks."""
    return html.Div(
        className="review presets",
        children=[
            html.H1("Alarm presets"),
            html.P(
                "A session starts with the newest edition of its preset and keeps it to its end. "
                "The shipped limits are defaults: they stand until your medical director has "
                "changed or signed them.",
                className="dim",
            ),
            html.Div(listed(shelved, may_sign, zone), className="preset-list"),
        ],
    )


def listed(shelved: Shelved, may_sign: str | None, zone: tzinfo | None) -> list[Component]:
    presets = shelved.presets
    return [
        *([_unreadable(shelved.unreadable)] if shelved.unreadable else []),
        *(_preset(presets.newest(name), shelved, may_sign, zone) for name in _in_order(shelved)),
    ]


def _in_order(shelved: Shelved) -> list[str]:
    """The names, those that others come from first."""

    def ancestry(name: str) -> int:
        preset, above = shelved.presets.newest(name), {name}
        # As far as there are editions: a record that was tampered with may lead in a circle.
        for _each in shelved.presets.editions:
            parent = _parent_of(preset, shelved)
            if parent is None:
                break
            above.add(parent.name)
            preset = parent
        return len(above)

    return sorted(shelved.presets.names, key=ancestry)


def _unreadable(unreadable: Sequence[str]) -> html.Div:
    return html.Div(
        [
            html.P("An edition could not be read, and an older one stands in for it:"),
            html.Ul([html.Li(why) for why in unreadable]),
        ],
        className="refused",
        role="alert",
    )


def _preset(
    preset: Preset, shelved: Shelved, may_sign: str | None, zone: tzinfo | None
) -> html.Section:
    change = dcc.Link("Change numbers", href=address(preset.name), className="button")
    parent = _parent_of(preset, shelved)
    return html.Section(
        className="part preset",
        children=[
            html.Header(
                [
                    html.H2(preset.title),
                    html.Span(f"{preset.name}, version {preset.version}", className="dim"),
                    *([html.Div(change, className="steps")] if may_sign else []),
                ],
                className="preset-head",
            ),
            html.Div(
                signatures(preset, shelved, may_sign, zone),
                id=ids.preset_signed(preset.name, preset.version),
                className="preset-lineage",
            ),
            table(preset, parent),
            _rest(preset, parent),
            _other_editions(preset, shelved, zone),
        ],
    )


def signatures(
    preset: Preset,
    shelved: Shelved,
    may_sign: str | None,
    zone: tzinfo | None,
    complaint: Component | None = None,
) -> list[Component]:
    """Who made and signed an edition, and the button that signs it; drawn anew after a click.

    A part of its own: to draw all tables anew holds the page up for a second or more, and the
    alarms on it.
    """
    signed_by = [each.by for each in shelved.signed.get((preset.name, preset.version), ())]
    sign = html.Button(
        f"Sign version {preset.version}",
        id=ids.sign_preset(preset.name, preset.version),
        className="button button-main",
    )
    can_sign = may_sign is not None and may_sign not in signed_by
    return [
        *_lineage(preset, shelved, zone),
        *([sign] if can_sign else []),
        *([complaint] if complaint is not None else []),
    ]


def address(name: str) -> str:
    return f"/presets/{name}"


def _parent_of(preset: Preset, shelved: Shelved) -> Preset | None:
    if preset.parent is None:
        return None
    try:
        return shelved.presets.edition(*preset.parent)
    except UnknownEntry:
        return None


def _lineage(preset: Preset, shelved: Shelved, zone: tzinfo | None) -> list[Component]:
    """Where it comes from, who made it and why, and who signed it."""
    edition = (preset.name, preset.version)
    made, signed = shelved.made.get(edition), shelved.signed.get(edition, ())
    origin = "Ships with Vigil"
    if made is not None:
        when = wording.day_and_time(made.at, zone)
        origin = f"Made by {made.by}, {when}: {made.reason}"
    if preset.parent is not None:
        origin += f" (from {preset.parent[0]}, version {preset.parent[1]})"
    return [
        html.P(origin),
        html.P(
            [
                html.Span(
                    f"Signed by {each.by}, {wording.day_and_time(each.at, zone)}. ",
                    className="preset-signed",
                )
                for each in signed
            ]
            or html.Strong(UNSIGNED, className="preset-unsigned"),
        ),
    ]


def table(preset: Preset, parent: Preset | None) -> html.Div:
    """Sign by sign, from the lowest limit to the highest; what the parent has otherwise, marked."""
    limits: list[AlarmLimit | RelativeLimit] = [*preset.limits, *preset.relative]
    inherited: list[AlarmLimit | RelativeLimit] | None = None
    if parent is not None:
        inherited = [*parent.limits, *parent.relative]
    names = ["Sign", *(name for name, *_ in COLUMNS), "Nurse may move"]
    body = [
        html.Tr(
            [
                html.Th([NATURE[metric].label, html.Span(f" {UNIT[NATURE[metric].unit]}")]),
                *(
                    html.Td(
                        [
                            _cell(limit, inherited)
                            for limit in limits
                            if limit.metric is metric
                            and limit.priority is priority
                            and limit.operator.direction in directions
                        ]
                    )
                    for _name, priority, directions in COLUMNS
                ),
                html.Td(_bounds(preset, parent, metric)),
            ]
        )
        for metric in dict.fromkeys(limit.metric for limit in limits)
    ]
    head = html.Thead(html.Tr([html.Th(name) for name in names]))
    marks = parent is not None and bool(differences(parent, preset))
    note = f"◆ differs from {parent.name}, version {parent.version}" if marks and parent else ""
    return html.Div(
        [
            html.Div(html.Table([head, html.Tbody(body)]), className="table limits-table"),
            *([html.P(note, className="dim")] if note else []),
        ]
    )


def _cell(
    limit: AlarmLimit | RelativeLimit, inherited: Sequence[AlarmLimit | RelativeLimit] | None
) -> html.Div:
    """> 120 10 s. Of a cuff nothing is said: one reading is enough, and it alarms at once."""
    label = f"{NATURE[limit.metric].label} "
    said = words(limit).removeprefix(label).removesuffix(f" {limit.priority}")
    wait = f" {limit.delay_s:g} s" if limit.delay_s else " at once"
    lasts = None if limit.metric in CUFF else html.Span(wait, className="dim")
    if inherited is None or limit in inherited:
        return html.Div([said, lasts], className="limit")
    return html.Div([html.Strong(f"◆ {said}"), lasts], className="limit is-moved")


def _bounds(preset: Preset, parent: Preset | None, metric: Metric) -> list[Component]:
    lines: list[Component] = []
    for direction in (Direction.LOW, Direction.HIGH):
        span = preset.bounds.get((metric, direction))
        if span is None:
            continue
        is_new = parent is not None and parent.bounds.get((metric, direction)) != span
        said = f"{direction}: {span[0]:g} to {span[1]:g}"
        lines.append(
            html.Div(
                html.Strong(f"◆ {said}") if is_new else said,
                className="limit is-moved" if is_new else "limit",
            )
        )
    return lines


def _rest(preset: Preset, parent: Preset | None) -> html.Ul:
    """What the table does not hold; what the parent has otherwise, marked."""
    inherited = _lines(parent) if parent is not None else _lines(preset)
    return html.Ul(
        [
            html.Li(line if line in inherited else html.Strong(f"◆ {line}"))
            for line in _lines(preset)
        ],
        className="preset-rest",
    )


def _lines(preset: Preset) -> list[str]:
    lines = [
        f"Cuff every {preset.cuff_infusing_s / MIN_S:g} min while infusing, every "
        f"{preset.cuff_recovery_s / MIN_S:g} min in recovery.",
    ]
    if preset.decision_above is not None:
        systolic, diastolic = preset.decision_above
        lines.append(
            f"A pressure above {systolic:g}/{diastolic:g} before the dose needs a clinician's "
            "decision and reason."
        )
    if preset.minutes_since_start is not None:
        lines.append(f"The patient stays at least {preset.minutes_since_start} min from the dose.")
    if preset.relative:
        lines.append("Limits in % are of the patient's own baseline; off while there is none.")
    kept = " and ".join(preset.latching)
    if kept:
        lines.append(f"A {kept} priority alarm that nobody has seen stays on the screen.")
    return lines


def _other_editions(preset: Preset, shelved: Shelved, zone: tzinfo | None) -> Component:
    """The earlier editions, newest first: an old session is read by the one it ran under."""
    editions = shelved.presets.editions
    versions = sorted((version for name, version in editions if name == preset.name), reverse=True)
    if len(versions) < 2:
        return html.Div()
    items = []
    for newer, version in pairwise(versions):
        older = editions[preset.name, version]
        items.append(
            html.Div(
                [
                    html.H3(f"Version {version}"),
                    *_lineage(older, shelved, zone),
                    html.P(f"Version {newer} has otherwise:", className="dim"),
                    changes(differences(older, editions[preset.name, newer])),
                ],
                className="preset-older",
            )
        )
    return html.Details([html.Summary(f"Earlier editions ({len(items)})"), *items])


def changes(found: Sequence[Difference]) -> Component:
    """What one edition has otherwise than another, before and after."""
    if not found:
        return html.P("Nothing.", className="dim")
    head = html.Thead(html.Tr([html.Th("What"), html.Th("Before"), html.Th("After")]))
    body = [
        html.Tr([html.Td(each.what), html.Td(each.before or NONE), html.Td(each.after or NONE)])
        for each in found
    ]
    return html.Div(html.Table([head, html.Tbody(body)]), className="table preset-changes")


# --- the form -------------------------------------------------------------------------------------


def form(preset: Preset) -> html.Div:
    """A field for each number of ``preset``, the reason, and what would change."""
    numbers = numbers_of(preset)
    return html.Div(
        className="review presets",
        children=[
            html.Header(
                [
                    html.H1(f"Change {preset.title}"),
                    html.Span(f"from {preset.name}, version {preset.version}", className="dim"),
                    dcc.Link("All presets", href="/presets", className="button past-back"),
                ],
                className="past-head",
            ),
            html.Div(
                [
                    html.Section(
                        [
                            html.H2("Cuff, minutes"),
                            html.Div(
                                [
                                    _field("cuff:infusing", numbers, "While infusing"),
                                    _field("cuff:recovery", numbers, "In recovery"),
                                ],
                                className="preset-row",
                            ),
                        ],
                        className="part",
                    ),
                    *(
                        _sign(metric, preset, numbers)
                        for metric in dict.fromkeys(limit.metric for limit in preset.limits)
                    ),
                    html.Section(
                        className="part",
                        children=[
                            html.H2("A new edition"),
                            dmc.TextInput(
                                id=ids.field("preset-reason"),
                                label="Why? It stays with the edition",
                                value="",
                                autoComplete="off",
                                attributes={"input": {"maxLength": REASON_MAX}},
                            ),
                            html.Button(
                                "Show what changes",
                                id=ids.act("show-preset-changes"),
                                className="button",
                            ),
                            html.Div(id=ids.said("presets", FORM), **{"aria-live": "polite"}),
                        ],
                    ),
                ],
                id=ids.PRESET_FORM,
                className="preset-form",
                **{"data-edition": f"{preset.name} {preset.version}"},
            ),
        ],
    )


def _sign(metric: Metric, preset: Preset, numbers: Mapping[str, Number]) -> html.Section:
    nature = NATURE[metric]
    rows: list[Component] = []
    for at, limit in enumerate(preset.limits):
        if limit.metric is metric:
            parts = [("limit", "Limit"), ("delay", "Delay, s"), ("beside", "")]
            rows.append(_row(limit, at, parts, numbers))
    for at, relative in enumerate(preset.relative):
        if relative.metric is metric:
            change = "Rise, %" if relative.operator.direction is Direction.HIGH else "Fall, %"
            parts = [("change", change), ("change-delay", "Delay, s"), ("change-beside", "")]
            rows.append(_row(relative, at, parts, numbers))
    for direction in (Direction.LOW, Direction.HIGH):
        if (metric, direction) in preset.bounds:
            key = f"bound:{metric}:{direction}"
            rows.append(
                html.Div(
                    [
                        html.Span(f"Nurse may move the {direction} limits", className="preset-of"),
                        _field(f"{key}:from", numbers, "From"),
                        _field(f"{key}:to", numbers, "To"),
                    ],
                    className="preset-row",
                )
            )
    title = html.H2([nature.label, html.Span(f" {UNIT[nature.unit]}", className="dim")])
    return html.Section([title, *rows], className="part")


def _row(
    limit: AlarmLimit | RelativeLimit,
    at: int,
    parts: Sequence[tuple[str, str]],
    numbers: Mapping[str, Number],
) -> html.Div:
    side = "low side" if limit.operator.direction is Direction.LOW else "high side"
    fields = []
    for part, label in parts:
        if f"{part}:{at}" in numbers:
            if limit.beside is not None and not label:
                beside = limit.beside
                label = f"with {NATURE[beside.metric].label} {beside.operator}"
            fields.append(_field(f"{part}:{at}", numbers, label))
    return html.Div(
        [
            html.Span(
                f"{limit.priority.value.capitalize()}, {side}, {limit.operator}",
                className="preset-of",
            ),
            *fields,
        ],
        className="preset-row",
    )


def _field(key: str, numbers: Mapping[str, Number], label: str) -> dmc.NumberInput:
    """The browser keeps to the range where it can; the server says why where it did not."""
    number = numbers[key]
    return dmc.NumberInput(
        id=ids.preset_number(key),
        label=label,
        value=number.value,
        min=number.low,
        max=number.high,
        clampBehavior="none",  # else a wrong number would become another one unseen
        allowDecimal=False,
        hideControls=True,
        attributes={"input": {"aria-label": number.label}},
    )


def preview(found: Sequence[Difference], shown: str) -> list[Component]:
    """What would change, and the button that saves just that; ``shown`` goes back with it."""
    return [
        changes(found),
        html.Button(
            "Save this as a new edition",
            id=ids.act("save-preset"),
            className="button button-main",
            **{"data-shown": shown},
        ),
    ]


def saved(preset: Preset) -> html.Section:
    return html.Section(
        [
            html.H2(f"Saved: {preset.name}, version {preset.version}"),
            html.P("New sessions start with it from now on. It is not signed yet."),
            dcc.Link("Look at it and sign it", href="/presets", className="button button-main"),
        ],
        className="part",
        role="status",
    )


def refused_page() -> html.Div:
    return html.Div(html.P(FOR_DIRECTORS), className="not-found")


def complaint(words: str) -> html.Div:
    return html.Div(words, className="refused", role="alert")
