"""Calls as raw bytes, and what is cut out of them."""

from broker.cutting import TOOL, cut_password


def a_call(arguments: str, *, name: str = f'"{TOOL}"', around: str = "") -> bytearray:
    return bytearray(
        f'{{"jsonrpc":"2.0","id":1,"method":"tools/call",'
        f'"params":{{{around}"name":{name},"arguments":{arguments}}}}}'.encode()
    )


def taken_from(raw: bytearray) -> bytes | None:
    password = cut_password(raw)
    return None if password is None else bytes(password)
