"""What is the dashboard made of? One FastAPI server: gate, sign-in, live socket, pages of Dash.

Nothing exists at import; ``create_app`` builds it all from the services it is given.
"""

from __future__ import annotations

import inspect
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any, NoReturn, Protocol
from urllib.parse import unquote

import dash_mantine_components as dmc
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.backends import _fastapi
from dash.development.base_component import Component
from fastapi import FastAPI
from pwdlib import PasswordHash
from starlette.middleware.body_limit import RequestBodyLimitMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute

from clinical.sign_off import Actor, Role
from dashboard import ids, sign_in, wall
from dashboard.screens import ScreenCookies
from dashboard.security import (
    Gate,
    People,
    SessionCookie,
    SignIns,
    content_policy,
    current_actor,
    script_hash,
)
from dashboard.services import Services, Site
from dashboard.sign_in import ICON
from dashboard.views import sound, wording
from dashboard.views.not_found import not_found

LOCATION, PAGE, PAGE_TITLE, NOT_LIVE = "location", "page", "page-title", "not-live"
PLACES = "places"
BANNER, BANNER_MORE, SOUND_OFF = "alarm-banner", "alarm-banner-more", "sound-off"
LAST_HEARD = "last-heard"

MAX_BODY = 2 * 1024 * 1024  # bytes; the largest thing a page sends is a drawn signature
CHAIRS_IN_BAR = 8
GZIP_FROM = 1024  # bytes; below, the header outweighs what is saved
GZIP_LEVEL = 5  # of 9: within 2 % of the smallest, at half the work

log = logging.getLogger(__name__)

SECONDARY = "Secondary display – the bedside monitor's own alarms stay primary."


def _tell_the_log(error: Exception) -> NoReturn:
    """Dash answers 500 and says nothing: whoever runs the clinic would never know why."""
    log.error("a callback failed", exc_info=error)
    raise error


class Page(Protocol):
    """A module of ``dashboard.pages``.

    ``PATH`` is "/chair/<chair>": each name in brackets is one path segment and becomes a keyword
    argument, as text. A page whose path can name what is not there also has
    ``exists(services, **params) -> bool``, plain or async.
    """

    PATH: str
    TITLE: str

    @property
    def layout(self) -> Callable[..., Awaitable[Component | None]]:
        """``async layout(services, **params)``: the page, or None where ``params`` name nothing."""
        ...

    def register(self, app: Dash, services: Services) -> None:
        """Add the page's callbacks, all of them ``async def``."""
        ...


def create_app(
    services: Services,
    pages: Sequence[Page],
    people: People,
    *,
    hosts: Collection[str] = (),
    is_tls: bool = False,
    hasher: PasswordHash | None = None,
) -> FastAPI:
    """The whole server; ``hosts`` are the names it answers to (localhost and addresses apart).

    ``server.state.dash`` is the Dash app. Routes of one's own belong before the call's end, in a
    page's ``register``: whatever is added later stands behind the route that takes every path.
    """
    sign_ins, cookie = SignIns(people, hasher=hasher), SessionCookie(is_tls)
    screens, screen_cookies = services.screens, ScreenCookies(is_tls)

    @asynccontextmanager
    async def life(_server: FastAPI) -> AsyncIterator[None]:
        async with services.hub.serving():
            yield

    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    server.router.routes += [
        Route("/healthz", _healthz),
        Route("/live/signed-in", _signed_in),
        WebSocketRoute("/live/ws", services.hub.serve),
        *sign_in.routes(services.site, sign_ins, cookie),
        *(wall.routes(services.site, screens, screen_cookies) if screens else ()),
    ]
    app = Dash(
        __name__,  # where assets/ lies
        server=server,
        title="Vigil",
        update_title="",
        assets_ignore="^wall",  # the scripts of a page that is not Dash's
        index_string=INDEX,
        # The pages come and go in one container, so no layout ever holds all ids at once.
        suppress_callback_exceptions=True,
        on_error=_tell_the_log,
    )
    app.backend.websocket_capability = False  # else each page holds a second, idle socket
    app.layout = lambda: shell(services.site)
    _register_router(app, services, pages)
    for page in pages:
        page.register(app, services)
    # Dash would do this with the first request to one of its own paths; a first visit to
    # /chair/1 would then be served without our assets and with scripts that have no hash yet.
    app._setup_server()
    server.router.routes.append(Route("/{path:path}", _every_other_path(app, services, pages)))
    server.add_middleware(GZipMiddleware, minimum_size=GZIP_FROM, compresslevel=GZIP_LEVEL)
    server.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY)
    server.add_middleware(  # last, so that it stands outermost
        Gate,
        sign_ins=sign_ins,
        cookie=cookie,
        hosts=hosts,
        policy=content_policy([*app.csp_hashes(), script_hash(THEME)]),
        screens=screens,
        screen_cookies=screen_cookies,
    )
    server.state.dash = app
    return server


