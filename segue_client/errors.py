"""What can go wrong between an app and Segue.

SegueClientError
├── Refused        the request must change, or the key
└── Unavailable    nobody answered, or the answer was "not now", as often as was tried
"""

import httpx


class SegueClientError(Exception):
    """Anything the client cannot do, with a message for the developer."""


class Refused(SegueClientError):
    """The server understood and said no. `code` is one of the closed list in docs/api.md."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail

    @property
    def is_of_the_key(self) -> bool:
        """Whether the caller was refused, not what the caller sent."""
        return self.status in (401, 403)

    @classmethod
    def of(cls, response: httpx.Response) -> "Refused":
        """Read the problem in a response; a proxy's may be none."""
        try:
            problem = response.json()
            return cls(response.status_code, str(problem["code"]), str(problem["detail"]))
        except (ValueError, KeyError, TypeError):
            return cls(response.status_code, "unknown", response.text[:200])


class Unavailable(SegueClientError):
    """Segue cannot be reached or cannot answer now. Events that were reported are kept, and sent again later."""
