"""A scripted AI service for tests and demos: it speaks OpenAI's protocol, and misbehaves when told to."""
