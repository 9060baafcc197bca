"""What hangs on the wall? A page for the big screen that needs no Dash and nobody signed in.

    GET  /wall           the chairs, for a paired browser; a code to be paired with, for any other
    POST /wall/pairing   {"state": "waiting", "code", "left_s"} or {"state": "paired"}, which brings
                         the screen's cookie; "busy": too many wait; "unreachable": no record
    POST /wall/seen      the page runs: {"hidden", "live"}; {"paired", "version"} comes back
    GET  /wall/worker.js keeps a copy of the page for when it is opened while the server is away

The page never leaves itself while something fails: a browser's own error page would hang there
until somebody comes. The numbers are live.js's, as on every other page.
"""

from __future__ import annotations

import hashlib
import json
import math
from html import escape
from http import HTTPStatus
from pathlib import Path
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from clinical.vitals import NATURE, Metric
from dashboard.screens import Screen, ScreenCookies, Screens, TooManyWait
from dashboard.security import AS_SCREEN, TooManyTries, address_of
from dashboard.services import Site
from dashboard.sign_in import ICON
from dashboard.views.board import NO_CHAIRS
from dashboard.views.numbers import UNIT

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = ("wall.js", "sound.js", "live.js")  # wall.js first: it hears what the others say
WORKER = "wall-worker.js"
WINDOW_S = 60  # the wall draws no trend: the latest values are enough
MAX_BODY = 256  # bytes
COLUMNS = {3: 3, 7: 4, 8: 4}  # by chairs, where the square root is not the best
COLUMNS_UPRIGHT = {2: 1, 3: 1, 5: 2, 6: 2, 7: 2, 8: 2, 10: 3, 11: 3, 12: 3}


def routes(site: Site, screens: Screens, cookies: ScreenCookies) -> list[Route]:
    scripts = b"".join((ASSETS / name).read_bytes() for name in (*SCRIPTS, "wall.css", WORKER))
    of_scripts = hashlib.sha256(scripts)

    def version() -> str:
        """Changes with all that a page on the wall was made of: then it fetches itself anew."""
        made_of = of_scripts.copy()
        made_of.update(_chairs(site).encode())
        return made_of.hexdigest()[:16]

    async def wall(request: Request) -> Response:
        token = cookies.token(request)
        try:
            screen = await screens.screen(token)
        except SQLAlchemyError:
            return HTMLResponse(lobby(site, version(), UNREACHABLE), HTTPStatus.SERVICE_UNAVAILABLE)
        if token is None or screen is None:
            return HTMLResponse(lobby(site, version(), REMOVED if token else ""))
        response = HTMLResponse(page(site, version(), screen), headers={"vigil-wall": "paired"})
        cookies.put_token(response, token)
        return response

    async def pairing(request: Request) -> Response:
        try:
            if await screens.screen(cookies.token(request)) is not None:
                return JSONResponse({"state": "paired"})
        except SQLAlchemyError:
            return JSONResponse({"state": "unreachable"}, HTTPStatus.SERVICE_UNAVAILABLE)
        try:
            ticket, waiting = screens.wait(cookies.ticket(request), address_of(request))
        except (TooManyTries, TooManyWait):
            return JSONResponse({"state": "busy"}, HTTPStatus.TOO_MANY_REQUESTS)
        if waiting.token is not None:
            response = JSONResponse({"state": "paired"})
            cookies.put_token(response, waiting.token)
            return response
        left_s = screens.left_s(waiting)
        response = JSONResponse(
            {"state": "waiting", "code": waiting.code, "left_s": math.ceil(left_s)}
        )
        cookies.put_ticket(response, ticket, left_s)
        return response

    async def seen(request: Request) -> Response:
        said = _said(await request.body())
        token = cookies.token(request)
        try:
            screen = await screens.screen(token)
        except SQLAlchemyError:
            return JSONResponse({"state": "unreachable"}, HTTPStatus.SERVICE_UNAVAILABLE)
        response = JSONResponse({"paired": screen is not None, "version": version()})
        if screen is not None and token is not None:
            await screens.note_seen(
                token,
                screen,
                is_hidden=said.get("hidden") is True,
                is_live=said.get("live") is not False,
            )
            cookies.put_token(response, token)  # its time begins anew: it ends with the screen
        return response

    async def worker(_request: Request) -> Response:
        return Response(
            (ASSETS / WORKER).read_bytes(),
            media_type="text/javascript",
            headers={"service-worker-allowed": "/wall", "cache-control": "no-cache"},
        )

    return [
        Route("/wall", wall, methods=["GET"]),
        Route("/wall/pairing", pairing, methods=["POST"], max_body_size=MAX_BODY),
        Route("/wall/seen", seen, methods=["POST"], max_body_size=MAX_BODY),
        Route("/wall/worker.js", worker, methods=["GET"]),
    ]


