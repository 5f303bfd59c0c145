"""The client-facing side: the MCP gateway and the router; sees neither passwords nor databases."""
