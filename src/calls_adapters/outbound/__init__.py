"""Requests that we make to addresses which others have told us: only to where the operator allows."""
