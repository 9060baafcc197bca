"""How does a person sign in and out? One page that needs nothing but itself, and two posts."""

from __future__ import annotations

from html import escape
from http import HTTPStatus

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from dashboard.security import (
    UNREACHABLE,
    SessionCookie,
    SignIns,
    TooManyTries,
    WrongPassword,
    local_path,
)
from dashboard.services import Site
from dashboard.sound import TESTED_COOKIE

MAX_FORM = 8 * 1024  # bytes; a name, a password and a path
MAX_FIELD = 256  # characters

WRONG = "That name and password do not go together."
WAIT = "Too many tries. Wait a minute, then try again."


def routes(site: Site, sign_ins: SignIns, cookie: SessionCookie) -> list[Route]:
    """``GET`` and ``POST /login``, ``POST /logout``."""

    async def form(request: Request) -> Response:
        return _page(site, wanted=request.query_params.get("next"))

    async def sign_in(request: Request) -> Response:
        fields = await request.form(max_files=0, max_fields=8)
        user, password, wanted = (
            str(fields.get(name) or "")[:MAX_FIELD] for name in ("user", "password", "next")
        )
        address = request.client.host if request.client else ""
        try:
            token = await sign_ins.open(user, password, address)
        except WrongPassword:
            return _page(site, wanted, user, WRONG, HTTPStatus.UNAUTHORIZED)
        except TooManyTries:
            return _page(site, wanted, user, WAIT, HTTPStatus.TOO_MANY_REQUESTS)
        except SQLAlchemyError:
            return _page(site, wanted, user, UNREACHABLE, HTTPStatus.SERVICE_UNAVAILABLE)
        # Whoever was signed in here before is not any more: a screen has one person at a time.
        await _end(request)
        response = RedirectResponse(local_path(wanted), HTTPStatus.SEE_OTHER)
        cookie.put(response, token)
        _forget_sound(request, response)
        return response

    async def sign_out(request: Request) -> Response:
        await _end(request)
        response = RedirectResponse("/login", HTTPStatus.SEE_OTHER)
        cookie.drop(response)
        _forget_sound(request, response)
        return response

    async def _end(request: Request) -> None:
        if token := cookie.token(request):
            await sign_ins.close(token)

    def _forget_sound(request: Request, response: Response) -> None:
        """Whoever comes next tests the sound themselves. A program never had this cookie, so that
        it is sent the one of its sign-in and no other."""
        if TESTED_COOKIE in request.cookies:
            response.delete_cookie(TESTED_COOKIE, path="/", samesite="strict")

    return [
        Route("/login", form, methods=["GET"]),
        Route("/login", sign_in, methods=["POST"], max_body_size=MAX_FORM),
        Route("/logout", sign_out, methods=["POST"], max_body_size=MAX_FORM),
    ]


def _page(
    site: Site,
    wanted: str | None,
    user: str = "",
    complaint: str = "",
    status: HTTPStatus = HTTPStatus.OK,
) -> HTMLResponse:
    simulated = '<p class="simulated">SIMULATED DATA</p>' if site.is_simulated else ""
    complaint = f'<p class="complaint" role="alert">{escape(complaint)}</p>' if complaint else ""
    page = PAGE.format(
        style=STYLE,
        icon=ICON,
        clinic=escape(site.clinic),
        simulated=simulated,
        complaint=complaint,
        user=escape(user),
        wanted=escape(local_path(wanted)),
        focus_user="" if user else "autofocus",
        focus_password="autofocus" if user else "",
    )
    headers = {"retry-after": "60"} if status is HTTPStatus.TOO_MANY_REQUESTS else None
    return HTMLResponse(page, status, headers)


# A pulse on the ground of the pages.
ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E"
    "%3Crect width='32' height='32' rx='7' fill='%23131920'/%3E"
    "%3Cpath d='M4 18h6l3-9 5 15 3-6h7' fill='none' stroke='%23b3b1f5' stroke-width='2.6' "
    "stroke-linecap='round' stroke-linejoin='round'/%3E%3C/svg%3E"
)

STYLE = """
:root { color-scheme: dark; --ground: #0b0f13; --surface: #131920; --line: #2a343f;
  --text: #d9e0e6; --dim: #9fabb6; --accent: #b3b1f5; }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 24px;
  background: radial-gradient(120% 80% at 50% 0%, #161d26, var(--ground) 70%) var(--ground);
  color: var(--text); font: 16px/1.5 -apple-system, "Segoe UI", Roboto, "Noto Sans",
  "Liberation Sans", Arial, sans-serif; }
main { width: min(100%, 380px); }
h1 { margin: 0; font-size: 1.75rem; font-weight: 600; letter-spacing: -0.01em; }
.clinic { margin: 2px 0 28px; color: var(--dim); }
form { display: grid; gap: 18px; padding: 28px; border: 1px solid var(--line);
  border-radius: 14px; background: var(--surface); }
label { display: grid; gap: 6px; color: var(--dim); font-size: 0.875rem; }
input { min-height: 48px; padding: 0 14px; border: 1px solid var(--line); border-radius: 8px;
  background: var(--ground); color: var(--text); font: inherit; font-size: 1rem; }
button { min-height: 48px; margin-top: 4px; border: 0; border-radius: 8px;
  background: var(--accent); color: #12122b; font: inherit; font-weight: 600; cursor: pointer; }
button:hover { filter: brightness(1.08); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.complaint { margin: 0; padding: 10px 14px; border: 1px solid #c86a72; border-radius: 8px;
  color: #f4c9cc; }
.simulated { margin: 0 0 20px; padding: 6px 14px; border: 2px dashed var(--accent);
  border-radius: 8px; color: var(--accent); font-weight: 700; letter-spacing: 0.08em;
  text-align: center; }
.primary { margin: 24px 4px 0; color: var(--dim); font-size: 0.875rem; }
"""

PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sign in – Vigil</title>
<link rel="icon" href="{icon}">
<style>{style}</style>
</head>
<body>
<main>
{simulated}
<h1>Vigil</h1>
<p class="clinic">{clinic}</p>
<form method="post" action="/login">
{complaint}
<label>Name
<input name="user" value="{user}" autocomplete="username" autocapitalize="none" spellcheck="false"
 maxlength="256" required {focus_user}></label>
<label>Password
<input name="password" type="password" autocomplete="current-password" maxlength="256" required
 {focus_password}></label>
<input type="hidden" name="next" value="{wanted}">
<button type="submit">Sign in</button>
</form>
<p class="primary">Secondary display – the bedside monitor's own alarms stay primary.</p>
</main>
</body>
</html>
"""
