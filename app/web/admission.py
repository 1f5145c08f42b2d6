"""Who may make the calls that change what is served. There are no API keys: only the machine itself may.

Knows nothing of any one call.
"""

from ipaddress import ip_address

from starlette.requests import Request

from app.errors import Rejected


class NotAdmitted(Rejected):
    """A call for the machine itself that came from elsewhere."""


def admit(request: Request) -> None:
    """Raise NotAdmitted unless the client is on a loopback address, as the server or its proxy saw it."""
    host = request.client.host if request.client is not None else ""
    if not _is_loopback(host):
        raise NotAdmitted(f"Expected a client on this machine (127.0.0.0/8 or ::1), got {host or 'none known'}.")


def _is_loopback(host: str) -> bool:
    try:
        address = ip_address(host)
    except ValueError:
        return False
    # A socket of both families writes 127.0.0.1 as ::ffff:127.0.0.1.
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback
