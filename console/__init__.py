"""What a person types: strongroom up, stdio, query, status, prove."""
