"""Settings of the server: where it listens, whom it lets in, and what a caller may take of it."""

from ipaddress import ip_address
from pathlib import Path

from pydantic import BaseModel, Field


class ServerSettings(BaseModel):
    """Addresses, keys, and the bounds of connections and requests."""

    host: str = Field("127.0.0.1", description="Address to listen on. Anything but loopback needs an API key.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on; 0 takes any free one.")
    open_without_keys: bool = Field(
        False,
        description=(
            "Whether to listen on an address that is not loopback while no API key exists: for a proxy or a container "
            "network that checks callers itself. Anybody who reaches the port may then read and change every listener."
        ),
    )
    admin_host: str = Field("127.0.0.1", description="Address of the admin port.")
    admin_port: int | None = Field(
        None,
        ge=1,
        le=65535,
        description=(
            "Port of its own for the calls of the scope `admin` and for `/metrics`, which the other port then does not "
            "know. Unset: one port for all."
        ),
    )
    keys_file: Path | None = Field(
        None,
        description=(
            "File of the API keys, without their secrets. Several machines may share one, read-only. "
            "Unset: `api_keys.json` in `SEGUE_DATA_DIR`."
        ),
    )
    requests_per_minute: int = Field(
        60_000,
        ge=1,
        description="Calls that one API key may make in a minute on one machine, unless the key says otherwise.",
    )
    admin_requests_per_minute: int = Field(
        600, ge=1, description="Calls of the scope `admin` that one API key may make in a minute on one machine."
    )
    head_timeout_s: float = Field(
        10.0, gt=0, le=600, description="How long a caller may take to send the head of a request before a 408."
    )
    body_timeout_s: float = Field(
        30.0, gt=0, le=600, description="How long a caller may take to send the body of a request before a 408."
    )
    connections: int = Field(
        10_000,
        ge=1,
        description="Connections open at once, per worker; beyond it newcomers get a 503. More needs more open files.",
    )
    workers: int = Field(1, ge=1, le=64, description="Server processes. More use more cores and memory.")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the service."""
        return all(_is_loopback(host) for host in (self.host, *((self.admin_host,) if self.admin_port else ())))


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
