"""The sandboxed decoder and the built-in analyzers.

Everything that touches a stranger's bytes runs in a child process (``child``, and what it imports); the modules of the
parent (``decoder``, ``process``, ``signal``, ``pydub``) import neither numpy nor PyAV.
"""
