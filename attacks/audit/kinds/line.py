"""One exchange with a service over HTTP: what is sent, what may come back, and what each failure means in one sentence."""

from __future__ import annotations

import functools
import json
import os
import re
import ssl
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

import httpx

from attacks.audit.kinds.retrying import BRIEF, LONGEST_PAUSE, PATIENT, ServiceError, seconds_of
from taxonomy.findings import InputError, printable

# An answer that is larger is no answer to a batch of records.
MAX_RESPONSE = 64 * 2**20
MAX_SHOWN = 200
# Printable ASCII without what JSON would write otherwise, so that a token is recognised in what a service says.
TOKEN = re.compile(r"[!#-\[\]-~]+")
LATER = "what was answered is kept: run the same command again when it is well"


class Line:
    """A line to one service. Redirects are not followed, so that the token goes to no other host; TLS is verified.

    The token is read from its environment variable for each request, and stands in no attribute, message or file.
    """

    def __init__(self, url: str, token_variable: str, timeout_s: float, *, clock: Callable[[], float]):
        self.url = url.rstrip("/")
        self._token_variable, self._timeout_s, self._clock = token_variable, timeout_s, clock
        self._client = httpx.Client(timeout=timeout_s, follow_redirects=False, verify=certificates())

    def get(self, path: str) -> bytes:
        """Return the body of a GET; raises ServiceError, which says whether to try again."""
        return self._exchange("GET", path, None)

    def post(self, path: str, message: Any) -> bytes:
        """Return the body that a POST of plain data as JSON brings; raises ServiceError, which says whether to try again."""
        return self._exchange("POST", path, json.dumps(message, separators=(",", ":"), allow_nan=False).encode())

    def shown(self, text: str) -> str:
        """Return what the service said so that it can stand in a message: one short printable line without the token."""
        lines = text.strip().splitlines() or [""]
        # Of a Python traceback the last line says what is wrong.
        line = lines[-1] if lines[0].startswith("Traceback") else " ".join(lines)
        if token := self._token():
            line = line.replace(token, "…")
        return printable(line if len(line) <= MAX_SHOWN else line[: MAX_SHOWN - 1] + "…")

    def _exchange(self, method: str, path: str, content: bytes | None) -> bytes:
        headers = {"content-type": "application/json", "accept": "application/json"}
        if token := self._token():
            headers["authorization"] = f"Bearer {token}"
        end = self._clock() + self._timeout_s
        try:
            with self._client.stream(method, f"{self.url}/{path}", content=content, headers=headers) as response:
                body = self._read(response, end)
        except httpx.TimeoutException as error:
            unheard = isinstance(error, httpx.ConnectTimeout | httpx.PoolTimeout)
            raise self._late(refused=unheard) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise self._broken(error) from error
        if response.is_success:
            return body
        raise self._status(response, body)

    def _read(self, response: httpx.Response, end: float) -> bytes:
        """Return the body, unless it is too large or comes too slowly as a whole."""
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if len(body) > MAX_RESPONSE:
                raise ServiceError(
                    f"{self.url} answers with more than {MAX_RESPONSE // 2**20} MiB; lower `batch`, or name a smaller `output`"
                )
            if self._clock() > end:
                raise self._late(refused=False)
        return bytes(body)

    def _token(self) -> str:
        if not self._token_variable:
            return ""
        token = os.environ.get(self._token_variable, "").strip()
        # Neither message shows a value: somebody may have written the token itself into the file.
        if not token:
            raise InputError("the environment variable that `token_variable` names is not set; put the service's token there")
        if not TOKEN.fullmatch(token):
            raise InputError(
                "the environment variable that `token_variable` names holds no token: it has characters that none has"
            )
        return token

    def _late(self, *, refused: bool) -> ServiceError:
        text = f"{self.url} gave no answer within {self._timeout_s:g} s; {LATER}, or raise `timeout_s` or lower `batch`"
        return ServiceError(text, tries=PATIENT, refused=refused)

    def _broken(self, error: Exception) -> ServiceError:
        reason = self.shown(str(error)) or type(error).__name__
        if _is_certificate(error):
            text = f"the certificate of {self.url} cannot be verified ({reason}); name its authority's file in SSL_CERT_FILE"
            return ServiceError(text, refused=True)
        if isinstance(error, httpx.ConnectError | httpx.ProxyError):
            text = f"{self.url} cannot be reached ({reason}); start the service or correct `url`; what was answered is kept"
            return ServiceError(text, tries=PATIENT, refused=True)
        if isinstance(error, httpx.TransportError):
            return ServiceError(f"{self.url} broke off ({reason}); {LATER}", tries=PATIENT)
        return ServiceError(f"{self.url} answers with what cannot be read ({reason}); correct `url`")

    def _status(self, response: httpx.Response, body: bytes) -> ServiceError:
        """Return what a status other than success means."""
        status = response.status_code
        said = self.shown(_reason(body))
        says = f"it says: {said}" if said else "it gives no reason"
        wait = seconds_of(response.headers.get("retry-after"))
        # What was refused by 4xx was not answered; of 5xx nobody knows.
        refused = 300 <= status < 500
        tries = 1

        if response.is_redirect:
            where = self.shown(response.headers.get("location", ""))
            text = f"{self.url} points to {where}, which is not followed; write that host as `url` if it is the service"
        elif status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            names = (
                "the variable that `token_variable` names" if self._token_variable else "a variable that `token_variable` names"
            )
            text = f"{self.url} does not let us in ({status}); put a valid token into {names}"
        elif status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            text = f"{self.url} takes no request of this size (413); lower `batch`"
        elif status == HTTPStatus.TOO_MANY_REQUESTS:
            text, tries = f"{self.url} still allows no more requests (429); {LATER}, or lower `per_second`", PATIENT
        elif status == HTTPStatus.REQUEST_TIMEOUT:
            text, tries = f"{self.url} gave up waiting (408); {LATER}, or lower `batch`", PATIENT
        elif status == HTTPStatus.INTERNAL_SERVER_ERROR:
            # Many services answer so to records that do not fit.
            text, tries = (
                f"{self.url} fails on these records (500; {says}); compare their shape and datatype with the model's",
                BRIEF,
            )
        elif status > HTTPStatus.INTERNAL_SERVER_ERROR:
            text, tries = f"{self.url} is not well ({status}; {says}); {LATER}", PATIENT
        else:
            text = f"{self.url} refuses the request ({status}; {says}); correct what it names in the audit file or its records"

        if tries > 1 and wait > LONGEST_PAUSE:
            tries, text = 1, f"{self.url} wants a pause of {wait / 60:,.0f} minutes ({status}); {LATER}"
        return ServiceError(text, tries=tries, wait=wait, refused=refused, status=status)


@functools.cache
def certificates() -> ssl.SSLContext:
    """Return what certificates are verified with: reading the authorities takes a while."""
    return httpx.create_ssl_context()


def _reason(body: bytes) -> str:
    """Return the reason in a body: the text under `error` or `detail` of JSON, else all of it."""
    text = body[: 2**16].decode(errors="replace")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return text
    if isinstance(found, dict):
        found = found.get("error") or found.get("detail") or found
    return found if isinstance(found, str) else json.dumps(found)


def _is_certificate(error: BaseException | None) -> bool:
    """Whether a certificate that cannot be verified stands behind an error."""
    while error is not None:
        if isinstance(error, ssl.SSLCertVerificationError):
            return True
        error = error.__cause__ or error.__context__
    return False
