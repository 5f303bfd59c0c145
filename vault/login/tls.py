"""TLS on one connection, over memory: what a connection's mode asks of a server.

TLS 1.2 and later. It reads the files that a connection names, and touches no socket: who has that
carries the bytes, from `outgoing` and into `incoming`. A failure is told in our own words; what the
server says of it (an alert) is a number, and chooses between them.
"""

import re
import ssl
from typing import Final

from vault.login.refusals import LoginRefusedError, Stage
from wire.lending import Tls

READ_BYTES: Final = 16 * 1024
"""The most that one record holds (RFC 8446, section 5.1)."""

# OpenSSL's numbers for what is wrong with a certificate (openssl/x509_vfy.h).
_VERIFY_SENTENCES: Final = {
    9: "The server's certificate is not valid yet.",
    10: "The server's certificate has expired.",
    26: "The server's certificate is not meant for a server.",
    62: (
        "The server's certificate is for another host name: write the name that it has as "
        '"host", or have one made for this name.'
    ),
    64: (
        "The server's certificate is for another address: write the name that it has as "
        '"host", or have one made for this address.'
    ),
}
_UNKNOWN_ROOT: Final = frozenset({2, 18, 19, 20, 21})
_UNKNOWN_ROOT_SENTENCE: Final = (
    "The server's certificate is signed by nobody that this connection trusts: name the file of "
    'the right authority by "sslrootcert".'
)
_UNVERIFIED: Final = "The server's certificate could not be verified."
_NO_TLS: Final = "What the server sent is not TLS."
_REFUSED_BY_SERVER: Final = (
    "The server broke the encryption off; it may want another client certificate, or none of our "
    "versions of TLS."
)
NEEDS_17: Final = '"sslnegotiation": "direct" needs PostgreSQL 17 or newer.'
_BROKEN: Final = "The encrypted connection could not be set up."
_NOT_TLS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG"})
_ALERT: Final = re.compile(r"(SSLV3|TLSV1|TLSV13)_ALERT_", re.ASCII)


class TlsChannel:
    """One TLS connection as client; *host* is whom the server must prove to be."""

    def __init__(self, tls: Tls, host: str, *, alpn: str | None = None) -> None:
        self.incoming: Final = ssl.MemoryBIO()
        """Where the server's bytes go."""
        self.outgoing: Final = ssl.MemoryBIO()
        """Where bytes for the server come from."""
        if tls.mode == "verify-full" and host.startswith("/"):
            raise _refused("A Unix socket has no host name that a certificate could prove.")
        self._alpn: Final = alpn
        # OpenSSL keeps the first context until the connection ends, so that one has no key.
        self._blank = _context(tls, alpn)
        self.inside: Final = self._wrapped(host)
        """What is encrypted and decrypted, for those who read and write by themselves."""
        if tls.certificate is not None:
            self.inside.context = _with_certificate(_context(tls, alpn), tls)

    def handshake(self) -> bool:
        """Go on with the handshake; return whether it is over, and the server who it should be."""
        try:
            self.inside.do_handshake()
        except ssl.SSLWantReadError:
            return False
        except ssl.SSLError as error:
            raise refusal(error) from None
        if self._alpn is not None and self.inside.selected_alpn_protocol() != self._alpn:
            raise _refused(f"The server did not agree to begin with TLS directly; {NEEDS_17}")
        return True

    def certificate(self) -> bytes:
        """Return the server's certificate (DER)."""
        shown = self.inside.getpeercert(binary_form=True)
        if shown is None:
            raise _refused("The server showed no certificate.")
        return shown

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Encrypt all of *data* into `outgoing`."""
        rest = memoryview(data)
        while rest:
            # One record at a time, whatever it is given.
            rest = rest[self.inside.write(rest) :]

    def read(self, at_most_bytes: int) -> bytes | None:
        """Return what can be decrypted, b"" at the server's end, None where more has to come."""
        try:
            return self.inside.read(at_most_bytes)
        except ssl.SSLWantReadError:
            return None

    def forget_key(self) -> None:
        """Let go of the client's private key, which nothing needs after the handshake."""
        self.inside.context = self._blank

    def _wrapped(self, host: str) -> ssl.SSLObject:
        name = None if host.startswith("/") else host
        try:
            # An address is no server name (RFC 6066): the library announces none then.
            return self._blank.wrap_bio(self.incoming, self.outgoing, server_hostname=name)
        except ValueError:
            raise _refused("The host is no name that a certificate could have.") from None


def refusal(error: ssl.SSLError) -> LoginRefusedError:
    """Say what OpenSSL found, in our words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        sentence = _VERIFY_SENTENCES.get(error.verify_code, _UNVERIFIED)
        return _refused(_UNKNOWN_ROOT_SENTENCE if error.verify_code in _UNKNOWN_ROOT else sentence)
    reason = error.reason or ""
    if reason in _NOT_TLS:
        return _refused(_NO_TLS)
    return _refused(_REFUSED_BY_SERVER if _ALERT.match(reason) else _BROKEN)


def _context(tls: Tls, alpn: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.check_hostname = tls.mode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED if tls.is_verified else ssl.CERT_NONE
    if alpn is not None:
        context.set_alpn_protocols([alpn])
    if tls.is_verified:
        _trust(context, tls.roots)
    return context


def _trust(context: ssl.SSLContext, roots: str | None) -> None:
    if roots is None:
        context.set_default_verify_paths()
        return
    try:
        context.load_verify_locations(cafile=roots)
    except ssl.SSLError:
        raise _refused('The file of "sslrootcert" holds no certificate in PEM.') from None
    except OSError:
        raise _refused('The file of "sslrootcert" cannot be read.') from None


def _with_certificate(context: ssl.SSLContext, tls: Tls) -> ssl.SSLContext:
    try:
        # A key that is encrypted would be asked about on the terminal; no passphrase is right.
        context.load_cert_chain(tls.certificate or "", tls.key, password="")
    except ssl.SSLError:
        raise _refused(
            'The files of "sslcert" and "sslkey" are not a certificate and its key in PEM, '
            "without a passphrase."
        ) from None
    except OSError:
        raise _refused('The file of "sslcert" or "sslkey" cannot be read.') from None
    return context


def _refused(sentence: str) -> LoginRefusedError:
    return LoginRefusedError(Stage.ENCRYPT, sentence)