def _said(body: bytes) -> dict[str, Any]:
    """What a page says of itself; nothing where that makes no sense."""
    try:
        said = json.loads(body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


# The page.


def page(site: Site, version: str, screen: Screen) -> str:
    """The chairs, without a number yet and without any patient. Until it hears the server it will
    say SCREEN NOT LIVE by itself: the style sheet does, should every script fail."""
    scripts = "\n".join(f'<script src="/assets/{name}"></script>' for name in SCRIPTS)
    return _document(
        site,
        version,
        "paired",
        f"""<div id="dead-man"><span>SCREEN NOT LIVE – look at the bedside monitors</span></div>
<div id="not-live" role="alert" hidden></div>
<header class="bar">
<strong>{escape(site.clinic)}</strong><span class="dim">{escape(screen.name)}</span>
{_simulated(site)}
<span class="secondary">{SECONDARY}</span>
<strong id="hidden-tab" hidden>IN BACKGROUND</strong>
<div id="sound-off" hidden></div>
<span class="times">last update <b id="heard">never</b> <b id="clock"></b></span>
</header>
{_chairs(site)}
{scripts}""",
    )


def lobby(site: Site, version: str, why: str) -> str:
    """A code to be paired with, and what to do with it; ``why`` the screen is not a wall any more.

    The style of the wall itself, so that a person sees in the lobby how bright the room is.
    """
    return _document(
        site,
        version,
        "waiting",
        f"""<main class="lobby">
{_simulated(site)}
<h1>{escape(site.clinic)}</h1>
<p id="why" role="status">{escape(why or NOT_PAIRED)}</p>
<p id="code" aria-live="polite">······</p>
<p id="how">A medical director opens <b>Screens</b> in Vigil on another computer and types this
code there. Then this screen shows the chairs by itself.</p>
<p id="left" class="dim">Asking for a code</p>
<p class="dim">{SECONDARY}</p>
</main>
<script src="/assets/wall.js"></script>""",
    )


NOT_PAIRED = "This screen is not paired with the clinic and shows no chairs."
REMOVED = "This screen was removed from the list, or its pairing ended. It shows no chairs."
UNREACHABLE = "The record cannot be read just now. This screen tries again by itself."
SECONDARY = "Secondary display – the bedside monitor's own alarms stay primary."


def _document(site: Site, version: str, state: str, body: str) -> str:
    return f"""<!doctype html>
<html lang="en" data-version="{version}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="dark">
<title>Wall – {escape(site.clinic)}</title>
<link rel="icon" href="{ICON}">
<link rel="stylesheet" href="/assets/wall.css">
</head>
<body data-state="{state}">
{body}
</body>
</html>
"""


def _simulated(site: Site) -> str:
    return '<strong class="simulated">SIMULATED DATA</strong>' if site.is_simulated else ""


def columns(chairs: int) -> tuple[int, int]:
    """How many columns give the largest digits, on a lying and on a standing screen."""
    square = max(1, math.ceil(math.sqrt(chairs)))
    return COLUMNS.get(chairs, square), COLUMNS_UPRIGHT.get(chairs, square)


def _chairs(site: Site) -> str:
    numbers = [number for number, _name in site.chairs]
    lying, standing = columns(len(numbers))
    tiles = "\n".join(_tile(number, name) for number, name in site.chairs)
    tiles = tiles or f'<p class="dim">{escape(NO_CHAIRS)}</p>'
    return f"""<main id="live-root" class="wall" data-as="{AS_SCREEN}"
 data-chairs="{",".join(map(str, numbers))}" data-window="{WINDOW_S}" data-count="{len(numbers)}"
 data-hears="" style="--lying: {lying}; --standing: {standing}">
{tiles}
</main>"""


def _tile(chair: int, name: str) -> str:
    return f"""<article class="tile" data-tile="{chair}">
<header class="tile-head">
<h2>{escape(name)}</h2>
{_word(chair, "phase")}
<span class="clock">{_word(chair, "elapsed")}<small>elapsed</small></span>
<span class="clock">{_word(chair, "remaining")}<small>left</small></span>
</header>
<div class="signs">
{_sign(chair, Metric.HEART_RATE, Metric.PULSE_RATE)}
{_cuff(chair)}
{_sign(chair, Metric.SPO2)}
{_sign(chair, Metric.RESP_RATE)}
<p class="quiet">{_word(chair, "audio")}{_word(chair, "off")}</p>
</div>
<footer class="alarm-line">
<span class="alarm-badge"></span>
{_word(chair, "alarm-text")}
{_word(chair, "alarm-more")}
<span class="seen">SEEN</span>
<span class="latched">ENDED<small>, NOT SEEN</small></span>
<span class="not-recording">NOT RECORDING</span>
{_word(chair, "link")}
</footer>
</article>"""


def _sign(chair: int, *metrics: Metric) -> str:
    nature = NATURE[metrics[0]]
    source = _word(chair, "hr-source") if metrics[0] is Metric.HEART_RATE else ""
    return f"""<div class="sign sign-{metrics[0]}">
<p class="label"><b>{nature.label}</b><small>{UNIT[nature.unit]}</small>{source}</p>
<div class="digits">{"".join(_number(chair, metric) for metric in metrics)}</div>
</div>"""


def _cuff(chair: int) -> str:
    return f"""<div class="sign sign-nibp">
<p class="label"><b>NIBP</b><small>mmHg</small>{_word(chair, "cuff-time")}{_word(chair, "cuff-age")}
</p>
<div class="digits">{_number(chair, Metric.NIBP_SYSTOLIC)}<i>/</i>{
        _number(chair, Metric.NIBP_DIASTOLIC)
    }<span class="mean">({_number(chair, Metric.NIBP_MEAN)})</span></div>
</div>"""


def _number(chair: int, metric: Metric) -> str:
    return f'<span class="number" data-chair="{chair}" data-metric="{metric}"></span>'


def _word(chair: int, role: str) -> str:
    return f'<span class="word word-{role}" data-chair="{chair}" data-role="{role}"></span>'
