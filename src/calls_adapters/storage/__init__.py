"""Where the bytes of recordings are kept."""
