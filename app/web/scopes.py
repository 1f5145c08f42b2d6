"""Which scope each call needs: the one page that says who may do what.

By path, before anything is routed, so that a call nobody thought of is never open: what is not named here and lies
below /v1 needs `admin`, and what lies elsewhere needs any key. Knows nothing of keys.
"""

from app.domain.api_keys import Scope

# A conversation, whose first message may carry the key: a browser cannot set headers there.
LIVE = "/v1/live"
# For load balancers and whoever restarts what hangs: they tell nothing of listeners.
OPEN = frozenset({"/livez", "/readyz", LIVE})
# For people, before they could type a key: the pages hold no data, and ask the API for all they show.
PLAYER, DASHBOARD, ASSETS = "/", "/dashboard", "/assets/"
PAGES = frozenset({PLAYER, DASHBOARD})
# Any key will do, also one without scopes: what a scraper or a generator of clients needs.
METRICS = "/metrics"
ANY_PORT = frozenset({"/openapi.json"})

_EXACT = {
    "/v1/next": Scope.RECOMMEND,
    "/v1/events": Scope.EVENTS,
    "/v1/playlists": Scope.RECOMMEND,
    "/v1/tracks": Scope.RECOMMEND,
    "/v1/live": Scope.RECOMMEND,
}
_LISTENERS = "/v1/listeners/"
_MODELS, _MAP = "/v1/models/", "/map"
_BELOW = ("/v1/tracks/", "/v1/playlists/", "/v1/streams/")
_READING = frozenset({"GET", "HEAD"})


def is_open(path: str) -> bool:
    """Tell whether anybody may call a path, whoever has keys and on whatever port."""
    return path in OPEN or path in PAGES or path.startswith(ASSETS)


def needed(method: str, path: str) -> Scope | None:
    """Return the scope that a call needs, None where any key will do. `path` is decoded, as routes match it.

    Of a listener, reading needs `recommend`, and whatever changes or deletes needs `events`.
    """
    scope = _EXACT.get(path)
    if scope is not None:
        return scope
    if path.startswith(_LISTENERS):
        return Scope.RECOMMEND if method in _READING else Scope.EVENTS
    if path.startswith(_BELOW) or (path.startswith(_MODELS) and path.endswith(_MAP)):
        return Scope.RECOMMEND
    return Scope.ADMIN if path.startswith("/v1/") else None


def is_operation(method: str, path: str) -> bool:
    """Tell whether a call belongs to the operator's port, where there is one."""
    return path == METRICS or needed(method, path) is Scope.ADMIN
