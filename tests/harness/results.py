"""Read a tool's result as a careful client does."""

import json

from mcp.types import CallToolResult, TextContent


def structured_of(result: CallToolResult) -> object:
    """Return the structured content, which the text must say too."""
    (content,) = result.content
    assert isinstance(content, TextContent)
    assert json.loads(content.text) == result.structured_content
    return result.structured_content
