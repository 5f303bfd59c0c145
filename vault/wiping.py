"""Overwrite a secret where it lies, for vault and logins alike; pure."""


def wipe(buffer: memoryview | bytearray) -> None:
    """Overwrite a writable buffer in place; its length stays."""
    view = memoryview(buffer)
    view[:] = bytes(len(view))