async def _healthz(_request: Request) -> Response:
    return PlainTextResponse("ok")


async def _signed_in(_request: Request) -> Response:
    """Says by its status whether the sign-in still holds; a refused socket cannot say why."""
    return Response(status_code=HTTPStatus.NO_CONTENT)


# Which page a path means.


def find(pages: Sequence[Page], path: str) -> tuple[Page, dict[str, str]] | None:
    """The page of ``path`` (not percent-encoded) and what its brackets stand for."""
    for page in pages:
        pattern = re.sub(r"<(\w+)>", r"(?P<\1>[^/]+)", page.PATH)
        if match := re.fullmatch(pattern, path):
            return page, match.groupdict()
    return None


async def is_there(services: Services, pages: Sequence[Page], path: str) -> bool:
    found = find(pages, path)
    if found is None:
        return False
    page, params = found
    exists = getattr(page, "exists", None)
    answer = exists(services, **params) if exists else True
    return await answer if inspect.isawaitable(answer) else bool(answer)


def _every_other_path(app: Dash, services: Services, pages: Sequence[Page]) -> Any:
    """The last route. Dash's own, added behind it at start, would answer 200 to any path."""

    async def other(request: Request) -> Response:
        if await is_there(services, pages, request.url.path):
            status = HTTPStatus.OK
        elif "text/html" in request.headers.get("accept", ""):
            status = HTTPStatus.NOT_FOUND
        else:
            return PlainTextResponse("There is nothing here.", HTTPStatus.NOT_FOUND)
        with _as_dash_request(request):
            return HTMLResponse(app.index(), status)

    return other


@contextmanager
def _as_dash_request(request: Request) -> Iterator[None]:
    """What Dash 4.4.1 does around its own index, and needs to make one."""
    token = _fastapi.set_current_request(request)
    try:
        yield
    finally:
        _fastapi.reset_current_request(token)


def _register_router(app: Dash, services: Services, pages: Sequence[Page]) -> None:
    @app.callback(
        Output(PAGE, "children"),
        Output(PAGE_TITLE, "data"),
        Input(LOCATION, "pathname"),
    )
    async def show(pathname: str | None) -> tuple[Component, str]:
        path = unquote(pathname or "/")
        found = find(pages, path)
        if found is not None:
            page, params = found
            content = await page.layout(services, **params)
            if content is not None:
                return content, f"{page.TITLE} – {services.site.clinic}"
        return not_found(path), f"Not found – {services.site.clinic}"

    @app.callback(
        Output(PAGE, "children", allow_duplicate=True),
        Output(PLACES, "children"),
        Input(ids.ARRANGED, "data"),
        State(LOCATION, "pathname"),
        prevent_initial_call=True,
    )
    async def arranged(_arranged: str | None, pathname: str | None) -> tuple[Any, list[Component]]:
        """The clinic has other chairs: the board is made anew, and the page of a chair that is
        gone. On any other page somebody may be writing."""
        path, content = unquote(pathname or "/"), no_update
        if path == "/" or not await is_there(services, pages, path):
            content, _title = await show(path)
        return content, _places(services.site)

    app.clientside_callback(
        "title => { if (title) document.title = title; }", Input(PAGE_TITLE, "data")
    )


# What stands on every page.


def shell(site: Site) -> Component:
    """Header, banners, and the place for the page; drawn anew for whoever is signed in."""
    return dmc.MantineProvider(
        defaultColorScheme="dark",
        theme={"primaryColor": "indigo", "fontFamily": "var(--sans)"},
        children=[
            dcc.Location(id=LOCATION, refresh="callback-nav"),
            dcc.Store(id=PAGE_TITLE),
            dcc.Store(id=ids.LIVE_EVENT),  # set by live.js
            dcc.Store(id=ids.ARRANGED),
            html.Div(id=NOT_LIVE, role="alert", hidden=True, style=NOT_LIVE_STYLE),
            header(site),
            strip(),
            html.Main(id=PAGE, **{"data-arranged": site.arranged}),
            *sound.carried(),
        ],
    )


