"""Wake-ups over taskiq: they carry ids only, and everything works without them."""