def strip() -> Component:
    """The alarms that belong on every page, whether the browser lets them sound, and when the page
    last heard the server. It has its place also when it is empty, so that nothing moves when an
    alarm comes. What it says is live.js's.
    """
    return html.Div(
        className="strip",
        children=[
            html.Div(id=BANNER, className="banner", role="alert"),
            html.Span(id=BANNER_MORE, className="banner-more"),
            sound.untested(),
            sound.level(),
            html.Button(id=SOUND_OFF, type="button", className="sound-off", hidden=True),
            html.Span(
                ["last update ", html.B("never", id=LAST_HEARD)],
                className="heard",
                title="When this page last heard the server",
            ),
        ],
    )


def header(site: Site) -> Component:
    """One bar: the clinic, where to go, what this screen is and is not, who is signed in."""
    return html.Header(
        style=BAR_STYLE,
        children=[
            dcc.Link(site.clinic, href="/", style={**LINK_STYLE, "fontWeight": 700}),
            html.Nav(_places(site), id=PLACES, style={"display": "flex"}),
            *([html.Strong("SIMULATED DATA", style=SIMULATED_STYLE)] if site.is_simulated else []),
            html.Span(SECONDARY, style={"flex": 1, "color": "var(--dim)", "lineHeight": 1.25}),
            dmc.ColorSchemeToggle(
                lightIcon="☀",
                darkIcon="☾",
                variant="subtle",
                color="gray",
                size="lg",
                **{"aria-label": "Light or dark"},
            ),
            *_person(current_actor()),
        ],
    )


def _places(site: Site) -> list[Component]:
    """Where one can go. Of many chairs none is listed: the board is the better list."""
    chairs = site.chairs if len(site.chairs) <= CHAIRS_IN_BAR else ()
    places = [("Board", "/", "All chairs")]
    places += [(str(number), f"/chair/{number}", name) for number, name in chairs]
    places += [("Alarms", "/alarms", "The alarms of all chairs")]
    places += [("Review", "/review", "Past sessions"), ("Presets", "/presets", "Alarm limits")]
    places += [("Monitors", "/monitors", "How each line does, and what is wired where")]
    actor = current_actor()
    if actor and actor.role is Role.DIRECTOR:
        places += [("Screens", "/screens", "The screens on the wall")]
    return [dcc.Link(word, href=path, title=why, style=LINK_STYLE) for word, path, why in places]


def _person(actor: Actor | None) -> list[Component]:
    if actor is None:
        return []
    sign_out = html.Button(
        "Sign out", type="submit", className="button", style={"minHeight": 36, "padding": "0 12px"}
    )
    return [
        html.Span(f"{actor.name}, {wording.ROLE[actor.role]}", style={"whiteSpace": "nowrap"}),
        html.Form(sign_out, action="/logout", method="POST"),
    ]


BAR_STYLE = {
    "display": "flex",
    "alignItems": "center",
    "gap": 16,
    "height": "var(--head)",
    "padding": "0 16px",
    "borderBottom": "1px solid var(--line)",
    "background": "var(--surface)",
    "fontSize": "0.875rem",
}
LINK_STYLE = {
    "padding": "10px",
    "color": "var(--text)",
    "textDecoration": "none",
    "whiteSpace": "nowrap",
}
SIMULATED_STYLE = {
    "padding": "4px 12px",
    "border": "2px dashed var(--accent)",
    "borderRadius": 8,
    "color": "var(--accent)",
    "letterSpacing": "0.06em",
    "whiteSpace": "nowrap",
}
# Here and not in the style sheet: the one thing that must be seen when everything else failed.
NOT_LIVE_STYLE = {
    "position": "fixed",
    "inset": "0 0 auto 0",
    "zIndex": 1000,
    "minHeight": "var(--head, 56px)",  # over the bar, and over nothing below it
    "padding": "13px 24px",
    "background": "#a50f1b",
    "color": "#ffffff",
    "fontSize": "1.5rem",
    "fontWeight": 700,
    "lineHeight": 1.2,
    "textAlign": "center",
}

# Mantine sets the scheme only once React runs; before that, a light page would flash in a dark
# room. It keeps the choice under this name.
THEME = (
    "document.documentElement.setAttribute('data-mantine-color-scheme', "
    "localStorage.getItem('mantine-color-scheme-value') === 'light' ? 'light' : 'dark');"
)


INDEX = f"""<!doctype html>
<html lang="en" data-mantine-color-scheme="dark">
<head>
{{%metas%}}
<title>{{%title%}}</title>
<script>{THEME}</script>
<link rel="icon" href="{ICON}">
{{%css%}}
</head>
<body>
{{%app_entry%}}
<footer>
{{%config%}}
{{%scripts%}}
{{%renderer%}}
</footer>
</body>
</html>
"""
